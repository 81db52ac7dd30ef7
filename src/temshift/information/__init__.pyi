from .comparison.compare import Bench, compare, compare_many
from .comparison.comparison import Comparison
from .designs.training_design import Design, design
from .objects.library import ObjectLibrary, join_libraries
from .objects.library_files import read_library, write_library
from .objects.object_spectra import ObjectSpectra
from .objects.particle_spectra import measure_instances
from .objects.shipped_libraries import shipped_library, shipped_names
from .objects.specimen_spectra import average_spectra, measure_specimen
from .prediction.linear_model import additive_fit, explained, fit_linear, predict_left_out
from .transfer.distance_matrix import DistanceMatrix, distance_matrix
from .transfer.image_distance import ImageDistance, ImageSpectra, image_distance, image_distances, image_spectra
from .transfer.metrics import Information, information
from .transfer.pairs import (
    PairMetrics,
    log_aperture_distance,
    pair_metrics,
    signed_cosine,
    spectral_distance,
    transfer_overlap,
    transfer_similarity,
)
from .transfer.survey import Survey

__all__ = [
    "Bench",
    "Comparison",
    "Design",
    "DistanceMatrix",
    "ImageDistance",
    "ImageSpectra",
    "Information",
    "ObjectLibrary",
    "ObjectSpectra",
    "PairMetrics",
    "Survey",
    "additive_fit",
    "average_spectra",
    "compare",
    "compare_many",
    "design",
    "distance_matrix",
    "explained",
    "fit_linear",
    "image_distance",
    "image_distances",
    "image_spectra",
    "information",
    "join_libraries",
    "log_aperture_distance",
    "measure_instances",
    "measure_specimen",
    "pair_metrics",
    "predict_left_out",
    "read_library",
    "shipped_library",
    "shipped_names",
    "signed_cosine",
    "spectral_distance",
    "transfer_overlap",
    "transfer_similarity",
    "write_library",
]
