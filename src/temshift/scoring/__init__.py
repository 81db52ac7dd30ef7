"""Generalization: scores of networks in and out of distribution."""

from temshift.scoring.evaluation import score
from temshift.scoring.scores import Scores, pixel_sums, score_batches, score_together, scores_of
from temshift.scoring.scoring_conditions import ScoringConditions

__all__ = ["Scores", "ScoringConditions", "pixel_sums", "score", "score_batches", "score_together", "scores_of"]
