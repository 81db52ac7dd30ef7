"""Distributions of imaging conditions, as users write them: any key of the table of parameters, with its unit."""

import difflib
import functools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, SerializerFunctionWrapHandler, create_model, model_serializer, model_validator
from scipy.stats import qmc

from temshift.conditions.correlations import Correlation, correlated, correlation_matrix
from temshift.conditions.distribution import Distribution
from temshift.conditions.drawn import Conditions
from temshift.conditions.measured_table import MeasuredTable
from temshift.conditions.notations import NOTATION_KEYS
from temshift.conditions.plausibility import implausible, unit_of
from temshift.configuration.model import Configuration
from temshift.core.hashes import content_hash
from temshift.vocabulary.parameters import (
    ABERRATIONS,
    CAMERAS,
    CANONICAL,
    FARTHEST,
    FIELDS,
    NUISANCES,
    POSITIVE,
    REQUIRED,
    WIDTHS,
    Parameter,
    azimuth,
)

NEARLY_ALL = 1 - 2.9e-7  # share of the draws below five standard deviations
NEARLY_NONE = 1e-4  # share of the draws that may lie beyond what physics allows, and are set to it
CARTESIAN = tuple(f"{symbol}{part}" for symbol, (_, fold) in ABERRATIONS.items() if fold for part in "ab")

# Fields that change nothing without another one
NEEDS = {azimuth(symbol): symbol for symbol, (_, fold) in ABERRATIONS.items() if fold} | {
    "aperture_edge": "semiangle_cutoff",
    "drift_azimuth": "drift",
    "energy_spread_sigma": "Cc",
    "voltage_instability_sigma": "Cc",
    "current_instability_sigma": "Cc",
    "hot_pixel_level": "hot_pixels",
    "xray_counts": "xray_hits",
    "xray_hits": "xray_counts",
}

# Columns of the uniform deviates that conditions are drawn from. A field that is added later stands in _LATER: its
# column follows all others, so that the draws of older studies stay.
_CAMERA = (
    *("transfer_exponent", "scattering_share", "counting_frames", "illumination_sd", "gain_residue_sd", "dead_pixels"),
    *("hot_pixels", "hot_pixel_level", "xray_hits", "xray_counts", "camera_number"),
)
_FIRST = ("C10", "C12", "phi12", "C30", "focal_spread_sigma", "angular_spread_sigma", "semiangle_cutoff", "dose")
_LATER: tuple[str, ...] = _CAMERA
_OTHERS = (name for name in FIELDS if name not in _FIRST + _LATER)
COLUMNS = (*_FIRST, *_OTHERS, *CARTESIAN, "measured", *_LATER)
_EARLIER = len(COLUMNS) - len(_LATER)


def condition_deviates(source: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw uniform deviates (count, len(COLUMNS)), so that a later column changes no draw of the others.

    Each later column comes from a child of ``source``, whose own stream goes on as if there were none.
    """
    earlier = source.random((count, _EARLIER))
    return np.column_stack([earlier, *(child.random(count) for child in source.spawn(len(_LATER)))])


def stratified_deviates(source: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw deviates as :func:`condition_deviates`, each column of them one in each of ``count`` equal strata."""
    earlier = qmc.LatinHypercube(_EARLIER, rng=source).random(count)
    later = ((child.permutation(count) + child.random(count)) / count for child in source.spawn(len(_LATER)))
    return np.column_stack([earlier, *later])


def _keys() -> dict[str, Parameter]:
    """Every key that a file may use; those of other notations have the bounds of the field that they stand for."""
    named = {row.key: row for row in (*CANONICAL, *WIDTHS)}
    bounds = {row.field: (row.lowest * row.factor, row.highest * row.factor) for row in CANONICAL}
    bounds["C10"] = (-FARTHEST, FARTHEST)
    for row in NOTATION_KEYS:
        if row.key not in named:
            ends = sorted(end / row.factor for end in bounds.get(row.field, (-FARTHEST, FARTHEST)))
            named[row.key] = Parameter(row.key, row.field, row.factor, *ends)
    return named


KEYS = _keys()  # by name
_PLACES = {key: number for number, key in enumerate(KEYS)}


def _require_within(row: Parameter, distribution: Distribution) -> Distribution:
    """Check a distribution against the bounds of a parameter; up to one draw in 10,000 may lie beyond them."""
    allowed = f"{row.lowest:g} to {row.highest:g}" if np.isfinite(row.highest) else f"{row.lowest:g} or more"
    if row.field in POSITIVE and distribution.lowest <= 0 < distribution.share_below(math.nextafter(0, 1)):
        raise ValueError(f"given {distribution.lowest:g}; must be above 0")
    for end in (distribution.lowest, distribution.center):
        if not row.lowest <= end <= row.highest:
            raise ValueError(f"given {end:g}; must be {allowed}")
    if distribution.choice is not None and distribution.highest > row.highest:
        raise ValueError(f"given {distribution.highest:g}; must be {allowed}")
    least = math.nextafter(0, 1) if row.field in POSITIVE else row.lowest
    below, above = distribution.share_below(least), 1 - distribution.share_below(row.highest)
    if below > NEARLY_NONE or (distribution.highest > row.highest and above > NEARLY_NONE):
        beyond = f"{max(below, above):.2g} of the draws lie outside {allowed}"
        raise ValueError(f"{beyond}; narrow it, give minimum or maximum, or take lognormal or uniform")
    return distribution


def _bounded(row: Parameter) -> AfterValidator:
    return AfterValidator(functools.partial(_require_within, row))


if TYPE_CHECKING:
    _Parameters: TypeAlias = Configuration
else:
    _Parameters = create_model(
        "_Parameters",
        __base__=Configuration,
        **{key: (Annotated[Distribution, _bounded(row)] | None, None) for key, row in KEYS.items()},
    )


class PartialConditions(_Parameters):
    """Distributions of some parameters of imaging conditions; those left out come from elsewhere.

    Keys are those of :data:`KEYS`. ``correlations`` ties parameters together;
    ``measured`` draws several of them as one row of a table. ``camera`` names one of
    :data:`temshift.vocabulary.parameters.CAMERAS` and stands for its keys, except those that are given.
    """

    correlations: tuple[Correlation, ...] = ()
    measured: MeasuredTable | None = None

    camera: str | None = None

    @model_validator(mode="after")
    def _of_camera(self) -> "PartialConditions":
        """Put the keys of a named camera in its place, as if they had been written."""
        if self.camera is None:
            return self
        if self.camera not in CAMERAS:
            raise ValueError(f"camera = {self.camera!r}; must be one of {', '.join(CAMERAS)}")
        taken = [*self.given(), *_columns(self.measured)]
        keys = {key: value for key, value in CAMERAS[self.camera].items() if not _rival_of(key, taken)}
        self.__dict__.update({key: Distribution(fixed=value) for key, value in keys.items()}, camera=None)
        self.model_fields_set.difference_update({"camera"})
        self.model_fields_set.update(keys)
        return self

    @model_serializer(mode="wrap")
    def _without_gaps(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value not in (None, (), [])}

    @model_validator(mode="after")
    def _one_way_each(self) -> "PartialConditions":
        keys = {key: key for key in self.given()}
        for key, distribution in _columns(self.measured).items():
            keys[f"measured {key}"] = key
            _check_measured(key, distribution)
        for first, second in _rivals(keys):
            raise ValueError(f"{first} and {second} set the same parameter; give one of them")
        return self

    def given(self) -> dict[str, Distribution]:
        """Return the distributions that are given, by key, without those that are ``measured``."""
        named = sorted(self.model_fields_set & KEYS.keys(), key=_PLACES.__getitem__)
        return {key: value for key in named if (value := getattr(self, key)) is not None}

    def fields_given(self) -> set[str]:
        """Return the fields that have a value, by any of their keys."""
        return {KEYS[key].field for key in [*self.given(), *_columns(self.measured)]}

    def over(self, default: "PartialConditions") -> dict[str, Any]:
        """Return all that is given here, and all else that ``default`` gives, as arguments of a model."""
        own: dict[str, Any] = dict(self.given())
        measured = self.measured or _without_rivals(default.measured, own)
        taken = [*own, *_columns(self.measured)]
        rest = {key: value for key, value in default.given().items() if not _rival_of(key, taken)}
        correlations = self.correlations or tuple(
            one for one in default.correlations if all(key in {**rest, **own} for key in one.between)
        )
        return {**rest, **own, "correlations": correlations, **({"measured": measured} if measured else {})}


class ImagingConditions(PartialConditions):
    """A whole distribution of imaging conditions; what is left out is absent: no aberration, no aperture, no blur.

    Defocus counts from the plane that waves are stored at, underfocus positive. Parameters are independent of each
    other unless ``correlations`` or ``measured`` ties them together. Each value is a number or a distribution, such as
    ``{"normal": {"mean": -10, "sd": 1.5}}``. These keys are the usual ones; docs/image-formation.md has all.

    Parameters
    ----------
    defocus_nm, dose_e_per_A2
        Required.
    C30_mm, C12_nm, phi12_deg, C21_nm, phi21_deg, C23_nm, phi23_deg
        Aberrations.
    semiangle_cutoff_mrad, focal_spread_sigma_nm, angular_spread_sigma_mrad
        Aperture and partial coherence.
    """

    @model_validator(mode="after")
    def _whole(self) -> "ImagingConditions":
        missing = [field for field in REQUIRED if field not in self.fields_given()]
        if missing:
            names = {"C10": "defocus_nm", "dose": "dose_e_per_A2"}
            raise ValueError(f"{', '.join(names[field] for field in missing)} missing; this is required")
        self._matrix()
        return self

    @functools.cached_property
    def identity(self) -> str:
        """Hash of the distribution, which networks and images are named by."""
        return content_hash(self)

    @property
    def widest_semiangle(self) -> float:
        """The widest angle that an aperture and its edge let pass, up to five standard deviations [rad]; may be inf."""
        return self.highest("semiangle_cutoff", default=np.inf) + self.highest("aperture_edge") / 2

    def highest(self, field: str, default: float = 0.0) -> float:
        """Return the largest value of a field that is drawn, up to five standard deviations, in A and rad."""
        return max(self._ends(field), default=default)

    def lowest(self, field: str, default: float = 0.0) -> float:
        """Return the smallest value of a field that is drawn, down to five standard deviations, in A and rad."""
        return min(self._ends(field), default=default)

    def _ends(self, field: str) -> list[float]:
        for key, distribution in self.distributions().items():
            if KEYS[key].field == field:
                ends = distribution.quantile(np.array([1 - NEARLY_ALL, NEARLY_ALL]))
                if distribution.choice is not None:
                    ends = np.array([distribution.lowest, distribution.highest])
                return [float(end) * KEYS[key].factor for end in np.clip(ends, KEYS[key].lowest, KEYS[key].highest)]
        return []

    def distributions(self) -> dict[str, Distribution]:
        """Return the distribution of each parameter by itself, by key; measured ones are choices."""
        return {**self.given(), **_columns(self.measured)}

    def centers(self) -> dict[str, float | None]:
        """Return the centre of each parameter, in the units of the files; None if there is none."""
        return {key: values[0] for key, values in self.central().in_file_units().items()}

    def quantiles(self, probabilities: NDArray[np.float64]) -> Conditions:
        """Turn uniform deviates into conditions.

        Parameters
        ----------
        probabilities : ndarray (n, len(COLUMNS))
            Between 0 and 1, one column for each of :data:`COLUMNS`.

        Returns
        -------
        Conditions
            n conditions in float64.
        """
        deviates = self._tied(probabilities)
        values = {}
        for key, distribution in self.given().items():
            drawn = distribution.quantile(deviates[:, COLUMNS.index(KEYS[key].field)])
            values[KEYS[key].field] = np.clip(drawn, KEYS[key].lowest, KEYS[key].highest) * KEYS[key].factor
        if self.measured is not None:
            rows = self.measured.rows(deviates[:, COLUMNS.index("measured")])
            values |= {KEYS[key].field: column * KEYS[key].factor for key, column in rows.items()}
        return Conditions.of(**{name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in values.items()})

    def central(self) -> Conditions:
        """Return the one condition at the centre of every parameter."""
        return self.quantiles(np.full((1, len(COLUMNS)), 0.5))

    def remarks(self) -> list[str]:
        """Return one sentence for each value that looks like a mistake, most often of a unit."""
        remarks = []
        for key, distribution in self.distributions().items():
            field, unit = KEYS[key].field, unit_of(key, KEYS[key].field)
            remark = implausible(field, distribution.center * KEYS[key].factor / unit.factor, unit.name)
            if remark:
                remarks.append(f"{key} = {distribution.center:g}: {remark}")
        if self.highest("hot_pixels") > 0 and "hot_pixel_level" not in self.fields_given():
            remarks.append("hot_pixels_ppm: without hot_pixel_level hot pixels read 0, as dead ones do; give it")
        return remarks

    def idle(self) -> dict[str, str]:
        """Return the keys that change nothing by themselves, and the field that each of them would need."""
        given = self.fields_given()
        needs = {key: NEEDS.get(KEYS[key].field) for key in self.distributions()}
        return {key: field for key, field in needs.items() if field is not None and field not in given}

    def nuisances(self) -> list[str]:
        """Return the keys that mark images and that metrics, observers and predictions leave out."""
        marks = {key: field for key in self.distributions() if (field := KEYS[key].field) in NUISANCES}
        return [key for key, field in marks.items() if self.highest(field) > 0]

    def _matrix(self) -> tuple[list[int], NDArray[np.float64]] | None:
        if not self.correlations:
            return None
        keys = list(dict.fromkeys(key for one in self.correlations for key in one.between))
        matrix = correlation_matrix(self.correlations, [key for key in keys if key in self.given()])
        return [COLUMNS.index(KEYS[key].field) for key in keys], matrix

    def _tied(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        correlations = self._matrix()
        if correlations is None:
            return probabilities
        columns, matrix = correlations
        tied = probabilities.copy()
        tied[:, columns] = correlated(probabilities[:, columns], matrix)
        return tied


def _columns(table: MeasuredTable | None) -> dict[str, Distribution]:
    """The distribution of each measured parameter by itself."""
    return {key: table.distribution(key) for key in table.keys} if table is not None else {}


def _without_rivals(table: MeasuredTable | None, others: Iterable[str]) -> MeasuredTable | None:
    """A table without the columns that others set too; None if nothing is left."""
    if table is None:
        return None
    left = {key: column for key, column in table.columns.items() if not _rival_of(key, others)}
    return MeasuredTable(columns=left, weights=table.weights) if left else None


def _check_measured(key: str, distribution: Distribution) -> None:
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=3)
        raise ValueError(f"measured {key}: unknown; nearest: {', '.join(near) or 'none'}")
    try:
        _require_within(KEYS[key], distribution)
    except ValueError as error:
        raise ValueError(f"measured {key}: {error}") from error


def _rivals(keys: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of names whose keys set the same field."""
    names = list(keys)
    return [
        (one, other)
        for number, one in enumerate(names)
        for other in names[:number]
        if _rival_of(keys[one], [keys[other]])
    ]


def _rival_of(key: str, others: Iterable[str]) -> bool:
    """Return whether one of the others sets the same field, or the same coefficient in the other way."""
    own = KEYS[key].field
    theirs = [KEYS[other].field for other in others]
    return own in theirs or any(name in theirs for name in _OTHER_WAY.get(own, ()))


def _other_ways() -> Mapping[str, tuple[str, ...]]:
    """Polar fields against Cartesian ones, and the two that give an NTF."""
    ways: dict[str, tuple[str, ...]] = {
        "scattering_share": ("ntf_half_frequency",),
        "ntf_half_frequency": ("scattering_share",),
    }
    for symbol, (_, fold) in ABERRATIONS.items():
        if fold:
            polar, along = (symbol, azimuth(symbol)), (f"{symbol}a", f"{symbol}b")
            ways |= dict.fromkeys(polar, along) | dict.fromkeys(along, polar)
    return ways


_OTHER_WAY = _other_ways()
