"""The verbs of the command line."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import temshift

ROOT = Path(__file__).parents[2]


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "temshift.cli.app", *arguments]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_version_is_told(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == f"temshift {temshift.__version__}\n"


def test_help_names_the_verbs_without_torch(tmp_path: Path) -> None:
    code = """
import sys
from temshift.cli.app import main
sys.argv = ["temshift", "--help"]
try:
    main()
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False"
    assert all(verb in done.stdout for verb in ("run", "check", "report", "demo", "specimens"))


@pytest.mark.slow
def test_check_tells_what_a_study_makes_and_writes_nothing(tmp_path: Path) -> None:
    done = run("check", str(ROOT / "examples" / "tiny.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("crystal: CdSe", "closing_radius_angstrom", "32", "29", "MB on disk", "with"):
        assert words in done.stdout
    assert os.listdir(tmp_path) == []


def test_what_check_prints_is_a_study(tmp_path: Path) -> None:
    from temshift.configuration.model import load_configuration, parse_configuration
    from temshift.studies import Study
    from temshift.studies.folder import study_text

    for name in ("tiny.yaml", "quick_study.yaml"):
        study = load_configuration(ROOT / "examples" / name, Study)
        assert parse_configuration(study_text(study), Study, name) == study


def test_the_quick_study_has_the_conditions_that_were_asked_for() -> None:
    from temshift.configuration.model import load_configuration
    from temshift.studies import Plan, Study

    plan = Plan(load_configuration(ROOT / "examples" / "quick_study.yaml", Study))
    assert len({run.name for run in plan.networks}) >= 8
    assert {run.seed for run in plan.networks} == {0, 1}
    (part,) = plan.parts
    assert len(part.tests) >= 40
    centers = [test.conditions.centers() for test in part.tests]
    for key in ("defocus_nm", "dose_e_per_A2", "C30_mm", "C12_nm"):
        assert len({center[key] for center in centers}) >= 3
    assert part.databases["training"].seed != part.databases["test"].seed


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs Linux to limit the size of a file")
@pytest.mark.slow
def test_a_full_disk_fails_with_its_reason_and_keeps_what_is_finished(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk that is full: writes fail the same way, and root is held to it."""
    study = ROOT / "examples" / "tiny.yaml"
    words = f"ulimit -f 200; exec {sys.executable} -m temshift.cli.app run {study} --output out --workers 1"
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert not (tmp_path / "out" / "report.html").exists()
    started = time.time()
    again = run("run", str(study), "--output", "out", "--workers", "0", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out" / "report.html").stat().st_mtime >= started - 1


def test_a_notebook_reaches_every_stage() -> None:
    for name in (
        "specimens",
        "exitwaves",
        "conditions",
        "optics",
        "information",
        "micrographs",
        "networks",
        "scoring",
        "report",
        "databases",
        "image_sets",
        "studies",
        "workflows",
    ):
        stage = getattr(temshift, name)
        assert all(hasattr(stage, public) for public in stage.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        temshift.nothing  # noqa: B018
