"""Kinds of distributions of one parameter: each knows its quantiles, its bounds, its spread and its shares."""

import math
from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from scipy.special import ndtr, ndtri, spherical_in

from temshift.configuration import Configuration
from temshift.configuration.model import as_tuples

LARGEST = 1e100  # far beyond any parameter, and its square, times a moment of a distribution, is still a number


def _require_moderate(value: float) -> float:
    if abs(value) > LARGEST:
        raise ValueError(f"{value:g} is beyond {LARGEST:g}: no parameter is that large")
    return value


Finite = Annotated[float, AfterValidator(_require_moderate)]
Numbers = Annotated[tuple[Finite, ...], BeforeValidator(as_tuples), Field(min_length=1)]
Weights = Annotated[tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(as_tuples)]


class Normal(Configuration):
    """A normal distribution; ``minimum`` and ``maximum``, if given, cut its tails off."""

    mean: Finite
    sd: Annotated[Finite, Field(ge=0)]
    minimum: Finite | None = None
    maximum: Finite | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Normal":
        _require_cut(self.lowest, self.mean, self.highest, "mean")
        return self

    @property
    def lowest(self) -> float:
        """The lowest value [unit of the parameter]; minus infinity if no tail is cut."""
        return -math.inf if self.minimum is None else self.minimum

    @property
    def highest(self) -> float:
        """The highest value; infinity if no tail is cut."""
        return math.inf if self.maximum is None else self.maximum

    @property
    def deviation(self) -> float:
        """Standard deviation of what is left between the bounds."""
        if self._is_still:
            return 0.0
        low, high = self._cut
        share = _share(low, high)
        shift = (_density(low) - _density(high)) / share
        spread = (_moment(low) - _moment(high)) / share
        return self.sd * math.sqrt(max(1 + spread - shift**2, 0.0))

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution, of the shape of ``probability`` (0 to 1)."""
        if self.sd == 0:
            return np.full_like(probability, self.mean)
        return self.mean + self.sd * _cut_normal(probability, *self._cut)

    def share_below(self, bound: float) -> float:
        """Probability that a draw is less than ``bound``."""
        if self._is_still:
            return float(self.mean < bound)
        return _cut_share((bound - self.mean) / self.sd, *self._cut)

    @property
    def _is_still(self) -> bool:
        """Whether every draw is the mean, for want of a spread or of room between the bounds."""
        return self.sd == 0 or _share(*self._cut) == 0

    @property
    def _cut(self) -> tuple[float, float]:
        return (self.lowest - self.mean) / self.sd, (self.highest - self.mean) / self.sd


class Lognormal(Configuration):
    """A lognormal distribution: ln x is normal around ln ``median``, with standard deviation ``sigma``.

    ``minimum`` and ``maximum``, if given, cut its tails off. ``sigma`` is at most 10, a factor of 22,000.
    """

    median: Annotated[Finite, Field(gt=0)]
    sigma: Annotated[float, Field(ge=0, le=10)]
    minimum: Annotated[Finite, Field(ge=0)] | None = None
    maximum: Finite | None = None

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
        """The highest value; infinity if the upper tail is not cut."""
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

    def share_below(self, bound: float) -> float:
        """Probability that a draw is less than ``bound``."""
        if self._is_still:
            return float(self.median < bound)
        return _cut_share(_log(bound / self.median) / self.sigma, *self._cut)

    def _raw_moment(self, order: int) -> float:
        """Mean of x^order: exp(order mu + order^2 sigma^2 / 2) times what its shifted normal has between the bounds."""
        if self._is_still:
            return self.median**order
        low, high = self._cut
        shift = order * self.sigma
        share = _share(low - shift, high - shift) / _share(low, high)
        return self.median**order * math.exp(shift**2 / 2) * share

    @property
    def _is_still(self) -> bool:
        """Whether every draw is the median, for want of a spread or of room between the bounds."""
        return self.sigma == 0 or _share(*self._cut) == 0

    @property
    def _cut(self) -> tuple[float, float]:
        return _log(self.lowest / self.median) / self.sigma, _log(self.highest / self.median) / self.sigma


class _Between(Configuration):
    """What distributions between two bounds share."""

    minimum: Finite
    maximum: Finite

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _require_order(self.minimum, self.maximum)
        return self

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return self.minimum

    @property
    def highest(self) -> float:
        """The highest value."""
        return self.maximum


class Uniform(_Between):
    """A uniform distribution."""

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return (self.maximum - self.minimum) / 12**0.5

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution, of the shape of ``probability`` (0 to 1)."""
        return self.minimum + (self.maximum - self.minimum) * probability

    def share_below(self, bound: float) -> float:
        """Probability that a draw is less than ``bound``."""
        if self.minimum == self.maximum:
            return float(self.minimum < bound)
        return _within(0, (bound - self.minimum) / (self.maximum - self.minimum), 1)


class Loguniform(_Between):
    """A log-uniform distribution: ln x is uniform, so that each decade is drawn equally often."""

    minimum: Annotated[Finite, Field(gt=0)]
    maximum: Annotated[Finite, Field(gt=0)]

    @property
    def deviation(self) -> float:
        """Standard deviation.

        With h = ln(maximum / minimum) / 2 the mean is sqrt(minimum maximum) i0(h) and the variance
        minimum maximum i0(h) h i1(h), where i0 = sinh(h) / h and i1 are modified spherical Bessel functions: without
        the difference of squares that loses the digits of a narrow distribution.
        """
        half = self._span / 2
        factor = math.sqrt(spherical_in(0, half)) * math.sqrt(half * spherical_in(1, half))
        return math.sqrt(self.minimum) * math.sqrt(self.maximum) * factor

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution, of the shape of ``probability`` (0 to 1)."""
        drawn = np.exp(math.log(self.minimum) + self._span * np.asarray(probability))
        return np.clip(drawn, self.minimum, self.maximum)

    def share_below(self, bound: float) -> float:
        """Probability that a draw is less than ``bound``."""
        if self._span == 0:
            return float(self.minimum < bound)
        return _within(0, (_log(bound) - math.log(self.minimum)) / self._span, 1)

    @property
    def _span(self) -> float:
        return math.log(self.maximum) - math.log(self.minimum)


class Choice(Configuration):
    """One of several values; ``weights``, if given, say how often each is drawn against the others."""

    values: Numbers
    weights: Weights | None = None

    @model_validator(mode="after")
    def _weights_fit(self) -> "Choice":
        require_weights(self.weights, len(self.values), "value")
        return self

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return min(self.values)

    @property
    def highest(self) -> float:
        """The highest value."""
        return max(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        mean = np.average(self.values, weights=self._relative)
        return math.sqrt(np.average((np.array(self.values) - mean) ** 2, weights=self._relative))

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution, of the shape of ``probability`` (0 to 1)."""
        order = np.argsort(self.values, kind="stable")
        weights = None if self.weights is None else np.array(self.weights)[order]
        return np.asarray(np.array(self.values)[order][chosen(probability, len(order), weights)])

    def share_below(self, bound: float) -> float:
        """Probability that a draw is less than ``bound``."""
        return float(np.average(np.array(self.values) < bound, weights=self._relative))

    @property
    def _relative(self) -> NDArray[np.float64] | None:
        """Weights over the largest, whose sum is finite however large they are."""
        return None if self.weights is None else np.array(self.weights) / max(self.weights)


def chosen(
    probability: NDArray[np.float64], count: int, weights: Sequence[float] | NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Choose among items: the first whose cumulative share reaches the probability.

    Parameters
    ----------
    probability : ndarray
        Uniform deviates (0 to 1) of any shape.
    count : int
        Number of items, at least 1.
    weights : sequence of float, optional
        One positive weight an item; all alike if not given.

    Returns
    -------
    ndarray of int
        Number of the item, from 0, of the shape of `probability`.

    Examples
    --------
    >>> chosen(np.array([0.0, 0.25, 0.3, 1.0]), 2, weights=[1, 3]).tolist()
    [0, 0, 1, 1]
    """
    cumulative = np.cumsum(np.ones(count) if weights is None else np.array(weights) / max(weights))
    return np.asarray(np.searchsorted(cumulative / cumulative[-1], probability))


def require_weights(weights: Sequence[float] | None, count: int, item: str) -> None:
    """Require one weight for each item.

    Parameters
    ----------
    weights : sequence of float or None
        None stands for equal weights.
    count : int
        Number of items.
    item : str
        What an item is called in the message.

    Raises
    ------
    ValueError
        If there are more or fewer weights than items.
    """
    if weights is not None and len(weights) != count:
        raise ValueError(f"weights: given {len(weights)} for {count} {item}s; give one for each {item}, or none")


def _require_cut(lowest: float, center: float, highest: float, name: str) -> None:
    """Keep the centre between the bounds: further out, quantiles of the tail lose their digits."""
    if not lowest <= center <= highest:
        raise ValueError(
            f"{name} {center:g} is not between minimum {lowest:g} and maximum {highest:g}; move one of them"
        )


def _require_order(minimum: float, maximum: float) -> None:
    if minimum > maximum:
        raise ValueError(f"minimum {minimum:g} is above maximum {maximum:g}; swap them")


def _share(low: float, high: float) -> float:
    """Probability of the standard normal distribution between two deviates."""
    return float(ndtr(high) - ndtr(low))


def _cut_share(deviate: float, low: float, high: float) -> float:
    """Probability below a deviate of the standard normal distribution between `low` and `high`."""
    return _share(low, _within(low, deviate, high)) / _share(low, high)


def _within(lowest: float, value: float, highest: float) -> float:
    return min(max(value, lowest), highest)


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
