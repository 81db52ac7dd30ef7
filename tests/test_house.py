"""The house stays in order: no import goes round in a circle, no folder and no file grows without end, names speak."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "temshift"
MOST_FILES = {"specimens": 22, "optics": 16, "cli/verbs": 15, "exitwaves": 14}  # 12 where nothing stands here
MOST_LINES = 400
VAGUE = {"one", "found", "told", "wanted", "held", "_found", "_told"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCE.rglob("*.py")}


def imported(path: Path) -> set[str]:
    """Modules of temshift that a file names in an import, in functions and for type checkers too."""
    names: set[str] = set()
    sources = [path, path.with_suffix(".pyi")] if path.name == "__init__.py" else [path]
    for node in (node for file in sources if file.exists() for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([module_of(path)] * node.level + [node.module] * bool(node.module))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
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


def test_no_folder_and_no_file_grows_without_end() -> None:
    counts = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    folders = {str(folder.relative_to(SOURCE)): count for folder, count in counts.items()}
    assert {name: count for name, count in folders.items() if count > MOST_FILES.get(name, 12)} == {}
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


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
