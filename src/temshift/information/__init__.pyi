from .comparison.compare import Bench, as_conditions, band_of, compare, compare_many, noise_remarks, survey_for
from .comparison.comparison import Comparison, Side
from .comparison.specimen_pair import SpecimenPair
from .comparison.verdict import HOPELESS, NOTABLE, Verdict, observer_text
from .designs.candidates import GRID
from .designs.objectives import OBJECTIVES, Objective
from .designs.specimen_choice import SpecimenChoice, choose_specimens
from .designs.training_design import DESIGN, EVEN, SINGLE, Design, candidates_for, design
from .objects.library import LIBRARY_VERSION, ObjectLibrary, join_libraries
from .objects.library_files import read_library, write_library
from .objects.object_spectra import ObjectSpectra
from .objects.particle_spectra import measure_instances
from .objects.shipped_libraries import SHIPPED_ENERGY, FocusPlane, shipped_library, shipped_names
from .objects.specimen_spectra import average_spectra, measure_specimen
from .observers.draws import Draws, ring_draws
from .observers.observer import RuleName, average, fit_observer, observe
from .observers.probe import fit_probe, image_patches
from .prediction.applicability import MARGIN, Reach
from .prediction.features import (
    DISAGREEMENT,
    DISTANCE,
    EPSILON,
    F1,
    F1_ON_UNSEEN,
    LOSS,
    LOSS_ON_UNSEEN,
    OBSERVER,
    with_features,
)
from .prediction.intervals import LEVEL, least_groups
from .prediction.linear_model import additive_fit, explained, fit_linear, predict_left_out
from .prediction.score_prediction import predict
from .prediction.score_predictor import CONDITIONS, SETS, ScorePredictor
from .transfer.distance_matrix import DistanceMatrix, distance_matrix
from .transfer.image_distance import ImageDistance, ImageSpectra, image_distance, image_distances, image_spectra
from .transfer.image_noise import ASSUMED_PIXEL
from .transfer.metrics import METRICS_VERSION, Information, information, information_of
from .transfer.monte_carlo import Estimate
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
    "ASSUMED_PIXEL",
    "CONDITIONS",
    "DESIGN",
    "DISAGREEMENT",
    "DISTANCE",
    "EPSILON",
    "EVEN",
    "F1",
    "F1_ON_UNSEEN",
    "GRID",
    "HOPELESS",
    "LEVEL",
    "LIBRARY_VERSION",
    "LOSS",
    "LOSS_ON_UNSEEN",
    "MARGIN",
    "METRICS_VERSION",
    "NOTABLE",
    "OBJECTIVES",
    "OBSERVER",
    "SETS",
    "SHIPPED_ENERGY",
    "SINGLE",
    "Bench",
    "Comparison",
    "Design",
    "DistanceMatrix",
    "Draws",
    "Estimate",
    "FocusPlane",
    "ImageDistance",
    "ImageSpectra",
    "Information",
    "ObjectLibrary",
    "ObjectSpectra",
    "Objective",
    "PairMetrics",
    "Reach",
    "RuleName",
    "ScorePredictor",
    "Side",
    "SpecimenChoice",
    "SpecimenPair",
    "Survey",
    "Verdict",
    "additive_fit",
    "as_conditions",
    "average",
    "average_spectra",
    "band_of",
    "candidates_for",
    "choose_specimens",
    "compare",
    "compare_many",
    "design",
    "distance_matrix",
    "explained",
    "fit_linear",
    "fit_observer",
    "fit_probe",
    "image_distance",
    "image_distances",
    "image_patches",
    "image_spectra",
    "information",
    "information_of",
    "join_libraries",
    "least_groups",
    "log_aperture_distance",
    "measure_instances",
    "measure_specimen",
    "noise_remarks",
    "observe",
    "observer_text",
    "pair_metrics",
    "predict",
    "predict_left_out",
    "read_library",
    "ring_draws",
    "shipped_library",
    "shipped_names",
    "signed_cosine",
    "spectral_distance",
    "survey_for",
    "transfer_overlap",
    "transfer_similarity",
    "with_features",
    "write_library",
]
