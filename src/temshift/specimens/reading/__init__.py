"""Structure files: read within bounds, CIF by gemmi and all else by ASE, and refused if anything is unclear."""

from temshift.specimens.reading.formats import READING_VERSION, Structure, listed, structures_in
from temshift.specimens.reading.regular import require_regular, unreadable

__all__ = ["READING_VERSION", "Structure", "listed", "require_regular", "structures_in", "unreadable"]
