"""The house stays in order: no import goes in a circle, no folder, file or function grows without end, names speak."""

import ast
import importlib
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "temshift"
MOST_FILES = {"specimens": 22, "optics": 16, "cli/verbs": 15, "exitwaves": 14}  # 12 where nothing stands here
MOST_LINES = 400
MOST_CODE_LINES = 40
VAGUE = {"one", "found", "told", "wanted", "held", "_found", "_told"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCE.rglob("*.py")}


def face_of(path: Path) -> dict[str, str]:
    """The module that each name of a lazy face comes from, by the stub of the face."""
    package, stub = module_of(path), path.with_suffix(".pyi")
    nodes = ast.walk(ast.parse(stub.read_text())) if path.name == "__init__.py" and stub.exists() else ()
    from_modules = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {f"{package}.{alias.name}": f"{package}.{node.module}" for node in from_modules for alias in node.names}


FACES = {name: module for path in MODULES.values() for name, module in face_of(path).items()}


def imported(path: Path) -> set[str]:
    """Modules of temshift that a file names in an import, in functions and for type checkers too.

    A name that is imported from a face counts as its module: a face itself imports nothing until it is asked.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([module_of(path)] * node.level + [node.module] * bool(node.module))
            given = {f"{base}.{alias.name}" for alias in node.names}
            names |= {FACES.get(name, name) for name in given} | ({base} if given - FACES.keys() else set())
    return names & MODULES.keys() - {module_of(path)}


IMPORTS = {module: imported(path) for module, path in MODULES.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the nodes of a circle; none where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def by_folder(depth: int) -> dict[str, set[str]]:
    """Imports between the folders and files that stand so deep; faces hand on what they list and are left out."""

    def place(module: str) -> str:
        return ".".join(module.split(".")[: depth + 1])

    faces = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    graph: dict[str, set[str]] = {}
    for module, names in IMPORTS.items():
        if module not in faces:
            graph.setdefault(place(module), set()).update(place(name) for name in names - faces)
    return {node: names - {node} for node, names in graph.items()}


def test_files_import_each_other_in_no_circle() -> None:
    assert not circle(IMPORTS)


@pytest.mark.parametrize("depth", [1, 2])
def test_folders_import_each_other_in_no_circle(depth: int) -> None:
    assert not circle(by_folder(depth))


def test_a_circle_would_be_noticed() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_a_name_of_a_face_counts_as_its_module() -> None:
    assert FACES["temshift.optics.image_intensities"] == "temshift.optics.image_formation"
    assert "temshift.optics.image_formation" in IMPORTS["temshift.micrographs.formation"]
    assert not any("temshift" in names for names in IMPORTS.values()), "a part imports the whole"


def deep_imports(source: str) -> list[str]:
    """Imports from below the face of a package of temshift."""
    nodes = list(ast.walk(ast.parse(source)))
    modules = [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    modules += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return [module for module in modules if module.startswith("temshift.") and module.count(".") > 1]


def python_in(path: Path) -> list[str]:
    """The Python of a script, or of the blocks of a page."""
    text = path.read_text(encoding="utf-8")
    return [text] if path.suffix == ".py" else re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
SCRIPTS = [path for folder in ("docs", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")]
PROGRAM = "temshift.cli.app"  # a package without a face: it is a program


def test_pages_and_scripts_import_from_faces_alone() -> None:
    deep = {path.name: [name for code in python_in(path) for name in deep_imports(code)] for path in PAGES + SCRIPTS}
    assert {name: rest for name, found in deep.items() if (rest := [one for one in found if one != PROGRAM])} == {}


def missing_names(source: str) -> list[str]:
    """Names that are imported from temshift and are not there."""
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.level == 0]
    faces = [node for node in imports if str(node.module).split(".")[0] == "temshift"]
    return [
        f"{node.module}.{alias.name}"
        for node in faces
        for alias in node.names
        if not hasattr(importlib.import_module(str(node.module)), alias.name)
    ]


def test_pages_and_scripts_import_names_that_there_are() -> None:
    missing = {
        path.name: [name for code in python_in(path) for name in missing_names(code)] for path in PAGES + SCRIPTS
    }
    assert {name: names for name, names in missing.items() if names} == {}
    assert missing_names("from temshift.core import Grid, nothing") == ["temshift.core.nothing"]


@pytest.mark.parametrize("package", ["cli", "workflows"])
def test_the_upper_floors_import_from_faces_alone(package: str) -> None:
    deep = {
        str(path): [name for name in deep_imports(path.read_text()) if not name.startswith(f"temshift.{package}.")]
        for path in (SOURCE / package).rglob("*.py")
    }
    assert {path: names for path, names in deep.items() if names} == {}


def test_a_deep_import_would_be_noticed() -> None:
    assert deep_imports(
        "from temshift.optics.lens import a\nimport temshift.core.grids\nfrom temshift.core import b"
    ) == [
        "temshift.optics.lens",
        "temshift.core.grids",
    ]


def test_no_folder_and_no_file_grows_without_end() -> None:
    counts = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    folders = {str(folder.relative_to(SOURCE)): count for folder, count in counts.items()}
    assert {name: count for name, count in folders.items() if count > MOST_FILES.get(name, 12)} == {}
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def code_lines(function: ast.AST, source: list[str]) -> int:
    """Count the lines of a function from its def on that hold code: neither its docstring nor blanks nor comments."""
    assert isinstance(function, FUNCTIONS[:2])
    first = function.body[0]
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    skipped = set(range(first.lineno, (first.end_lineno or 0) + 1)) if text else set()
    numbers = set(range(function.lineno, (function.end_lineno or 0) + 1)) - skipped
    lines = (source[number - 1].strip() for number in numbers)
    return sum(bool(line) and not line.startswith("#") for line in lines)


def long_functions(text: str, most: int = MOST_CODE_LINES) -> dict[str, int]:
    """Functions of a file with more lines of code than the house allows."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, FUNCTIONS[:2])]
    counts = {function.name: code_lines(function, text.splitlines()) for function in functions}
    return {name: count for name, count in counts.items() if count > most}


def test_functions_stay_short() -> None:
    long = {module: long_functions(path.read_text()) for module, path in MODULES.items()}
    assert {module: names for module, names in long.items() if names} == {}


def test_a_long_function_would_be_noticed() -> None:
    lines = '"""Two\n\n    lines."""\n\n    # why\n' + "    x = 1\n" * MOST_CODE_LINES
    assert long_functions(f"def function():\n    {lines}") == {"function": MOST_CODE_LINES + 1}


def given_name(node: ast.AST) -> str | None:
    """The name that a node gives to a function, a parameter or a local."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case ast.FunctionDef(name=("_found" | "_told") as name) | ast.ExceptHandler(name=name) | ast.MatchAs(name=name):
            return name
    return None


def vague_names(source: str) -> set[str]:
    """Names that functions give and that do not say what they hold, with their lines; comprehensions may use them."""
    nodes = list(ast.walk(ast.parse(source)))
    loops = [loop for node in nodes if isinstance(node, COMPREHENSIONS) for loop in node.generators]
    exempt = {id(part) for loop in loops for part in ast.walk(loop.target)}
    within = [node for function in nodes if isinstance(function, FUNCTIONS) for node in ast.walk(function)]
    vague = [node for node in within if id(node) not in exempt and given_name(node) in VAGUE]
    return {f"line {getattr(node, 'lineno', 0)}: {given_name(node)}" for node in vague}


LINES = """one = 1
found, other = 1, 2
wanted: int = 1
for held in (1, 2): pass
with open('x') as told: pass
any((found := x) for x in 'ab')
key = lambda one: one
def inner(*, told): pass
def _found(): pass"""


@pytest.mark.parametrize("line", LINES.splitlines())
def test_a_vague_name_would_be_noticed(line: str) -> None:
    assert len(vague_names(f"def function():\n    {line}")) == 1


def test_comprehensions_fields_and_methods_may_have_any_name() -> None:
    assert not vague_names("def function(self):\n    self.told = [one for one in ()] + [held for _, held in self.one]")
    assert not vague_names("class Range:\n    wanted: int = 1\n    def told(self): return self.wanted")


def test_names_say_what_they_hold() -> None:
    vague = {module: vague_names(path.read_text()) for module, path in MODULES.items()}
    assert {module: names for module, names in vague.items() if names} == {}
