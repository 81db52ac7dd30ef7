"""Named distributions of imaging conditions, as users write them: defaults, items, series."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from temshift.core.configuration import Configuration
from temshift.core.distributions import Distribution, Normal
from temshift.core.electrons import largest_semiangle, wavelength
from temshift.core.faults import allowed_text
from temshift.core.grids import Grid
from temshift.core.parameters import CANONICAL, Parameter, azimuth
from temshift.core.seeds import Stage, generator
from temshift.datasets.micrographs import camera_response
from temshift.optics.band import band_of
from temshift.optics.conditions import Conditions
from temshift.optics.imaging import CARTESIAN, COLUMNS, KEYS, ImagingConditions, PartialConditions
from temshift.optics.lens import envelopes
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import require_reachable

LEAST_FREQUENCIES = 3  # steps of spatial frequency that an aperture must pass
SUMMARY_DRAWS = 1001  # odd, so that a median is one of them
_KEY_OF = {row.field: row.key for row in CANONICAL}
MEASURED_TRIALS = 100  # rows of a measured table that are checked before any work, evenly over it
_COMPONENT_OF = {field: (field[:-1], azimuth(field[:-1])) for field in CARTESIAN}


class ConditionItem(PartialConditions):
    """One named distribution of conditions, or a series of them over the values of one parameter.

    In the ``name`` of a series, ``{value}`` stands for the value; ``sd`` spreads each value normally.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    series: str | None = None
    values: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    sd: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _series_is_whole(self) -> "ConditionItem":
        if (self.series is None) != (self.values is None):
            raise ValueError("series and values go together: give both, or neither")
        if self.series is not None and self.series not in KEYS:
            raise ValueError(f"series: {self.series!r} is not known{allowed_text(self.series, list(KEYS))}")
        if self.series is not None and self.series in self.given():
            raise ValueError(f"{self.series} is given twice, as the series and as a value; remove one")
        if self.series is not None and "{value" not in self.name:
            raise ValueError(f"name {self.name!r} of a series needs {{value}}, so that its members differ")
        for value in self.values or ():
            self._check_member(value)
        return self

    def _check_member(self, value: float) -> None:
        self.named(value)
        try:
            self._member(value)
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"values of {self.series}: {message}") from error

    def named(self, value: float) -> str:
        """Return the name of the series' member at ``value``."""
        try:
            return self.name.format(value=value)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"name {self.name!r}: only {{value}} and number formats may stand in braces") from error

    def expanded(self) -> Iterator[tuple[str, PartialConditions]]:
        """Yield name and parameters of each distribution that the item stands for."""
        if self.series is None or self.values is None:
            yield self.name, self
            return
        for value in self.values:
            yield self.named(value), self._member(value)

    def _member(self, value: float) -> PartialConditions:
        spread = Distribution(normal=Normal(mean=value, sd=self.sd)) if self.sd else Distribution(fixed=value)
        tied = {"correlations": self.correlations, "measured": self.measured}
        return PartialConditions(**{**self.given(), **tied, str(self.series): spread})


Items = Annotated[tuple[ConditionItem, ...], Field(min_length=1)]


class Setting(NamedTuple):
    """Centre and standard deviation of one parameter, in the unit of its key; None is no aperture, no blur."""

    center: float | None
    sd: float


class ConditionSets(Configuration):
    """Distributions of conditions to train on and to test on; what an item leaves out comes from ``default``."""

    default: PartialConditions = PartialConditions()
    training: Items
    test: Items

    @model_validator(mode="after")
    def _resolvable(self) -> "ConditionSets":
        for role in ("training", "test"):
            self.resolved(role)
        return self

    def resolved(self, role: str) -> list[tuple[str, ImagingConditions]]:
        """Return name and whole conditions of each distribution of a ``role``, "training" or "test"."""
        return resolved(getattr(self, role), self.default, role)


def resolved(items: Items, default: PartialConditions, place: str) -> list[tuple[str, ImagingConditions]]:
    """Return name and whole conditions of each distribution that ``items`` stand for.

    Parameters
    ----------
    items : tuple of ConditionItem
        Series among them are expanded.
    default : PartialConditions
        Where what an item leaves out comes from.
    place : str
        Name of the items in messages.

    Returns
    -------
    list of (str, ImagingConditions)

    Raises
    ------
    ValueError
        Where a parameter that has no default is missing, or a name is used twice.
    """
    parts = [part for item in items for part in item.expanded()]
    names = [name for name, _ in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{place}: the name {twice[0]!r} is used twice; names must differ")
    return [(name, _whole(name, given, default, place)) for name, given in parts]


def _whole(name: str, given: PartialConditions, default: PartialConditions, place: str) -> ImagingConditions:
    try:
        return ImagingConditions(**given.over(default))
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"{place}, {name!r}: {message}") from error


def imaging_faults(
    named: list[tuple[str, ImagingConditions]], imaging: ImagingSettings, grid: Grid, energy: float
) -> Iterator[str]:
    """Tell which conditions stored waves can't serve.

    Parameters
    ----------
    named : list of (str, ImagingConditions)
        Conditions with their names.
    imaging : ImagingSettings
        How images are formed.
    grid : Grid
        The (y, x) plane of stored waves.
    energy : float
        Electron energy [eV].

    Yields
    ------
    str
        A fault: an aperture so narrow that hardly a spatial frequency passes, or wider than the band of the waves;
        spreads that no sum is exact for; a camera that detects more than arrives.
    """
    for name, conditions in named:
        faults = [*_aperture_faults(conditions, grid, energy)] or _forming_faults(conditions, imaging, grid, energy)
        yield from (f"{name!r}: {fault}" for fault in faults)


def _aperture_faults(conditions: ImagingConditions, grid: Grid, energy: float) -> Iterator[str]:
    limit, lowest = (
        largest_semiangle(grid.nyquist, energy),
        LEAST_FREQUENCIES * grid.frequency_step * wavelength(energy),
    )
    widest, least = conditions.widest_semiangle, conditions.lowest("semiangle_cutoff", default=limit)
    edge = conditions.highest("aperture_edge") if np.isfinite(widest) else 0.0
    if least < lowest:
        yield (
            f"semiangle_cutoff_mrad = {least * 1e3:g} passes hardly a spatial frequency of this cell; "
            f"at least {lowest * 1e3:.2f} mrad, or a larger cell_nm"
        )
    elif edge > 2 * least:
        yield (
            f"aperture_edge_mrad reaches {edge * 1e3:g} and shades the direct beam; at most twice the "
            f"semiangle_cutoff_mrad, {2e3 * least:g}"
        )
    if np.isfinite(widest) and widest > limit * (1 + 1e-9):
        yield (
            f"semiangle_cutoff_mrad{' and half the edge reach' if edge else ' reaches'} {widest * 1e3:.2f}, beyond the "
            f"band of waves on {max(grid.sampling):.3g} A pixels: at most {limit * 1e3:.2f} mrad, or sample finer"
        )


def _forming_faults(
    conditions: ImagingConditions, imaging: ImagingSettings, grid: Grid, energy: float
) -> Iterator[str]:
    """What shows only once the worst of some draws are looked at closely."""
    drawn = trial_draws(conditions)
    try:
        camera_response(drawn, imaging)
        if imaging.coherence == "exact":
            band = band_of(grid, wavelength(energy), conditions.widest_semiangle, dtype=torch.float64)
            require_reachable(band, drawn, imaging.tolerance)
    except ValueError as error:
        yield str(error)


def imaging_remarks(
    named: list[tuple[str, ImagingConditions]], imaging: ImagingSettings, grid: Grid, energy: float
) -> list[str]:
    """Tell what a person should know of conditions before they are used.

    Parameters
    ----------
    named, imaging, grid, energy
        As for :func:`imaging_faults`.

    Returns
    -------
    list of str
        Probable mistakes of units; keys that change nothing, as what they belong to is told nowhere; images without
        aperture whose band ends with the grid, before coherence ends it.
    """
    limit, remarks = largest_semiangle(grid.nyquist, energy), lens_remarks(named)
    for name, conditions in named:
        if np.isfinite(conditions.widest_semiangle):
            continue
        band = band_of(grid, wavelength(energy), np.inf, dtype=torch.float64)
        left = float(envelopes(band, conditions.central())[0, band.alpha.argmax()])
        if left > imaging.tolerance:
            remark = (
                f"without an aperture images end with the grid, at {1e3 * limit:.2f} mrad, where coherence still "
                f"leaves {left:.0%} of the contrast; give semiangle_cutoff_mrad, or sample finer"
            )
            remarks.append((name, remark))
    return told_together(remarks)


def lens_remarks(named: Sequence[tuple[str, ImagingConditions]]) -> list[tuple[str, str]]:
    """Tell of probable mistakes of units, and of keys that change nothing, as what they belong to is told nowhere.

    Parameters
    ----------
    named : sequence of (str, ImagingConditions)
        All conditions of a file: a key that one of them needs may stand in the default of all.

    Returns
    -------
    list of (str, str)
        Name of the condition, and one sentence.
    """
    told = {field for _, conditions in named for field in conditions.fields_given()}
    found = [(name, remark) for name, conditions in named for remark in conditions.remarks()]
    for name, conditions in named:
        for key, field in conditions.idle().items():
            if field not in told:
                found.append((name, f"{key} changes nothing without {_KEY_OF[field]}; give it, or leave {key} out"))
    return found


def told_together(remarks: Iterable[tuple[str, str]]) -> list[str]:
    """Write every remark once, with the names that it holds for.

    Examples
    --------
    >>> told_together([("a", "is dark"), ("b", "is blurred"), ("c", "is dark")])
    ["'a', 'c': is dark", "'b': is blurred"]
    """
    names: dict[str, list[str]] = {}
    for name, remark in remarks:
        names.setdefault(remark, []).append(repr(name))
    return [f"{', '.join(dict.fromkeys(those))}: {remark}" for remark, those in names.items()]


def trial_draws(conditions: ImagingConditions) -> Conditions:
    """Draw some conditions for checks before any work.

    They reach into the tails of every parameter: all low, all in the middle, all high, and all high but one that is
    low; and into measured rows.
    """
    low, middle, high = 2.9e-7, 0.5, 1 - 2.9e-7
    varying = [KEYS[key].field for key, one in conditions.given().items() if one.kind is not None]
    crossed = np.full((len(varying), len(COLUMNS)), high)
    crossed[np.arange(len(varying)), [COLUMNS.index(field) for field in varying]] = low
    rows = 0 if conditions.measured is None else min(len(conditions.measured), MEASURED_TRIALS)
    measured = np.full((rows, len(COLUMNS)), middle)
    measured[:, COLUMNS.index("measured")] = (np.arange(rows) + 0.5) / max(rows, 1)
    ends = np.repeat([[low], [middle], [high]], len(COLUMNS), axis=1)
    return conditions.quantiles(np.concatenate([ends, crossed, measured]))


def summary(conditions: ImagingConditions) -> dict[str, Setting]:
    """Tell centre and spread of every parameter of a distribution of conditions.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.

    Returns
    -------
    dict of str to Setting
        By the keys of :data:`temshift.core.parameters.CANONICAL`. Aberrations given by their Cartesian components
        have the median and the standard deviation of magnitude and azimuth over some draws.
    """
    told = {KEYS[key].field: (key, distribution) for key, distribution in conditions.distributions().items()}
    found = {key: Setting(center, 0.0) for key, center in conditions.centers().items()}
    exact = [row for row in CANONICAL if row.field in told]
    found |= {row.key: _setting(row, *told[row.field]) for row in exact}
    if set(told) <= {row.field for row in exact}:
        return found
    drawn = conditions.quantiles(generator(0, Stage.METRIC).random((SUMMARY_DRAWS, len(COLUMNS)))).in_file_units()
    names = told_keys([conditions]) - {row.key for row in exact}
    return found | {name: _measured_setting(np.array(drawn[name], dtype=np.float64)) for name in names}


def centers(role: str, conditions: ImagingConditions) -> dict[str, float | None]:
    """Return the centre of every parameter, as a table holds it: ``test_defocus_nm`` where ``role`` is "test"."""
    return {f"{role}_{key}": setting.center for key, setting in summary(conditions).items()}


def told_keys(conditions: Iterable[ImagingConditions]) -> set[str]:
    """Return the keys of :data:`temshift.core.parameters.CANONICAL` whose fields any of the conditions tells."""
    fields = {field for one in conditions for field in one.fields_given()}
    whole = {part for field in fields for part in (_COMPONENT_OF.get(field) or (field,))}
    return {row.key for row in CANONICAL if row.field in whole}


def _setting(row: Parameter, key: str, distribution: Distribution) -> Setting:
    scale = KEYS[key].factor / row.factor
    middle = np.arange(0.5, SUMMARY_DRAWS) / SUMMARY_DRAWS
    center = float(np.median(distribution.quantile(middle))) if distribution.choice else distribution.center
    return Setting(center * scale, distribution.sd * abs(scale))


def _measured_setting(values: NDArray[np.float64]) -> Setting:
    return Setting(float(np.median(values)), float(values.std()) if np.ptp(values) else 0.0)
