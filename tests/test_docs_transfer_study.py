"""The page on the transfer study quotes what its tables give, and the tables are those of the example."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from scipy.stats import spearmanr

from temshift.information import explained
from temshift.studies import Plan, load_study
from temshift.vocabulary.columns import METRICS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "what-the-study-shows.md").read_text(encoding="utf-8")
ROWS = {
    "the mean": "mean",
    "difference in defocus": "defocus difference",
    "d_image, from micrographs alone": "d_image",
    "ln epsilon(test) and d, to the aperture": "ln epsilon(test), d before",
    "ln epsilon(test) and d = -ln sigma": "ln epsilon(test), d",
    "observer, linear": "observer, linear",
    "observer, forest": "observer, forest",
    "**observer, both**": "observer, both",
    "probe, on simulated micrographs": "probe",
}


# Rows of the tables by cameras and of the confirmation, and the features of docs/camera_tables.py.
BY_CAMERA = {
    "ln epsilon(test) and d, old": ("ln_epsilon", "distance_log_aperture"),
    "ln epsilon(test) and d": ("ln_epsilon", "distance"),
    "observer, both": ("both",),
    "probe": ("probe",),
}
KINDS = ("all", "camera tests", "with cameras", "others")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("transfer_study")


@pytest.fixture(scope="module")
def cameras() -> ModuleType:
    return load_script("camera_tables")


def load_script(name: str) -> ModuleType:
    """Import a script of the docs, which may import its neighbours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        return importlib.import_module(name)


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


def shown(text: str, row: str) -> list[float]:
    """Numbers of a row of a table by cameras, tests and trainings in turn."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {row} |"))
    return [float(number) for number in re.findall(r"-?\d\.\d\d", line)]


def study_cells(cameras: ModuleType, name: str) -> pl.DataFrame:
    plan = Plan(load_study(ROOT / "examples" / f"{name}.yaml"))
    cells: pl.DataFrame = cameras.read_cells(plan, ROOT / "examples" / name / "metrics.parquet")
    return cells


def by_kind(cameras: ModuleType, cells: pl.DataFrame, features: tuple[str, ...], kinds: tuple[str, ...]) -> list[float]:
    """R2 of lines of these features, tests and trainings left out in turn, kind by kind."""
    masks = cameras.kinds_of(cells)
    texts = [cameras.explained_text(cells, features, kind, masks[kind]) for kind in kinds]
    return [float(number) for text in texts for number in text.split(" / ")]


@pytest.mark.parametrize("row", BY_CAMERA)
def test_every_r2_by_cameras_is_that_of_the_tables(row: str, cameras: ModuleType) -> None:
    part = PAGE[PAGE.index("New beside old") :]
    found = by_kind(cameras, study_cells(cameras, "transfer_study"), BY_CAMERA[row], KINDS)
    assert shown(part, row)[:8] == pytest.approx(found, abs=0.0056)


def test_every_r2_of_the_observer_of_before_is_that_of_its_table(cameras: ModuleType) -> None:
    old = cameras.earlier(ROOT / "examples" / "transfer_study" / "observers_before.parquet")
    cells = cameras.joined(study_cells(cameras, "transfer_study"), old)
    found = by_kind(cameras, cells, ("before",), KINDS)
    assert shown(PAGE, "observer, both, old")[:8] == pytest.approx(found, abs=0.0056)


@pytest.mark.parametrize("row", BY_CAMERA)
def test_every_r2_of_the_confirmation_is_that_of_its_tables(row: str, cameras: ModuleType) -> None:
    part = PAGE[PAGE.index("**Confirmed with cameras") :]
    kinds = ("all", "crystal ZnS", "crystal Fe")
    found = by_kind(cameras, study_cells(cameras, "camera_confirmation_study"), BY_CAMERA[row], kinds)
    assert shown(part, row) == pytest.approx(found, abs=0.0056)


def test_intervals_with_cameras_hold_what_the_page_says(
    cameras: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    cameras.print_intervals(study_cells(cameras, "transfer_study"))
    text = capsys.readouterr().out
    shares = dict(re.findall(r"^ *(.+): (?:all )?(\d\.\d+)", text, flags=re.MULTILINE))
    assert float(shares["tests left out"]) == pytest.approx(0.895, abs=0.001)
    assert float(shares["trainings left out"]) == pytest.approx(0.940, abs=0.001)
    assert float(shares["camera tests left out as a kind"]) == pytest.approx(0.804, abs=0.001)
    assert "hold 89.5 %" in PAGE.replace("\n", " ") and "the intervals hold 80 %" in PAGE.replace("\n", " ")


def test_d_orders_what_cameras_cost(cameras: ModuleType) -> None:
    cells = study_cells(cameras, "transfer_study").filter("camera_test")
    new, old = (spearmanr(cells[name], cells["regret"]).statistic for name in ("distance", "distance_log_aperture"))
    assert new == pytest.approx(0.69, abs=0.006) and old == pytest.approx(0.41, abs=0.006)
    assert "0.69 under test conditions with a camera; it was 0.40 and 0.41" in PAGE.replace("\n", " ")


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
    for crystal, correlation in (("CdSe", 0.94), ("Ag", 0.73)):
        pairs = script.directions(cells.filter(pl.col("crystal") == crystal))
        assert len(pairs) == 120
        assert pairs.select(pl.corr("told", "measured")).item() == pytest.approx(correlation, abs=0.006)
        assert f"{correlation:.2f}" in PAGE
