"""Random places of discs in a periodic rectangle, with a least gap between them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from temshift.core.errors import InputError

_CANDIDATES = 100  # places tried for one disc before the whole arrangement starts anew
_ARRANGEMENTS = 5000
_TRIALS, _SUCCESSES = 200, 2  # what succeeds twice in 200 arrangements is found within 5000
_TRIAL_SEED = 0

Centers = NDArray[np.float64]


def place(cell: tuple[float, float], radii: Sequence[float], gap: float, generator: np.random.Generator) -> Centers:
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

    Returns
    -------
    ndarray (discs, 2)
        Centres (x, y) [A] in the order of the radii, 0 <= x < cell.

    Raises
    ------
    InputError
        Where they do not fit.

    Examples
    --------
    >>> place((100.0, 80.0), [20.0, 10.0], 5.0, np.random.default_rng(0)).shape
    (2, 2)
    """
    if 2 * max(radii) + gap <= min(cell):
        for _ in range(_ARRANGEMENTS):
            centers = _arrangement(cell, radii, gap, generator)
            if len(centers) == len(radii):
                return centers
    raise InputError(
        f"no room in {cell[0]:g} x {cell[1]:g} A for particles of up to {max(radii):.3g} A radius "
        f"(count {len(radii)}) with gaps of {gap:g} A; give fewer or smaller particles, a smaller gap or a "
        "larger cell"
    )


def capacity(cell: tuple[float, float], radius: float, gap: float, wanted: int) -> int:
    """Count how many discs of one radius surely find room at random places.

    Parameters
    ----------
    cell : tuple of float
        Sides along (x, y) [A]; periodic.
    radius, gap : float
        Radius of each disc and least gap [A].
    wanted : int
        Where to stop counting.

    Returns
    -------
    int
        At most `wanted`; the same for the same arguments.

    Examples
    --------
    >>> capacity((128.0, 128.0), 35.0, 10.0, 5)
    2
    """
    if 2 * radius + gap > min(cell):
        return 0
    generator = np.random.default_rng(_TRIAL_SEED)
    reached: list[int] = []
    while len(reached) < _TRIALS and reached.count(wanted) < _SUCCESSES:
        reached.append(len(_arrangement(cell, [radius] * wanted, gap, generator)))
    return sorted(reached)[-_SUCCESSES]


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
