from .comparing import Bench, compare, compare_many
from .comparison import Comparison
from .designs import Design, design
from .image_powers import ImageDistance, ImageSpectra, image_distance, image_distances, image_spectra
from .instances import measure_instances
from .library import ObjectLibrary, join_libraries
from .matrix import DistanceMatrix, distance_matrix
from .metrics import (
    Information,
    PairMetrics,
    information,
    pair_metrics,
    signed_cosine,
    spectral_distance,
    transfer_overlap,
    transfer_similarity,
)
from .objects import ObjectSpectra
from .regression import additive_fit, explained, fit_linear, predict_left_out
from .shipped import shipped_library, shipped_names
from .spectra import average_spectra, measure_specimen
from .stored_libraries import read_library, write_library

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
