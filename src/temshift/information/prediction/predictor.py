"""Predictions of scores from features of a pair of distributions: few terms, judged on whole conditions left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from temshift.information.prediction.intervals import LEVEL, grouped_interval, growth_of, kept_cells, least_groups
from temshift.information.prediction.linear_model import LinearModel
from temshift.information.prediction.moments import Array, Cells, Moments, Role, Sums, group_errors, solved
from temshift.information.prediction.random_terms import ROLES, beats_random, random_gains

New = Literal["test", "training", "both"]
_ROWS = 2048  # intervals made at a time, for memory

__all__ = ["ROLES", "Cells", "New", "Predictor", "Trial"]


@dataclass(frozen=True)
class Trial:
    """Whether a further feature earned its place.

    Attributes
    ----------
    feature : str
        The feature that was tried in addition to those that the model had.
    gains, errors : mapping of role to float
        Mean squared error that it takes away over groups left out, and the standard error of that over groups.
    taken : bool
        Whether it is a term now.
    random : mapping of role to ndarray (draws,)
        Gains of random terms, where it has to beat them.
    """

    feature: str
    gains: Mapping[Role, float]
    errors: Mapping[Role, float]
    taken: bool
    random: Mapping[Role, Array] = field(default_factory=dict)

    @property
    def certain(self) -> bool:
        """Whether it gains more than one standard error in every role that could be judged."""
        return bool(self.gains) and all(self.gains[role] > self.errors[role] for role in self.gains)

    @property
    def earned(self) -> bool:
        """Whether it is `certain`, and gains more than 95 % of random terms if it is compared with any."""
        return self.certain and all(beats_random(self.gains[role], some) for role, some in self.random.items())


class Predictor:
    """A linear model of scores, its predictions of cells left out, and intervals around its predictions.

    ``base`` is always fitted. Each of ``further`` is added, the best first, only where it lowers the squared error of
    test conditions left out, and of training distributions left out where there are enough, by more than one standard
    error over those groups. Every prediction of a cell left out repeats that choice without the cell's group; only
    where both its test condition and its training are left out, the choice is made without the first alone.

    Parameters
    ----------
    cells : Cells
        Scored cells; those of its features that have no name below are not looked at.
    base, further : sequence of str
        Names of features.
    spread : str, optional
        The feature, not negative, that errors grow with: intervals are as wide as a + b times it, a and b not negative
        and fitted to the absolute errors of cells left out. They are equally wide if cells do not have it.
    beating : bool
        Whether a further feature has to beat random terms, too, for cells of few groups; see
        :mod:`temshift.information.prediction.random_terms`.

    Raises
    ------
    ValueError
        If there are no cells, a number is not finite, or a name is no feature.
    """

    def __init__(
        self,
        cells: Cells,
        base: Sequence[str],
        further: Sequence[str] = (),
        spread: str | None = None,
        *,
        beating: bool = False,
    ) -> None:
        _require(cells, [*base, *further])
        self.base, self.further = tuple(base), tuple(further)
        self.spread = spread if spread in (*base, *further) else None
        self.cells = replace(cells, features={name: cells.features[name] for name in (*base, *further)})
        self._sums = Sums(self.cells, with_grid=beating)
        self._design = self.cells.design(self.cells.features, len(cells))

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """Features that were tried in the model of all cells, in order."""
        return tuple(_trials(self.cells, self._sums.all, self.base, self.further))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Features of the model of all cells."""
        return (*self.base, *(trial.feature for trial in self.trials if trial.taken))

    @cached_property
    def model(self) -> LinearModel:
        """The model of all cells."""
        coefficients = solved(self._sums.all.total, self.cells.columns(self.names))
        return self.cells.model(coefficients, self.names)

    def left_out(self, role: New) -> Array | None:
        """Predict each cell without its test condition, without its training distribution, or without both.

        Returns
        -------
        ndarray (cells,) or None
            None if a fit would have fewer groups than coefficients.
        """
        coefficients = self._of_cells(role)
        return None if coefficients is None else np.einsum("cm,cm->c", self._design, coefficients)

    def interval(
        self, features: Mapping[str, Array], count: int, new: New = "test", level: float = LEVEL
    ) -> tuple[Array, Array] | None:
        """Interval that holds a share ``level`` of the cells of new groups.

        Parameters
        ----------
        features : mapping of str to ndarray (n,)
            Of the new cells; at least those of the model.
        count : int
            How many there are.
        new : "test", "training" or "both"
            What is new about them. Where both are, the wider of intervals with the one and the other as the unit.
        level : float
            Share of cells.

        Returns
        -------
        lower, upper : ndarray (n,), or None
            See :func:`temshift.information.prediction.intervals.grouped_interval`. None if groups are too few for
            any.
        """
        coefficients, roles = self._of_cells(new), ROLES if new == "both" else (new,)
        if coefficients is None or any(self.groups(role) < least_groups(level) for role in roles):
            return None
        design, spread = self.cells.design(features, count), self._spread_of(features, count)
        every = np.arange(len(self.cells))
        ends = [self._around(design, spread, role, every, coefficients, level) for role in roles]
        return np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)

    def own_intervals(self, role: New = "test", level: float = LEVEL) -> tuple[Array, Array] | None:
        """Interval of every cell, made without its own group: how often it holds is an honest answer.

        Parameters
        ----------
        role : "test", "training" or "both"
            Which group is left out whole. Where both are, the wider of intervals with the one and the other as the
            unit; that takes a fit for each cell of the table of groups and each further group.
        level : float
            Share of cells.

        Returns
        -------
        lower, upper : ndarray (cells,), or None
            None if the groups that are left would be too few.
        """
        roles: tuple[Role, ...] = ROLES if role == "both" else (role,)
        chosen = self._chosen[roles[0]]
        needed = max(least_groups(level), len(self.base) + 2)
        if chosen is None or any(self.groups(one) - 1 < needed for one in roles):
            return None
        low, high = np.empty(len(self.cells)), np.empty(len(self.cells))
        for group, names in enumerate(chosen):
            mine = self._sums.codes[roles[0]] == group
            if role == "both":
                for other in np.unique(self._sums.codes["training"][mine]):
                    pair = mine & (self._sums.codes["training"] == other)
                    low[pair], high[pair] = self._interval_without_both(group, int(other), names, level)
            else:
                low[mine], high[mine] = self._interval_without(role, group, names, level)
        return low, high

    def groups(self, role: Role) -> int:
        """Return how many groups of a role have scored cells."""
        return len(self._sums.all.by(role))

    def _interval_without(self, role: Role, group: int, names: Sequence[str], level: float) -> tuple[Array, Array]:
        """Interval of a group's cells from fits without it and one other, in turn."""
        codes, sums = self._sums.codes[role], self._sums.all.by(role)
        fits = solved(self._sums.all.total - sums[group] - sums, self.cells.columns(names))
        mine, others = codes == group, np.flatnonzero(codes != group)
        own = self._spread_of(self.cells.features, len(self.cells))[mine]
        return self._around(self._design[mine], own, role, others, fits[codes], level)

    def _interval_without_both(
        self, test: int, training: int, names: Sequence[str], level: float
    ) -> tuple[Array, Array]:
        """Interval of the cells of one test and one training group from fits without them and one other, in turn."""
        codes, sums = self._sums.codes, self._sums
        rest = {"test": sums.all.test - sums.grid[:, training], "training": sums.all.training - sums.grid[test]}
        kept = sums.all.total - sums.all.test[test] - rest["training"][training]
        mine = (codes["test"] == test) & (codes["training"] == training)
        others = np.flatnonzero((codes["test"] != test) & (codes["training"] != training))
        own = self._spread_of(self.cells.features, len(self.cells))[mine]
        fits = {role: solved(kept - rest[role], self.cells.columns(names))[codes[role]] for role in ROLES}
        ends = [self._around(self._design[mine], own, role, others, fits[role], level) for role in ROLES]
        return np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)

    def _around(
        self, design: Array, spread: Array, role: Role, cells: NDArray[np.intp], coefficients: Array, level: float
    ) -> tuple[Array, Array]:
        """Interval of the rows of a design from some cells, each with the coefficients of the fit without it."""
        used = cells[kept_cells(self.cells.groups[role][cells])]
        fits, groups = coefficients[used], self.cells.groups[role][used]
        residuals = np.abs(self.cells.target[used] - np.einsum("cm,cm->c", self._design[used], fits))
        known = self._spread_of(self.cells.features, len(self.cells))[used]
        constant, slope = growth_of(residuals, known)
        parts = max(1, -(-len(design) // _ROWS))
        rows, widths = np.array_split(design, parts), np.array_split(constant + slope * spread, parts)
        relative = residuals / (constant + slope * known)
        ends = [
            grouped_interval(some @ fits.T, relative, groups, level, own)
            for some, own in zip(rows, widths, strict=True)
        ]
        return np.concatenate([low for low, _ in ends]), np.concatenate([high for _, high in ends])

    def _spread_of(self, features: Mapping[str, Array], count: int) -> Array:
        return np.zeros(count) if self.spread is None else np.maximum(features[self.spread], 0.0)

    @cached_property
    def _chosen(self) -> dict[Role, list[tuple[str, ...]] | None]:
        """Features of the model without each group of a role; None if a fit would have too few groups."""
        enough = {role: self.groups(role) - 1 >= len(self.base) + 1 for role in ROLES}
        return {role: self._choices(role) if enough[role] else None for role in ROLES}

    def _choices(self, role: Role) -> list[tuple[str, ...]]:
        kept = (self._sums.without(role, group) for group in range(self.groups(role)))
        trials = (_trials(self.cells, moments, self.base, self.further) for moments in kept)
        return [(*self.base, *(trial.feature for trial in some if trial.taken)) for some in trials]

    def _of_cells(self, role: New) -> Array | None:
        """Coefficients (cells, 1 + features) of the model that each cell is left out of."""
        chosen = self._chosen["test" if role == "both" else role]
        if chosen is None or (role == "both" and self._chosen["training"] is None):
            return None
        codes, columns = self._sums.codes, [self.cells.columns(names) for names in chosen]
        if role != "both":
            fits = [solved(self._sums.without(role, group).total, some) for group, some in enumerate(columns)]
            return np.array(fits)[codes[role]]
        both = [solved(self._without_both(group), some) for group, some in enumerate(columns)]
        return np.array(both)[codes["test"], codes["training"]]

    def _without_both(self, test: int) -> Array:
        """Sums over all cells without a test condition and, in turn, each training distribution (trainings, m, m)."""
        kept = self._sums.without("test", test)
        return kept.total - kept.training


def _trials(cells: Cells, kept: Moments, base: Sequence[str], further: Sequence[str]) -> Iterator[Trial]:
    """Add features one by one, the one that gains most on test conditions first, as long as they earn it."""
    names, left = list(base), list(further)
    while left:
        trials = [_trial(cells, kept, names, feature) for feature in left]
        if kept.grid is not None and any(trial.certain for trial in trials):
            random = random_gains(kept, cells.columns(names))
            trials = [replace(trial, random=random) for trial in trials]
        earned = [trial for trial in trials if trial.earned]
        best = max(earned, key=lambda trial: next(iter(trial.gains.values())), default=None)
        if best is None:
            yield from trials
            return
        yield replace(best, taken=True)
        names.append(best.feature)
        left.remove(best.feature)


def _trial(cells: Cells, kept: Moments, names: Sequence[str], feature: str) -> Trial:
    gains: dict[Role, float] = {}
    errors: dict[Role, float] = {}
    for role in ROLES:
        before = group_errors(kept.by(role), cells.columns(names))
        after = group_errors(kept.by(role), cells.columns([*names, feature]))
        if before is not None and after is not None:
            gain = before - after
            gains[role], errors[role] = float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))
    return Trial(feature, gains, errors, taken=False)


def _require(cells: Cells, names: Sequence[str]) -> None:
    if not len(cells):
        raise ValueError("no cell has a score; there is nothing to fit")
    unknown = [name for name in names if name not in cells.features]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no feature of the cells; they have {', '.join(cells.features) or 'none'}")
    columns = {"target": cells.target, **{name: cells.features[name] for name in names}}
    wrong = [name for name, values in columns.items() if not np.isfinite(values).all()]
    if wrong:
        raise ValueError(f"{wrong[0]!r} holds numbers that are not finite; leave those cells out")
