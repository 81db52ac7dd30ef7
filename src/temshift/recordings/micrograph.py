"""A micrograph as a microscope recorded it: counts, the size of a pixel, and the source of every fact."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from temshift.core import Grid

Value = TypeVar("Value")


@dataclass(frozen=True)
class Known(Generic[Value]):
    """A fact and its source.

    Attributes
    ----------
    value
        The fact.
    source : str
        Who says so, such as "ImageJ's tags" or "--pixel-angstrom".
    """

    value: Value
    source: str


@dataclass(frozen=True)
class Micrograph:
    """One image of a microscope; a fact that nothing gives is None.

    Attributes
    ----------
    name : str
        The file, or another name for people.
    counts : ndarray (y, x) of float32
        As recorded; they may be negative.
    pixel_angstrom : Known of (float, float)
        Pixel size along (y, x) [A].
    energy_kev : Known of float, optional
        Energy of the electrons [keV].
    exposure_s : Known of float, optional
        Exposure [s]; of a sum of frames, as the file gives it.
    camera : Known of str, optional
        Its name.
    counts_per_electron : Known of float, optional
        Counts that one electron makes.
    remarks : tuple of str
        What was done or noticed while the file was read: frames that were summed, units that were guessed.
    """

    name: str
    counts: NDArray[np.float32]
    pixel_angstrom: Known[tuple[float, float]]
    energy_kev: Known[float] | None = None
    exposure_s: Known[float] | None = None
    camera: Known[str] | None = None
    counts_per_electron: Known[float] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def grid(self) -> Grid:
        """Its pixels."""
        height, width = self.counts.shape
        return Grid((height, width), self.pixel_angstrom.value)
