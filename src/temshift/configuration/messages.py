"""What pydantic finds wrong in a document, told once and plainly for each key."""

import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Tag

from temshift.configuration.yaml_document import Document, KeyPath

_LONGEST_VALUE = 60
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_MOST_LISTED = 30
_NEAREST_OF_MANY = 4
_ALIKE = 0.6  # from which ratio on difflib takes two words to be the same one misspelt
_LISTS_ALL = "docs/image-formation.md"  # of all keys of a condition: nothing else allows as many
_PREFIX = "Input should be "
_KINDS = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
}
_OF_A_WHOLE = {"value_error", "assertion_error"}
_OF_NUMBERS = {"int_type", "float_type", "model_type"}


@dataclass(frozen=True)
class _Place:
    """Where an error lies: path in the data, type wanted there, model around it, union passed."""

    path: KeyPath = ()
    wanted: Any = None
    model: Any = None
    union: KeyPath | None = None
    label: str = ""


@dataclass(frozen=True)
class _Finding:
    place: _Place
    error: Mapping[str, Any]


def add_faults(document: Document, errors: Sequence[Mapping[str, Any]], model: Any) -> None:
    """Turn the errors of a validation into faults of the document.

    Parameters
    ----------
    document : Document
        Faults are added to it; a path that has a fault keeps it.
    errors : sequence of mappings
        ``ValidationError.errors()`` of pydantic.
    model : type
        The pydantic model that was validated.
    """
    findings = [_Finding(_locate(model, error["loc"]), error) for error in errors if not _follows(error, errors)]
    wholes = {_path(finding) for finding in findings if finding.error["type"] in _OF_A_WHOLE}
    following = {path for path in wholes if document.has_fault_below(path)}
    for path, message in _messages(findings, document.data):
        if path not in following:
            document.add_fault(path, message)


def allowed_text(given: Any, allowed: Sequence[Any]) -> str:
    """Tell what is allowed, and which of it comes nearest to what was given; of many, the nearest alone.

    Parameters
    ----------
    given : Any
        What was given, such as a key.
    allowed : sequence
        What could be given; may be empty.

    Returns
    -------
    str
        The end of a message, from its semicolon on.

    Examples
    --------
    >>> allowed_text("defocus", ["defocus_nm", "C12_nm"])
    "; allowed: 'defocus_nm', 'C12_nm'; nearest: 'defocus_nm'"
    >>> allowed_text("C12", [f"C{order}_nm" for order in range(10, 50)])
    "; nearest: 'C12_nm' (of 40, all in docs/image-formation.md)"
    """
    if not allowed:
        return "; no key is allowed here"
    if len(allowed) > _MOST_LISTED:
        near = _nearest(given, allowed, _NEAREST_OF_MANY)
        return f"; nearest: {_listed(near)} (of {len(allowed)}, all in {_LISTS_ALL})"
    near = _nearest(given, allowed, 1)
    return f"; allowed: {_listed(allowed)}{f'; nearest: {near[0]!r}' if near else ''}"


def _nearest(given: Any, allowed: Sequence[Any], most: int) -> list[Any]:
    """Give those that start with what was given, as a unit may follow, else those that are spelt alike."""
    names = {str(item).lower(): item for item in allowed}
    wanted = str(given).lower()
    started = [name for name in names if name.startswith(f"{wanted}_")]
    near = started or get_close_matches(wanted, names, n=most, cutoff=_ALIKE if most == 1 else 0.0)
    return [names[name] for name in near[:most]]


def _listed(items: Sequence[Any]) -> str:
    return ", ".join(repr(item) if isinstance(item, str) else str(item) for item in items)


def _follows(error: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a list is short, or a default unknown, only because of other faults, which are told already."""
    place = error["loc"]
    return error["type"] == "default_factory_not_called" or (
        error["type"] == "too_short"
        and any(other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in errors)
    )


def _messages(findings: Sequence[_Finding], data: Any) -> list[tuple[KeyPath, str]]:
    single = [finding for finding in findings if finding.place.union is None]
    told = [(_path(finding), _message(finding)) for finding in single]
    unions: dict[KeyPath, list[_Finding]] = {}
    for finding in findings:
        if finding.place.union is not None:
            unions.setdefault(finding.place.union, []).append(finding)
    for path, group in unions.items():
        told += _union_messages(path, group, _value_at(data, path))
    return told


def _union_messages(path: KeyPath, group: list[_Finding], value: Any) -> list[tuple[KeyPath, str]]:
    """Tell of the one member that was meant, else all members in one sentence."""
    members: dict[str, list[_Finding]] = {}
    for finding in group:
        members.setdefault(finding.place.label, []).append(finding)
    nested = [found for found in members.values() if found[0].place.path != path or _is_key_fault(found[0])]
    if isinstance(value, dict | list) and nested:
        fewest = min(nested, key=len)
        return [(_path(finding), _message(finding)) for finding in fewest]
    allowed = [_wish(found[0].error) for found in members.values() if found not in nested]
    return [(path, f"given {_shown(value)}; must be {' or '.join(dict.fromkeys(allowed))}")]


def _is_key_fault(finding: _Finding) -> bool:
    return finding.error["type"] in {"missing", "extra_forbidden"}


def _wish(error: Mapping[str, Any]) -> str:
    return _KINDS.get(error["type"], str(error["msg"]).removeprefix(_PREFIX))


def _path(finding: _Finding) -> KeyPath:
    """Give the path of the fault; a wrong discriminator, a key or a function of its name, is told at that key."""
    context = finding.error.get("ctx", {})
    if finding.error["type"] == "union_tag_invalid":
        return (*finding.place.path, _discriminator(context))
    return finding.place.path


def _discriminator(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).strip("'()")


def _message(finding: _Finding) -> str:
    error, place = finding.error, finding.place
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key{allowed_text(str(error['loc'][-1]), _keys(place.model))}"
        case "missing":
            return "is missing; this key is required"
        case "union_tag_invalid":
            tags = str(context["expected_tags"]).replace("'", "").split(", ")
            return f"{context['tag']!r} is not known{allowed_text(context['tag'], tags)}"
        case "union_tag_not_found":
            return f"the key {_discriminator(context)!r} is missing"
        case "literal_error" | "enum":
            allowed = _allowed(place.wanted) or [context["expected"]]
            return f"{_shown(error['input'])} is not known{allowed_text(error['input'], allowed)}"
        case "value_error" | "assertion_error":
            return str(context["error"])
    return _plain_message(error, place.wanted)


def _plain_message(error: Mapping[str, Any], wanted: Any) -> str:
    return f"given {_shown(error['input'])}; {_rule(error, wanted)}{_as_number(error)}"


def _rule(error: Mapping[str, Any], wanted: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "model_type":
            (member, *others) = _members(wanted)
            return f"must be {_wish(error) if others else getattr(member, 'written_as', _wish(error))}"
        case "too_short":
            return f"needs at least {_counted(context['min_length'], 'item')}"
        case "too_long":
            return f"takes at most {_counted(context['max_length'], 'item')}"
        case "string_too_short":
            return f"needs at least {_counted(context['min_length'], 'character')}"
        case "string_too_long":
            return f"takes at most {_counted(context['max_length'], 'character')}"
    stated = str(error["msg"]).startswith(_PREFIX) or error["type"] in _KINDS
    return f"must be {_wish(error)}" if stated else str(error["msg"])


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _as_number(error: Mapping[str, Any]) -> str:
    """Tell how to write a number that stands in quotes or has a decimal comma."""
    given = error["input"]
    if error["type"] not in _OF_NUMBERS or not isinstance(given, str):
        return ""
    number = given.strip().replace(",", ".")
    return f"; write {number}" if _NUMBER.fullmatch(number) else ""


def _shown(value: Any) -> str:
    """Show a value as its writer knows it, with its kind where that may be the fault."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            text = repr(value)
            return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
        case dict():
            return "a mapping"
        case list() | tuple():
            return f"a list of {len(value)}"
    return repr(value)[:_LONGEST_VALUE]


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _keys(model: Any) -> list[str]:
    fields = getattr(model, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _allowed(wanted: Any) -> list[Any]:
    (member,) = _members(wanted) if len(_members(wanted)) == 1 else (None,)
    if get_origin(member) is Literal:
        return list(get_args(member))
    if isinstance(member, type) and issubclass(member, Enum):
        return [item.value for item in member]
    return []


def _locate(model: Any, location: Sequence[str | int]) -> _Place:
    """Follow a location of pydantic, which names members of unions too, through the types."""
    place = _Place(wanted=model)
    for part in location:
        place = _step(place, part)
    return place


def _step(place: _Place, part: str | int) -> _Place:
    members = _members(place.wanted)
    if len(members) > 1:
        return _enter_union(place, members, str(part))
    if part == "[key]":
        return place
    path, wanted = (*place.path, part), members[0] if members else None
    fields = getattr(wanted, "model_fields", None)
    if fields is not None:
        by_key = {field.alias or name: field.annotation for name, field in fields.items()}
        return _Place(path, by_key.get(str(part)), wanted, place.union, place.label)
    return _Place(path, _item_type(wanted, part), None, place.union, place.label)


def _enter_union(place: _Place, members: Sequence[Any], part: str) -> _Place:
    tagged = [member for member in members if part in _tags(member)] or _marked(place.wanted, part)
    if tagged:
        return _Place(place.path, tagged[0], place.model, place.union, place.label)
    named = [member for member in members if getattr(member, "__name__", "") == part]
    union = place.path if place.union is None else place.union
    label = part if place.union is None else place.label
    return _Place(place.path, named[0] if named else None, place.model, union, label)


def _tags(member: Any) -> set[str]:
    """Give the values of the literal fields of a model: one of them is its discriminator."""
    fields = getattr(member, "model_fields", {}).values()
    literals = [field.annotation for field in fields if get_origin(field.annotation) is Literal]
    return {str(value) for literal in literals for value in get_args(literal)}


def _marked(wanted: Any, part: str) -> list[Any]:
    """Give the members of a union that carry a `pydantic.Tag` of that name: its discriminator is a function."""
    while get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    return [member for member in get_args(wanted) if Tag(part) in getattr(member, "__metadata__", ())]


def _members(wanted: Any) -> list[Any]:
    """Give the members of a union without None, or the one type itself."""
    if get_origin(wanted) is Annotated:
        return _members(get_args(wanted)[0])
    if get_origin(wanted) in (Union, types.UnionType):
        parts = [part for part in get_args(wanted) if part is not types.NoneType]
        return [member for part in parts for member in _members(part)]
    return [wanted]


def _item_type(wanted: Any, part: str | int) -> Any:
    arguments = get_args(wanted)
    if not arguments:
        return None
    if get_origin(wanted) is tuple and isinstance(part, int):
        return arguments[part] if part < len(arguments) and arguments[-1] is not Ellipsis else arguments[0]
    return arguments[-1]
