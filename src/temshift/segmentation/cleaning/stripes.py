"""Columns and rows of a camera whose gain differs from that of their neighbours."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

_SIDE = 15  # columns: the neighbours that a column is held against
_LIMIT = 8  # median absolute deviations
_LEAST = 0.005  # of the gain: less does not show


def without_stripes(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], int, int]:
    """Bring columns and rows to the level of their neighbours, if their medians stand out from these.

    Parameters
    ----------
    counts : ndarray (y, x)

    Returns
    -------
    ndarray (y, x), int, int
        The image and the numbers of columns and rows that were changed.
    """
    counts, columns = _levelled(counts)
    turned, rows = _levelled(counts.T)
    return turned.T, columns, rows


def _levelled(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Level columns: by a factor if all counts are about positive, else by a difference."""
    medians = np.median(counts, axis=0).astype(np.float64)
    around = median_filter(medians, _SIDE, mode="mirror")
    differences = medians - around
    spread = float(np.median(np.abs(differences)))
    least = max(_LIMIT * spread, _LEAST * abs(float(np.median(medians))))
    striped = np.abs(differences) > least
    if spread == 0 or not striped.any():
        return counts, 0
    levelled = counts.copy()
    if medians.min() > 0:
        levelled[:, striped] *= (around / medians)[striped]
    else:
        levelled[:, striped] -= differences[striped]
    return levelled, int(striped.sum())
