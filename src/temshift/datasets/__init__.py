"""Datasets: named distributions of conditions; micrographs with masks, standardised and augmented."""

from temshift.datasets.conditions import ConditionItem, ConditionSets
from temshift.datasets.micrographs import (
    MicrographSource,
    Stream,
    augmented,
    count_electrons,
    drawn_conditions,
    form_micrographs,
    noise_seeds,
    scoring_batches,
    training_batches,
)

__all__ = [
    "ConditionItem",
    "ConditionSets",
    "MicrographSource",
    "Stream",
    "augmented",
    "count_electrons",
    "drawn_conditions",
    "form_micrographs",
    "noise_seeds",
    "scoring_batches",
    "training_batches",
]
