"""Candidates to train on: the parameters in which target conditions differ, grids over them, and broad ranges."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from temshift.conditions import COLUMNS, Distribution, ImagingConditions, PartialConditions
from temshift.conditions.distribution import Loguniform, Normal, Uniform
from temshift.conditions.imaging import KEYS, NEEDS
from temshift.vocabulary import CANONICAL, DEFAULTS
from temshift.vocabulary.parameters import POSITIVE

Array = NDArray[np.float64]
Named = Mapping[str, ImagingConditions]

GRID = 40  # points of a grid over all parameters together
MOST_LEVELS = 11  # of one parameter
LEAST_LEVELS = 3  # fewer make no grid: points are spread evenly instead
LOGARITHMIC = 3.0  # ratio of the ends from which a parameter that is never 0 is divided by factors
DIGITS = 3  # significant ones of a value on a grid
SIGNATURE = 7  # draws by which distributions are distinguished
OF_ITS_OWN = ("transfer_exponent", "scattering_share")  # fields that mean something else if they are left out
SAME = 1e-6  # relative difference of centres that is rounding


@dataclass(frozen=True)
class Axis:
    """A parameter in which targets differ, and its range.

    Attributes
    ----------
    key : str
        Of :data:`temshift.vocabulary.parameters.CANONICAL`.
    low, high : float
        The lowest and the highest centre of the targets, in the unit of the key; infinity is no aperture, no blur.
    scale : {"linear", "logarithmic", "reciprocal"}
        How it is divided: reciprocal if a target has it at infinity.
    """

    key: str
    low: float
    high: float
    scale: Literal["linear", "logarithmic", "reciprocal"] = "linear"

    def places(self, values: Array) -> Array:
        """Return where values lie, 0 at one end of the range and 1 at the other."""
        ends, at = self._scaled(np.array([self.low, self.high])), self._scaled(values)
        return np.asarray((at - ends[0]) / (ends[1] - ends[0]))

    def value(self, place: float) -> float:
        """Return the value at a place, rounded to three digits but at the ends."""
        if place in (0, 1):
            return self.high if place else self.low
        low, high = self._scaled(np.array([self.low, self.high]))
        at = low + (high - low) * place
        exact = at if self.scale == "linear" else np.exp(at) if self.scale == "logarithmic" else -1 / at
        return _rounded(float(exact), self.high - self.low)

    def _scaled(self, values: Array) -> Array:
        if self.scale == "linear":
            return values
        return np.log(values) if self.scale == "logarithmic" else -1 / values


def _rounded(value: float, span: float) -> float:
    """Round to three digits of the value, or of the span where it is 0 or near it."""
    size = max(abs(value), span if np.isfinite(span) else 0.0) * 1e-3
    step = 10 ** np.floor(np.log10(size)) if size > 0 else 1.0
    return float(f"{round(value / step) * step:.{2 * DIGITS}g}") + 0.0


def axes_of(targets: Sequence[ImagingConditions]) -> tuple[Axis, ...]:
    """Find the parameters whose centres differ between targets; azimuths are none of them.

    Parameters
    ----------
    targets : sequence of ImagingConditions
        At least one.

    Returns
    -------
    tuple of Axis
        In the order of the table of parameters.
    """
    rows = [row for row in CANONICAL if not row.key.endswith("_deg")]
    axes = []
    for row in rows:
        values = _centers(targets, row.key)
        low, high = float(values.min()), float(values.max())
        if row.field in OF_ITS_OWN and np.isinf(high):
            continue  # leaving it out is another kind of camera, no end of a range
        if high - low > SAME * max(abs(low), min(abs(high), 1e300)):
            axes.append(Axis(row.key, low, high, _scale(row.field, low, high)))
    return tuple(axes)


def _scale(field: str, low: float, high: float) -> Literal["linear", "logarithmic", "reciprocal"]:
    if field in OF_ITS_OWN:
        return "linear"
    if np.isinf(DEFAULTS[field]):
        return "reciprocal"
    return "logarithmic" if field in POSITIVE and high > LOGARITHMIC * low else "linear"


def _centers(conditions: Sequence[ImagingConditions], key: str) -> Array:
    centers = [one.centers()[key] for one in conditions]
    return np.array([np.inf if value is None else value for value in centers], dtype=np.float64)


def places_of(conditions: Sequence[ImagingConditions], axes: Sequence[Axis]) -> Array:
    """Return the places of the centres of conditions in the ranges of the targets, (n, axes), 0 to 1 inside."""
    columns = [axis.places(_centers(conditions, axis.key)) for axis in axes]
    return np.stack(columns, axis=1) if columns else np.zeros((len(conditions), 0))


@dataclass(frozen=True)
class Span:
    """The ranges that targets span, and the targets that lend all else.

    Attributes
    ----------
    axes : tuple of Axis
        Parameters in which the targets differ.
    lenders : tuple of ImagingConditions
        Targets without ``measured`` and ``correlations``.
    """

    axes: tuple[Axis, ...]
    lenders: tuple[ImagingConditions, ...]

    @classmethod
    def of(cls, targets: Named) -> "Span":
        """Return the span of some targets."""
        lenders = tuple(one for one in targets.values() if one.measured is None and not one.correlations)
        return cls(axes_of(list(targets.values())), lenders)

    @functools.cached_property
    def _places(self) -> Array:
        return places_of(self.lenders, self.axes)

    def nearest(self, place: Array, giving: str | None = None) -> ImagingConditions | None:
        """Return the lender nearest to a place, the first of equals; if a field is named, of those that give it."""
        distance = np.square(self._places - place).sum(axis=1).round(9)
        numbers = [n for n, one in enumerate(self.lenders) if giving is None or giving in one.fields_given()]
        return self.lenders[min(numbers, key=lambda number: distance[number])] if numbers else None

    def completed(self, place: Array, new: Mapping[str, Distribution]) -> ImagingConditions:
        """Return conditions with new distributions on the axes; all else, azimuths too, comes from nearest lenders."""
        base = self.nearest(place)
        given = {} if base is None else base.given()
        fields = {KEYS[axis.key].field for axis in self.axes}
        kept = {key: one for key, one in given.items() if KEYS[key].field not in fields}
        known = {KEYS[key].field for key in given}
        lacking = [field for field, needs in NEEDS.items() if needs in fields and field not in known]
        lent = [pair for field in lacking for pair in self._lent(place, field)]
        return ImagingConditions(**PartialConditions(**dict(lent), **new).over(PartialConditions(**kept)))

    def _lent(self, place: Array, field: str) -> list[tuple[str, Distribution]]:
        """Distributions of a field, by key, of the nearest lender that gives it."""
        lender = self.nearest(place, field)
        return [] if lender is None else [pair for pair in lender.given().items() if KEYS[pair[0]].field == field]

    def moved(self, place: Array, key: str, value: float) -> Distribution:
        """Return a value with the spread that the nearest lender has around its own, if that is normal."""
        base = self.nearest(place)
        own = None if base is None else base.given().get(key)
        if own is None or own.normal is None or value - 4 * own.normal.sd < KEYS[key].lowest:
            return Distribution(fixed=value)
        return Distribution(normal=Normal(mean=value, sd=own.normal.sd))


def distinct_conditions(named: Named) -> dict[str, ImagingConditions]:
    """Return each distribution once, under its first name; azimuths of magnitudes that are 0 make no difference.

    Parameters
    ----------
    named : mapping of str to ImagingConditions
        Distributions in order of preference.

    Returns
    -------
    dict of str to ImagingConditions
        Those that draw other conditions than all before them.
    """
    first: dict[tuple[float, ...], str] = {}
    for name, conditions in named.items():
        first.setdefault(_signature(conditions), name)
    return {name: named[name] for name in first.values()}


def _signature(conditions: ImagingConditions) -> tuple[float, ...]:
    """Some draws, with azimuths only of magnitudes that they turn."""
    columns = np.arange(len(COLUMNS))
    drawn = conditions.quantiles((np.arange(SIGNATURE)[:, None] + 0.5 + columns) / SIGNATURE % 1).in_file_units()
    values = {row.field: np.array(drawn[row.key], dtype=np.float64) for row in CANONICAL}
    turned = {field: (values[NEEDS[field]] != 0) if field in NEEDS else True for field in values}
    each = np.stack([np.where(turned[field], np.nan_to_num(one), 0) for field, one in values.items()])
    return tuple(float(f"{value:.9g}") + 0.0 for value in each.ravel())


def grid_candidates(targets: Named, count: int = GRID) -> dict[str, ImagingConditions]:
    """Make conditions on a grid over the ranges that targets span.

    One parameter has up to 11 levels; several have as many levels each as about ``count`` points allow, and where that
    is below three, ``count`` points of a Halton sequence take the grid's place. All else that a point needs comes from
    the target nearest to it: a normal distribution keeps its standard deviation around the new mean.

    Parameters
    ----------
    targets : mapping of str to ImagingConditions
        Targets with ``measured`` or ``correlations`` span the range, too, but lend nothing else.
    count : int
        Points, about; 0 gives none.

    Returns
    -------
    dict of str to ImagingConditions
        By names such as "defocus_nm -4, dose_e_per_A2 100"; none where targets do not differ.
    """
    span = Span.of(targets)
    if not span.axes or not span.lenders or count < 1:
        return {}
    return dict(_point(span, place) for place in _places(len(span.axes), count))


def _places(dimensions: int, count: int) -> Array:
    """Places (n, dimensions) between 0 and 1."""
    from scipy.stats import qmc  # takes half a second, which who only measures does not need

    levels = min(MOST_LEVELS, int(count ** (1 / dimensions) + 1e-9))
    if levels < LEAST_LEVELS and dimensions > 1:
        return np.asarray(qmc.Halton(dimensions, scramble=False).random(count + 1)[1:])
    axis = np.linspace(0, 1, levels) if levels > 1 else np.array([0.5])
    return np.array(list(itertools.product(axis, repeat=dimensions)))


def _point(span: Span, place: Array) -> tuple[str, ImagingConditions]:
    """Name and conditions of one point; parameters at infinity are left out."""
    values = {axis.key: axis.value(float(part)) for axis, part in zip(span.axes, place, strict=True)}
    new = {key: span.moved(place, key, value) for key, value in values.items() if np.isfinite(value)}
    return ", ".join(f"{key} {value:g}" for key, value in values.items()), span.completed(place, new)


@dataclass(frozen=True)
class Range:
    """From one place of each axis to another.

    Attributes
    ----------
    low, high : tuple of float
        Places of the ends of each axis, 0 to 1; equal where the parameter is not spread.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def with_axis(self, number: int, low: float, high: float) -> "Range":
        """Return the range with other ends of one axis."""
        ends = [list(self.low), list(self.high)]
        ends[0][number], ends[1][number] = low, high
        return Range(tuple(ends[0]), tuple(ends[1]))


def broad_conditions(span: Span, reach: Range) -> tuple[str, ImagingConditions]:
    """Make one distribution, uniform from end to end of each axis (log-uniform if it is divided by factors).

    Parameters
    ----------
    span : Span
        All else comes from its lender nearest to the middle of the range.
    reach : Range
        Ends on each axis.

    Returns
    -------
    name : str
        Such as "defocus_nm -20 to 5".
    conditions : ImagingConditions
        An axis without spread keeps the standard deviation of the lender.

    Raises
    ------
    ValueError
        If every target has ``measured`` or ``correlations``.
    """
    if not span.lenders:
        raise ValueError("every target has measured or correlations; give one without, or choose conditions by size")
    middle = (np.array(reach.low) + np.array(reach.high)) / 2
    new, names = {}, []
    for axis, low, high in zip(span.axes, reach.low, reach.high, strict=True):
        ends = axis.value(low), axis.value(high)
        names.append(f"{axis.key} {ends[0]:g}" if low == high else f"{axis.key} {ends[0]:g} to {ends[1]:g}")
        if np.isfinite(ends[0]):
            new[axis.key] = span.moved(middle, axis.key, ends[0]) if low == high else _spread(axis, *ends)
    return ", ".join(names), span.completed(middle, new)


def _spread(axis: Axis, low: float, high: float) -> Distribution:
    """Uniform between two values; a blur that reaches to none ends with its bounds."""
    top = min(high, KEYS[axis.key].highest)
    if axis.scale == "linear":
        return Distribution(uniform=Uniform(minimum=low, maximum=top))
    return Distribution(loguniform=Loguniform(minimum=low, maximum=top))
