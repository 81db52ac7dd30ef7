"""What the cell of every specimen holds to: the label of its substrate, and places wrapped into it."""

import numpy as np
from numpy.typing import NDArray

SUBSTRATE = -1  # in the array "particle"; particles count from 0


def wrapped(points: NDArray[np.float64], cell: tuple[float, float]) -> NDArray[np.float64]:
    """Move points into the periodic rectangle.

    Parameters
    ----------
    points : ndarray (n, 2)
        x, y [A].
    cell : tuple of float
        Sides along (x, y) [A].

    Returns
    -------
    ndarray (n, 2)
        0 <= x < cell [A]; a coordinate that is not finite becomes NaN.

    Examples
    --------
    >>> wrapped(np.array([[-1.0, 12.0]]), (10.0, 10.0))
    array([[9., 2.]])
    """
    remainder = np.mod(points, cell)
    return np.where(remainder >= cell, 0.0, remainder)  # of a tiny negative number it rounds up to the side
