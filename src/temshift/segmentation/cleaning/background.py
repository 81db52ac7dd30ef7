"""An uneven background, taken away only if one is there: it would take the signal otherwise."""

import numpy as np
from numpy.typing import NDArray

_BLOCKS = 16  # along either axis
_EXPLAINED = 0.7  # share of the variance of the blocks that a surface explains, if there is one
_LEAST = 0.5  # of the standard deviation within blocks, from the lowest to the highest place of the surface


def without_background(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], float | None]:
    """Divide by a surface of second order if one is found, or subtract it if counts are not positive.

    A surface is fitted to the medians of 16 x 16 blocks. It counts as a background if it explains 70 % of their
    variance, and rises by half the standard deviation within a block or more.

    Parameters
    ----------
    counts : ndarray (y, x)

    Returns
    -------
    ndarray (y, x), float or None
        The image, at the same mean level, and the rise of the surface over its mean; None if no background is found.
    """
    medians, spread = _blocks(counts)
    places = [(np.arange(_BLOCKS) + 0.5) / _BLOCKS * 2 - 1] * 2
    powers = _powers(*places)
    coefficients, *_ = np.linalg.lstsq(powers.reshape(-1, powers.shape[-1]), medians.ravel(), rcond=None)
    coarse = powers @ coefficients
    explained = 1 - float((medians - coarse).var()) / max(float(medians.var()), np.finfo(float).tiny)
    rise = float(coarse.max() - coarse.min())
    if explained < _EXPLAINED or rise < _LEAST * spread:
        return counts, None
    level = float(coarse.mean())
    surface = _surface(coefficients, counts.shape)
    flat = counts * (level / surface) if surface.min() > 0 else counts - surface + level
    return flat.astype(np.float32), rise / abs(level) if level else rise


def _blocks(counts: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Medians of blocks, and the typical standard deviation within them."""
    bands = [np.array_split(band, _BLOCKS, axis=1) for band in np.array_split(counts, _BLOCKS, axis=0)]
    medians = np.array([[float(np.median(block)) for block in band] for band in bands])
    spreads = [float(block.std(dtype=np.float64)) for band in bands for block in band]
    return medians, float(np.median(spreads))


def _surface(coefficients: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The surface on all pixels, without a plane for each of its terms."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    level, down, across, down_twice, both, across_twice = coefficients
    rows, columns = level + down * y + down_twice * y * y, across * x + across_twice * x * x
    surface: NDArray[np.float32] = np.multiply.outer((both * y).astype(np.float32), x.astype(np.float32))
    surface += rows.astype(np.float32)[:, None]
    surface += columns.astype(np.float32)
    return surface


def _powers(down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    y, x = np.meshgrid(down, across, indexing="ij")
    return np.stack([np.ones_like(y), y, x, y * y, x * y, x * x], axis=-1)
