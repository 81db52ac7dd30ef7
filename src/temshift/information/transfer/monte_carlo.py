"""Means over draws with their Monte-Carlo errors, by a jackknife over batches of draws."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BATCHES = 16  # most batches of draws; of 16, a standard error is itself known to a fifth


class Estimate(NamedTuple):
    """A number, and its standard error from the finite number of draws."""

    value: float
    error: float


def replicates(values: Array) -> Array:
    """Return the mean over draws, and the means that leave out one batch of them.

    Parameters
    ----------
    values : ndarray (draws, ...)
        One row a draw, at least 2; independent of each other.

    Returns
    -------
    ndarray (1 + batches, ...)
        Mean of all draws, then without the first batch, without the second ...; batches are of one size or nearly.

    Examples
    --------
    >>> replicates(np.array([1.0, 2.0, 6.0])).tolist()
    [3.0, 4.0, 3.5, 1.5]
    """
    draws = len(values)
    starts = np.arange(min(BATCHES, draws)) * draws // min(BATCHES, draws)
    sums, sizes = np.add.reduceat(values, starts), np.diff([*starts, draws])
    total = sums.sum(axis=0)
    without = (total - sums) / (draws - sizes).reshape(-1, *[1] * (values.ndim - 1))
    return np.concatenate([total[None] / draws, without])


def jackknife_error(values: Array) -> Array:
    """Standard error (...) of a function of means, from its values (1 + batches, ...) at :func:`replicates`.

    sqrt((B - 1) / B sum (v_k - mean v)^2) over the B batches. Two distributions that are drawn from the same uniform
    deviates lose the same batch together, so errors that their draws have in common do not count.

    References
    ----------
    B. Efron and C. Stein, Annals of Statistics 9, 586 (1981), DOI 10.1214/aos/1176345462

    Examples
    --------
    >>> draws = np.array([1.0, 2.0, 6.0])
    >>> bool(np.isclose(jackknife_error(replicates(draws)), draws.std(ddof=1) / 3**0.5))
    True
    """
    return np.sqrt(jackknife_variance(values[1:]))


def jackknife_variance(without: Array) -> Array:
    """Variance (...) of an estimate, from its values (n, ...) without each of n independent parts in turn."""
    return np.asarray((len(without) - 1) * without.var(axis=0))


def estimate(values: Array) -> Estimate:
    """Return value and error of a function from its values (1 + batches,) at :func:`replicates`."""
    return Estimate(float(values[0]), float(jackknife_error(values)))
