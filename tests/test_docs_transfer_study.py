"""The page on the transfer study quotes what its tables give, and the tables are those of the example."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from temshift.information import explained
from temshift.studies import Plan, load_study
from temshift.vocabulary.columns import METRICS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "what-the-study-shows.md").read_text(encoding="utf-8")
ROWS = {
    "the mean": "mean",
    "difference in defocus": "defocus difference",
    "d_image, from micrographs alone": "d_image",
    "ln epsilon(test) and d = -ln sigma": "ln epsilon(test), d",
    "observer, linear": "observer, linear",
    "observer, forest": "observer, forest",
    "**observer, both**": "observer, both",
    "probe, on simulated micrographs": "probe",
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("transfer_study", ROOT / "docs" / "transfer_study.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cells(script: ModuleType) -> pl.DataFrame:
    found: pl.DataFrame = script.read_cells()
    return found


@pytest.mark.parametrize("row", ROWS)
def test_every_r2_of_the_page_is_that_of_the_tables(row: str, script: ModuleType, cells: pl.DataFrame) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {row} |"))
    told = [float(number) for number in re.findall(r"-?\d\.\d\d", line)]
    found = []
    for groups in ("test_name", "training"):
        for some in (cells, *(cells.filter(pl.col("crystal") == one) for one in script.COLOURS)):
            predicted = script.left_out(some, script.MODELS[ROWS[row]], groups)
            found.append(explained(some["ln_cross_entropy"].to_numpy(), predicted)[0])
    assert told == pytest.approx(found, abs=0.0051)


def test_the_observer_is_ahead_of_every_baseline_and_above_the_goal(script: ModuleType, cells: pl.DataFrame) -> None:
    target = cells["ln_cross_entropy"].to_numpy()
    for groups in ("test_name", "training"):
        r2 = {name: explained(target, script.left_out(cells, script.MODELS[name], groups))[0] for name in ROWS.values()}
        assert r2["observer, both"] >= 0.8
        assert all(r2["observer, both"] > r2[name] + 0.5 for name in ("mean", "defocus difference", "d_image"))


def test_the_tables_are_those_of_the_example(cells: pl.DataFrame) -> None:
    plan = Plan(load_study(ROOT / "examples" / "transfer_study.yaml"))
    asked = {(training, test.name) for part in plan.parts for training in part.trainings for test in part.tests}
    assert set(cells.select("training_name", "test_name").rows()) == asked
    assert set(METRICS) <= set(cells.columns)
    results = pl.read_parquet(ROOT / "examples" / "transfer_study" / "results.parquet")
    assert {*results["network_id"]} == {run.id for run in plan.networks}
    assert len(results) == 3 * len(asked) and results["cross_entropy"].is_finite().all()


def test_asymmetries_are_those_of_the_page(script: ModuleType, cells: pl.DataFrame) -> None:
    for crystal, correlation in (("CdSe", 0.96), ("Ag", 0.73)):
        pairs = script.directions(cells.filter(pl.col("crystal") == crystal))
        assert len(pairs) == 78
        assert pairs.select(pl.corr("told", "measured")).item() == pytest.approx(correlation, abs=0.006)
        assert f"{correlation:.2f}" in PAGE
