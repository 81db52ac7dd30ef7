"""A space of distributions of conditions, and the distribution at each of its points."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from temshift.conditions.distribution import Distribution, Lognormal, Normal
from temshift.conditions.imaging import KEYS
from temshift.configuration import Configuration, allowed_text
from temshift.configuration.model import as_tuples
from temshift.core.electrons import wavelength
from temshift.vocabulary.parameters import MILLIMETRE, NANOMETRE

DIGITS = 5  # significant ones of a drawn number, so that its last bits, which machines differ in, name no new network
EXTENDED = 1.2  # Scherzer's extended defocus in units of sqrt(Cs lambda)
_TAILS = 4.0  # standard deviations within which a bound of a parameter cuts a spread
_OPTIONS = ("center", "sd", "sigma")


class ParameterSpace(Configuration):
    """Distributions of one parameter: each has a ``center`` that is drawn, and a breadth.

    ``sd`` draws the standard deviation of a normal spread around the centre, in the unit of the key, ``sigma`` that of
    a lognormal one. Without either every distribution is its centre alone. With ``scherzer_kev`` the centre of
    ``defocus_nm`` counts from Scherzer's extended defocus, 1.2 sqrt(Cs lambda), of the centre of ``C30_mm`` at that
    electron energy.
    """

    center: Distribution | None = None
    sd: Distribution | None = None
    sigma: Distribution | None = None
    scherzer_kev: Annotated[float, Field(ge=30, le=1500)] | None = None

    @model_validator(mode="after")
    def _one_spread(self) -> "ParameterSpace":
        if self.sd is not None and self.sigma is not None:
            raise ValueError("sd and sigma are both given; give one of them")
        if self.model_fields_set == set():
            raise ValueError("nothing is given; give a center, and sd or sigma if its breadth is drawn")
        return self

    def joined(self, other: "ParameterSpace") -> "ParameterSpace":
        """Return what this one and another say together; the other's word counts if both say it."""
        return ParameterSpace(**{**_given(self), **_given(other)})


def _given(parameter: ParameterSpace) -> dict[str, Any]:
    return {name: value for name in ParameterSpace.model_fields if (value := getattr(parameter, name)) is not None}


def _known_keys(value: Any) -> Any:
    for key in value if isinstance(value, Mapping) else ():
        if key not in KEYS:
            raise ValueError(f"{key!r} is not known{allowed_text(str(key), list(KEYS))}")
    return value


Parameters = Annotated[dict[str, ParameterSpace], BeforeValidator(_known_keys)]
Branch = Annotated[tuple[Parameters, ...], BeforeValidator(as_tuples), Field(min_length=1)]


class Space(Configuration):
    """A space of distributions of conditions.

    ``parameters`` holds what is drawn of each key. Each of ``branches`` is a list of further ones, of which every
    distribution takes one, equally often: corrected or not, this camera or that one. What they say of one key is
    joined, the later word counts.
    """

    parameters: Parameters = {}
    branches: Annotated[tuple[Branch, ...], BeforeValidator(as_tuples)] = ()

    @model_validator(mode="after")
    def _has_centers(self) -> "Space":
        if not self.dimensions:
            raise ValueError("nothing in it is drawn; give a distribution as some center, sd or sigma, or branches")
        for first in np.ndindex(*(len(branch) for branch in self.branches)):
            joined = self._at(first)
            for key, parameter in joined.items():
                if parameter.center is None:
                    raise ValueError(f"{key} has a spread but no center where the branches {first} meet; give one")
                if parameter.scherzer_kev is not None and (key != "defocus_nm" or "C30_mm" not in joined):
                    raise ValueError("scherzer_kev belongs to defocus_nm, and needs C30_mm of the same space")
        return self

    @property
    def dimensions(self) -> tuple[tuple[str, str], ...]:
        """The axes of the space: one for the choice of each branch, one for each drawn number of each key."""
        choices = [("branch", str(number)) for number in range(len(self.branches))]
        every = [self.parameters, *(one for branch in self.branches for one in branch)]
        drawn = {(key, name) for some in every for key, one in some.items() for name in _varying(one)}
        return (*choices, *sorted(drawn, key=lambda axis: (list(KEYS).index(axis[0]), _OPTIONS.index(axis[1]))))

    def at(self, point: NDArray[np.float64]) -> dict[str, Distribution]:
        """Return the distribution of each key at a point of the space.

        Parameters
        ----------
        point : ndarray (dimensions,)
            From 0 to 1 along each of :attr:`dimensions`.

        Returns
        -------
        dict of str to Distribution
            By key; numbers have five significant digits.
        """
        deviates = dict(zip(self.dimensions, point.tolist(), strict=True))
        chosen = [int(deviates["branch", str(n)] * len(branch)) for n, branch in enumerate(self.branches)]
        parameters = self._at(chosen)
        centers = {key: _drawn(one.center, deviates.get((key, "center"))) for key, one in parameters.items()}
        return {key: self._spread(key, one, centers, deviates) for key, one in parameters.items()}

    def _at(self, chosen: Iterable[int]) -> dict[str, ParameterSpace]:
        """What is drawn if every branch takes the option of some number."""
        joined = dict(self.parameters)
        for branch, number in zip(self.branches, chosen, strict=True):
            for key, parameter in branch[number].items():
                joined[key] = joined[key].joined(parameter) if key in joined else parameter
        return {key: joined[key] for key in KEYS if key in joined}

    def _spread(
        self,
        key: str,
        parameter: ParameterSpace,
        centers: Mapping[str, float],
        deviates: Mapping[tuple[str, str], float],
    ) -> Distribution:
        center = centers[key]
        if parameter.scherzer_kev is not None:
            center = _rounded(center + _scherzer_defocus_nm(centers["C30_mm"], parameter.scherzer_kev))
        sd, sigma = (_drawn(getattr(parameter, name), deviates.get((key, name))) for name in ("sd", "sigma"))
        if sd:
            return Distribution(normal=Normal(mean=center, sd=sd, **_bounds(key, center, sd)))
        if sigma and center > 0:
            return Distribution(lognormal=_lognormal(key, center, sigma))
        return Distribution(fixed=center)


def _varying(parameter: ParameterSpace) -> list[str]:
    return [name for name in _OPTIONS if (drawn := getattr(parameter, name)) is not None and drawn.kind is not None]


def _drawn(distribution: Distribution | None, deviate: float | None) -> float:
    """The number at a deviate; 0 where nothing is drawn."""
    if distribution is None:
        return 0.0
    return _rounded(float(distribution.quantile(np.array(0.5 if deviate is None else deviate))))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}") + 0.0


def _bounds(key: str, center: float, sd: float) -> dict[str, float]:
    """Bounds of a parameter that its spread would reach beyond."""
    row = KEYS[key]
    lowest = {"minimum": row.lowest} if center - _TAILS * sd < row.lowest else {}
    return lowest | ({"maximum": row.highest} if center + _TAILS * sd > row.highest else {})


def _lognormal(key: str, median: float, sigma: float) -> Lognormal:
    highest = KEYS[key].highest
    maximum = {"maximum": highest} if median * math.exp(_TAILS * sigma) > highest else {}
    return Lognormal(median=median, sigma=sigma, **maximum)


def _scherzer_defocus_nm(spherical_mm: float, energy_kev: float) -> float:
    """Scherzer's extended defocus, 1.2 sqrt(Cs lambda) [nm], negative for a negative Cs; see `optics.limits`."""
    square = abs(spherical_mm) * MILLIMETRE * wavelength(energy_kev * 1e3)
    return math.copysign(EXTENDED * math.sqrt(square) / NANOMETRE, spherical_mm)
