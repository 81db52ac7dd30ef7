"""Networks that a user's code makes: a factory by name, and the permission to run it."""

import functools
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, ValidatorFunctionWrapHandler, model_validator
from torch import nn

from temshift.configuration.model import Configuration
from temshift.core.errors import InputError
from temshift.core.hashes import file_hash
from temshift.networks.architectures.code import hash_of, imported_from, importing_from, sources_of
from temshift.networks.architectures.outside import OutsideNetwork

Factory = Callable[..., nn.Module]

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def _as_a_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"given {text!r}; must be 'module:function', such as my_networks:small")
    return text


@dataclass(frozen=True)
class Code:
    """A user's code that may be run: a folder to import from, or a function that is there already."""

    folder: Path | None = None
    make: Factory | None = None


class FactorySettings(Configuration):
    """A function that makes a network, by the module that it is imported from, and its arguments.

    No file can permit that the function is run: see `with_code`. ``sha256`` hashes the module and all modules of its
    folder that it imports, and is filled in when code is permitted. ``name`` stands for the code instead, where one is
    given: networks of one name and the same arguments count as the same. From Python, the function itself may stand
    for the settings, also as a `functools.partial` with keywords.
    """

    kind: Literal["factory"] = "factory"
    factory: Annotated[str, Field(max_length=400), AfterValidator(_as_a_name)]
    arguments: dict[str, Any] = {}
    divisor: Annotated[int, Field(ge=1, le=512)] = 1
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] | None = None
    _code: Code | None = PrivateAttr(None)

    @model_validator(mode="wrap")
    @classmethod
    def _of_a_function(cls, given: Any, handler: ValidatorFunctionWrapHandler) -> "FactorySettings":
        settings: FactorySettings = factory_network(given) if callable(given) else handler(given)
        return settings

    def __hash__(self) -> int:
        """Hash the settings, whose arguments are a mapping."""
        return hash(self.model_dump_json())

    def identity(self) -> dict[str, Any]:
        """Return what a network depends on, as plain values for hashing; an InputError if its code is not known."""
        if self.name is not None:
            return self.model_dump(mode="json", exclude={"factory", "sha256"})
        if self.sha256 is None:
            raise self._forbidden()
        return self.model_dump(mode="json", exclude={"name"})

    def permitted(self, code: Path | str | Factory) -> "FactorySettings":
        """Return the same, whose code may be run; see `with_code`."""
        if callable(code):
            return self._recorded(Code(make=code), None if self.name else _sources_of_function(code))
        folder = Path(code).resolve()
        if not folder.is_dir():
            raise InputError(f"--allow-code {code}: is no folder; give the folder of {self._module}.py")
        return self._recorded(Code(folder=folder), sources_of(folder, self._module))

    @property
    def code(self) -> Path | Factory | None:
        """The folder or the function that was permitted; None if nothing was."""
        return None if self._code is None else self._code.folder or self._code.make

    def carried_to(self, other: "FactorySettings") -> "FactorySettings":
        """Give other settings the permission that these have."""
        return other if self.code is None else other.permitted(self.code)

    def made(self) -> OutsideNetwork:
        """Make the network; its weights are those that its code draws.

        Raises
        ------
        InputError
            If its code may not be run, is not there, has changed, fails, or makes something else than a module.
        """
        make, folder = self._function(), (self._code or Code()).folder
        try:
            if folder is None:
                network = make(**self.arguments)
            else:
                with importing_from(folder):
                    network = make(**self.arguments)
        except Exception as error:  # code that isn't ours may raise anything
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(f"network.factory {self.factory} failed ({text}); mend it, or its arguments") from error
        if not isinstance(network, nn.Module):
            kind = type(network).__name__
            raise InputError(f"network.factory {self.factory} makes a {kind}; it must return a torch.nn.Module")
        return OutsideNetwork(network, self.divisor, self._made_by())

    @property
    def _module(self) -> str:
        return self.factory.partition(":")[0]

    def _function(self) -> Factory:
        code = self._code
        if code is None:
            raise self._forbidden()
        if code.make is not None:
            return code.make
        return imported_from(code.folder or Path(), self.factory, str(self.sha256))

    def _recorded(self, code: Code, sources: Mapping[str, str] | None) -> "FactorySettings":
        """Return the same with the hash of its sources; an InputError if another hash is recorded."""
        if sources is None and self.name is None:
            raise InputError(f"{self.factory} has no source file to hash; give the network a name")
        sha256 = None if sources is None else hash_of(dict(sources))
        if self.name is None and self.sha256 not in (None, sha256):
            raise InputError(
                f"the code of {self.factory} is not the code that was recorded: {sha256} instead of {self.sha256}; "
                "restore it, or remove sha256 from network to take it as it is"
            )
        given = {"kind": self.kind, "sha256": sha256}  # a sweep keeps no key that was not given
        permitted = self.model_copy(update=given)
        permitted._code = code
        return permitted

    def _made_by(self) -> dict[str, Any]:
        """The factory with its files, for cards; of a named function its own file alone."""
        code = self._code or Code()
        if code.make is None:
            return {"factory": self.factory, "files": sources_of(code.folder or Path(), self._module)}
        file = _file_of(code.make)
        if self.name is None or file is None:
            return {"factory": self.factory, "files": _sources_of_function(code.make) or {}}
        return {"factory": self.factory, "files": {file.name: file_hash(file)}}

    def _forbidden(self) -> InputError:
        return InputError(
            f"network.factory {self.factory} is code, which is run only if you permit it: give --allow-code FOLDER, "
            f"the folder of {self._module.split('.')[0]}.py (from Python: temshift.networks.with_code)"
        )


def factory_network(make: Factory, *, name: str | None = None, divisor: int = 1, **arguments: Any) -> FactorySettings:
    """Let a function or class of yours be the network of a study.

    Parameters
    ----------
    make : callable
        Returns a module from standardised images (n, 1, y, x) to logits (n, 1, y, x). Workers import it by its name, so
        it stands at the top level of a module. With 0 workers any function will do.
    name : str, optional
        Stands for the code in the identity of networks; where not given, the hash of its source file does, with those
        of the modules next to it that it imports.
    divisor : int
        Images are padded to a multiple of so many pixels a side before the module gets them.
    **arguments
        For the function; plain JSON values.

    Returns
    -------
    FactorySettings
        For ``network`` of a `Study` or a `SingleNetwork`.

    Raises
    ------
    InputError
        If the function has no name, or no source file and no ``name`` is given, or arguments are no JSON values.

    Examples
    --------
    >>> from torch import nn
    >>> factory_network(nn.Conv2d, name="one layer", in_channels=1, out_channels=1, kernel_size=1).made().body
    Conv2d(1, 1, kernel_size=(1, 1), stride=(1, 1))
    """
    while isinstance(make, functools.partial):
        if make.args:
            raise InputError(f"{make.func.__name__}: the partial has arguments without names; give them by keyword")
        arguments, make = {**make.keywords, **arguments}, make.func
    settings = FactorySettings(factory=_name_of(make), arguments=_plain(arguments), divisor=divisor, name=name)
    return settings.permitted(make)


def _name_of(make: Factory) -> str:
    name = getattr(make, "__qualname__", "").replace("<locals>.", "")
    if not name or "<" in name:
        raise InputError(f"{make!r} has no name; write the network's factory as a function (def)")
    module = str(make.__module__)
    file = _file_of(make)
    return f"{file.stem if module == '__main__' and file else module}:{name}"


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(arguments, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"arguments of a network's factory must be plain JSON values ({error})") from error
    return plain


def _file_of(make: Factory) -> Path | None:
    try:
        return Path(inspect.getsourcefile(make) or "").resolve(strict=True)
    except (TypeError, OSError):
        return None


def _sources_of_function(make: Factory) -> dict[str, str] | None:
    """Hashes of the files that a function comes from; None if it has none, as in an interactive session."""
    file = _file_of(make)
    if file is None or not file.is_file():
        return None
    module = str(make.__module__)
    if module == "__main__" or module.rpartition(".")[2] not in (file.stem, file.parent.name):
        return sources_of(file.parent, file.stem)
    folder = file.parents[module.count(".") + (file.stem == "__init__")]
    installed = folder.name in ("site-packages", "dist-packages")
    return sources_of(folder, module, below=module.partition(".")[0] if installed else "")
