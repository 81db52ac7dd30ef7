"""CONTRIBUTING.md is true: its walks follow files that are there, and its examples work on a copy of the sources."""

import os
import re
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALKS = re.split(r"^### ", PAGE.partition("## Three walks")[2].partition("\n## ")[0], flags=re.MULTILINE)[1:]
PATCHES = re.findall(r"```diff\n(.*?)```", PAGE, flags=re.DOTALL)
TRIALS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def steps(walk: str) -> list[tuple[Path, str]]:
    """Files of a walk in order, each with the sentence about it."""
    return [(Path(path), text) for path, text in re.findall(r"^\d+\. `([\w/]+\.\w+)`: (.*)$", walk, re.MULTILINE)]


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.partition("\n")[0])
def test_a_walk_follows_files_that_hold_what_it_names(walk: str) -> None:
    assert len(steps(walk)) >= 10
    for path, text in steps(walk):
        source = (ROOT / "src/temshift" / path).read_text(encoding="utf-8")
        assert all(name in source for name in re.findall(r"`(\w+)`", text)), path


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.partition("\n")[0])
def test_a_walk_passes_no_room_twice(walk: str) -> None:
    rooms = [room for room, _ in groupby(path.parts[0] for path, _ in steps(walk))]
    assert len(rooms) == len(set(rooms))


def test_the_table_of_rooms_is_the_house() -> None:
    cells = re.findall(r"^\| (`.*?`) \|", PAGE.partition("## How the house is built")[2], re.MULTILINE)
    rooms = [room for cell in cells for room in re.findall(r"`(\w+)`", cell)]
    folders = {folder.name for folder in (ROOT / "src/temshift").iterdir() if (folder / "__init__.py").exists()}
    assert len(rooms) == len(set(rooms)) and set(rooms) == folders


@pytest.mark.slow
def test_the_examples_work_as_written(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    assert len(PATCHES) == len(TRIALS) == 4
    for number, (patch, trial) in enumerate(zip(PATCHES, TRIALS, strict=True)):
        file = tmp_path / f"{number}.diff"
        file.write_text(patch, encoding="utf-8")
        subprocess.run(["git", "apply", "--recount", file], cwd=tmp_path, check=True, timeout=60)
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        subprocess.run([sys.executable, "-c", trial], cwd=tmp_path, env=environment, check=True, timeout=120)
