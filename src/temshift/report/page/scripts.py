"""The page's scripts: modules that import each other, put into one script, since a page is a single file.

Browsers let no module of a page that is opened as a file import another by its path. Each module therefore becomes a
function that is called once and returns its exports, after those that it imports.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from posixpath import dirname, join, normpath

MAIN = "main.js"
_FOLDER = "scripts"
_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "(\.[\w./]+\.js)";$', re.M)
_EXPORT = re.compile(r"^export (?=(?:const|(?:async )?function\*?) (\w+))", re.M)
_REST = re.compile(r"^(?:import|export)\b.*$", re.M)


class ScriptError(ValueError):
    """A module of the page can't be put into one script."""


@cache
def page_script() -> str:
    """Return all modules of the page as one script that runs ``main.js``."""
    return bundled(_read(files("temshift.report").joinpath("assets", _FOLDER)), MAIN)


def _read(folder: Traversable, place: str = "") -> dict[str, str]:
    """The source of every module by its path."""
    modules: dict[str, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            modules |= _read(entry, f"{place}{entry.name}/")
        elif entry.name.endswith(".js"):
            modules[place + entry.name] = entry.read_text(encoding="utf-8")
    return modules


def bundled(modules: Mapping[str, str], main: str) -> str:
    r"""Put modules into one script.

    Parameters
    ----------
    modules : mapping
        Source by path, such as ``pure/words.js``. Imports are ``import { a, b } from "./other.js";`` and exports stand
        before a ``const`` or a function, each on a line of its own.
    main : str
        The module that is run for what it does; all others must be imported from it or from one of those.

    Returns
    -------
    str
        The same for the same modules.

    Raises
    ------
    ScriptError
        If modules import each other in a circle, import a name that is not exported, are never imported, or have an
        import or export of another kind.

    Examples
    --------
    >>> modules = {"main.js": 'import { a } from "./a.js";\nalert(a);\n', "a.js": "export const a = 1;\n"}
    >>> print(bundled(modules, "main.js"))
    "use strict";
    const module_0 = (() => {
    const a = 1;
    return { a };
    })();
    (() => {
    const { a } = module_0;
    alert(a);
    })();
    <BLANKLINE>
    """
    order = _order(modules, main)
    names = {path: f"module_{number}" for number, path in enumerate(order)}
    parts = [_wrapped(path, modules, names, main=path == main) for path in order]
    return '"use strict";\n' + "".join(parts)


def _order(modules: Mapping[str, str], main: str) -> list[str]:
    """Every module after those that it imports; alphabetical as far as that leaves a choice."""
    imports = {path: sorted(_imports(path, source)) for path, source in sorted(modules.items())}
    unknown = {name for names in imports.values() for name in names} - modules.keys()
    unused = modules.keys() - {name for names in imports.values() for name in names} - {main}
    if unknown or unused:
        raise ScriptError(f"no such modules: {sorted(unknown)}; modules that nothing imports: {sorted(unused)}")
    try:
        return list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        raise ScriptError(f"modules import each other in a circle: {' -> '.join(error.args[1])}") from None


def _imports(path: str, source: str) -> set[str]:
    return {normpath(join(dirname(path), name)) for _, name in _IMPORT.findall(source)}


def _wrapped(path: str, modules: Mapping[str, str], names: Mapping[str, str], *, main: bool) -> str:
    body = _EXPORT.sub("", _IMPORT.sub(_taken(path, modules, names), modules[path]))
    if left := _REST.search(body):
        raise ScriptError(f"{path} has an import or export that the page can't carry: {left[0]}")
    if main:
        return f"(() => {{\n{body}}})();\n"
    exports = ", ".join(_EXPORT.findall(modules[path]))
    return f"const {names[path]} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"


def _taken(path: str, modules: Mapping[str, str], names: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    """What stands in the place of an import: the same names, taken from what the other module returned."""

    def taken(match: re.Match[str]) -> str:
        source = normpath(join(dirname(path), match[2]))
        missing = set(match[1].split(", ")) - set(_EXPORT.findall(modules[source]))
        if missing:
            raise ScriptError(f"{path} imports {sorted(missing)}, which {source} doesn't export")
        return f"const {{ {match[1]} }} = {names[source]};"

    return taken
