"""Regions of a space, equally filled: each is left out whole, so that nothing near it is in the fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

COUNT = 5  # a fifth is left out at a time


@dataclass(frozen=True)
class Regions:
    """Parts of a space around middles, each with as many points as any other, or one more.

    Attributes
    ----------
    codes : ndarray (n,)
        The region of each point.
    middles : ndarray (regions, axes)
        Middles, in units of the spread of the points along each axis.
    scale : ndarray (axes,)
        That spread.
    """

    codes: Codes
    middles: Array
    scale: Array

    def nearest(self, points: Array) -> Codes:
        """Return the region whose middle is nearest to each of some points."""
        return np.asarray(cdist(points / self.scale, self.middles).argmin(axis=1))


def regions_of(points: Array, count: int = COUNT, seed: int = 0) -> Regions:
    """Split points into equally filled regions by where they lie.

    Middles are those of k-means; points are then shared out equally so that the sum of their squared distances from
    the middles is least.

    Parameters
    ----------
    points : ndarray (n, axes)
        At least ``count`` of them.
    count : int
        Number of regions.
    seed : int
        Seed of k-means.

    Returns
    -------
    Regions

    Raises
    ------
    ValueError
        If there are fewer points than regions.

    Examples
    --------
    >>> regions_of(np.array([[0.0], [0.1], [5.0], [5.2]]), count=2).codes.tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    if len(points) < count:
        raise ValueError(f"{len(points)} points can't fill {count} regions; give {count} at least")
    from sklearn.cluster import KMeans

    spread = points.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    scaled = points / scale
    middles = KMeans(count, n_init=10, random_state=seed).fit(scaled).cluster_centers_
    seats = np.arange(len(points)) % count
    rows, chosen = linear_sum_assignment(cdist(scaled, middles, "sqeuclidean")[:, seats])
    codes = np.empty(len(points), dtype=np.int64)
    codes[rows] = seats[chosen]
    return Regions(codes, middles, scale)
