"""docs/own-training-loop.md works as written, from a folder that holds nothing but the examples."""

import inspect
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from temshift.cli.app import app
from temshift.workflows import MicrographDataset

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-training-loop.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    every = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [text for name, text in every if name == language]


def commands() -> list[list[str]]:
    return [shlex.split(line) for block in blocks("") for line in block.splitlines()]


def run(command: list[str]) -> str:
    """Run a line of the page in the folder of now; temshift's own in this process, which has imported it."""
    if command[0] == "temshift":
        ended = CliRunner().invoke(app, command[1:], catch_exceptions=False)
        assert ended.exit_code == 0, ended.output
        return ended.output
    assert command[0] == "python"
    return subprocess.run([sys.executable, *command[1:]], check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_page_leads_from_a_database_to_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    for name in ("tiny_database.yaml", "own_network.yaml"):
        shutil.copy(ROOT / "examples" / name, tmp_path / "examples")
    _, code = blocks("python")
    (tmp_path / "train.py").write_text(code, encoding="utf-8")
    simulate, train, score = commands()
    run([*simulate, "--workers", "0"])
    losses = [float(loss) for loss in re.findall(r"validation ([\d.]+)", run(train))]
    assert len(losses) == 5 and losses[-1] < 0.8 * losses[0]
    run(score)
    results = pl.read_parquet(tmp_path / "scores" / "results.parquet")
    assert len(results) == 13 and results["g_ood"].null_count() == 0
    assert results["f1"].max() > 0.6
    assert (tmp_path / "scores" / "report.html").exists()


def test_five_lines_train_a_network(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "database").symlink_to(database)
    monkeypatch.chdir(tmp_path)
    code, _ = blocks("python")
    names: dict[str, Any] = {}
    code = code.replace("length=2400", 'length=480, augmentation="none"')  # the cell of the tests is not square
    torch.manual_seed(0)
    exec(code, names)
    torch.manual_seed(0)
    untrained = torch.nn.Conv2d(1, 1, 9, padding=4)
    before = torch.nn.functional.binary_cross_entropy_with_logits(untrained(names["images"]), names["masks"])
    assert names["loss"].item() < 0.9 * before.item()
    loop = code[code.index("for images") :]
    assert len(loop.splitlines()) == 5


def test_the_page_lists_every_argument() -> None:
    section = PAGE.split("## An item")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
    assert listed == list(inspect.signature(MicrographDataset).parameters)
