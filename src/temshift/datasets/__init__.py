"""Datasets: named distributions of conditions; micrographs with masks, standardised and augmented."""

from temshift.datasets.conditions import ConditionItem, ConditionSets
from temshift.datasets.micrographs import (
    Augmentation,
    Batch,
    Images,
    MicrographSource,
    Stream,
    augmented,
    count_electrons,
    drawn_conditions,
    first_images,
    form_micrographs,
    noise_seeds,
    scoring_batches,
    training_batches,
)

__all__ = [
    "Augmentation",
    "Batch",
    "ConditionItem",
    "ConditionSets",
    "Images",
    "MicrographSource",
    "Stream",
    "augmented",
    "count_electrons",
    "drawn_conditions",
    "first_images",
    "form_micrographs",
    "noise_seeds",
    "scoring_batches",
    "training_batches",
]
