from . import (
    atlas,
    conditions,
    configuration,
    core,
    databases,
    execution,
    exitwaves,
    figures,
    image_sets,
    information,
    micrographs,
    networks,
    optics,
    recordings,
    report,
    scoring,
    segmentation,
    specimens,
    storage,
    studies,
    vocabulary,
    workflows,
)
from .conditions import ImagingConditions
from .databases import simulate_database
from .exitwaves import ExitWaveSettings, grid_of, simulate
from .image_sets import write_images
from .information import shipped_library
from .optics import ImagingSettings, image_intensities, poisson_counts, wave_spectra
from .recordings import read_micrograph
from .segmentation import segment
from .specimens import SpecimenRecipe, build_specimen
from .studies import Study, load_study, read_results, run_study
from .workflows import MicrographDataset, compare, design, load_database, predict_scores, score_network

__all__ = [
    "ExitWaveSettings",
    "ImagingConditions",
    "ImagingSettings",
    "MicrographDataset",
    "SpecimenRecipe",
    "Study",
    "atlas",
    "build_specimen",
    "compare",
    "conditions",
    "configuration",
    "core",
    "databases",
    "design",
    "execution",
    "exitwaves",
    "figures",
    "grid_of",
    "image_intensities",
    "image_sets",
    "information",
    "load_database",
    "load_study",
    "micrographs",
    "networks",
    "optics",
    "poisson_counts",
    "predict_scores",
    "read_micrograph",
    "read_results",
    "recordings",
    "report",
    "run_study",
    "score_network",
    "scoring",
    "segment",
    "segmentation",
    "shipped_library",
    "simulate",
    "simulate_database",
    "specimens",
    "storage",
    "studies",
    "vocabulary",
    "wave_spectra",
    "workflows",
    "write_images",
]
__version__: str
