"""Code of a user's that makes networks: which files it is, their hash, and its import from one folder alone."""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from temshift.core.errors import InputError
from temshift.core.hashes import content_hash, file_hash

_loaded: dict[tuple[str, str], str] = {}  # hash of the sources that a folder's module was imported from


def sources_of(folder: Path, module: str, *, below: str = "") -> dict[str, str]:
    """Hash the file of a module and of all modules in the folder that it imports, directly or not.

    The imports are read, and no code is run: one that is only made while code runs, such as by importlib, is not seen.

    Parameters
    ----------
    folder : Path
        Where modules lie.
    module : str
        Dotted name.
    below : str
        Only modules of this package are followed, such as those of a library among all that is installed.

    Returns
    -------
    dict of str to str
        SHA-256 of each file, by its path in the folder.

    Raises
    ------
    InputError
        If the folder does not hold the module, or a file is not Python.
    """
    if not _files(folder, module):
        raise InputError(f"{folder} holds no module {module}; name the folder of {module.split('.')[0]}.py")
    hashes: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for file in _files(folder, name):
            place = file.relative_to(folder).as_posix()
            if place not in hashes:
                hashes[place] = file_hash(file)
                imports = _imports(file, folder)
                waiting.extend(name for name in imports if f"{name}.".startswith(f"{below}." if below else ""))
    return dict(sorted(hashes.items()))


def hash_of(sources: dict[str, str]) -> str:
    """Give one hash of source files, whatever folder they lie in."""
    return content_hash(sources)


def imported_from(folder: Path, factory: str, sha256: str) -> Callable[..., Any]:
    """Import a function from a folder, and from no other place.

    Parameters
    ----------
    folder : Path
        Where its module lies; modules next to it may be imported at the top of it.
    factory : str
        "module:function".
    sha256 : str
        `hash_of` the sources that are meant.

    Returns
    -------
    callable

    Raises
    ------
    InputError
        If the files have changed, the import fails, a module of that name from elsewhere is in use, or there is no
        such function.
    """
    name, _, path = factory.partition(":")
    if hash_of(sources_of(folder, name)) != sha256:
        raise InputError(
            f"{folder}: the code of {factory} is not the code that was recorded; restore it, or start with a new folder"
        )
    value: Any = _module(folder, name, sha256)
    for part in path.split("."):
        if not hasattr(value, part):
            raise InputError(f"{factory}: {name} has no {path}; give the name of a function in it")
        value = getattr(value, part)
    if not callable(value):
        raise InputError(f"{factory} is a {type(value).__name__}; give the name of a function that makes a network")
    made: Callable[..., Any] = value
    return made


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Let imports look into a folder first and never into the current one; no bytecode is written."""
    places, writes = list(sys.path), sys.dont_write_bytecode
    here = Path.cwd()
    others = [place for place in places if place and Path(place).resolve() != here]
    sys.path[:], sys.dont_write_bytecode = [str(folder), *others], True
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = places, writes


def _module(folder: Path, name: str, sha256: str) -> ModuleType:
    key = (str(folder), name)
    if _loaded.get(key) != sha256:
        _forget(folder)
    importlib.invalidate_caches()
    try:
        with importing_from(folder):
            module = importlib.import_module(name)
    except Exception as error:  # code that isn't ours may raise anything
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{folder}: importing {name} failed ({text}); mend it, or name another folder") from error
    if folder not in Path(str(module.__file__)).resolve().parents:
        raise InputError(
            f"the name {name} is taken by {module.__file__}; give the module in {folder} a name of its own"
        )
    _loaded[key] = sha256
    return module


def _forget(folder: Path) -> None:
    """Drop modules of a folder that were imported from other versions of its files."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and folder in Path(file).parents:
            del sys.modules[name]


def _files(folder: Path, module: str) -> list[Path]:
    """Files that importing a module runs: its packages' and its own; none if the folder does not hold it."""
    parts = module.split(".")
    packages = [folder.joinpath(*parts[:count], "__init__.py") for count in range(1, len(parts) + 1)]
    plain = folder.joinpath(*parts).with_suffix(".py") if module else folder
    if not (plain.is_file() or packages[-1].is_file()):
        return []
    return [file for file in (*packages, plain) if file.is_file()]


def _imports(file: Path, folder: Path) -> list[str]:
    """Dotted names that a file may import, attributes of modules among them."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise InputError(f"{file} is not Python (line {error.lineno}: {error.msg}); mend it") from error
    place = file.relative_to(folder).with_suffix("").parts
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*place[: len(place) - node.level], *([node.module] if node.module else [])] if node.level else []
            package = ".".join(base) if node.level else str(node.module)
            names += [package, *(f"{package}.{alias.name}" if package else alias.name for alias in node.names)]
    return [name for name in names if name]
