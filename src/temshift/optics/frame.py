"""The rectangle of frequencies that an aperture lets pass, and the plane that images of it are formed on.

A wave's spectrum may be moved as a whole without changing the intensity, so that the rectangle stands in a corner of
the plane, and the first half of its transform skips the columns that hold nothing.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from temshift.core.grids import Grid
from temshift.optics.band import Band, widest_aperture

WORTH = 0.5  # share of the grid's pixels from which on a smaller plane pays


@dataclass(frozen=True)
class Frame:
    """A rectangle of spatial frequencies about 0.

    Attributes
    ----------
    band : Band
        All its frequencies, row by row.
    shape : tuple of int
        Rows and columns.
    first : tuple of int
        Number of waves along y and x of the first frequency.
    plane : tuple of int
        Pixels (y, x) on which |psi|^2 does not alias: no more than the grid has, and at least ``shape``.
    """

    band: Band
    shape: tuple[int, int]
    first: tuple[int, int]
    plane: tuple[int, int]

    def within(self, wider: "Frame") -> tuple[slice, slice]:
        """Return where a wider frame holds this one."""
        starts = [own - other for own, other in zip(self.first, wider.first, strict=True)]
        rows, columns = (slice(start, start + size) for start, size in zip(starts, self.shape, strict=True))
        return rows, columns

    def intensity(self, spectra: Tensor) -> Tensor:
        """Sum |IFT|^2 of spectra (n, waves, frequencies) over the waves, on the plane (n, y, x)."""
        rows, columns = self.plane
        half = torch.fft.ifft(spectra.unflatten(-1, self.shape), n=rows, dim=-2, norm="forward")
        first, *others = torch.view_as_real(torch.fft.ifft(half, n=columns, dim=-1, norm="forward")).unbind(1)
        squared = first.square()
        for wave in others:
            squared = squared.addcmul_(wave, wave)
        return squared[..., 0] + squared[..., 1]


def frame_of(band: Band, semiangle_cutoff: float, *, tilted: bool = False) -> Frame:
    """Find the frame of the images under an aperture.

    Parameters
    ----------
    band : Band
        Of the widest aperture.
    semiangle_cutoff : float
        This aperture [rad]; infinity takes the whole band.
    tilted : bool
        Whether tilted illumination moves the wave in the aperture, which takes the whole band too.

    Returns
    -------
    Frame
        On the device of the band.
    """
    highest = min(semiangle_cutoff, widest_aperture(band.grid, band.wavelength)) / band.wavelength
    farthest = [np.inf if tilted else np.floor(highest * extent + 0.5) for extent in band.grid.extent]
    first = [int(max(low, -most)) for (low, _), most in zip(band.ends, farthest, strict=True)]
    last = [int(min(high, most)) for (_, high), most in zip(band.ends, farthest, strict=True)]
    shape = (last[0] - first[0] + 1, last[1] - first[1] + 1)
    smaller = _plane(band.grid, highest)
    fits = shape[0] <= smaller[0] and shape[1] <= smaller[1]
    return _frame(band, (first[0], first[1]), shape, smaller if fits else band.grid.shape)


@lru_cache(maxsize=32)
def _frame(band: Band, first: tuple[int, int], shape: tuple[int, int], plane: tuple[int, int]) -> Frame:
    rows, columns = (start + np.arange(size) for start, size in zip(first, shape, strict=True))
    numbers = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    return Frame(Band.of(*numbers, band.grid, band.wavelength, band.dtype).to(band.rows.device), shape, first, plane)


def _plane(grid: Grid, highest: float) -> tuple[int, int]:
    """Find the smallest fast plane that holds differences of frequencies up to ``highest`` + half a step [1/A].

    It has to be brought to the grid again, so it is taken only where it is much smaller.
    """
    rows, columns = (
        min(size, next_fast_len(4 * int(np.floor(highest * extent + 0.5)) + 2))
        for size, extent in zip(grid.shape, grid.extent, strict=True)
    )
    return (rows, columns) if rows * columns <= WORTH * grid.shape[0] * grid.shape[1] else grid.shape
