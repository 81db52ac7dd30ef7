"""Random places of discs in a periodic rectangle, with a least gap between them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CANDIDATES = 100  # places tried for one disc before the whole arrangement starts anew
_ARRANGEMENTS = 500

Centers = NDArray[np.float64]


def find_places(
    cell: tuple[float, float],
    radii: Sequence[float],
    gap: float,
    generator: np.random.Generator,
    arrangements: int = _ARRANGEMENTS,
) -> Centers | None:
    """Place discs one after another at random so that neighbours, periodic images too, keep a gap.

    Parameters
    ----------
    cell : tuple of float
        Sides along (x, y) [A]; periodic.
    radii : sequence of float
        Radii of the discs [A].
    gap : float
        Least distance between the edges of two discs, and of a disc and its own periodic image [A].
    generator : numpy.random.Generator
        Source of the places.
    arrangements : int
        How often to start anew before giving up.

    Returns
    -------
    ndarray (discs, 2), optional
        Centres (x, y) [A] in the order of the radii, 0 <= x < cell; None if no room was found for all.

    Examples
    --------
    >>> find_places((100.0, 80.0), [20.0, 10.0], 5.0, np.random.default_rng(0)).shape
    (2, 2)
    """
    if 2 * max(radii) + gap > min(cell):
        return None
    for _ in range(arrangements):
        centers = _arrangement(cell, radii, gap, generator)
        if len(centers) == len(radii):
            return centers
    return None


def periodic_distances(first: Centers, second: Centers, cell: tuple[float, float]) -> NDArray[np.float64]:
    """Distances between points of a periodic rectangle, to the nearest image.

    Parameters
    ----------
    first, second : ndarray (n, 2), (m, 2)
        Points (x, y) [A].
    cell : tuple of float
        Sides along (x, y) [A].

    Returns
    -------
    ndarray (n, m)
        Distances [A].

    Examples
    --------
    >>> periodic_distances(np.array([[1.0, 5.0]]), np.array([[9.0, 5.0]]), (10.0, 10.0))
    array([[2.]])
    """
    offsets = first[:, None] - second[None]
    offsets -= np.round(offsets / cell) * cell
    return np.hypot(offsets[..., 0], offsets[..., 1])


def _arrangement(
    cell: tuple[float, float], radii: Sequence[float], gap: float, generator: np.random.Generator
) -> Centers:
    """Centres of as many discs as find room, in order; the first that finds none ends the arrangement."""
    centers = np.empty((0, 2))
    for number, radius in enumerate(radii):
        candidates = generator.random((_CANDIDATES, 2)) * cell
        needed = radius + np.asarray(radii[:number]) + gap
        free = (periodic_distances(candidates, centers, cell) >= needed).all(axis=1)
        if not free.any():
            break
        centers = np.concatenate([centers, candidates[[free.argmax()]]])
    return centers
