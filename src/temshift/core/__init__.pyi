from .electrons import POTENTIAL_FACTOR, interaction_constant, largest_semiangle, wavelength
from .errors import DamagedError, InputError, TemshiftError
from .grids import Grid
from .hashes import content_hash
from .seeds import Stage, generator
from .selection import spread_out

__all__ = [
    "POTENTIAL_FACTOR",
    "DamagedError",
    "Grid",
    "InputError",
    "Stage",
    "TemshiftError",
    "content_hash",
    "generator",
    "interaction_constant",
    "largest_semiangle",
    "spread_out",
    "wavelength",
]
