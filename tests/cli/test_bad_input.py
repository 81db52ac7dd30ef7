"""A user's mistakes: exit code 2, every fault with its line, nothing written, no traceback."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from temshift.cli.verbs import run
from temshift.core.errors import TemshiftError

ROOT = Path(__file__).parents[2]
TINY = (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")


Temshift = Callable[..., Any]


def faults(temshift: Temshift, tmp_path: Path, text: str) -> list[str]:
    """Run a study text; return the lines that are told after checking that nothing else happened."""
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    done = temshift("run", "study.yaml", "--output", "out")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["study.yaml"]
    return done.stderr.splitlines()


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


CASES = {
    "misspelt key": ("energy_kev: 300", "energy_kv: 300", ["unknown key", "nearest: 'energy_kev'"]),
    "unit in the wrong key": ("dose_e_per_A2: 400", "dose: 400", ["unknown key", "nearest: 'dose_e_per_A2'"]),
    "text for a number": (
        "slice_thickness_angstrom: 4.0",
        'slice_thickness_angstrom: "4 A"',
        ["'4 A'", "a number"],
    ),
    "negative dose": ("dose_e_per_A2: 400", "dose_e_per_A2: -400", ["-400", "above 0"]),
    "negative dose in a series": ("[50, 1600]", "[50, -1600]", ["-1600", "above 0"]),
    "unknown crystal": ("crystal: CdSe", "crystal: CdSi", ["'CdSi'", "allowed", "nearest: 'CdSe'"]),
    "empty list": ("[-10, 0, 10]", "[]", ["at least 1"]),
    "particles larger than the cell": ("maximum: 0.8}", "maximum: 1.8}", ["exceed the cell", "at least 3.8"]),
    "aperture beyond the band": (
        "semiangle_cutoff_mrad: 12.0",
        "semiangle_cutoff_mrad: 25.0",
        ["beyond the band", "24.61"],
    ),
    "wrong word": (
        "slice_thickness_angstrom: 4.0",
        "slice_thickness_angstrom: 4.0\n  mask: {definition: shape}",
        ["'shape'", "outline"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_told_with_its_line(temshift: Temshift, tmp_path: Path, case: str) -> None:
    right, wrong, message = CASES[case]
    assert right in TINY
    lines = faults(temshift, tmp_path, TINY.replace(right, wrong, 1))
    for words in message:
        assert any(words in line for line in lines), lines
    assert any("line " in line for line in lines)


def test_every_fault_is_told_at_once_with_its_own_line(temshift: Temshift, tmp_path: Path) -> None:
    text = TINY.replace("crystal: CdSe", "crystal: CdSi").replace("energy_kev: 300", "energy_kv: 300")
    text = text.replace("dose_e_per_A2: 400", "dose_e_per_A2: -400").replace("seed: 1", "seed: one", 1)
    text_of_faults = "\n".join(faults(temshift, tmp_path, text))
    for part in ("crystal: CdSi", "energy_kv: 300", "dose_e_per_A2: -400", "seed: one"):
        assert f"line {line_of(text, part)}," in text_of_faults


def test_a_key_given_twice_is_refused(temshift: Temshift, tmp_path: Path) -> None:
    lines = faults(temshift, tmp_path, TINY.replace("seed: 1", "seed: 1\nseed: 2", 1))
    assert any("given twice" in line for line in lines)


def test_text_that_is_no_yaml_is_refused(temshift: Temshift, tmp_path: Path) -> None:
    assert any("is not YAML" in line for line in faults(temshift, tmp_path, "name: [unclosed"))


def test_a_missing_study_file_is_told(temshift: Temshift, tmp_path: Path) -> None:
    done = temshift("run", "absent.yaml")
    assert done.returncode == 2
    assert "absent.yaml" in done.stderr
    assert os.listdir(tmp_path) == []


def test_an_output_folder_that_holds_another_study_is_refused(temshift: Temshift, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TINY, encoding="utf-8")
    (tmp_path / "out").mkdir()
    other_study = TINY.replace("name: tiny study", "name: another study")
    (tmp_path / "out" / "study.yaml").write_text(other_study, encoding="utf-8")
    done = temshift("run", "study.yaml", "--output", "out")
    assert done.returncode == 2
    assert "another study" in done.stderr
    assert os.listdir(tmp_path / "out") == ["study.yaml"]
    assert (tmp_path / "out" / "study.yaml").read_text(encoding="utf-8") == other_study


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_told_before_anything_is_written(temshift: Temshift, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TINY, encoding="utf-8")
    done = temshift("run", "study.yaml", "--output", "out", "--device", "cuda")
    assert done.returncode == 2
    assert "--device cpu" in done.stderr
    assert os.listdir(tmp_path) == ["study.yaml"]


DOUBTFUL = TINY.replace("semiangle_cutoff_mrad: 12.0", "C30_mm: 2.7e-7")
DOUBTS = (
    "C30_mm = 2.7e-07: C30 = 2.7e-07 mm is implausibly small for the spherical aberration",
    ": without an aperture images end with the grid, at ",
)


@pytest.mark.parametrize("verb", ["run", "check"])
def test_doubts_about_conditions_are_told_once_and_stop_nothing(
    temshift: Temshift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def begun(*_: object, **__: object) -> None:
        raise TemshiftError("the work has begun")

    monkeypatch.setattr(run, "run_study" if verb == "run" else "estimate", begun)
    (tmp_path / "study.yaml").write_text(DOUBTFUL, encoding="utf-8")
    done = temshift(verb, "study.yaml")
    assert "the work has begun" in done.stderr
    assert [done.stderr.count(doubt) for doubt in DOUBTS] == [1, 1]
    assert done.stderr.count("warning: 'defocus -10 nm', 'defocus +0 nm', ") == 2
    (tmp_path / "study.yaml").write_text(TINY, encoding="utf-8")
    assert "warning" not in temshift(verb, "study.yaml").stderr


def test_an_output_below_a_file_is_told(temshift: Temshift, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TINY, encoding="utf-8")
    done = temshift("run", "study.yaml", "--output", "study.yaml/out")
    assert done.returncode == 2
    assert "name another folder" in done.stderr or "choose another folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_read_only_folder_is_told(temshift: Temshift, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TINY, encoding="utf-8")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(locked, os.W_OK):
        pytest.skip("root may write everywhere; test_a_full_disk covers the failing write")
    done = temshift("run", "study.yaml", "--output", "locked/out")
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


def test_report_of_a_folder_without_study_is_told(temshift: Temshift, tmp_path: Path) -> None:
    done = temshift("report", tmp_path)
    assert done.returncode == 2
    assert "no study.yaml" in done.stderr


def test_a_negative_number_of_workers_is_told(temshift: Temshift, tmp_path: Path) -> None:
    done = temshift("run", ROOT / "examples" / "tiny.yaml", "--workers", "-1")
    assert done.returncode == 2
    assert os.listdir(tmp_path) == []
