"""Rough surfaces: periodic random heights with a Gaussian correlation."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_POINTS_A_CORRELATION = 8  # points of the grid on a correlation length


@dataclass(frozen=True)
class Roughness:
    """How rough a surface is.

    Attributes
    ----------
    rms : float
        Root mean square of the height above its mean [A].
    correlation : float
        Distance at which the autocorrelation of the height, exp(-(r / correlation)^2), is 1/e [A].
    """

    rms: float
    correlation: float


@dataclass(frozen=True)
class Surface:
    """Heights on a periodic grid, bilinear between its points.

    Attributes
    ----------
    heights : ndarray (y, x)
        Heights [A]; their mean is that of the surface.
    cell : tuple of float
        Sides along (x, y) [A].
    """

    heights: NDArray[np.float64]
    cell: tuple[float, float]

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the heights (points,) [A] at points (points, 2), x and y [A]."""
        steps = np.array(self.cell) / self.heights.shape[::-1]
        heights: NDArray[np.float64] = ndimage.map_coordinates(
            self.heights, (points / steps).T[::-1], order=1, mode="grid-wrap"
        )
        return heights


def rough_surface(
    cell: tuple[float, float], mean: float, roughness: Roughness, generator: np.random.Generator
) -> Surface:
    """Draw heights with the autocorrelation rms^2 exp(-(r / correlation)^2), never below 0.

    White noise is filtered with the root of the power spectrum, exp(-pi^2 correlation^2 q^2 / 2), without the
    uniform part, and scaled, so that each surface has the rms asked for.

    Parameters
    ----------
    cell : tuple of float
        Sides along (x, y) [A]; periodic.
    mean : float
        Mean height [A]; several times the rms, else the floor at 0 cuts the valleys off.
    roughness : Roughness
        Spread and correlation.
    generator : numpy.random.Generator
        Source of the heights.

    Returns
    -------
    Surface

    Examples
    --------
    >>> surface = rough_surface((60.0, 60.0), 30.0, Roughness(2.0, 10.0), np.random.default_rng(0))
    >>> round(float(surface.heights.mean()), 6), round(float(surface.heights.std()), 6)
    (30.0, 2.0)
    """
    shape = [math.ceil(_POINTS_A_CORRELATION * side / roughness.correlation) for side in reversed(cell)]
    squared = np.add.outer(
        np.fft.fftfreq(shape[0], cell[1] / shape[0]) ** 2, np.fft.rfftfreq(shape[1], cell[0] / shape[1]) ** 2
    )
    root = np.exp(-0.5 * (math.pi * roughness.correlation) ** 2 * squared)
    root[0, 0] = 0.0
    heights = np.fft.irfft2(root * np.fft.rfft2(generator.standard_normal(shape)), s=shape)
    return Surface(np.maximum(mean + heights * (roughness.rms / heights.std()), 0.0), cell)
