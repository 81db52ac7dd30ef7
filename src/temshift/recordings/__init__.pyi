from .labelled.image import LabelledImage
from .labelled.labels import read_labels
from .labelled.pairs import labelled_images
from .memory import from_abtem, from_hyperspy, to_hyperspy
from .micrograph import Known, Micrograph
from .reading import read_micrograph

__all__ = [
    "Known",
    "LabelledImage",
    "Micrograph",
    "from_abtem",
    "from_hyperspy",
    "labelled_images",
    "read_labels",
    "read_micrograph",
    "to_hyperspy",
]
