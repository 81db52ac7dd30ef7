from .memory import from_abtem, from_hyperspy, to_hyperspy
from .micrograph import Known, Micrograph
from .reading import read_micrograph

__all__ = [
    "Known",
    "Micrograph",
    "from_abtem",
    "from_hyperspy",
    "read_micrograph",
    "to_hyperspy",
]
