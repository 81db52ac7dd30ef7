from .augmentation import Augmentation, augmented
from .batches import Images, first_images, scoring_batches, specimens_in_order, training_batches
from .formation import (
    DATASETS_VERSION,
    Batch,
    MicrographSource,
    PhononImages,
    Stream,
    count_electrons,
    drawn_conditions,
    form_micrographs,
    noise_seeds,
)
from .threads import one_thread, within_one_thread

__all__ = [
    "DATASETS_VERSION",
    "Augmentation",
    "Batch",
    "Images",
    "MicrographSource",
    "PhononImages",
    "Stream",
    "augmented",
    "count_electrons",
    "drawn_conditions",
    "first_images",
    "form_micrographs",
    "noise_seeds",
    "one_thread",
    "scoring_batches",
    "specimens_in_order",
    "training_batches",
    "within_one_thread",
]
