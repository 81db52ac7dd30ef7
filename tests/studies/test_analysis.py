"""Metrics and transfer functions of scenarios: of studies, and of a network whose training nobody knows."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from temshift.conditions import ImagingConditions
from temshift.information import ObjectSpectra, Survey
from temshift.optics.microscope import Microscope
from temshift.optics.settings import ImagingSettings
from temshift.studies.analysis.analyse import Scenario, analyse, pairs_of, scored_cells


def at(defocus_nm: float) -> ImagingConditions:
    return ImagingConditions.model_validate(
        {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12, "defocus_nm": defocus_nm}
    )


@pytest.fixture(scope="module")
def complete() -> Scenario:
    """One training and four tests under one microscope."""
    q = np.linspace(0.002, 0.6, 100)
    objects = ObjectSpectra(q, 0.05 * np.exp(-((q / 0.3) ** 2)), 0.01 * np.exp(-((q / 0.2) ** 2)), 12.0, 41.0, 0.2)
    survey = Survey(Microscope(300e3, ImagingSettings(), 1.25), 0.012, 16, 0)
    tests = {f"{nm} nm": at(nm) for nm in (-20, -10, 5, 15)}
    return Scenario({"under": at(-10)}, tests, {"under": "under"}, survey, objects)


@pytest.fixture(scope="module")
def unknown(complete: Scenario) -> Scenario:
    return replace(complete, trained={}, groups={})


def scores(training: str | None, tests: list[str]) -> pl.DataFrame:
    """A loss for every test."""
    losses = np.linspace(-2, -1, len(tests))
    names = {"training_name": pl.Series([training] * len(tests), dtype=pl.String), "test_name": tests}
    return pl.DataFrame({**names, "ln_cross_entropy": losses, "ln_cross_entropy_sd": [None] * len(tests)})


def test_without_a_training_the_tests_keep_their_epsilon(complete: Scenario, unknown: Scenario) -> None:
    known, alone = pairs_of(complete), pairs_of(unknown)
    assert known["training_name"].to_list() == ["under"] * 4
    assert alone["training_name"].null_count() == alone["training_group"].null_count() == 4
    for column in ("test_name", "epsilon_test", "epsilon_test_error"):
        assert alone[column].equals(known[column])
    assert known.filter(test_name="-10 nm")["sigma"].item() == pytest.approx(1)
    assert "sigma" not in alone.columns


@pytest.mark.parametrize("name", ["under", None])
def test_scores_find_their_pairs_also_if_no_training_is_known(
    name: str | None, complete: Scenario, unknown: Scenario
) -> None:
    scenario = unknown if name is None else complete
    tests = list(scenario.tested)
    cells = scored_cells([scenario], scores(name, tests[::-1]), None)
    assert cells["test_name"].to_list() == tests
    assert cells["ln_cross_entropy"].to_list() == np.linspace(-2, -1, 4)[::-1].tolist()


def test_each_name_has_one_curve_a_role(complete: Scenario, unknown: Scenario) -> None:
    tests = list(complete.tested)
    twice = analyse([complete, complete], scores("under", tests))
    assert twice.transfer.equals(analyse([complete], scores("under", tests)).transfer)
    assert twice.transfer.select("role", "name").unique(maintain_order=True).rows() == [
        ("training", "under"),
        *(("test", name) for name in tests),
    ]
    assert set(analyse([unknown], scores(None, tests)).transfer["role"]) == {"test"}
