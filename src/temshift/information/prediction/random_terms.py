"""A bar for terms in a study of few groups: what random numbers, one for each group, would gain by luck.

Among nine crystals, a random number for each explains scores as well as many a good idea does. So a term counts only
if it gains more than 95 % of such random terms, judged in the same way: on whole groups that are left out.
"""

import numpy as np
from numpy.typing import NDArray

from temshift.core import Stage, generator
from temshift.information.prediction.moments import Array, Moments, Role, group_errors

ROLES: tuple[Role, ...] = ("test", "training")
DRAWS = 99  # random terms
SHARE = 0.95  # of random terms that a real one has to beat


def beats_random(gain: float, random_gains: Array, share: float = SHARE) -> bool:
    """Return whether a term gains more than a share of random terms.

    Examples
    --------
    >>> random_gains = np.arange(100) / 100
    >>> beats_random(0.949, random_gains), beats_random(0.939, random_gains)
    (True, False)
    """
    return float(np.mean(random_gains < gain)) >= share


def random_gains(kept: Moments, columns: list[int], draws: int = DRAWS) -> dict[Role, Array]:
    """Gain of random terms on groups left out, over a model that has some columns already.

    A random term is a normal number for each test group, the same for all its cells, or one for each training group;
    of the two, the better counts.

    Parameters
    ----------
    kept : Moments
        Of all cells that are looked at, with their grid.
    columns : list of int
        Columns of the model, that of ones among them.
    draws : int
        How many.

    Returns
    -------
    dict of role to ndarray (draws,)
        Mean squared error that they take away; roles of which groups are too few for a judgement are not in it.
    """
    assert kept.grid is not None, "random terms need moments with their grid"
    random = generator(0, Stage.INTERVAL, 1)
    gains: dict[Role, list[Array]] = {}
    for axis in (0, 1):
        numbers = random.standard_normal((draws, kept.grid.shape[axis]))
        for role in ROLES:
            before = group_errors(kept.by(role), columns)
            after = group_errors(_with_numbers(kept.grid, numbers, axis, role), [*columns, kept.grid.shape[-1] - 1])
            if before is not None and after is not None:
                gains.setdefault(role, []).append(before.mean() - after.mean(axis=-1))
    return {role: np.max(both, axis=0) for role, both in gains.items()}


def _with_numbers(grid: Array, numbers: Array, axis: int, role: Role) -> Array:
    """Moments (draws, groups, m + 1, m + 1) of each group of a role, with a column of random numbers before the target.

    Parameters
    ----------
    grid : ndarray (tests, trainings, m, m)
        Moments of the cells of each pair.
    numbers : ndarray (draws, tests or trainings)
        Of each group along ``axis`` of the grid.
    axis : 0 or 1
        Whether random numbers belong to tests or to trainings.
    role : "test" or "training"
        The groups that are wanted.
    """
    spread = numbers[:, :, None] if axis == 0 else numbers[:, None, :]
    of_role = "r" if role == "training" else "t"
    cross = np.einsum(f"dtr,trm->d{of_role}m", np.broadcast_to(spread, _shape(numbers, grid)), grid[:, :, 0])
    square = np.einsum(f"dtr,tr->d{of_role}", np.broadcast_to(spread**2, _shape(numbers, grid)), grid[:, :, 0, 0])
    size = grid.shape[-1]
    whole = np.zeros((*cross.shape[:2], size + 1, size + 1))
    order: NDArray[np.intp] = np.array([*range(size - 1), size])  # columns that were there, the target last
    whole[..., order[:, None], order] = grid.sum(axis=0 if role == "training" else 1)
    whole[..., size - 1, order] = whole[..., order, size - 1] = cross
    whole[..., size - 1, size - 1] = square
    return whole


def _shape(numbers: Array, grid: Array) -> tuple[int, int, int]:
    return len(numbers), grid.shape[0], grid.shape[1]
