from .evaluation import (
    Asked,
    OpenedWaves,
    ask,
    require_readable,
    result_rows,
    score,
    score_conditions,
    wave_source,
    widest_semiangle,
)
from .labelled_scores import labelled_rows
from .reading import Gives, Reading, origin_of_network, pixel_text
from .scored_images import TRAINING, images_stream
from .scores import SCORES_VERSION, Network, PixelSums, Scores, pixel_sums, score_batches, score_together, scores_of
from .scoring_conditions import AnyConditions, ScoringConditions, faults_on, image_faults, scoring_conditions

__all__ = [
    "SCORES_VERSION",
    "TRAINING",
    "AnyConditions",
    "Asked",
    "Gives",
    "Network",
    "OpenedWaves",
    "PixelSums",
    "Reading",
    "Scores",
    "ScoringConditions",
    "ask",
    "faults_on",
    "image_faults",
    "images_stream",
    "labelled_rows",
    "origin_of_network",
    "pixel_sums",
    "pixel_text",
    "require_readable",
    "result_rows",
    "score",
    "score_batches",
    "score_conditions",
    "score_together",
    "scores_of",
    "scoring_conditions",
    "wave_source",
    "widest_semiangle",
]
