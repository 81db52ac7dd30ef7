"""Sums that least squares needs, with any test condition or training distribution left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from temshift.information.prediction.linear_model import LinearModel

Array = NDArray[np.float64]
Role = Literal["test", "training"]

_COLLINEAR = 1e-10  # of the largest eigenvalue: directions below it carry no information


@dataclass(frozen=True)
class Cells:
    """Scored pairs of a training and a test distribution.

    Attributes
    ----------
    target : ndarray (cells,)
        Numbers to predict, finite.
    features : mapping of str to ndarray (cells,)
        Features that they may be predicted from, finite.
    groups : mapping of "test" and "training" to ndarray (cells,) of str
        The condition of each cell, and the distribution that its networks were trained on.
    """

    target: Array
    features: Mapping[str, Array]
    groups: Mapping[Role, NDArray[np.str_]]

    def __len__(self) -> int:
        return len(self.target)

    @cached_property
    def scales(self) -> tuple[Array, Array]:
        """Mean and spread of every feature; 1 where one does not vary."""
        if not self.features:
            return np.zeros(0), np.ones(0)
        table = np.stack(list(self.features.values()), axis=1)
        spread = table.std(axis=0)
        return table.mean(axis=0), np.where(spread > 1e-12 * np.abs(table).max(axis=0), spread, np.inf)

    def design(self, features: Mapping[str, Array], count: int) -> Array:
        """Ones and features of n = ``count`` cells, of mean 0 and spread 1 over the scored ones, (n, 1 + features)."""
        mean, spread = self.scales
        columns = [(features[name] - mean[k]) / spread[k] for k, name in enumerate(self.features)]
        return np.stack([np.ones(count), *columns], axis=1)

    def model(self, coefficients: Array, names: Sequence[str]) -> LinearModel:
        """Return coefficients of `design` as a model of the features ``names`` in their own units."""
        mean, spread = self.scales
        slopes = coefficients[1:] / spread
        slope_of = dict(zip(self.features, map(float, slopes), strict=True))
        intercept = float(coefficients[0] - slopes @ mean)
        return LinearModel({"intercept": intercept, **{name: slope_of[name] for name in names}})

    def columns(self, names: Sequence[str]) -> list[int]:
        """Columns of `design` that some features need; that of ones always."""
        order = list(self.features)
        return [0, *(1 + order.index(name) for name in names)]


@dataclass(frozen=True)
class Moments:
    """Sums over cells of products of (design, target), group by group.

    Attributes
    ----------
    test, training : ndarray (groups, m, m)
        Over the cells of each test condition and of each training distribution that is kept.
    grid : ndarray (tests, trainings, m, m), optional
        Over the cells of each pair of the two.
    """

    test: Array
    training: Array
    grid: Array | None = None

    @property
    def total(self) -> Array:
        """Over all cells that are kept, (m, m)."""
        return np.asarray(self.test.sum(axis=0))

    def by(self, role: Role) -> Array:
        """Sums over the cells of each group of a role."""
        return self.test if role == "test" else self.training


class Sums:
    """Moments of some cells, and of the rest of them without a group.

    Parameters
    ----------
    cells : Cells
        All that are scored.
    with_grid : bool
        Whether moments keep their grid, which takes memory where there are many groups.
    """

    def __init__(self, cells: Cells, *, with_grid: bool = False) -> None:
        self._with_grid = with_grid
        rows = np.column_stack([cells.design(cells.features, len(cells)), cells.target])
        coded = {role: np.unique(cells.groups[role], return_inverse=True) for role in ("test", "training")}
        self.codes: dict[Role, NDArray[np.intp]] = {
            "test": coded["test"][1],
            "training": coded["training"][1],
        }
        shape = len(coded["test"][0]), len(coded["training"][0])
        self.grid = np.zeros((*shape, rows.shape[1], rows.shape[1]))
        np.add.at(self.grid, (self.codes["test"], self.codes["training"]), rows[:, :, None] * rows[:, None, :])

    @cached_property
    def all(self) -> Moments:
        """Of all cells."""
        return Moments(self.grid.sum(axis=1), self.grid.sum(axis=0), self.grid if self._with_grid else None)

    def without(self, role: Role, group: int) -> Moments:
        """Of all cells except those of one group."""
        others = np.delete(self.all.by(role), group, axis=0)
        grid = np.delete(self.grid, group, axis=0 if role == "test" else 1) if self._with_grid else None
        if role == "test":
            return Moments(others, self.all.training - self.grid[group], grid)
        return Moments(self.all.test - self.grid[:, group], others, grid)


def solved(moments: Array, columns: Sequence[int]) -> Array:
    """Coefficients of least squares from moments (..., m, m) in some columns, 0 in the others, (..., m - 1).

    Of least norm where columns are collinear.
    """
    chosen = np.asarray(columns)
    products = moments[..., chosen[:, None], chosen]
    inverse = np.linalg.pinv(products, rcond=_COLLINEAR, hermitian=True)
    coefficients = np.zeros((*moments.shape[:-2], moments.shape[-1] - 1))
    coefficients[..., chosen] = (inverse @ moments[..., chosen, -1, None])[..., 0]
    return coefficients


def group_errors(groups: Array, columns: Sequence[int]) -> Array | None:
    """Mean squared error of each group that has cells, of a fit to all others, (..., groups).

    Parameters
    ----------
    groups : ndarray (..., groups, m, m)
        Moments of each.
    columns : sequence of int
        Columns that are fitted, with that of ones.

    Returns
    -------
    ndarray or None
        None if a fit would have fewer groups than coefficients.
    """
    counts = groups[..., 0, 0].reshape(-1, groups.shape[-3])[0]  # of cells, the same along all other axes
    filled = groups[..., counts > 0, :, :]
    if filled.shape[-3] - 1 < len(columns):
        return None
    coefficients = solved(filled.sum(axis=-3, keepdims=True) - filled, columns)
    signed = np.concatenate([-coefficients, np.ones((*coefficients.shape[:-1], 1))], axis=-1)
    squares = np.einsum("...i,...ij,...j->...", signed, filled, signed)
    return np.asarray(np.maximum(squares, 0.0) / filled[..., 0, 0])
