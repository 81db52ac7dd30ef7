"""Frozen configurations, read from YAML with every fault listed at once, each with its line."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from temshift.configuration.construction import Construction, with_nearest_keys
from temshift.configuration.documentation import document
from temshift.configuration.messages import add_faults
from temshift.configuration.yaml_document import (
    MOST_CHARACTERS,
    Document,
    Fault,
    KeyPath,
    read_document,
    shortened,
    write_document,
)
from temshift.core import InputError

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Fault",
    "as_tuples",
    "dump_configuration",
    "load_configuration",
    "parse_configuration",
]

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_MESSAGE = 2000  # characters
_LONGEST_SOURCE = 400
_MOST_FAULTS = 200  # that are put into words, which takes about 0.1 ms each


class Configuration(BaseModel, metaclass=Construction):
    """Base of all configurations: frozen, without unknown keys, with finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    written_as: ClassVar[str] = "a mapping"  # for messages: how a file has to write it

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        document(cls)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Make a configuration of a mapping with the keys of a file."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise with_nearest_keys(error, cls) from None

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Return the keys of a printed configuration: those that are given."""
        return ((name, value) for name, value in super().__repr_args__() if value is not None)

    def cross_faults(self) -> Iterable[tuple[KeyPath, str]]:
        """Return faults that show only if several valid keys meet, each as path and message; here none.

        Only the configuration that is read as a whole is asked, after all its keys are valid.
        """
        return ()


def as_tuples(value: Any) -> Any:
    """Turn lists, nested ones too, into the tuples of frozen configurations; anything else stays."""
    return tuple(as_tuples(item) for item in value) if isinstance(value, list) else value


class ConfigurationError(InputError):
    """A configuration with one or more faults; its text lists them all.

    Parameters
    ----------
    source : str
        Where the configuration came from, such as the name of its file.
    faults : sequence of Fault
        At least one.
    unlisted : int
        Number of faults that are not among them, because there are so many.
    """

    def __init__(self, source: str, faults: Sequence[Fault], unlisted: int = 0) -> None:
        super().__init__(source, tuple(faults), unlisted)
        self.source = source
        self.faults: tuple[Fault, ...] = tuple(faults)
        self.unlisted = unlisted

    def __str__(self) -> str:
        """Give a headline, one line for each fault up to 2,000 characters in all, and the number of the others."""
        count = len(self.faults) + self.unlisted
        lines = [f"{shortened(self.source, _LONGEST_SOURCE)}: {count} fault{'' if count == 1 else 's'}"]
        left = _LONGEST_MESSAGE - len(lines[0]) - len(f"\n  and {count} more")
        for fault in self.faults:
            line = f"  {fault}"
            left -= len(line) + 1
            if left < 0:
                break
            lines.append(line)
        more = count + 1 - len(lines)
        return "\n".join([*lines, *([f"  and {more} more"] if more else [])])


def parse_configuration(text: str, model: type[Model], source: str) -> Model:
    """Read a configuration from YAML text.

    Parameters
    ----------
    text : str
        YAML 1.2.
    model : type
        The pydantic model wanted.
    source : str
        Name of the text in messages.

    Returns
    -------
    instance of `model`

    Raises
    ------
    ConfigurationError
        With every fault of the text: syntax, duplicate or unknown keys, wrong types, values out of bounds.

    Examples
    --------
    >>> class Lens(Configuration):
    ...     defocus_nm: float
    >>> parse_configuration("defocus_nm: 5", Lens, "lens.yaml").defocus_nm
    5.0
    >>> parse_configuration("defocus: 5", Lens, "lens.yaml")
    Traceback (most recent call last):
    temshift.configuration.model.ConfigurationError: lens.yaml: 2 faults
      line 1, defocus_nm: is missing; this key is required
      line 1, defocus: unknown key; allowed: 'defocus_nm'; nearest: 'defocus_nm'
    """
    return validated(read_document(text), model, source)


def load_configuration(path: Path | str, model: type[Model]) -> Model:
    """Read a configuration from a YAML file; see `parse_configuration`.

    Parameters
    ----------
    path : path
        A file of YAML 1.2 in UTF-8.
    model : type
        The pydantic model wanted.

    Returns
    -------
    instance of `model`

    Raises
    ------
    InputError
        If the file cannot be read.
    ConfigurationError
        If it has faults.
    """
    return validated(open_document(path), model, str(path))


def open_document(path: Path | str) -> Document:
    """Read a file of YAML 1.2 in UTF-8 before it is known which model it is for.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give the path of a YAML file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}: it is not text; save it as UTF-8") from error
    return read_document(text)


def validated(document: Document, model: type[Model], source: str) -> Model:
    """Make a configuration of a document; see `parse_configuration`.

    Raises
    ------
    ConfigurationError
        If the document has faults, its own or those that the model finds.
    """
    result = None if () in document.faults else _validate(document, model)
    if result is None or document.faults:
        raise ConfigurationError(source, _sorted(document), document.unlisted)
    return result


def dump_configuration(model: BaseModel) -> str:
    r"""Write a configuration as YAML text that `parse_configuration` reads back alike.

    Parameters
    ----------
    model : pydantic.BaseModel
        Its keys keep their order.

    Returns
    -------
    str
        YAML 1.2.

    Examples
    --------
    >>> class Lens(Configuration):
    ...     defocus_nm: float
    >>> dump_configuration(Lens(defocus_nm=-5e-7))
    'defocus_nm: -5e-07\n'
    """
    return write_document(model.model_dump(mode="json", by_alias=True, round_trip=True))


def _validate(document: Document, model: type[Model]) -> Model | None:
    if not isinstance(document.data, dict):
        document.add_fault((), "must be a mapping: lines of 'key: value'")
        return None
    try:
        result = model.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        document.unlisted = max(len(errors) - _MOST_FAULTS, 0)
        add_faults(document, errors[:_MOST_FAULTS], model)
        return None
    for path, message in result.cross_faults() if isinstance(result, Configuration) else ():
        if not document.has_fault_below(path):
            document.add_fault(path, message)
    return result


def _sorted(document: Document) -> list[Fault]:
    return sorted(document.faults.values(), key=lambda fault: fault.line or 0)
