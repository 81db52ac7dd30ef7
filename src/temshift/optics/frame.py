"""The rectangle of frequencies that an aperture lets pass, and the plane that images of it are formed on.

A wave's spectrum may be moved as a whole without changing the intensity, so that the rectangle stands in a corner of
the plane, and the first half of its transform skips the columns that hold nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from temshift.core import Grid
from temshift.optics.band import Band, widest_aperture

RESAMPLING = 2 / 3  # what bringing an image to the grid takes, in transforms of a wave on both planes: measured


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
        Pixels (y, x) on which what the grid can hold of |psi|^2, whose band is twice that of psi, does not alias.
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

    def intensity(self, spectra: Iterable[Tensor], together: int) -> Tensor:
        """Sum |IFT|^2 over all waves of some spectra, each (n, waves, frequencies), on the plane (n, y, x).

        ``together`` complex numbers, or one wave of each image, are transformed at once.
        """
        waves = (wave for some in spectra for wave in self._waves(some, together))
        squared = next(waves).square()
        for wave in waves:
            squared = squared.addcmul_(wave, wave)
        return squared[..., 0] + squared[..., 1]

    def _waves(self, spectra: Tensor, together: int) -> Iterator[Tensor]:
        """Yield waves (n, y, x, 2), real and imaginary part."""
        (rows, columns), images = self.plane, len(spectra)
        for some in torch.split(spectra, max(1, together // (images * rows * columns)), dim=1):
            half = torch.fft.ifft(some.view(images, -1, *self.shape), n=rows, dim=-2, norm="forward")
            yield from torch.view_as_real(torch.fft.ifft(half, n=columns, dim=-1, norm="forward")).unbind(1)


def frame_of(band: Band, semiangle_cutoff: float, *, waves: int = 1, tilt: float = 0.0) -> Frame:
    """Find the frame of the images under an aperture.

    Parameters
    ----------
    band : Band
        Of the widest aperture.
    semiangle_cutoff : float
        This aperture [rad]; infinity takes the whole band.
    waves : int
        Number of waves that one image is summed from; the more, the sooner a smaller plane pays.
    tilt : float
        Largest tilt of the illumination [rad], which moves the wave in the aperture.

    Returns
    -------
    Frame
        On the device of the band.
    """
    highest = min(semiangle_cutoff, widest_aperture(band.grid, band.wavelength)) / band.wavelength
    farthest = [np.floor((highest + tilt / band.wavelength) * extent + 0.5) for extent in band.grid.extent]
    first = [int(max(low, -most)) for (low, _), most in zip(band.ends, farthest, strict=True)]
    last = [int(min(high, most)) for (_, high), most in zip(band.ends, farthest, strict=True)]
    shape = (last[0] - first[0] + 1, last[1] - first[1] + 1)
    plane = _plane(band.grid, highest, waves)
    roomy = tuple(max(size, least) for size, least in zip(plane, shape, strict=True))
    return _frame(band, (first[0], first[1]), shape, (roomy[0], roomy[1]))


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def _frame(band: Band, first: tuple[int, int], shape: tuple[int, int], plane: tuple[int, int]) -> Frame:
    rows, columns = (start + np.arange(size) for start, size in zip(first, shape, strict=True))
    along_y, along_x = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    whole = Band.of(along_y, along_x, band.grid, band.wavelength, band.dtype)
    return Frame(whole.to(band.rows.device), shape, first, plane)


def _plane(grid: Grid, highest: float, waves: int) -> tuple[int, int]:
    """Find a fast plane on which frequencies of the image that the grid holds do not alias.

    Frequencies of a wave up to ``highest`` + half a step [1/A] make an image of twice that band. What lies beyond the
    grid may fold back anywhere but into the grid's own band, so such a plane is larger than the grid by half at most.
    A plane other than the grid has to be brought to it again: a smaller one is taken only where all waves together gain
    more.
    """
    numbers = [int(np.floor(highest * extent + 0.5)) for extent in grid.extent]
    needed = [min(4 * most + 2, 2 * most + size // 2 + 2) for most, size in zip(numbers, grid.shape, strict=True)]
    fast = [4 * next_fast_len(-(-least // 4)) for least in needed]  # rows of whole vectors are faster
    if any(least > size for least, size in zip(needed, grid.shape, strict=True)):
        return fast[0], fast[1]
    rows, columns = (min(one, size) for one, size in zip(fast, grid.shape, strict=True))
    share = rows * columns / (grid.shape[0] * grid.shape[1])
    return (rows, columns) if waves * (1 - share) > RESAMPLING * (1 + share) else grid.shape
