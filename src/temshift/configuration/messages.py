"""Faults that pydantic finds in a document, each in one plain message at its key."""

import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    """Place of an error: path in the data, type expected there, model around it."""

    path: KeyPath = ()
    expected: Any = None
    model: Any = None


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
    for finding in findings:
        if _path(finding) not in following:
            document.add_fault(_path(finding), _message(finding))


def unknown_key(model: Any, location: Sequence[str | int]) -> str:
    """Return the message for a key that a model, or a model in it, does not have.

    Parameters
    ----------
    model : type
        The pydantic model that was validated.
    location : sequence of str and int
        ``loc`` of the error of pydantic; the key is its last part.

    Returns
    -------
    str
        With the keys that are allowed there, and the nearest one.
    """
    return _unknown_text(location, _locate(model, location))


def allowed_text(given: Any, allowed: Sequence[Any]) -> str:
    """List the allowed items and the one nearest to a given one; of many, the nearest alone.

    Parameters
    ----------
    given : Any
        The item that is not allowed, such as a key.
    allowed : sequence
        All that are allowed; may be empty.

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
    """Return those that start with the given text, as a unit may follow, else those that are spelt alike."""
    names = {str(item).lower(): item for item in allowed}
    text = str(given).lower()
    started = [name for name in names if name.startswith(f"{text}_")]
    near = started or get_close_matches(text, names, n=most, cutoff=_ALIKE if most == 1 else 0.0)
    return [names[name] for name in near[:most]]


def _unknown_text(location: Sequence[str | int], place: _Place) -> str:
    return f"unknown key{allowed_text(str(location[-1]), _keys(place.model))}"


def _listed(items: Sequence[Any]) -> str:
    return ", ".join(repr(item) if isinstance(item, str) else str(item) for item in items)


def _follows(error: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a list is short, or a default unknown, only because of other faults, which have their messages."""
    place = error["loc"]
    return error["type"] == "default_factory_not_called" or (
        error["type"] == "too_short"
        and any(other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in errors)
    )


def _wish(error: Mapping[str, Any]) -> str:
    return _KINDS.get(error["type"], str(error["msg"]).removeprefix(_PREFIX))


def _path(finding: _Finding) -> KeyPath:
    """Return the path of the fault; that of a wrong tag is the key that the function of its union is named by."""
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
            return _unknown_text(error["loc"], place)
        case "missing":
            return "is missing; this key is required"
        case "union_tag_invalid":
            tags = str(context["expected_tags"]).replace("'", "").split(", ")
            return f"{context['tag']!r} is not known{allowed_text(context['tag'], tags)}"
        case "union_tag_not_found":
            return f"the key {_discriminator(context)!r} is missing"
        case "literal_error" | "enum":
            allowed = _allowed(place.expected) or [context["expected"]]
            return f"{_shown(error['input'])} is not known{allowed_text(error['input'], allowed)}"
        case "value_error" | "assertion_error":
            return str(context["error"])
    return _plain_message(error, place.expected)


def _plain_message(error: Mapping[str, Any], expected: Any) -> str:
    return f"given {_shown(error['input'])}; {_rule(error, expected)}{_as_number(error)}"


def _rule(error: Mapping[str, Any], expected: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "model_type":
            return f"must be {getattr(_bare(expected), 'written_as', _wish(error))}"
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
    """Return how to write a number that stands in quotes or has a decimal comma."""
    given = error["input"]
    if error["type"] not in _OF_NUMBERS or not isinstance(given, str):
        return ""
    number = given.strip().replace(",", ".")
    return f"; write {number}" if _NUMBER.fullmatch(number) else ""


def _shown(value: Any) -> str:
    """Show a value as its writer knows it, with its kind if that may be the fault."""
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


def _keys(model: Any) -> list[str]:
    fields = getattr(model, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _allowed(expected: Any) -> list[Any]:
    bare = _bare(expected)
    if get_origin(bare) is Literal:
        return list(get_args(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return [item.value for item in bare]
    return []


def _locate(model: Any, location: Sequence[str | int]) -> _Place:
    """Follow a location of pydantic, which names the tags of unions too, through the types."""
    place = _Place(expected=model)
    for part in location:
        place = _step(place, part)
    return place


def _step(place: _Place, part: str | int) -> _Place:
    expected = _bare(place.expected)
    if _is_union(expected):
        return replace(place, expected=_tagged(expected, str(part)))
    if part == "[key]":
        return place
    path = (*place.path, part)
    fields = getattr(expected, "model_fields", None)
    if fields is not None:
        by_key = {field.alias or name: field.annotation for name, field in fields.items()}
        return _Place(path, by_key.get(str(part)), expected)
    return _Place(path, _item_type(expected, part))


def _bare(expected: Any) -> Any:
    """Return a type without its marks, and without None if one other is left."""
    if get_origin(expected) is Annotated:
        return _bare(get_args(expected)[0])
    others = [member for member in get_args(expected) if member is not types.NoneType] if _is_union(expected) else []
    return _bare(others[0]) if len(others) == 1 else expected


def _is_union(expected: Any) -> bool:
    return get_origin(expected) in (Union, types.UnionType)


def _tagged(union: Any, tag: str) -> Any:
    """Return the member of a union that carries a `pydantic.Tag`."""
    return next(member for member in get_args(union) if Tag(tag) in getattr(member, "__metadata__", ()))


def _item_type(expected: Any, part: str | int) -> Any:
    arguments = get_args(expected)
    if not arguments:
        return None
    if get_origin(expected) is tuple and isinstance(part, int):
        return arguments[part] if part < len(arguments) and arguments[-1] is not Ellipsis else arguments[0]
    return arguments[-1]
