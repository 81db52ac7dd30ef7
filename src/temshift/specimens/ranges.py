"""Ranges of values, written in YAML as {minimum: ..., maximum: ...} or as one number, and checks of what is written."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from pydantic import model_validator

from temshift.configuration import Configuration
from temshift.core import InputError

ANGSTROM_PER_NM = 10.0

Number = TypeVar("Number", int, float)
Result = TypeVar("Result")


class Range(Configuration, Generic[Number]):
    """Values from `minimum` to `maximum`, both included; a bare number is a range of that number alone.

    Examples
    --------
    >>> Range[float].model_validate(1.5)
    Range[float](minimum=1.5, maximum=1.5)
    """

    minimum: Number
    maximum: Number

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"minimum": value, "maximum": value}
        if not isinstance(value, Mapping | Range):
            raise ValueError(f"given {value!r}; must be a number or {{minimum: ..., maximum: ...}}")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> "Range[Number]":
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}; swap them")
        return self


def within(lowest: Number, highest: Number) -> Callable[[Range[Number]], Range[Number]]:
    """Make a validator that keeps a range within bounds, both included."""

    def check(given: Range[Number]) -> Range[Number]:
        outside = [value for value in (given.minimum, given.maximum) if not lowest <= value <= highest]
        if outside:
            raise ValueError(f"given {outside[0]:g}; allowed: {lowest:g} to {highest:g}")
        return given

    return check


def in_angstrom(lengths: Range[float]) -> tuple[float, float]:
    """Give the least and greatest length [A] of a range in nanometre."""
    return lengths.minimum * ANGSTROM_PER_NM, lengths.maximum * ANGSTROM_PER_NM


def require(check: Callable[..., Result], *given: object) -> Result:
    """Turn an input error of `check` into the ValueError that validators raise; else give its result."""
    try:
        return check(*given)
    except InputError as error:
        raise ValueError(str(error)) from error
