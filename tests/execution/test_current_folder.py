"""Nothing is imported from the folder in which temshift is called: not by workers, nor by the command line itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = ("numpy", "torch", "typer", "rich", "pydantic", "polars", "pebble", "scipy", "ase", "zarr", "lazy_loader")
# Python itself imports these before it runs a module, from the current folder too: only "python -P -m" does not.
BEFORE_ANY_MODULE = {
    "importlib",
    "collections",
    "contextlib",
    "functools",
    "keyword",
    "operator",
    "reprlib",
    "types",
    "warnings",
}
NAMES = [*(name for name in sys.stdlib_module_names if not name.startswith("_")), *INSTALLED]
TRAP = "open({mark!r}, 'a').write(__name__ + '\\n')\nraise RuntimeError('imported from the current folder')\n"
SCRIPT = "import sys\nfrom temshift.cli.app import main\nif __name__ == '__main__':\n    main()\n"
WORK = """\
import os
from temshift.execution import make_executor
if __name__ == "__main__":
    with make_executor(1) as executor:
        print(executor.submit(os.getenv, "PYTHONSAFEPATH").result())
"""


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A folder with a file of the name of every module, which leaves a mark if it is run."""
    folder = tmp_path / "trapped"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(TRAP.format(mark=str(tmp_path / "mark")))
    return folder


def call(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a folder, as a user does who has set nothing."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    paths = os.pathsep.join(place for place in sys.path if place)
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**ours, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def require_untouched(done: "subprocess.CompletedProcess[str]", folder: Path) -> None:
    mark = folder.parent / "mark"
    assert not mark.exists(), mark.read_text()
    assert done.returncode == 0, done.stderr


def test_a_worker_imports_nothing_from_the_current_folder(trapped: Path) -> None:
    (trapped.parent / "work.py").write_text(WORK)
    done = call(trapped, str(trapped.parent / "work.py"))
    require_untouched(done, trapped)
    assert done.stdout == "1\n"


@pytest.mark.slow
def test_a_study_with_workers_imports_nothing_from_the_current_folder(trapped: Path, tmp_path: Path) -> None:
    (tmp_path / "temshift.py").write_text(SCRIPT)
    (tmp_path / "temshift.py").rename(tmp_path / "command")  # as the command that pip installs: a file without ending
    study = str(ROOT / "examples" / "tiny.yaml")
    done = call(trapped, str(tmp_path / "command"), "run", study, "--output", str(tmp_path / "study"), "-w", "2")
    require_untouched(done, trapped)
    assert (tmp_path / "study" / "report.html").exists()


def test_the_command_line_as_a_module_imports_nothing_from_the_current_folder(trapped: Path) -> None:
    for name in BEFORE_ANY_MODULE:
        (trapped / f"{name}.py").unlink()
    done = call(trapped, "-m", "temshift.cli.app", "--version")
    require_untouched(done, trapped)
    assert done.stdout.startswith("temshift ")


def test_modules_of_an_interactive_session_can_be_imported_by_workers(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def double(number):\n    return 2 * number\n")
    code = "import own; from temshift.execution import make_executor\nwith make_executor(1) as executor:\n"
    done = call(tmp_path, "-c", f"{code}    print(executor.submit(own.double, 21).result())")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
