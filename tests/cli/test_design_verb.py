"""The verb ``design``: tables, files, JSON, and what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from temshift.cli.verbs.design import as_plain, remarks
from temshift.conditions import ImagingConditions
from temshift.information import Design, ObjectLibrary, write_library
from temshift.information.designs.training_design import DESIGN, EVEN
from temshift.scoring.scoring_conditions import scoring_conditions

pytestmark = pytest.mark.slow  # part of make test, not of make check

TARGETS = """
default: {dose_e_per_A2: 400, semiangle_cutoff_mrad: 12}
test:
  - {name: "defocus {value:+g} nm", series: defocus_nm, values: [-15, 5, 15], sd: 1.5}
"""
QUICK = ("--grid", "0", "--rule", "linear", "--specimens", "library.json")


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A file of three targets, beside a library of four particles like CdSe of radius 12 A on carbon."""
    file = tmp_path / "targets.yaml"
    file.write_text(TARGETS, encoding="utf-8")
    q, each = np.arange(1, 33) / 51.2, np.ones(4)
    power = 3 * np.exp(-3 * q)
    phases, none = each[:, None] * power, np.zeros((4, 32))
    few = ObjectLibrary(q, phases, none, none, 450 * each, 12 * each, power / 70, 35 * each, 41 * each, 0.2)
    write_library(tmp_path / "library.json", few)
    return file


def test_a_table_tells_the_sets_and_a_file_holds_the_design(temshift: Callable[..., Any], targets: Path) -> None:
    done = temshift("design", "--targets", targets, "--size", "2", "--output", "design.yaml", *QUICK)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("design", "evenly spaced", "single best", "random 3", "worst CE"))
    assert all(title in done.stdout for title in ("regret", "CE of its best", "design / evenly spaced"))
    assert "the design loses less than 'evenly spaced' at " in done.stdout
    assert "add conditions: done, 2 of 2" in done.stderr
    assert scoring_conditions("design.yaml").trained_on is not None and Path("design.png").exists()


def test_json_is_all_that_is_printed(temshift: Callable[..., Any], targets: Path) -> None:
    done = temshift("design", "--targets", targets, "-k", "1", "--objective", "mean", "--json", *QUICK)
    answer = json.loads(done.stdout)
    assert answer["objective"] == "mean" and len(answer["predicted"]) == 3 * len(answer["sets"])
    summary = {row["set_name"]: row["mean"] for row in answer["summary"]}
    assert summary["design"] <= summary["evenly spaced"]


@pytest.mark.slow
def test_a_broad_design_is_one_distribution(temshift: Callable[..., Any], targets: Path) -> None:
    done = temshift("design", "--targets", targets, "--broad", "--json", *QUICK)
    answer = json.loads(done.stdout)
    assert len(answer["sets"]["design"]) == 1 and "measured" not in answer["conditions"]
    assert set(answer["sets"]) == {"design", "full range", "middle"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--size", "0"), "size = 0; a design has at least 1 condition"),
        (("--size", "9"), "size = 9 is more than the 3 candidates"),
        ((), "give either --size K or --broad"),
        (("--size", "2", "--broad"), "give either --size K or --broad"),
        (("--size", "2", "--output", "design.json"), "end the name in .yaml"),
        (("--size", "2", "--specimens", "Unobtainium"), "Unobtainium does not exist"),
        (("--size", "2", "--candidates", "missing.yaml"), "cannot read missing.yaml"),
    ],
)
def test_bad_input_is_told(temshift: Callable[..., Any], targets: Path, options: tuple[str, ...], message: str) -> None:
    done = temshift("design", "--targets", targets, *QUICK, *options)
    assert done.returncode == 2 and message in done.stderr


def test_a_folder_that_cannot_be_is_told_before_the_search(temshift: Callable[..., Any], targets: Path) -> None:
    done = temshift("design", "--targets", targets, "--size", "1", "--output", targets / "design.yaml", *QUICK)
    assert done.returncode == 2 and "choose another folder: a part of this path is a file" in done.stderr
    assert "add conditions" not in done.stderr


def test_targets_whose_images_are_noise_are_told(temshift: Callable[..., Any], targets: Path) -> None:
    targets.write_text(TARGETS.replace("400", "1.0e-9").replace("[-15, 5, 15]", "[5]"), encoding="utf-8")
    done = temshift("design", "--targets", targets, "--size", "1", *QUICK)
    assert done.returncode == 0
    remark = r"\+5 nm transfers all but nothing \(epsilon = .* bits\): its images are noise"
    assert re.search(remark, done.stderr)


def test_a_file_without_targets_is_told(temshift: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    file.write_text("test: []", encoding="utf-8")
    done = temshift("design", "--targets", file, "--size", "1")
    assert done.returncode == 2 and "test" in done.stderr


def test_what_the_comparison_says_against_a_design_is_told() -> None:
    """A random set that is predicted to do better is named; one that does worse is not."""
    losses = {DESIGN: [0.2, 0.3], "random 1": [0.25, 0.28], "random 2": [0.1, 0.31]}
    better, price = remarks(made("worst", losses, best=[0.1, 0.2]))
    assert better.startswith("'random 1' is predicted to do better: 0.280 against 0.300")
    assert price.startswith("the design loses less than 'evenly spaced' at 1 of 2 targets (by up to a factor of 1.25")


def test_each_target_has_its_price_and_hopeless_ones_are_named() -> None:
    """Beside the even set: target 0 pays a fifth, target 1 gains a factor of 2; target 2 is served by none."""
    losses = {DESIGN: [0.24, 0.1, 0.45], EVEN: [0.2, 0.2, 0.45]}
    chosen = made("regret", losses, best=[0.2, 0.05, 0.42])
    price, hopeless = remarks(chosen)
    assert "loses less than 'evenly spaced' at 1 of 3 targets (by up to a factor of 2.00, '1')" in price
    assert "and more at 1 (by up to 1.20, '0')" in price
    assert hopeless.startswith("hopeless, since even the best single candidate keeps 80% or more") and "'2'" in hopeless
    plain = as_plain(chosen)
    assert [round(row["cost"], 3) for row in plain["targets"]] == [1.2, 0.5, 1.0]
    assert [row["hopeless"] for row in plain["targets"]] == [False, False, True]
    assert plain["rival"] == EVEN and plain["summary"][0]["regret"] == pytest.approx(2.0)


def made(objective: Any, losses: dict[str, list[float]], best: list[float]) -> Design:
    """A design of given losses, with an even set if it has none."""
    losses = losses if EVEN in losses else {**losses, EVEN: [0.25, 0.3]}
    rows = [(name, f"{number}", loss, 0.0, 0.9) for name, each in losses.items() for number, loss in enumerate(each)]
    predicted = pl.DataFrame(rows, ("set_name", "target_name", "cross_entropy", "ln_error", "f1"), orient="row")
    limits = pl.DataFrame(
        {
            "target_name": [f"{number}" for number in range(len(best))],
            "best_single": ["single"] * len(best),
            "best_cross_entropy": best,
            "hopeless": [loss > 0.4 for loss in best],
            "chance_cross_entropy": [0.5] * len(best),
        }
    )
    member = {"a": ImagingConditions(defocus_nm=5, dose_e_per_A2=400)}
    return Design(objective, "both", dict.fromkeys(losses, member), predicted, limits)
