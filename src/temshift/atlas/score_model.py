"""The model of one score of the atlas: a line in a few features, boosted trees for the rest, and an interval."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temshift.atlas.pairs import DISTANCE, FEATURES, OBSERVER, OBSERVER_F1
from temshift.atlas.trees import Trees, grow
from temshift.information.prediction.intervals import LEVEL, growth_of

Array = NDArray[np.float64]

LINE = {"ln_cross_entropy": OBSERVER, "logit_f1": OBSERVER_F1}  # the one feature of the line that is compared with
TARGETS = tuple(LINE)
_MORE = ("ln CE(amplitude) in test", "ln CE(power) in test", DISTANCE, "ln epsilon(test)", "cosine")


@dataclass(frozen=True)
class Line:
    """A linear function of some features.

    Attributes
    ----------
    intercept : float
        Its value where they are all 0.
    slopes : dict of str to float
        By feature.
    """

    intercept: float
    slopes: Mapping[str, float]

    @classmethod
    def fitted(cls, table: Array, target: Array, names: tuple[str, ...]) -> "Line":
        """Fit by least squares; of features that say the same the smallest slopes."""
        design = np.column_stack([np.ones(len(table)), _columns(table, names)])
        coefficients = np.linalg.lstsq(design, target, rcond=1e-8)[0].tolist()
        return cls(coefficients[0], dict(zip(names, coefficients[1:], strict=True)))

    def predict(self, table: Array) -> Array:
        """Return its value at each row (n, features) of features."""
        names, slopes = tuple(self.slopes), np.array(list(self.slopes.values()))
        return np.asarray(self.intercept + _columns(table, names) @ slopes)


def _columns(table: Array, names: tuple[str, ...]) -> Array:
    return table[:, [FEATURES.index(name) for name in names]]


@dataclass(frozen=True)
class Widths:
    """Half widths of intervals: ``quantile`` times (``constant`` + ``slope`` d)."""

    constant: float
    slope: float
    quantile: float

    def at(self, table: Array) -> Array:
        """Return the half width at each row of features."""
        return self.quantile * (self.constant + self.slope * np.maximum(table[:, FEATURES.index(DISTANCE)], 0.0))


@dataclass(frozen=True)
class ScoreModel:
    """A fitted model of one score, on the scale that it is fitted on."""

    line: Line
    trees: Trees
    widths: Widths | None = None

    def predict(self, table: Array) -> Array:
        """Return the score expected at each row (n, features) of features."""
        return np.asarray(self.line.predict(table) + self.trees.predict(table))

    def with_widths(self, widths: Widths) -> "ScoreModel":
        """Return the same with intervals."""
        return replace(self, widths=widths)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        line = {"intercept": self.line.intercept, "slopes": dict(self.line.slopes)}
        widths = None if self.widths is None else vars(self.widths)
        return {"line": line, "trees": self.trees.as_dict(), "widths": widths}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "ScoreModel":
        """Read a model from the values of :meth:`as_dict`."""
        widths = None if plain["widths"] is None else Widths(**plain["widths"])
        return cls(Line(**plain["line"]), Trees.from_dict(plain["trees"]), widths)


def fit_score(table: Array, target: Array, name: str, seed: int = 0) -> ScoreModel:
    """Fit a line, and trees to its residuals: trees alone are flat beyond what they were fitted to, the line is not.

    Parameters
    ----------
    table : ndarray (n, features)
        In the order of :data:`temshift.atlas.pairs.FEATURES`.
    target : ndarray (n,)
        The score.
    name : str
        Which of :data:`TARGETS` it is.
    seed : int
        Seed of the trees.
    """
    line = Line.fitted(table, target, (LINE[name], *_MORE))
    return ScoreModel(line, grow(table, target - line.predict(table), seed))


def widths_of(table: Array, errors: Array, groups: NDArray[np.str_], level: float = LEVEL) -> Widths | None:
    """Return half widths that hold a share of the errors of cells that were left out, groups counting alike.

    As in docs/prediction.md a cell weighs 1 / ((G + 1) n_g), with G groups of n_g cells: the rest to 1 stands for a
    new group. The quantile is that of errors in units of the width constant + slope d, fitted to them.

    Parameters
    ----------
    table : ndarray (n, features)
        Features of the cells.
    errors : ndarray (n,)
        Absolute errors of predictions that they were left out of.
    groups : ndarray (n,) of str
        What was left out with each.
    level : float
        The share.

    Returns
    -------
    Widths or None
        None if groups are too few for that level.
    """
    spread = np.maximum(table[:, FEATURES.index(DISTANCE)], 0.0)
    constant, slope = growth_of(errors, spread)
    relative = errors / (constant + slope * spread)
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / ((len(counts) + 1) * counts[codes])
    order = np.argsort(relative)
    reached = np.cumsum(weights[order]) >= level - 1e-9
    return Widths(constant, slope, float(relative[order][reached.argmax()])) if reached.any() else None
