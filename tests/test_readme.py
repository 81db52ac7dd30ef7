"""What the README shows works as written."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from temshift import read_results
from temshift.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


STUDY, LOOP, STAGES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
def test_the_first_python_example_runs_a_study_from_an_empty_folder(tmp_path: Path) -> None:
    """With the tiny study in place of the quick one, which takes minutes."""
    assert len(STUDY.replace("\n\n", "\n").splitlines()) == 5 and "quick_study.yaml" in STUDY
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    script = (
        STUDY.replace("quick_study.yaml", "tiny.yaml")
        + '    print(len(results), "cross_entropy" in forecast.columns)\n'
    )
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    words = [sys.executable, "script.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stdout) == (0, "28 True\n"), done.stderr
    assert (tmp_path / "studies/quick-study/report.html").exists()


@pytest.mark.slow
def test_the_loop_runs_from_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tenth of the images."""
    monkeypatch.chdir(tmp_path)
    database = CliRunner().invoke(
        app, ["simulate", str(ROOT / "examples/tiny_database.yaml"), "--output", "tiny", "--workers", "0"]
    )
    assert database.exit_code == 0, database.output
    assert "length=2400" in LOOP and len(LOOP.strip().splitlines()) <= 7
    names: dict[str, Any] = {}
    exec(LOOP.replace("length=2400", "length=240"), names)
    assert names["images"].shape == names["masks"].shape == (16, 1, 160, 160)
    assert abs(float(names["images"].std()) - 1) < 0.01
    assert 0 < float(names["masks"].mean()) < 0.5


@pytest.mark.slow
def test_the_study_of_monai_runs_from_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = str(ROOT / "examples/monai_study.yaml")
    assert f"temshift run {Path(study).relative_to(ROOT)}" in README
    done = CliRunner().invoke(app, ["run", study, "--output", "monai", "--workers", "0"])
    assert done.exit_code == 0, done.output
    results = read_results("monai")
    assert len(results) == 3 * 7 and results["cross_entropy"].null_count() == 0
    assert "monai" in (tmp_path / "monai" / "study.yaml").read_text(encoding="utf-8")
    assert (tmp_path / "monai" / "report.html").exists()


def test_the_python_example_gives_a_micrograph() -> None:
    names: dict[str, Any] = {}
    exec(STAGES, names)
    micrograph = names["micrograph"]
    assert micrograph.shape == (1, 160, 160)
    assert abs(float(micrograph.mean()) / (400 * 0.04) - 1) < 0.05
    assert 0.2 < names["exit_wave"].mask.mean() < 0.5


def test_every_file_that_it_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_every_command_that_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z]+)", README)):
        assert f"\n{target}:" in makefile
    app = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/temshift/cli/options").glob("*.py"))
    for verb in set(re.findall(r"`temshift ([a-z]+)", README)):
        assert f"def {verb}(" in app
