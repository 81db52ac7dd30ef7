"""Information transfer: object spectra, epsilon, sigma, and first predictions from them."""

from temshift.information.comparing import Bench, compare, compare_many
from temshift.information.comparison import Comparison
from temshift.information.designs import Design, design
from temshift.information.image_spectra import (
    ImageDistance,
    ImageSpectra,
    image_distance,
    image_distances,
    image_spectra,
)
from temshift.information.library import ObjectLibrary, join_libraries, measure_instances
from temshift.information.matrix import DistanceMatrix, distance_matrix
from temshift.information.metrics import (
    Information,
    PairMetrics,
    information,
    pair_metrics,
    signed_cosine,
    spectral_distance,
    transfer_overlap,
    transfer_similarity,
)
from temshift.information.regression import additive_fit, explained, fit_linear, predict_left_out
from temshift.information.shipped import shipped_library, shipped_names
from temshift.information.spectra import ObjectSpectra, average_spectra, measure_specimen
from temshift.information.stored_libraries import read_library, write_library

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
