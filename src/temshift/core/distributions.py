"""Distributions of one parameter, written in YAML as a number, {normal: ...}, {lognormal: ...} or {uniform: ...}."""

import math
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_serializer, model_validator
from scipy.special import ndtr, ndtri

from temshift.core.configuration import Configuration

_KINDS = ("normal", "lognormal", "uniform")


class Normal(Configuration):
    """A normal distribution; ``minimum`` and ``maximum``, where given, cut its tails off."""

    mean: float
    sd: Annotated[float, Field(ge=0)]
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Normal":
        _require_cut(self.lowest, self.mean, self.highest, "mean")
        return self

    @property
    def lowest(self) -> float:
        """The lowest value [unit of the parameter]; minus infinity where no tail is cut."""
        return -math.inf if self.minimum is None else self.minimum

    @property
    def highest(self) -> float:
        """The highest value; infinity where no tail is cut."""
        return math.inf if self.maximum is None else self.maximum

    @property
    def deviation(self) -> float:
        """Standard deviation of what is left between the bounds."""
        if self.sd == 0 or self.lowest == self.highest:
            return 0.0
        low, high = self._cut
        share = float(ndtr(high) - ndtr(low))
        shift = (_density(low) - _density(high)) / share
        spread = (_moment(low) - _moment(high)) / share
        return self.sd * math.sqrt(max(1 + spread - shift**2, 0.0))

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution, of the shape of ``probability`` (0 to 1)."""
        if self.sd == 0:
            return np.full_like(probability, self.mean)
        return self.mean + self.sd * _cut_normal(probability, *self._cut)

    @property
    def _cut(self) -> tuple[float, float]:
        return (self.lowest - self.mean) / self.sd, (self.highest - self.mean) / self.sd


class Lognormal(Configuration):
    """A lognormal distribution: ln x is normal around ln ``median``, with standard deviation ``sigma``.

    ``minimum`` and ``maximum``, where given, cut its tails off.
    """

    median: Annotated[float, Field(gt=0)]
    sigma: Annotated[float, Field(ge=0)]
    minimum: Annotated[float, Field(ge=0)] | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Lognormal":
        _require_cut(self.lowest, self.median, self.highest, "median")
        return self

    @property
    def lowest(self) -> float:
        """The lowest value [unit of the parameter]; 0 where the lower tail is not cut."""
        return 0.0 if self.minimum is None else self.minimum

    @property
    def highest(self) -> float:
        """The highest value; infinity where the upper tail is not cut."""
        return math.inf if self.maximum is None else self.maximum

    @property
    def deviation(self) -> float:
        """Standard deviation of what is left between the bounds."""
        first, second = self._raw_moment(1), self._raw_moment(2)
        return math.sqrt(max(second - first**2, 0.0))

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution, of the shape of ``probability`` (0 to 1)."""
        if self.sigma == 0:
            return np.full_like(probability, self.median)
        return self.median * np.exp(self.sigma * _cut_normal(probability, *self._cut))

    def _raw_moment(self, order: int) -> float:
        """Mean of x^order: exp(order mu + order^2 sigma^2 / 2) times what its shifted normal has between the bounds."""
        if self.sigma == 0 or self.lowest == self.highest:
            return self.median**order
        low, high = self._cut
        shift = order * self.sigma
        share = float((ndtr(high - shift) - ndtr(low - shift)) / (ndtr(high) - ndtr(low)))
        return self.median**order * math.exp(shift**2 / 2) * share

    @property
    def _cut(self) -> tuple[float, float]:
        return _log(self.lowest / self.median) / self.sigma, _log(self.highest / self.median) / self.sigma


class Uniform(Configuration):
    """A uniform distribution."""

    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}; swap them")
        return self

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return self.minimum

    @property
    def highest(self) -> float:
        """The highest value."""
        return self.maximum

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return (self.maximum - self.minimum) / 12**0.5

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution, of the shape of ``probability`` (0 to 1)."""
        return self.minimum + (self.maximum - self.minimum) * probability


Kind: TypeAlias = Normal | Lognormal | Uniform


class Distribution(Configuration):
    """Exactly one of ``fixed``, ``normal``, ``lognormal``, ``uniform``; a bare number is ``fixed``.

    Examples
    --------
    >>> Distribution.model_validate({"normal": {"mean": -10, "sd": 1.5}}).center
    -10.0
    >>> Distribution.model_validate({"lognormal": {"median": 2, "sigma": 0.2, "maximum": 3}}).highest
    3.0
    """

    fixed: float | None = None
    normal: Normal | None = None
    lognormal: Lognormal | None = None
    uniform: Uniform | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return {"fixed": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> "Distribution":
        given = [name for name in ("fixed", *_KINDS) if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{given or 'nothing'} given; write one of: a number, {{normal: {{mean: ..., sd: ...}}}}, "
                "{lognormal: {median: ..., sigma: ...}}, {uniform: {minimum: ..., maximum: ...}}"
            )
        return self

    @model_serializer
    def _compact(self) -> float | dict[str, Any]:
        if self.fixed is not None:
            return self.fixed
        return {name: getattr(self, name).model_dump(exclude_none=True) for name in _KINDS if getattr(self, name)}

    @property
    def kind(self) -> Kind | None:
        """The distribution that varies; None of a fixed value."""
        return self.normal or self.lognormal or self.uniform

    @property
    def center(self) -> float:
        """Median of the distribution, which is its mean too unless it is lopsided."""
        return float(self.quantile(np.array(0.5)))

    @property
    def sd(self) -> float:
        """Standard deviation of the distribution, as cut by its bounds."""
        return self.kind.deviation if self.kind is not None else 0.0

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value below which a share ``probability`` (0 to 1, any shape) of the draws lies."""
        return self.kind.quantile(probability) if self.kind is not None else np.full_like(probability, self.fixed)

    @property
    def lowest(self) -> float:
        """The lowest value of a distribution that is bounded below, the centre of another."""
        lowest = self.kind.lowest if self.kind is not None else self.center
        return lowest if math.isfinite(lowest) else self.center

    @property
    def highest(self) -> float:
        """The highest value; infinity where the distribution has no upper bound."""
        return self.kind.highest if self.kind is not None else self.center

    def at_least(self, bound: float) -> bool:
        """Tell whether :attr:`lowest` is at least ``bound``; uncut tails of a normal distribution do not count."""
        return self.lowest >= bound


def _require_cut(lowest: float, center: float, highest: float, name: str) -> None:
    """Keep the centre between the bounds: further out, quantiles of the tail lose their digits."""
    if not lowest <= center <= highest:
        raise ValueError(
            f"{name} {center:g} is not between minimum {lowest:g} and maximum {highest:g}; move one of them"
        )


def _cut_normal(probability: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Quantiles of the standard normal distribution between `low` and `high`."""
    bottom, top = ndtr(low), ndtr(high)
    return np.clip(ndtri(bottom + (top - bottom) * np.asarray(probability)), low, high)


def _density(deviate: float) -> float:
    return math.exp(-(deviate**2) / 2) / math.sqrt(2 * math.pi)


def _moment(deviate: float) -> float:
    """Deviate times its density, 0 at infinity."""
    return deviate * _density(deviate) if math.isfinite(deviate) else 0.0


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
