"""Sampled planes: (y, x) grids and their spatial frequencies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """A periodic plane of shape (y, x).

    Parameters
    ----------
    shape : tuple of int
        Pixels along (y, x).
    sampling : tuple of float
        Pixel size along (y, x) [A].
    """

    shape: tuple[int, int]
    sampling: tuple[float, float]

    @property
    def extent(self) -> tuple[float, float]:
        """Length of the plane along (y, x) [A]."""
        return self.shape[0] * self.sampling[0], self.shape[1] * self.sampling[1]

    @property
    def pixel_area(self) -> float:
        """Area of one pixel [A^2]."""
        return self.sampling[0] * self.sampling[1]

    @property
    def nyquist(self) -> float:
        """The lower Nyquist frequency of the two axes [1/A]."""
        return 0.5 / max(self.sampling)

    @property
    def frequency_step(self) -> float:
        """The coarser spacing of the spatial frequencies of the two axes [1/A]."""
        return 1 / min(self.extent)

    def frequencies(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Spatial frequencies (qy, qx) [1/A], each (y, x), zero frequency at [0, 0]."""
        qy = np.fft.fftfreq(self.shape[0], self.sampling[0])
        qx = np.fft.fftfreq(self.shape[1], self.sampling[1])
        return tuple(np.meshgrid(qy, qx, indexing="ij"))

    @classmethod
    def covering(cls, extent: tuple[float, float], sampling: float) -> "Grid":
        """Return the grid over ``extent`` (y, x) [A] whose pixels come nearest to ``sampling`` [A].

        Examples
        --------
        >>> Grid.covering((51.2, 51.2), 0.4).shape
        (128, 128)
        """
        shape = (round(extent[0] / sampling), round(extent[1] / sampling))
        if min(shape) < 2:
            raise ValueError(f"sampling = {sampling} A leaves {shape} pixels on {extent} A; take a finer sampling")
        return cls(shape, (extent[0] / shape[0], extent[1] / shape[1]))


def radial_average(values: NDArray[np.float64], grid: Grid, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average a spectrum over azimuth, in rings between successive ``edges``.

    Parameters
    ----------
    values : ndarray (..., y, x)
        A function of spatial frequency, zero frequency at [0, 0].
    grid : Grid
        The plane it belongs to.
    edges : ndarray (rings + 1,)
        Increasing ring borders [1/A].

    Returns
    -------
    ndarray (..., rings)
        Mean of each ring; NaN where a ring holds no frequency.
    """
    qy, qx = grid.frequencies()
    ring = np.digitize(np.hypot(qy, qx).ravel(), edges) - 1
    inside = (ring >= 0) & (ring < len(edges) - 1)
    ring_inside = ring[inside]
    counts = np.bincount(ring_inside, minlength=len(edges) - 1)
    flat = values.reshape(-1, ring.size)[:, inside]
    sums = np.array([np.bincount(ring_inside, weights=plane, minlength=len(counts)) for plane in flat])
    sums = sums.reshape(*values.shape[:-2], len(counts))
    averages: NDArray[np.float64] = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return averages
