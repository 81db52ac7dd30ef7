"""Information transfer: object spectra, epsilon, sigma, observers, predictions, designs of training sets.

What is listed here is imported when it is first used.
"""

from typing import TYPE_CHECKING

from temshift.core.lazy import lazy_names

if TYPE_CHECKING:
    from temshift.information.comparing import Bench, compare, compare_many
    from temshift.information.comparison import Comparison
    from temshift.information.designs import Design, design
    from temshift.information.image_powers import (
        ImageDistance,
        ImageSpectra,
        image_distance,
        image_distances,
        image_spectra,
    )
    from temshift.information.instances import measure_instances
    from temshift.information.library import ObjectLibrary, join_libraries
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
    from temshift.information.objects import ObjectSpectra
    from temshift.information.regression import additive_fit, explained, fit_linear, predict_left_out
    from temshift.information.shipped import shipped_library, shipped_names
    from temshift.information.spectra import average_spectra, measure_specimen
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

_HOMES = {
    "Bench": "comparing",
    "Comparison": "comparison",
    "Design": "designs",
    "DistanceMatrix": "matrix",
    "ImageDistance": "image_powers",
    "ImageSpectra": "image_powers",
    "Information": "metrics",
    "ObjectLibrary": "library",
    "ObjectSpectra": "objects",
    "PairMetrics": "metrics",
    "additive_fit": "regression",
    "average_spectra": "spectra",
    "compare": "comparing",
    "compare_many": "comparing",
    "design": "designs",
    "distance_matrix": "matrix",
    "explained": "regression",
    "fit_linear": "regression",
    "image_distance": "image_powers",
    "image_distances": "image_powers",
    "image_spectra": "image_powers",
    "information": "metrics",
    "join_libraries": "library",
    "measure_instances": "instances",
    "measure_specimen": "spectra",
    "pair_metrics": "metrics",
    "predict_left_out": "regression",
    "read_library": "stored_libraries",
    "shipped_library": "shipped",
    "shipped_names": "shipped",
    "signed_cosine": "metrics",
    "spectral_distance": "metrics",
    "transfer_overlap": "metrics",
    "transfer_similarity": "metrics",
    "write_library": "stored_libraries",
}

__getattr__ = lazy_names(__name__, _HOMES)
