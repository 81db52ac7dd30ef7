"""Datasets: micrographs with masks, standardised and augmented."""

from temshift.datasets.micrographs import (
    MicrographSource,
    Stream,
    augmented,
    form_micrographs,
    scoring_batches,
    training_batches,
)

__all__ = [
    "MicrographSource",
    "Stream",
    "augmented",
    "form_micrographs",
    "scoring_batches",
    "training_batches",
]
