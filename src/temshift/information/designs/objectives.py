"""Objectives of designs: the number by which a training set is judged over its targets."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Objective = Literal["regret", "worst", "mean"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


def regrets(losses: Array, best: Array) -> Array:
    """Return the regret on each target: its loss over the best that any single candidate reaches there.

    A ratio, since losses of targets span orders of magnitude with the dose: how many times as much as necessary. Its
    logarithm is a difference of ln(cross-entropy), the scale on which scores are predicted.

    Parameters
    ----------
    losses : ndarray (..., targets)
        Cross-entropies of sets [nats].
    best : ndarray (targets,)
        The least cross-entropy of any single candidate on each target [nats].

    Returns
    -------
    ndarray (..., targets)
        1 if a set is as good as conditions chosen for that target alone; below 1 if it is better.

    Examples
    --------
    >>> regrets(np.array([0.4, 0.09]), np.array([0.4, 0.03])).round(3).tolist()
    [1.0, 3.0]
    """
    return np.asarray(losses / best)


def judged(losses: Array, best: Array, objective: Objective) -> float:
    """Return the number that a design minimises.

    Parameters
    ----------
    losses, best : ndarray (targets,)
        As for :func:`regrets`.
    objective : {"regret", "worst", "mean"}
        The largest regret, the largest loss, or the mean loss. Of regrets the largest counts, as of losses: the mean of
        their logarithms would rank sets as the mean of ln(loss) does, and the best would not matter.

    Returns
    -------
    float

    Examples
    --------
    >>> losses, best = np.array([0.4, 0.09]), np.array([0.4, 0.03])
    >>> [round(judged(losses, best, name), 3) for name in OBJECTIVES]
    [3.0, 0.4, 0.245]
    """
    if objective == "regret":
        return float(regrets(losses, best).max())
    return float(losses.max() if objective == "worst" else losses.mean())
