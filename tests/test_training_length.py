"""The benchmark of the training length: its correlations, and a whole run of a tiny study that goes on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "training_length.py"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.delitem(sys.modules, "training_length", raising=False)


def losses(seed: int) -> np.ndarray:
    """Cross-entropies of 2 seeds, 3 trainings, 4 tests."""
    return np.exp(np.random.default_rng(seed).normal(size=(2, 3, 4)))


def table(short: np.ndarray, long: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "training.steps": steps,
            "training_name": f"training {place[1]}, steps {steps}",
            "test_name": f"test {place[2]}",
            "seed": place[0],
            "cross_entropy": value,
        }
        for steps, values in ((10, short), (40, long))
        for place, value in np.ndenumerate(values)
    )


def test_correlations_are_those_of_the_ranks_of_means_over_seeds() -> None:
    from training_length import orders

    short, long = losses(0), losses(1)
    (row,) = orders(table(short, long).sample(fraction=1, shuffle=True, seed=2), [10], 4)
    means = [np.log(one).mean(axis=0) for one in (short, long)]
    regrets = [one - one.min(axis=0) for one in means]
    for name, pair in (("loss", means), ("regret", regrets)):
        ranks = [rankdata(one.ravel()) for one in pair]
        assert row[f"spearman_{name}"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert (row["steps"], row["cells"]) == (10, 12)
    assert row["best_long"] == pytest.approx(np.exp(means[1].min()))
    assert row["median"] == pytest.approx(np.median(np.exp(means[0])))


def test_an_order_that_stays_is_marked_as_converged() -> None:
    from training_length import orders, table_text

    short = losses(0)
    rows = orders(table(short, 0.5 * short), [10], 4) + orders(table(short, losses(1)), [10], 4)
    assert rows[0]["spearman_loss"] == rows[0]["spearman_regret"] == pytest.approx(1)
    assert table_text(pl.DataFrame(rows)).count("yes") == 1


def test_the_observer_that_networks_follow_explains_them() -> None:
    from training_length import RULES, speakers

    short, long = losses(0), losses(1)
    mean = np.log(short).mean(axis=0)
    random = np.random.default_rng(2)
    said = {rule: np.exp(random.normal(size=mean.shape)) for rule in RULES} | {"forest": np.exp(2 * mean - 1)}
    observers = pl.DataFrame(
        {"training": f"training {row}", "test_name": f"test {column}"}
        | {f"observer_{rule}_cross_entropy": value[row, column] for rule, value in said.items()}
        for row, column in np.ndindex(mean.shape)
    )
    rows = {(row["steps"], row["observer"]): row for row in speakers(table(short, long), observers)}
    followed = rows[10, "forest"]
    assert followed["slope"] == pytest.approx(0.5)
    assert followed["r2_tests_left_out"] == pytest.approx(1)
    assert followed["rms_tests_left_out"] == pytest.approx(0, abs=1e-9)
    assert followed["r2_trainings_left_out"] == pytest.approx(1)
    assert max(rows[10, "linear"]["r2_tests_left_out"], rows[40, "forest"]["r2_tests_left_out"]) < 0.9


@pytest.mark.slow
def test_a_tiny_study_runs_and_goes_on(tmp_path: Path) -> None:
    given = ["--steps", "2", "--seeds", "1", "--architectures", "compact", "--workers", "0"]
    command = [sys.executable, str(SCRIPT), str(tmp_path), *given, "--study", str(ROOT / "examples" / "tiny.yaml")]
    first = subprocess.run(command, check=True, capture_output=True, text=True)
    cards = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("network.json")}
    rows = pl.read_csv(tmp_path / "training_length.csv")
    assert rows.select("architecture", "precision", "steps", "cells").rows() == [("compact", "float32", 2, 28)]
    assert rows["spearman_loss"].is_between(-1, 1).all()
    spoken = pl.read_csv(tmp_path / "observers_of_length.csv")
    rules = ["linear", "forest", "both", "ideal"]
    assert spoken.select("steps", "observer").rows() == [(steps, rule) for steps in (2, 8) for rule in rules]
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert again.stdout == first.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("network.json")} == cards
