"""Several sets of specimens in one study: how each differs from its recipe, and which conditions are for it."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from temshift.conditions import Distribution
from temshift.conditions.named import ConditionItem, ConditionSets
from temshift.configuration import Configuration
from temshift.specimens import carried_over

OWN, ALL = "own", "all"
_MOST_SETS = 1000
DISTRIBUTIONS = set(Distribution.model_fields)  # a size has one of them as its key
RANGE = {"minimum", "maximum"}

Name = Annotated[str, Field(min_length=1, max_length=80)]
Patch = Mapping[str, Any]  # a tree of values that replace others; None removes one
Selection = tuple[str, ...]  # names of sets, "own" or "all"


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class SpecimenSet(Configuration):
    """A set of specimens that differs from ``specimens`` in some keys, a series of such sets, or a mixture of others.

    ``specimens`` and ``counts`` hold what differs: mappings are merged key by key, and null takes a key away; another
    ``substrate.material`` keeps of the substrate only thickness and roughness, and those for films alone. A series
    takes each of ``values`` at a dotted key of ``specimens``, such as ``particles.crystal``; ``{value}`` in its name
    stands for the value. In a ``mixture`` specimens of the sets named take turns.
    """

    name: Name
    series: Annotated[str, Field(min_length=1)] | None = None
    values: Annotated[tuple[Any, ...], Field(min_length=1, max_length=_MOST_SETS)] | None = None
    specimens: dict[str, Any] | None = None
    counts: dict[str, Any] | None = None
    mixture: Annotated[tuple[Name, ...], Field(min_length=2, max_length=100)] | None = None

    @model_validator(mode="after")
    def _series_is_whole(self) -> "SpecimenSet":
        if (self.series is None) != (self.values is None):
            raise ValueError("series and values belong together; give both or neither")
        if self.series is not None and "{value}" not in self.name:
            raise ValueError(f"name {self.name!r} of a series needs {{value}}, so that the names differ")
        if self.mixture is not None and (self.series is not None or self.specimens is not None):
            raise ValueError("a mixture takes its specimens from other sets; give no specimens and no series with it")
        return self

    def expanded(self) -> Iterator[tuple[str, Patch]]:
        """Yield name and patch of each set that this stands for."""
        if self.series is None or self.values is None:
            yield self.name, self.specimens or {}
            return
        for value in self.values:
            patch: Any = value
            for part in reversed(self.series.split(".")):
                patch = {part: patch}
            yield self.name.replace("{value}", _text(value)), merged(self.specimens or {}, patch)


class StudyItem(ConditionItem):
    """A distribution of conditions, or several of them, for some of the specimen sets of a study.

    ``specimens`` names the sets, one or several. Without it trainings are for all of them, and tests for all that are
    no mixture. ``specimens: own`` shows in a test each network new specimens of the kind that it was trained on.
    """

    specimens: Annotated[Selection, BeforeValidator(_listed), Field(min_length=1)] | None = None


StudyItems = Annotated[tuple[StudyItem, ...], Field(min_length=1)]


class StudyConditions(ConditionSets):
    """Distributions of conditions to train on and to test on; what an item leaves out comes from ``default``.

    Items that are ``drawn`` come from ``space``.
    """

    training: StudyItems
    test: StudyItems

    def chosen(self, role: str) -> list[Selection]:
        """Return the specimen sets that each distribution of :meth:`resolved` belongs to."""
        items: StudyItems = getattr(self, role)
        return [item.specimens or (ALL,) for item in items for _ in range(item.size)]


def merged(base: Any, patch: Any) -> Any:
    """Merge a patch into plain values, as JSON merge patch (RFC 7396) does: None takes a key away.

    A distribution is replaced by one of another kind, and a range merged with one however it is written.

    Examples
    --------
    >>> merged({"radius": 1, "film": {"thickness": 2, "rms": 1}}, {"film": {"rms": None, "density": 3}})
    {'radius': 1, 'film': {'thickness': 2, 'density': 3}}
    >>> merged({"uniform": {"minimum": 1, "maximum": 2}}, {"maximum": 3})
    {'uniform': {'minimum': 1, 'maximum': 3}}
    """
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    whole = dict(base) if isinstance(base, Mapping) else {}
    kinds = set(whole) & DISTRIBUTIONS
    if kinds == {"uniform"} and patch and set(patch) <= RANGE:
        return {"uniform": merged(whole["uniform"], patch)}
    if kinds and not kinds & set(patch):
        whole = {}
    for key, value in patch.items():
        if value is None:
            whole.pop(key, None)
        else:
            whole[key] = merged(whole.get(key), value)
    return whole


def names_in(sets: Sequence[SpecimenSet], *, mixtures: bool) -> list[str]:
    """Return the names of sets, with or without mixtures."""
    return [name for one in sets if mixtures or one.mixture is None for name, _ in one.expanded()]


def patched(specimens: Mapping[str, Any], counts: Mapping[str, Any], sets: Sequence[SpecimenSet]) -> dict[str, Any]:
    """Return the sections ``specimens`` and ``counts`` of each set, by its name.

    Parameters
    ----------
    specimens, counts : mapping
        Those of the study, as plain values.
    sets : sequence of SpecimenSet
        The sets.

    Returns
    -------
    dict
        Two sections a set.
    """
    own = {name: _recipe(specimens, patch) for one in sets if one.mixture is None for name, patch in one.expanded()}
    mixed = {one.name: {"mixture": [own[name] for name in one.mixture]} for one in sets if one.mixture is not None}
    numbers = {name: merged(counts, one.counts or {}) for one in sets for name, _ in one.expanded()}
    return {name: {"specimens": recipe, "counts": numbers[name]} for name, recipe in {**own, **mixed}.items()}


def _recipe(specimens: Mapping[str, Any], patch: Patch) -> dict[str, Any]:
    """Merge a patch into a recipe; another material of the substrate brings its own numbers."""
    base, support = dict(specimens), carried_over(specimens.get("substrate"), patch.get("substrate"))
    if support is not None:
        base["substrate"] = support
    return dict(merged(base, patch))


def set_faults(sets: Sequence[SpecimenSet]) -> Iterator[tuple[int, str]]:
    """Yield why sets can't be told apart or mixed: the number of the item, and a message."""
    pure, known = names_in(sets, mixtures=False), names_in(sets, mixtures=True)
    for number, item in enumerate(sets):
        twice = [name for name, _ in item.expanded() if known.count(name) > 1]
        if twice:
            yield number, f"the name {twice[0]!r} is used twice; names of sets must differ"
        reserved = [name for name, _ in item.expanded() if name in (OWN, ALL)]
        if reserved:
            yield number, f"{reserved[0]!r} stands for several sets in conditions; give the set another name"
        strange = [name for name in item.mixture or () if name not in pure]
        if strange:
            yield number, f"mixes {strange[0]!r}, which is no set or a mixture itself; sets: {', '.join(pure)}"
    if len(known) < 2:
        yield 0, "is the only set; give two at least, or write its keys under specimens and leave specimen_sets out"


def choice_faults(conditions: StudyConditions, sets: Sequence[SpecimenSet]) -> Iterator[tuple[str, int, str]]:
    """Yield why items of conditions can't have the specimens that they name: role, number of the item, message."""
    known = names_in(sets, mixtures=True)
    for role in ("training", "test"):
        items: StudyItems = getattr(conditions, role)
        for number, item in enumerate(items):
            yield from ((role, number, fault) for fault in _choice_faults(role, item, known))


def _choice_faults(role: str, item: StudyItem, known: Sequence[str]) -> Iterator[str]:
    if item.specimens is None:
        return
    if not known:
        yield "names specimen sets, but the study has none; give specimen_sets, or leave it out"
        return
    words = {"training": (ALL,), "test": (OWN, ALL)}[role]
    strange = [name for name in item.specimens if name not in (*words, *known)]
    if strange:
        yield f"{strange[0]!r} is no specimen set; allowed: {', '.join([*words, *known])}"
    if len(item.specimens) > 1 and {OWN, ALL} & set(item.specimens):
        yield "names own or all and others with it; give a list of sets, or one of these words"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
