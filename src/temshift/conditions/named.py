"""Named distributions of imaging conditions, as users write them: defaults, items, series."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from string import Formatter
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from temshift.conditions.distribution import Distribution, Normal
from temshift.conditions.imaging import KEYS, ImagingConditions, PartialConditions
from temshift.conditions.spaces.parameter_space import Space
from temshift.conditions.spaces.sequences import MOST_POINTS, sobol_points
from temshift.configuration import Configuration, allowed_text
from temshift.vocabulary import CANONICAL

_KEY_OF = {row.field: row.key for row in CANONICAL}
_NUMBER_FORMAT = re.compile(r"[-+ ]?0?[0-9]{0,2}(\.[0-9]{1,2})?[eEfFgG%]?")  # sign, width, precision, kind
_LONGEST_NAME = 120  # characters of a member's name


class Draws(Configuration):
    """Points ``first`` to ``first + count - 1`` of a scrambled Sobol sequence in a space of distributions.

    A larger ``count`` goes on where a smaller one ended. Without ``space`` the points lie in that of all conditions.
    """

    count: Annotated[int, Field(ge=1, le=MOST_POINTS)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    first: Annotated[int, Field(ge=1, le=MOST_POINTS)] = 1
    space: Space | None = None

    def points(self, space: Space) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the number of each point, and its place in a space."""
        end = self.first + self.count
        for number in range(self.first, end):
            yield number, sobol_points(len(space.dimensions), end - 1, self.seed)[number - 1]


class ConditionItem(PartialConditions):
    """One named distribution of conditions, a series of them over the values of one parameter, or drawn ones.

    In the ``name`` of a series, ``{value}`` stands for the value, ``{value:+.1f}`` for the value in that format: a
    sign, a width and a precision of at most two digits each, and one of e, f, g and %. ``sd`` spreads each value
    normally. In the name of ``drawn`` ones ``{value}`` is the number of the draw.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    series: str | None = None
    values: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    sd: Annotated[float, Field(ge=0)] = 0.0
    drawn: Draws | None = None

    @model_validator(mode="after")
    def _drawn_alone(self) -> "ConditionItem":
        if self.drawn is None:
            return self
        if self.series is not None:
            raise ValueError("series and drawn are both given; give one of them")
        if "{value" not in self.name:
            raise ValueError(f"name {self.name!r} of drawn conditions needs {{value}}, so that they differ")
        self.named(self.drawn.first + self.drawn.count - 1)
        return self

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
        name = "".join(_filled(self.name, value))
        if len(name) > _LONGEST_NAME:
            raise ValueError(
                f"name {self.name!r} of a series has {len(name)} characters at {value:g}; at most {_LONGEST_NAME}, "
                "so give a shorter one, or a format such as {value:g} if the number is long"
            )
        return name

    @property
    def size(self) -> int:
        """How many distributions the item stands for."""
        return self.drawn.count if self.drawn is not None else len(self.values or (None,))

    def expanded(self, space: Space | None = None) -> Iterator[tuple[str, PartialConditions]]:
        """Yield name and parameters of each distribution that the item stands for.

        ``space`` is where they are drawn if the item names no space of its own.
        """
        if self.drawn is not None:
            yield from self._drawn(self.drawn, self.drawn.space or space)
            return
        if self.series is None or self.values is None:
            yield self.name, self
            return
        for value in self.values:
            yield self.named(value), self._member(value)

    def _drawn(self, draws: Draws, space: Space | None) -> Iterator[tuple[str, PartialConditions]]:
        if space is None:
            raise ValueError(f"{self.name!r}: no space is given to draw from; give drawn.space, or conditions.space")
        tied = {"correlations": self.correlations, "measured": self.measured}
        for number, point in draws.points(space):
            yield self.named(number), PartialConditions(**{**space.at(point), **self.given(), **tied})

    def _member(self, value: float) -> PartialConditions:
        spread = Distribution(normal=Normal(mean=value, sd=self.sd)) if self.sd else Distribution(fixed=value)
        tied = {"correlations": self.correlations, "measured": self.measured}
        return PartialConditions(**{**self.given(), **tied, str(self.series): spread})


def _filled(name: str, value: float) -> Iterator[str]:
    """Yield the parts of a name in which a number stands for each ``{value}``.

    ``str.format`` would look up attributes of the value, and make texts of any length.
    """
    try:
        parts = list(Formatter().parse(name))
    except ValueError:
        raise _not_plain(name) from None
    for text, field, number_format, conversion in parts:
        yield text
        if field is None:
            continue
        if field != "value" or conversion or not _NUMBER_FORMAT.fullmatch(number_format or ""):
            raise _not_plain(name)
        yield format(value, number_format or "")


def _not_plain(name: str) -> ValueError:
    return ValueError(
        f"name {name!r}: only {{value}} and number formats may stand in braces, such as {{value:+.1f}}, "
        "with a width and a precision of at most two digits each"
    )


Items = Annotated[tuple[ConditionItem, ...], Field(min_length=1)]


class ConditionSets(Configuration):
    """Distributions of conditions to train on and to test on; what an item leaves out comes from ``default``.

    Items that are ``drawn`` come from ``space``.
    """

    default: PartialConditions = PartialConditions()
    space: Space | None = None
    training: Items
    test: Items

    @model_validator(mode="after")
    def _resolvable(self) -> "ConditionSets":
        _ = self._whole
        return self

    def resolved(self, role: str) -> list[tuple[str, ImagingConditions]]:
        """Return name and whole conditions of each distribution of a ``role``, "training" or "test"."""
        return list(self._whole[role])

    def written(self, role: str) -> list[tuple[str, ImagingConditions]]:
        """Return those of :meth:`resolved` that a person wrote, and the first one that each item draws."""
        items: Items = getattr(self, role)
        kept = [number == 0 or item.drawn is None for item in items for number in range(item.size)]
        return [one for one, keep in zip(self._whole[role], kept, strict=True) if keep]

    @cached_property
    def widest_semiangle(self) -> float:
        """The widest aperture of any of them [rad]; infinity if one has none."""
        return max(one.widest_semiangle for named in self._whole.values() for _, one in named)

    @cached_property
    def widest_angular_spread(self) -> float:
        """The largest spread of the illumination's angle of any of them [rad]."""
        return max(one.highest("angular_spread_sigma") for named in self._whole.values() for _, one in named)

    @cached_property
    def _whole(self) -> dict[str, list[tuple[str, ImagingConditions]]]:
        """All of both roles, once: thousands of them take seconds."""
        return {role: resolved(getattr(self, role), self.default, role, self.space) for role in ("training", "test")}


def resolved(
    items: Items, default: PartialConditions, place: str, space: Space | None = None
) -> list[tuple[str, ImagingConditions]]:
    """Return name and whole conditions of each distribution that ``items`` stand for.

    Parameters
    ----------
    items : tuple of ConditionItem
        Series among them are expanded.
    default : PartialConditions
        Where what an item leaves out comes from.
    place : str
        Name of the items in messages.
    space : Space, optional
        Where drawn items come from if they name no space of their own.

    Returns
    -------
    list of (str, ImagingConditions)

    Raises
    ------
    ValueError
        If a parameter that has no default is missing, a name is used twice, or there is no space to draw from.
    """
    parts = [part for item in items for part in item.expanded(space)]
    counts = Counter(name for name, _ in parts)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise ValueError(f"{place}: the name {twice[0]!r} is used twice; names must differ")
    return [(name, _whole(name, given, default, place)) for name, given in parts]


def _whole(name: str, given: PartialConditions, default: PartialConditions, place: str) -> ImagingConditions:
    try:
        return ImagingConditions(**given.over(default))
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"{place}, {name!r}: {message}") from error


def lens_remarks(named: Sequence[tuple[str, ImagingConditions]]) -> list[tuple[str, str]]:
    """Remark on probable mistakes of units, and on keys that change nothing because the key they belong to is missing.

    Parameters
    ----------
    named : sequence of (str, ImagingConditions)
        All conditions of a file: a key that one of them needs may stand in the default of all.

    Returns
    -------
    list of (str, str)
        Name of the condition, and one sentence.
    """
    given = {field for _, conditions in named for field in conditions.fields_given()}
    remarks = [(name, remark) for name, conditions in named for remark in conditions.remarks()]
    remarks += nuisance_remarks(named)
    for name, conditions in named:
        for key, field in conditions.idle().items():
            if field not in given:
                remarks.append((name, f"{key} changes nothing without {_KEY_OF[field]}; give it, or leave {key} out"))
    return remarks


def nuisance_remarks(named: Sequence[tuple[str, ImagingConditions]]) -> list[tuple[str, str]]:
    """Remark on keys that mark images alone, which every number that needs no image leaves out.

    Parameters
    ----------
    named : sequence of (str, ImagingConditions)
        Conditions with their names.

    Returns
    -------
    list of (str, str)
        Name of the condition, and one sentence.
    """
    return [
        (name, f"images alone have {', '.join(keys)}; epsilon, sigma, observers and predictions leave it out")
        for name, conditions in named
        if (keys := conditions.nuisances())
    ]


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
