"""Candidates to train on: the parameters in which target conditions differ, grids over them, and broad ranges."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from temshift.core.distributions import Distribution, Loguniform, Normal, Uniform
from temshift.core.parameters import CANONICAL, DEFAULTS, POSITIVE
from temshift.optics.imaging import KEYS, NEEDS, ImagingConditions, PartialConditions

Array = NDArray[np.float64]
Named = Mapping[str, ImagingConditions]

GRID = 40  # points of a grid over all parameters together
MOST_LEVELS = 11  # of one parameter
LEAST_LEVELS = 3  # fewer make no grid: points are spread evenly instead
LOGARITHMIC = 3.0  # ratio of the ends from which a parameter that is never 0 is divided by factors
DIGITS = 3  # significant ones of a value on a grid
SAME = 1e-6  # relative difference of centres that is rounding


@dataclass(frozen=True)
class Axis:
    """A parameter in which targets differ, and its range.

    Attributes
    ----------
    key : str
        Of :data:`temshift.core.parameters.CANONICAL`.
    low, high : float
        The lowest and the highest centre of the targets, in the unit of the key; infinity is no aperture, no blur.
    scale : {"linear", "logarithmic", "reciprocal"}
        In what it is divided: reciprocal where a target has it at infinity.
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
    rows = [row for row in CANONICAL if row.field not in NEEDS or row.field == "aperture_edge"]
    found = []
    for row in rows:
        values = _centers(targets, row.key)
        low, high = float(values.min()), float(values.max())
        if high - low > SAME * max(abs(low), min(abs(high), 1e300)):
            found.append(Axis(row.key, low, high, _scale(row.field, low, high)))
    return tuple(found)


def _scale(field: str, low: float, high: float) -> Literal["linear", "logarithmic", "reciprocal"]:
    if np.isinf(DEFAULTS[field]):
        return "reciprocal"
    return "logarithmic" if field in POSITIVE and high > LOGARITHMIC * low else "linear"


def _centers(conditions: Sequence[ImagingConditions], key: str) -> Array:
    told = [one.centers()[key] for one in conditions]
    return np.array([np.inf if value is None else value for value in told], dtype=np.float64)


def places_of(conditions: Sequence[ImagingConditions], axes: Sequence[Axis]) -> Array:
    """Return where the centres of conditions lie in the ranges of the targets, (n, axes), 0 to 1 inside."""
    columns = [axis.places(_centers(conditions, axis.key)) for axis in axes]
    return np.stack(columns, axis=1) if columns else np.zeros((len(conditions), 0))


def grid_candidates(targets: Named, count: int = GRID) -> dict[str, ImagingConditions]:
    """Make conditions on a grid over the ranges that targets span.

    One parameter has up to 11 levels; several have as many levels each as about ``count`` points allow, and where that
    is below three, ``count`` points of a Halton sequence take the grid's place. Whatever else a point needs comes from
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
    axes = axes_of(list(targets.values()))
    bases = _bases(targets)
    if not axes or not bases or count < 1:
        return {}
    return dict(_at(axes, place, bases) for place in _points(len(axes), count))


def _points(dimensions: int, count: int) -> Array:
    """Places (n, dimensions) between 0 and 1."""
    from scipy.stats import qmc  # takes half a second, which who only measures does not need

    levels = min(MOST_LEVELS, int(count ** (1 / dimensions) + 1e-9))
    if levels < LEAST_LEVELS and dimensions > 1:
        return np.asarray(qmc.Halton(dimensions, scramble=False).random(count + 1)[1:])
    axis = np.linspace(0, 1, levels) if levels > 1 else np.array([0.5])
    return np.array(list(itertools.product(axis, repeat=dimensions)))


def _bases(targets: Named) -> list[ImagingConditions]:
    return [one for one in targets.values() if one.measured is None and not one.correlations]


def _at(axes: Sequence[Axis], place: Array, bases: Sequence[ImagingConditions]) -> tuple[str, ImagingConditions]:
    """Name and conditions of one point."""
    values = {axis.key: axis.value(float(part)) for axis, part in zip(axes, place, strict=True)}
    base = nearest(bases, axes, place)
    spread = {key: _moved(base, key, value) for key, value in values.items() if np.isfinite(value)}
    name = ", ".join(f"{key} {value:g}" for key, value in values.items())
    return name, _over(spread, set(values), base, bases, axes, place)


def nearest(bases: Sequence[ImagingConditions], axes: Sequence[Axis], place: Array) -> ImagingConditions:
    """Return the conditions whose centres lie nearest to a place; the first of equals."""
    distance = np.square(places_of(bases, axes) - place).sum(axis=1)
    return bases[int(np.argmin(np.round(distance, 9)))]


def _moved(base: ImagingConditions, key: str, value: float) -> Distribution:
    """Return the base's distribution around another mean, where it is normal; else the value itself."""
    own = base.given().get(key)
    if own is None or own.normal is None or own.sd == 0:
        return Distribution(fixed=value)
    moved = Distribution(normal=Normal(mean=value, sd=own.normal.sd))
    return moved if KEYS[key].lowest <= value - 4 * own.normal.sd else Distribution(fixed=value)


def _over(
    new: Mapping[str, Distribution],
    replaced: set[str],
    base: ImagingConditions,
    bases: Sequence[ImagingConditions],
    axes: Sequence[Axis],
    place: Array,
) -> ImagingConditions:
    """Conditions with new distributions in place of those of a base, and azimuths for coefficients that need one."""
    fields = {KEYS[key].field for key in replaced}
    kept = {key: one for key, one in base.given().items() if KEYS[key].field not in fields}
    told = {**_azimuths(fields, base, bases, axes, place), **new}
    return ImagingConditions(**PartialConditions(**told).over(PartialConditions(**kept)))


def _azimuths(
    fields: set[str],
    base: ImagingConditions,
    bases: Sequence[ImagingConditions],
    axes: Sequence[Axis],
    place: Array,
) -> dict[str, Distribution]:
    """Azimuths that a base lacks, of the nearest target that tells them."""
    lacking = [field for field, needs in NEEDS.items() if needs in fields and field not in base.fields_given()]
    found: dict[str, Distribution] = {}
    for field in lacking:
        tellers = [one for one in bases if field in one.fields_given()]
        if tellers:
            given = nearest(tellers, axes, place).given()
            found |= {key: one for key, one in given.items() if KEYS[key].field == field}
    return found


@dataclass(frozen=True)
class Range:
    """From one level of each axis to another.

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


def broad_conditions(targets: Named, axes: Sequence[Axis], wanted: Range) -> ImagingConditions:
    """Make one distribution, uniform from end to end of each axis (log-uniform where it is divided by factors).

    Parameters
    ----------
    targets : mapping of str to ImagingConditions
        All else comes from the one nearest to the middle of the range.
    axes : sequence of Axis
        From :func:`axes_of`.
    wanted : Range
        Ends on each axis.

    Returns
    -------
    ImagingConditions
        An axis without spread keeps the standard deviation of the target.

    Raises
    ------
    ValueError
        Where every target has ``measured`` or ``correlations``.
    """
    bases = _bases(targets)
    if not bases:
        raise ValueError("every target has measured or correlations; give one without, or choose conditions by size")
    middle = (np.array(wanted.low) + np.array(wanted.high)) / 2
    base = nearest(bases, axes, middle)
    ends = {
        axis.key: (axis.value(low), axis.value(high))
        for axis, low, high in zip(axes, wanted.low, wanted.high, strict=True)
    }
    scale = {axis.key: axis.scale for axis in axes}
    spread = {key: _spread(base, key, *pair, scale[key]) for key, pair in ends.items() if np.isfinite(pair[0])}
    return _over(spread, set(ends), base, bases, axes, middle)


def _spread(base: ImagingConditions, key: str, low: float, high: float, scale: str) -> Distribution:
    """Uniform between two values; a blur that reaches to none ends with its bounds."""
    if low == high:
        return _moved(base, key, low)
    top = min(high, KEYS[key].highest)
    if scale == "linear":
        return Distribution(uniform=Uniform(minimum=low, maximum=top))
    return Distribution(loguniform=Loguniform(minimum=low, maximum=top))
