"""docs/own-networks.md and its example work as written."""

import re
from pathlib import Path

import pytest

from temshift.configuration.model import load_configuration, parse_configuration
from temshift.scoring import ScoringConditions, score
from temshift.vocabulary.columns import RESULTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-networks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_conditions_on_the_page_are_taken() -> None:
    (text,) = blocks("yaml")
    conditions = parse_configuration(text, ScoringConditions, "own-networks.md")
    assert len(conditions.tests) == 7
    assert conditions.trained_on is not None


def test_the_example_serves_a_database(discs: Path) -> None:
    example = ROOT / "examples" / "own_network.yaml"
    conditions = load_configuration(example, ScoringConditions)
    scores = score(lambda images: images, discs, example)
    assert scores["test_name"].to_list() == list(conditions.tests)
    assert scores["g_ood"].null_count() == 0


def test_the_code_on_the_page_runs(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "database").symlink_to(discs)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(code, {})
    assert "defocus +10 nm" in capsys.readouterr().out


def test_the_columns_on_the_page_are_those_of_results() -> None:
    section = PAGE.split("## What the scores are")[1]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert "calibration_error" in named
    assert named <= set(RESULTS)
