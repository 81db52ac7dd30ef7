"""Distributions of one parameter, written in YAML as a number or as {normal: ...} or {uniform: ...}."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_serializer, model_validator
from scipy.special import ndtri

from temshift.core.configuration import Configuration


class Normal(Configuration):
    """A normal distribution."""

    mean: float
    sd: Annotated[float, Field(ge=0)]


class Uniform(Configuration):
    """A uniform distribution."""

    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}; swap them")
        return self


class Distribution(Configuration):
    """Exactly one of ``fixed``, ``normal``, ``uniform``; a bare number is ``fixed``.

    Examples
    --------
    >>> Distribution.model_validate({"normal": {"mean": -10, "sd": 1.5}}).center
    -10.0
    """

    fixed: float | None = None
    normal: Normal | None = None
    uniform: Uniform | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return {"fixed": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> "Distribution":
        given = [name for name in ("fixed", "normal", "uniform") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{given or 'nothing'} given; write one of: a number, "
                "{normal: {mean: ..., sd: ...}}, {uniform: {minimum: ..., maximum: ...}}"
            )
        return self

    @model_serializer
    def _compact(self) -> float | dict[str, Any]:
        if self.fixed is not None:
            return self.fixed
        return {name: getattr(self, name).model_dump() for name in ("normal", "uniform") if getattr(self, name)}

    @property
    def center(self) -> float:
        """Mean of the distribution."""
        return float(self.quantile(np.array(0.5)))

    @property
    def sd(self) -> float:
        """Standard deviation of the distribution."""
        if self.normal is not None:
            return self.normal.sd
        return (self.uniform.maximum - self.uniform.minimum) / 12**0.5 if self.uniform is not None else 0.0

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value below which a share ``probability`` (0 to 1, any shape) of the draws lies."""
        if self.normal is not None:
            return self.normal.mean + self.normal.sd * np.asarray(ndtri(probability))
        if self.uniform is not None:
            return self.uniform.minimum + (self.uniform.maximum - self.uniform.minimum) * probability
        return np.full_like(probability, self.fixed)

    @property
    def lowest(self) -> float:
        """The lowest value of a bounded distribution, the centre of an unbounded one."""
        return self.uniform.minimum if self.uniform is not None else self.center

    def at_least(self, bound: float) -> bool:
        """Tell whether :attr:`lowest` is at least ``bound``; tails of a normal distribution do not count."""
        return self.lowest >= bound
