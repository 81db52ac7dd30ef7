"""A fitted line for one score of a study, its predictions of cells left out, and their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.information.prediction.features import (
    BASES,
    DISTANCE,
    FEATURES,
    OBSERVER,
    Array,
    Target,
    with_features,
)
from temshift.information.prediction.moments import Cells, Role
from temshift.information.prediction.predictor import ROLES, New, Predictor


@dataclass(frozen=True)
class Unit:
    """The groups of cells that are left out whole, and are exchangeable: conditions, or sets of specimens.

    Attributes
    ----------
    columns : mapping of role to str
        The column that holds the name of the group of each cell.
    words : mapping of role to str
        The group in texts.
    few : bool
        Whether there are so few that a further feature has to beat random terms.
    """

    columns: Mapping[Role, str]
    words: Mapping[Role, str]
    few: bool = False


CONDITIONS = Unit(
    {"test": "test_name", "training": "training_group"},
    {"test": "test condition", "training": "training distribution"},
)
SETS = Unit(
    {"test": "test_specimens", "training": "training_specimens"},
    {"test": "set of test specimens", "training": "set of training specimens"},
    few=True,
)


class ScorePredictor:
    """Prediction of one score by the scored cells of a study.

    Parameters
    ----------
    cells : polars.DataFrame
        One row a training x test distribution, with the columns of
        :data:`temshift.vocabulary.columns.METRICS` that are known,
        ``training_group`` and, for F1, ``logit_f1``.
    target : Target
        The score, and features that may earn a place.
    unit : Unit
        What is left out whole: conditions, or sets of specimens.

    Raises
    ------
    ValueError
        If no cell has that score.
    """

    def __init__(self, cells: pl.DataFrame, target: Target, unit: Unit = CONDITIONS) -> None:
        self.target, self.unit = target, unit
        self.table = with_features(cells)
        scored = finite(self.table, [target.column])
        if not scored.any():
            raise ValueError(f"no cell has a score {target.text}")
        self.base = next(base for base in BASES if _can_fit(self.table.filter(scored), base, unit))
        self.used = scored & finite(self.table, self.base)
        self.bend = _bend(self.table.filter(self.used)) if self.base == (OBSERVER,) else None

    @cached_property
    def cells(self) -> Cells:
        """The cells that are fitted, with every feature that is known of all of them."""
        table = self.table.filter(self.used)
        known = [name for name in FEATURES if name in table.columns and finite(table, [name]).all()]
        features = {name: table[name].to_numpy() for name in known}
        named: dict[Role, NDArray[np.str_]] = {
            role: table[self.unit.columns[role]].fill_null("").to_numpy().astype(str) for role in ROLES
        }
        return Cells(table[self.target.column].to_numpy(), self.bent(features), named)

    @cached_property
    def fit(self) -> Predictor:
        """The model; of the mean alone where cells are too few for any feature."""
        further = [name for name in (*self.target.further, *self._bent_names) if name in self.cells.features]
        others = [name for name in further if name not in self.base and self.base]
        return Predictor(self.cells, self.base, others, spread=DISTANCE, beating=self.unit.few)

    @property
    def why_not(self) -> str | None:
        """The reason that no line is fitted; None if test conditions are enough for one that can be checked."""
        groups, needed = self.fit.groups("test"), least_conditions(self.base)
        if groups >= needed:
            return None
        return (
            f"no line for {self.target.text}: it has scores under {_counted(groups, self.unit.words['test'])}, and "
            f"even a mean needs {needed} if anything is to check it"
        )

    @cached_property
    def own_intervals(self) -> dict[New, tuple[Array, Array] | None]:
        """Interval of every fitted cell, made without its test group, its training group, or both."""
        roles: tuple[New, ...] = (*ROLES, "both") if self.unit is SETS else ROLES
        return {role: self.fit.own_intervals(role) for role in roles}

    def bent(self, features: Mapping[str, Array]) -> dict[str, Array]:
        """Add the feature that lets the line of the observer bend once, at the median of the study."""
        if self.bend is None or OBSERVER not in features:
            return dict(features)
        return {**features, self._bent_names[0]: np.maximum(features[OBSERVER] - self.bend, 0.0)}

    def features_of(self, table: pl.DataFrame) -> dict[str, Array]:
        """Features of any pairs, in a table with the columns of this one."""
        known = with_features(table)
        needed = dict.fromkeys([*self.base, *(name for name in self.fit.cells.features if name in FEATURES)])
        return self.bent({name: known[name].fill_null(np.nan).to_numpy() for name in needed})

    @property
    def _bent_names(self) -> tuple[str, ...]:
        if self.bend is None:
            return ()
        return (f"max(0, {OBSERVER} {'-' if self.bend > 0 else '+'} {abs(self.bend):.2f})",)

    def columns(self, left_out: Mapping[str, New]) -> list[pl.Series]:
        """Return predictions of cells left out as columns, by name; null if there is none."""
        predicted = {name: self.fit.left_out(role) for name, role in left_out.items()}
        return [self._column(name, values) for name, values in predicted.items()]

    def intervals(self, lower: str, upper: str, role: New = "test") -> list[pl.Series]:
        """Return the ends of the intervals of cells that are left out as two columns."""
        ends = self.own_intervals[role] or (None, None)
        return [self._column(name, values) for name, values in zip((lower, upper), ends, strict=True)]

    def predictions(self, name: str) -> pl.Series:
        """Return the prediction of every cell whose features are known, scored or not."""
        if self.why_not is not None:
            return pl.Series(name, [None] * len(self.table), dtype=pl.Float64)
        features = self.features_of(self.table)
        model = self.fit.model
        values = np.broadcast_to(model.predict(features), len(self.table))
        return pl.Series(name, values, dtype=pl.Float64).fill_nan(None)

    def _column(self, name: str, values: Array | None) -> pl.Series:
        whole = np.full(len(self.table), np.nan)
        if values is not None:
            whole[self.used.to_numpy()] = values
        return pl.Series(name, whole).fill_nan(None)


def finite(table: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return of each row whether all its numbers under some names are finite; none are if a name is unknown."""
    if not set(names) <= set(table.columns):
        return pl.Series([False] * len(table), dtype=pl.Boolean)
    each = [table[name].cast(pl.Float64).is_finite().fill_null(False) for name in names]
    return pl.Series(np.logical_and.reduce([np.ones(len(table), dtype=bool), *(one.to_numpy() for one in each)]))


def least_conditions(base: Sequence[str]) -> int:
    """Return how many test conditions a line of some features needs: a coefficient each, and one left out to check it.

    Examples
    --------
    >>> least_conditions(["ln epsilon(test)", "d"]), least_conditions([])
    (4, 2)
    """
    return len(base) + 2


def _can_fit(scored: pl.DataFrame, base: Sequence[str], unit: Unit) -> bool:
    """Whether cells under enough test conditions have these features for a fit that can be checked."""
    groups = scored.filter(finite(scored, base))[unit.columns["test"]] if base else None
    return groups is None or groups.n_unique() >= least_conditions(base)


def _counted(count: int, words: str) -> str:
    """A number of things, such as sets of specimens.

    Examples
    --------
    >>> _counted(1, "test condition"), _counted(2, "set of specimens")
    ('1 test condition', '2 sets of specimens')
    """
    return f"{count} {words if count == 1 else plural(words)}"


def plural(words: str) -> str:
    """Return words for several things.

    Examples
    --------
    >>> plural("test condition"), plural("set of specimens")
    ('test conditions', 'sets of specimens')
    """
    first, *rest = words.split(" of ")
    return " of ".join([f"{first}s", *rest])


def _bend(used: pl.DataFrame) -> float | None:
    """Place at which the line of the observer may bend; None if its cells are too few."""
    values = used[OBSERVER].to_numpy()
    return float(np.round(np.median(values), 2)) if len(values) > 2 else None
