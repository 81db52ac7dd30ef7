"""Prediction intervals that hold for conditions left out whole: jackknife+ by groups."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from temshift.core import Stage, generator

Array = NDArray[np.float64]

LEVEL = 0.9  # share of the cells of new conditions that an interval is to hold
MOST_CELLS = 4096  # that an interval is made from; of more, each group gives some at random
THINNED = 1024  # which those are in all, so that a thousand trainings take minutes, not hours
LEAST_WIDTH = 0.1  # of the mean error
_ROWS = 256  # intervals made at a time, for memory
_ROUNDING = 1e-9


def grouped_interval(
    predictions: Array, residuals: Array, groups: NDArray[np.str_], level: float = LEVEL, widths: Array | None = None
) -> tuple[Array, Array]:
    """Interval of jackknife+ with groups as its units, since cells of one group are not exchangeable with others.

    With mu_-g the model fitted without group g, R_i = |y_i - mu_-g(i)(x_i)| and weights w_i = 1 / ((G + 1) n_g(i)),
    n_g the number of cells of a group and G the number of groups, the ends at x are the weighted quantiles

        upper = inf {v : sum_i w_i [mu_-g(i)(x) + s(x) R_i <= v] >= level},
        lower = sup {v : sum_i w_i [mu_-g(i)(x) - s(x) R_i >= v] >= level},

    s the width of a new cell, 1 if none are given; residuals then are in units of the widths of their own cells.

    The weight 1 / (G + 1) that is left stands for the new group, whose residual may be anything. For exchangeable
    groups a cell of a new group is inside with a probability of at least 2 level - 1, and of about ``level`` where the
    fit hardly depends on any one group.

    Parameters
    ----------
    predictions : ndarray (n, cells)
        mu_-g(i)(x): the prediction of n new cells without the group of cell i.
    residuals : ndarray (cells,)
        R_i >= 0, in units of the cell's width.
    groups : ndarray (cells,) of str
        The condition that each cell belongs to.
    level : float
        Above 0, below 1.
    widths : ndarray (n,), optional
        s(x) > 0 of the new cells.

    Returns
    -------
    lower, upper : ndarray (n,)
        Infinite where groups are fewer than level / (1 - level): 9 of them for 0.9.

    Raises
    ------
    ValueError
        If shapes do not fit, residuals are no numbers >= 0, or level is not between 0 and 1.

    References
    ----------
    R. F. Barber, E. J. Candes, A. Ramdas, R. J. Tibshirani, Ann. Statist. 49, 486 (2021), for jackknife+;
    Y. Lee, R. F. Barber, R. Willett, arXiv 2306.06342 (2023), and R. Dunn, L. Wasserman, A. Ramdas, arXiv 1809.07441
    (2018), for weights by groups; J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, J. Am. Stat. Assoc.
    113, 1094 (2018), for widths that differ.

    Examples
    --------
    >>> residuals = np.linspace(0.1, 1.0, 10)
    >>> ends = grouped_interval(np.zeros((1, 10)), residuals, np.arange(10).astype(str))
    >>> [end.round(3).tolist() for end in ends]
    [[-1.0], [1.0]]
    """
    _require(predictions, residuals, groups, level)
    kept = kept_cells(groups)
    residuals, weights = residuals[kept], _weights(groups, kept)
    widths = np.ones(len(predictions)) if widths is None else widths
    each = zip(_some_at_a_time(predictions[:, kept]), _some_at_a_time(widths), strict=True)
    around = [(some, own[:, None] * residuals) for some, own in each]
    ends = [(-_quantile(r - some, weights, level), _quantile(some + r, weights, level)) for some, r in around]
    return np.concatenate([low for low, _ in ends]), np.concatenate([high for _, high in ends])


def growth_of(residuals: Array, spread: Array) -> tuple[float, float]:
    """Fit residuals as a + b spread by least squares, neither of which is negative; (1, 0) if they are all 0.

    Examples
    --------
    >>> growth_of(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0]))
    (1.0, 1.0)
    """
    constant, slope = nnls(np.stack([np.ones(len(spread)), spread], axis=1), residuals)[0].tolist()
    least = LEAST_WIDTH * float(residuals.mean())  # a cell of no spread has errors, too
    return (max(constant, least), slope) if least > 0 else (1.0, 0.0)


def least_groups(level: float = LEVEL) -> int:
    """How many groups an interval needs that is not infinite.

    Examples
    --------
    >>> least_groups(0.9), least_groups(0.5)
    (9, 1)
    """
    return int(np.ceil(level / (1 - level) - _ROUNDING))


def _require(predictions: Array, residuals: Array, groups: NDArray[np.str_], level: float) -> None:
    if predictions.ndim != 2 or not predictions.shape[1] == len(residuals) == len(groups) > 0:
        raise ValueError(
            f"predictions {predictions.shape}, residuals {residuals.shape} and groups {groups.shape} do not fit; give "
            "(n, cells), (cells,) and (cells,) of at least one cell"
        )
    if not (residuals >= 0).all():
        raise ValueError("residuals hold numbers below 0, or none; give their absolute values, of scored cells alone")
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1; give a share, such as 0.9")


def kept_cells(groups: NDArray[np.str_]) -> NDArray[np.intp]:
    """Places of the cells that intervals are made from: all, or of each group as many as leave THINNED in all.

    Examples
    --------
    >>> kept_cells(np.array(["a", "a", "b"])).tolist()
    [0, 1, 2]
    """
    if len(groups) <= MOST_CELLS:
        return np.arange(len(groups))
    order = generator(0, Stage.INTERVAL).permutation(len(groups))
    names, codes = np.unique(groups[order], return_inverse=True)
    each = max(1, THINNED // len(names))
    return np.sort(np.concatenate([order[codes == code][:each] for code in range(len(names))]))


def _weights(groups: NDArray[np.str_], kept: NDArray[np.intp]) -> Array:
    _, codes, counts = np.unique(groups[kept], return_inverse=True, return_counts=True)
    return np.asarray(1 / ((len(counts) + 1) * counts[codes]))


def _some_at_a_time(predictions: Array) -> list[Array]:
    return [predictions[start : start + _ROWS] for start in range(0, max(len(predictions), 1), _ROWS)]


def _quantile(values: Array, weights: Array, level: float) -> Array:
    """The least value (n,) below or at which a weight of ``level`` lies; infinity where there is less in all."""
    if weights.sum() < level - _ROUNDING:
        return np.full(len(values), np.inf)
    order = np.argsort(values, axis=1)
    reached = np.cumsum(weights[order], axis=1) >= level - _ROUNDING
    places = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    return np.asarray(np.take_along_axis(values, places, axis=1)[:, 0])
