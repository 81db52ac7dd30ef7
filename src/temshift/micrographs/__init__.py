"""Micrographs with masks, formed from exit waves: standardised, augmented, in batches."""

from temshift.micrographs.augmentation import Augmentation, augmented
from temshift.micrographs.batches import Images, first_images, scoring_batches, specimens_in_order, training_batches
from temshift.micrographs.formation import (
    Batch,
    MicrographSource,
    Stream,
    count_electrons,
    drawn_conditions,
    form_micrographs,
    noise_seeds,
)

__all__ = [
    "Augmentation",
    "Batch",
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
    "specimens_in_order",
    "training_batches",
]
