"""Distributions of one parameter, written in YAML as a number or as one kind, such as {normal: {mean: 5, sd: 1}}."""

import math
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import model_serializer, model_validator

from temshift.conditions.distribution_kinds import Choice, Lognormal, Loguniform, Normal, Uniform
from temshift.configuration import Configuration

__all__ = ["Choice", "Distribution", "Kind", "Lognormal", "Loguniform", "Normal", "Uniform"]

_KINDS = ("normal", "lognormal", "uniform", "loguniform", "choice")

Kind: TypeAlias = Normal | Lognormal | Uniform | Loguniform | Choice


class Distribution(Configuration):
    """Exactly one of ``fixed``, ``normal``, ``lognormal``, ``uniform``, ``loguniform``, ``choice``.

    A bare number is ``fixed``.

    Examples
    --------
    >>> Distribution.model_validate({"normal": {"mean": -10, "sd": 1.5}}).center
    -10.0
    >>> Distribution.model_validate({"lognormal": {"median": 2, "sigma": 0.2, "maximum": 3}}).highest
    3.0
    >>> Distribution.model_validate({"choice": {"values": [5, 10], "weights": [1, 3]}}).share_below(10)
    0.25
    """

    written_as: ClassVar[str] = "a number, or a distribution such as {normal: {mean: 5, sd: 1}}"

    fixed: float | None = None
    normal: Normal | None = None
    lognormal: Lognormal | None = None
    uniform: Uniform | None = None
    loguniform: Loguniform | None = None
    choice: Choice | None = None

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
                "{lognormal: {median: ..., sigma: ...}}, {uniform: {minimum: ..., maximum: ...}}, "
                "{loguniform: {minimum: ..., maximum: ...}}, {choice: {values: [...]}}"
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
        return self.normal or self.lognormal or self.uniform or self.loguniform or self.choice

    @property
    def center(self) -> float:
        """Median of the distribution, which is its mean too unless it is lopsided.

        Of a choice, the value at probability 0.5 when its values are sorted.
        """
        return float(self.quantile(np.array(0.5)))

    @property
    def sd(self) -> float:
        """Standard deviation of the distribution, as cut by its bounds."""
        return self.kind.deviation if self.kind is not None else 0.0

    def quantile(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value below which a share ``probability`` (0 to 1, any shape) of the draws lies."""
        return self.kind.quantile(probability) if self.kind is not None else np.full_like(probability, self.fixed)

    def share_below(self, bound: float) -> float:
        """Return the probability (0 to 1) that a draw is less than ``bound`` [unit of the parameter]."""
        return self.kind.share_below(bound) if self.kind is not None else float(self.center < bound)

    @property
    def lowest(self) -> float:
        """The lowest value of a distribution that is bounded below, the centre of another."""
        lowest = self.kind.lowest if self.kind is not None else self.center
        return lowest if math.isfinite(lowest) else self.center

    @property
    def highest(self) -> float:
        """The highest value; infinity if the distribution has no upper bound."""
        return self.kind.highest if self.kind is not None else self.center
