"""Configurations made in Python: a misspelt key is answered with the nearest one, and ``help`` fits a screen."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from temshift.configuration.messages import unknown_key

_UNKNOWN = "extra_forbidden"  # what pydantic calls a key that a model does not have

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _ModelType
else:
    _ModelType = type(BaseModel)  # the public way to it


class Construction(_ModelType):
    """Type of the configurations.

    An object that is made in Python is checked by pydantic alone, which names no nearest key. Members of pydantic's
    own models are not listed: they fill some hundred lines of ``help``.
    """

    if not TYPE_CHECKING:

        def __call__(cls, *positional: Any, **values: Any) -> Any:
            """Make a configuration; an unknown key is answered with the nearest one."""
            try:
                return super().__call__(*positional, **values)
            except ValidationError as error:
                raise with_nearest_keys(error, cls) from None

    def __dir__(cls) -> list[str]:
        """List the names that can be called on the class itself; ``dir`` of an object lists all of its own."""
        return [name for name, value in own_members(cls).items() if isinstance(value, classmethod | staticmethod)]


def own_members(model: type) -> dict[str, Any]:
    """Return the public members that a configuration and its bases define, as they stand there; none of pydantic's."""
    bases = [base for base in model.__mro__ if isinstance(base, Construction)]
    members = {name: value for base in reversed(bases) for name, value in vars(base).items()}
    return {name: value for name, value in members.items() if name[0] != "_"}


def with_nearest_keys(error: ValidationError, model: Any) -> ValidationError:
    """Return an error of pydantic with the nearest valid key for each key that is unknown.

    Parameters
    ----------
    error : ValidationError
        As pydantic raises it.
    model : type
        The model that refused the values.

    Returns
    -------
    ValidationError
        The same one if it names no unknown key.
    """
    faults = error.errors(include_url=False)
    if all(fault["type"] != _UNKNOWN for fault in faults):
        return error
    faults.sort(key=lambda fault: fault["type"] != _UNKNOWN)  # first: a key that is missing may be one misspelt
    return ValidationError.from_exception_data(error.title, [_details(fault, model) for fault in faults])


def _details(fault: Mapping[str, Any], model: Any) -> InitErrorDetails:
    message = unknown_key(model, fault["loc"]) if fault["type"] == _UNKNOWN else fault["msg"]
    return {"type": PydanticCustomError(fault["type"], message), "loc": fault["loc"], "input": fault["input"]}
