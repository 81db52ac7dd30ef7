"""Points of a unit cube by a scrambled Sobol sequence: any first ones are spread evenly."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from temshift.core.seeds import Stage, seed_sequence

MOST_POINTS = 100_000


@lru_cache(maxsize=8)
def sobol_points(dimensions: int, count: int, seed: int) -> NDArray[np.float64]:
    """Return the first points of a scrambled Sobol sequence.

    Parameters
    ----------
    dimensions : int
        Sides of the cube, >= 1.
    count : int
        How many points.
    seed : int
        Root of the scrambling; the same seed and dimensions have the same points, however many are asked for.

    Returns
    -------
    ndarray (count, dimensions)
        From 0 up to, not including, 1; not to be written to.

    References
    ----------
    A. B. Owen, "Scrambling Sobol' and Niederreiter-Xing points", Journal of Complexity 14, 466 (1998).

    Examples
    --------
    >>> points = sobol_points(2, 4, seed=7)
    >>> sorted((points[:, 0] * 4).astype(int).tolist())
    [0, 1, 2, 3]
    """
    source = np.random.default_rng(seed_sequence(seed, Stage.DESIGN))
    length = 2 ** int(np.ceil(np.log2(max(count, 2))))  # a whole power of two, which is what is balanced
    points = qmc.Sobol(dimensions, scramble=True, rng=source).random(length)[:count]
    points.flags.writeable = False
    return points
