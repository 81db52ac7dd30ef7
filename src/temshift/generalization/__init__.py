"""Generalization: scores of networks in and out of distribution."""

from temshift.generalization.scores import Scores, pixel_sums, score_batches, score_together, scores_of

__all__ = ["Scores", "pixel_sums", "score_batches", "score_together", "scores_of"]
