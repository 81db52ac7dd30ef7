"""The page of ``help`` on a configuration: what it is, its keys, its methods, a line each."""

import inspect
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from temshift.configuration.construction import own_members

_MOST_KEYS = 20  # that help lists: of more, the docstring names the usual ones
_KINDS = {float: "number", int: "whole number", str: "text", bool: "True or False"}
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_LONGEST_DEFAULT = 40  # characters
_METHODS = (types.FunctionType, property)


def document(model: type[BaseModel]) -> None:
    """Give a model the signature and the docstring that ``help`` prints."""
    fields = model.model_fields
    listed = fields if len(fields) <= _MOST_KEYS else {}
    model.__signature__ = _signature(listed)
    written = inspect.cleandoc(vars(model).get("__doc__") or "")
    model.__doc__ = "\n\n".join(filter(None, (written, _keys_text(listed), _members_text(model))))


def _signature(fields: Mapping[str, FieldInfo]) -> inspect.Signature:
    kind = inspect.Parameter.KEYWORD_ONLY
    keys = [inspect.Parameter(name, kind, default=_short_default(field)) for name, field in fields.items()]
    return inspect.Signature(keys or [inspect.Parameter("keys", inspect.Parameter.VAR_KEYWORD)])


def _default(field: FieldInfo) -> Any:
    """Return the default; an ellipsis stands for one that is made for each object, maybe from other keys."""
    if field.is_required():
        return inspect.Parameter.empty
    return ... if field.default_factory is not None else field.get_default()


def _short_default(field: FieldInfo) -> Any:
    default = _default(field)
    return default if len(repr(default)) <= _LONGEST_DEFAULT else ...


def _keys_text(fields: Mapping[str, FieldInfo]) -> str:
    lines = [f"{name} : {field_text(field)}" for name, field in fields.items()]
    return "\n".join(["Parameters", "----------", *lines]) if lines else ""


def _members_text(model: type) -> str:
    """List the methods and properties of objects, each with the first line of its docstring."""
    members = {name: value for name, value in own_members(model).items() if isinstance(value, _METHODS)}
    lines = [f"{_called(name, value)} : {_first_line(value)}" for name, value in members.items()]
    return "\n".join(["Methods and properties", "----------------------", *lines]) if lines else ""


def _called(name: str, member: Any) -> str:
    if not isinstance(member, types.FunctionType):
        return name
    return f"{name}({', '.join(list(inspect.signature(member).parameters)[1:])})"


def _first_line(member: Any) -> str:
    return (inspect.getdoc(member) or "").partition("\n")[0]


def field_text(field: FieldInfo) -> str:
    """Describe the values of a key: their kind, their bounds, and the value that it has if it is left out.

    Examples
    --------
    >>> from pydantic import Field
    >>> class Film(BaseModel):
    ...     thickness_nm: Annotated[float, Field(gt=0.5, le=50)]
    ...     kind: Literal["carbon", "ice"] = "carbon"
    >>> [field_text(field) for field in Film.model_fields.values()]
    ['number > 0.5, <= 50', "'carbon' or 'ice', default 'carbon'"]
    """
    given = (
        (f"{sign} {getattr(mark, name)}")
        for mark in field.metadata
        for name, sign in _BOUNDS.items()
        if hasattr(mark, name)
    )
    words = " ".join([_kind_text(field.annotation), ", ".join(given)]).strip()
    if field.is_required():
        return words
    default = _short_default(field)
    return f"{words}, optional" if default is ... else f"{words}, default {default!r}"


def _kind_text(expected: Any) -> str:
    """Name a type in words."""
    origin = get_origin(expected)
    if origin is Annotated:
        return _kind_text(get_args(expected)[0])
    if origin is Literal:
        return " or ".join(map(repr, get_args(expected)))
    if origin in (Union, types.UnionType):
        return " or ".join(_kind_text(member) for member in get_args(expected) if member is not types.NoneType)
    if origin is tuple:
        members = [_kind_text(member) for member in get_args(expected) if member is not Ellipsis]
        return f"list of {members[0]}" if Ellipsis in get_args(expected) else f"({', '.join(members)})"
    return _KINDS.get(expected) or str(getattr(origin or expected, "__name__", expected))
