"""Hot and dead pixels, which differ from the median of their neighbours by more than noise and fringes do."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, median_filter

LIMIT = 8  # median absolute deviations
_SIDE = 3  # pixels of the neighbourhood
_BLOCK = 16  # pixels: fringes of a particle differ from their medians as well, all over such a block


def without_outliers(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Replace pixels that differ from the median of 3 x 3 by over 8 median absolute deviations, by that median.

    The deviation is that of the whole image, or that of a block around the pixel if it is larger.

    Parameters
    ----------
    counts : ndarray (y, x)

    Returns
    -------
    ndarray (y, x), int
        A new image and the number of pixels replaced; if over half of all pixels equal the median around them, such
        as after very few electrons, nothing is judged and the number is 0.
    """
    medians = median_filter(counts, _SIDE, mode="mirror")
    differences = np.abs(counts - medians)
    typical = float(np.median(differences))
    if typical == 0:
        return counts.copy(), 0
    outlying = differences > LIMIT * np.maximum(typical, _around(differences))
    return np.where(outlying, medians, counts), int(outlying.sum())


def _around(differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest median of the blocks at a pixel and next to it."""
    height, width = differences.shape
    whole = np.pad(differences, ((0, -height % _BLOCK), (0, -width % _BLOCK)), mode="symmetric")
    blocks = whole.reshape(whole.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK)
    largest = maximum_filter(np.median(blocks, axis=(1, 3)), 3)
    return np.repeat(np.repeat(largest, _BLOCK, 0), _BLOCK, 1)[:height, :width]
