"""What the README shows works as written."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


STUDY, STAGES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


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
