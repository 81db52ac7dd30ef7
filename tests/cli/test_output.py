"""Standard output that is full, closed or read no further, and names that no file can have: one clear error."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from temshift.cli.streams import ClosedPipeError, PrintError, guarded_streams
from temshift.cli.verbs.tables import write_flat
from temshift.core import TemshiftError

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
STUDY, CONDITIONS = EXAMPLES / "tiny.yaml", EXAMPLES / "conditions.yaml"
FULL = Path("/dev/full")
LONG = "x" * 300
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no device here is always full")

PRINTING = {
    "version": ["--version"],
    "help": ["--help"],
    "ctf": ["ctf", str(CONDITIONS), "-o", "out"],
    "compare": ["compare", str(EXAMPLES / "microscope_a.yaml"), str(EXAMPLES / "microscope_b.yaml")],
    "check": ["check", str(STUDY)],
}
QUICK = ("version", "compare")


def start(words: Sequence[str], output: Any, folder: Path, errors: Any = subprocess.PIPE) -> "subprocess.Popen[str]":
    code = "import sys; from temshift.cli.app import main; sys.argv[0] = 'temshift'; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "100"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=output, stderr=errors, text=True, cwd=folder, env=environment
    )


VERBS = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in PRINTING]


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", VERBS)
def test_a_full_disk_behind_standard_output_is_one_error(
    name: str, unbuffered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with FULL.open("w") as full:
        process = start(PRINTING[name], full, tmp_path)
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == (
        "temshift: cannot write to standard output: No space left on device; "
        "free some space there, or send it somewhere else"
    )
    assert errors.count("standard output") == 1
    assert "Traceback" not in errors and "Exception ignored" not in errors


@pytest.mark.parametrize("name", VERBS)
def test_a_pipe_that_nobody_reads_ends_the_command_without_a_word(name: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(PRINTING[name], writing, tmp_path)
    os.close(writing)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert not any(word in errors for word in ("temshift:", "Traceback", "Exception ignored", "roken pipe"))


def test_closed_standard_output_is_an_error(tmp_path: Path) -> None:
    code = "import sys; from temshift.cli.app import main; sys.argv[0] = 'temshift'; main()"
    words = ["sh", "-c", 'exec "$0" "$@" >&-', sys.executable, "-c", code, "--version"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "temshift: cannot write to standard output: Bad file descriptor" in done.stderr
    assert "Traceback" not in done.stderr


@needs_full
def test_what_standard_error_can_not_take_is_lost_and_the_work_goes_on(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        process = start(PRINTING["ctf"], subprocess.PIPE, tmp_path, full)
        text, _ = process.communicate(timeout=200)
    assert process.returncode == 0
    assert "files in out" in text


def test_a_fault_that_a_caller_swallows_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with guarded_streams():
            sys.stdout.writelines(["lost"])
            for _ in range(2):
                with pytest.raises(ClosedPipeError):
                    sys.stdout.flush()
            with pytest.raises(PrintError):
                sys.stdout.write("lost")
        assert sys.stdout is stream


@needs_full
@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_a_table_for_a_full_disk_is_one_error(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hidden file that takes the name at the end is a link to a device without room."""

    @contextmanager
    def workplace(folder: Path) -> Iterator[Path]:
        (folder / "hidden").mkdir()
        (folder / "hidden" / f"table.{ending}").symlink_to(FULL)
        yield folder / "hidden"

    monkeypatch.setattr("temshift.storage.files._workplace", workplace)
    with pytest.raises(TemshiftError, match="cannot write .*: No space left on device; free some space"):
        write_flat(tmp_path / f"table.{ending}", pl.DataFrame({"score": [0.1, 0.2]}))


NAMES = {
    "export": (["export", "nowhere", "-o"], ".h5"),
    "results": (["results", str(EXAMPLES / "transfer_study"), "-o"], ".csv"),
    "images": (["images", "nowhere", str(CONDITIONS), "-o"], ""),
    "ctf": (["ctf", str(CONDITIONS), "-o"], ""),
    "simulate": (["simulate", str(EXAMPLES / "tiny_database.yaml"), "-o"], ""),
    "specimens": (["specimens", str(EXAMPLES / "specimens.yaml"), "-n", "1", "-w", "0", "-o"], ""),
    "run": (["run", str(STUDY), "-w", "0", "-o"], ""),
    "train": (["train", str(EXAMPLES / "network.yaml"), "-o"], ""),
    "design": (["design", "--targets", str(EXAMPLES / "targets.yaml"), "-o"], ".yaml"),
    "onnx": (["onnx", "nowhere", "-o"], ".onnx"),
    "predict": (["predict", "nowhere", "--test", str(CONDITIONS), "-o"], ".csv"),
    "picture": (
        ["compare", str(EXAMPLES / "microscope_a.yaml"), str(EXAMPLES / "microscope_b.yaml"), "--picture"],
        ".png",
    ),
    "study": (["status"], ""),
    "file": (["check"], ".yaml"),
    "folder": (["inspect"], ""),
    "report": (["report"], ""),
    "scored": (["results"], ""),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_name_of_300_characters_is_one_error(temshift: Callable[..., Any], tmp_path: Path, case: str) -> None:
    words, ending = NAMES[case]
    done = temshift(*words, LONG + ending)
    assert done.returncode == 2
    assert done.stderr.startswith("temshift: ")
    assert "File name too long" in done.stderr or any(word in done.stderr for word in ("nowhere", "exit waves"))
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_a_link_to_itself_is_one_error(temshift: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    for words in (["status", "circle"], ["report", "circle"], ["check", "circle"]):
        done = temshift(*words)
        assert done.returncode == 2, words
        assert done.stderr.startswith("temshift: ") and "Traceback" not in done.stderr


def test_a_name_that_is_no_text_is_shown_escaped(tmp_path: Path) -> None:
    process = start(["check", os.fsdecode(b"\xff\x1b[31m.yaml")], subprocess.PIPE, tmp_path)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 2
    assert r"\udcff\x1b[31m.yaml" in errors and "\x1b" not in errors
