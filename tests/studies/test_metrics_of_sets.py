"""The metrics of a study with sets of specimens: who is taken to which set, and what is known of each."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from temshift.configuration.model import parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core import InputError
from temshift.execution import SilentProgress, Work, make_executor
from temshift.information import fit_observer, read_library, ring_draws, shipped_library
from temshift.storage import read_json
from temshift.studies import Plan, Study, StudyFolder, run_study, survey_of
from temshift.studies.analysis import observer_scores
from temshift.studies.analysis.analyse import observe_part, shown_libraries
from temshift.studies.analysis.image_features import looks_of
from temshift.vocabulary.columns import METRICS, SET_METRICS
from temshift.workflows import predict_scores

SETS: list[dict[str, Any]] = [
    {"name": "{value}", "series": "particles.crystal", "values": ["CdSe", "Ag", "Si"]},
    {"name": "wide", "specimens": {"cell_nm": [3.84, 3.84], "particles": {"crystal": "Cu"}}},
]
NAMES = ("CdSe", "Ag", "Si", "wide")
CHANGES: dict[str, Any] = {
    "counts": {"training": 4, "test": 2, "per_shard": 4},
    "training": {"steps": 2, "batch": 2},
    "network": {"widths": [4], "stem": 4},
    "information": {"specimens": 4, "draws": 8, "images": {"specimens": 2, "probe": True, "patches": 100}},
    "conditions": {
        "default": {"semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0, "dose_e_per_A2": 400},
        "training": [{"name": "near", "defocus_nm": -5}],
        "test": [{"name": "near", "defocus_nm": -5}],
    },
    "specimen_sets": SETS,
}


@pytest.fixture(scope="module")
def study(tiny_text: str) -> Study:
    data = read_document(tiny_text).data
    assert isinstance(data, dict)
    return parse_configuration(write_document({**deepcopy(data), **deepcopy(CHANGES)}), Study, "study.yaml")


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sets") / "study"
    run_study(study, place, workers=0)
    return place


@pytest.fixture(scope="module")
def metrics(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "metrics.parquet")


def test_pairs_name_their_sets_and_what_is_known_of_them(metrics: pl.DataFrame) -> None:
    assert metrics.schema == pl.Schema(METRICS | SET_METRICS)
    pairs = set(metrics.select("training_specimens", "test_specimens").rows())
    assert pairs == {(one, other) for one in NAMES for other in NAMES}
    facts = dict(metrics.select("test_specimens", "test_crystal").rows())
    assert facts == {"CdSe": "CdSe", "Ag": "Ag", "Si": "Si", "wide": "Cu"}
    sizes = metrics.select("training_particle_radius_nm", "training_film_thickness_nm", "training_particle_share")
    assert (sizes.to_numpy() > 0).all()
    wide = metrics.filter(training_specimens="wide")["training_particle_share"][0]
    assert wide < metrics.filter(training_specimens="Ag")["training_particle_share"][0], (
        "a larger cell, fewer particles"
    )


def test_the_ideal_observer_goes_from_the_library_of_one_set_to_that_of_the_other(
    study: Study, folder: Path, metrics: pl.DataFrame
) -> None:
    part = Plan(study).parts[1]
    libraries = {
        one.metrics_id: read_library(StudyFolder(folder).spectra_record(one.metrics_id)) for one in Plan(study).parts
    }
    shown, survey, conditions = shown_libraries(part, libraries), survey_of(part.study), part.trainings["near, Ag"]
    training = ring_draws(conditions, shown["Ag"].averaged, survey, stream=0)
    expected = fit_observer(training, "ideal").expected(
        ring_draws(conditions, shown["CdSe"].averaged, survey, stream=1)
    )
    row = metrics.filter(training_specimens="Ag", test_specimens="CdSe").row(0, named=True)
    assert row["observer_ideal_cross_entropy"] == pytest.approx(expected.cross_entropy)
    own = metrics.filter(training_specimens="CdSe", test_specimens="CdSe")["observer_ideal_cross_entropy"][0]
    assert own < row["observer_ideal_cross_entropy"], "it knows the densities of its own specimens alone"


def test_the_probe_looks_at_windows_of_other_cells_and_spectra_at_their_own(
    study: Study, metrics: pl.DataFrame
) -> None:
    assert metrics["probe_both_cross_entropy"].null_count() == 0
    cells = {True: pl.col("training_specimens") == "wide", False: pl.col("test_specimens") == "wide"}
    other_cell = cells[True] != cells[False]
    missing = metrics.select(pl.col("distance_image").is_null() == other_cell).to_series()
    assert missing.all()
    for part in Plan(study).parts:
        looks = looks_of(part)
        own = [looks.training[name] for name in part.trainings]
        same = [one for one in looks.test.values() if one.source == own[0].source]
        assert all({*range(one.first, one.first + one.count)}.isdisjoint(range(own[0].count)) for one in same)


def test_too_few_sets_say_so_and_leave_numbers_missing(folder: Path, metrics: pl.DataFrame) -> None:
    across = read_json(folder / "prediction.json")["across_sets"]
    assert across["sets"] == {"test": 4, "training": 4}
    assert across["interval"] is None
    assert any("need 10 sets of test specimens at least; there are 4" in one for one in across["caveats"])
    assert metrics["left_out_both_set_upper"].null_count() == len(metrics)
    assert metrics.select(pl.selectors.float().is_nan().any()).to_numpy().sum() == 0


def test_networks_of_a_study_with_sets_are_predicted_on_specimens_that_it_does_not_have(
    folder: Path, study: Study
) -> None:
    forecast = predict_scores(folder, specimens="Au")
    assert forecast.table["test_name"].unique().to_list() == ["near, Au"]
    assert forecast.table["training_name"].to_list() == [f"near, {name}" for name in NAMES]
    assert forecast.table["cross_entropy"].null_count() == 0
    assert forecast.table["cross_entropy_upper"].null_count() == 4, "four sets are too few for an interval"
    assert forecast.table["known_as"].null_count() == 4
    assert any("scores on 4 sets of specimens: too few for an interval" in one for one in forecast.remarks)
    assert forecast.verdict is not None
    assert forecast.verdict.startswith("on Au networks trained on near, ")
    part = Plan(study).parts[1]
    shown = shipped_library("Au", energy=part.study.exit_waves.energy)
    survey, conditions = survey_of(part.study), part.trainings["near, Ag"]
    library = read_library(StudyFolder(folder).spectra_record(part.metrics_id))
    observer = fit_observer(ring_draws(conditions, library, survey, stream=0), "linear", seed=survey.seed)
    expected = observer.expected(ring_draws(conditions, shown.resampled(library.q), survey, stream=1))
    row = forecast.table.filter(training_name="near, Ag").row(0, named=True)
    assert row["observer_linear_cross_entropy"] == pytest.approx(expected.cross_entropy)


def test_conditions_and_specimens_may_both_be_new(folder: Path) -> None:
    far = {"test": [{"name": "far", "defocus_nm": -30, "semiangle_cutoff_mrad": 12.0, "dose_e_per_A2": 400}]}
    forecast = predict_scores(folder, far, specimens="Au")
    assert forecast.table["test_name"].unique().to_list() == ["far, Au"]
    assert not forecast.table["inside"].any()
    own = predict_scores(folder, far)
    assert own.table["test_name"].unique().to_list() == ["far"] and own.verdict is None


def test_what_can_not_be_predicted_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="nothing new is given"):
        predict_scores(folder)
    with pytest.raises(InputError, match="no-recipe.yaml does not exist"):
        predict_scores(folder, specimens="no-recipe.yaml")


def test_observers_are_fitted_once_for_all_sets_that_they_are_taken_to(
    study: Study, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, fits = Plan(study).parts, []

    def counted(*given: Any, **options: Any) -> Any:
        fits.append(given)
        return fit_observer(*given, **options)

    monkeypatch.setattr(observer_scores, "fit_observer", counted)
    survey, conditions = survey_of(parts[1].study), parts[1].trainings["near, Ag"].model_copy(deep=True)
    scenes = [
        observer_scores.Scene.of(
            read_library(StudyFolder(folder).spectra_record(part.metrics_id)), replace(survey, seed=5)
        )
        for part in parts[:3]
    ]
    for shown in scenes[1:]:
        passage = observer_scores.Passage(scenes[0], conditions, {"a": conditions}, shown)
        observer_scores.observe_tests(tmp_path, passage)
    assert len(fits) == len(observer_scores.LEARNERS)


def test_specimens_that_no_test_shows_have_no_pairs(study: Study, folder: Path) -> None:
    part = Plan(study).parts[1]
    library = read_library(StudyFolder(folder).spectra_record(part.metrics_id))
    with make_executor(0) as executor:
        pairs = observe_part(part, StudyFolder(folder), Work(executor, "cpu", SilentProgress()), library, tests={})
    assert pairs.is_empty() and {"training_name", "test_name"} <= set(pairs.columns)
