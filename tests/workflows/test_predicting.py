"""Observers of a study run once, in any number of processes; new conditions are foretold, or it is told why not."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from temshift.cli.app import app
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core.errors import InputError
from temshift.information.observers import draws
from temshift.information.observers import learners as rules
from temshift.storage.files import read_table
from temshift.studies import Study, StudyFolder, run_study
from temshift.studies.analysis import conclude as conclusion
from temshift.studies.analysis import observer_scores as observers
from temshift.workflows.forecast import Forecast, predict_scores

pytestmark = pytest.mark.slow  # part of make test, not of make check

LENS = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0}
CONDITIONS: dict[str, Any] = {
    "default": LENS,
    "training": [{"name": "{value:+g} nm", "series": "defocus_nm", "values": [-10, 0, 10]}],
    "test": [{"name": "defocus {value:+g} nm", "series": "defocus_nm", "values": [-20, -15, -10, -5, 5, 10, 15, 20]}],
}
MORE = [{"name": "dose {value:g}", "series": "dose_e_per_A2", "values": [50, 100, 900], "defocus_nm": -10}]
FAST: dict[str, Any] = {
    "counts": {"training": 8, "test": 3, "per_shard": 8},
    "training": {"steps": 6, "batch": 4},
    "network": {"widths": [4], "stem": 4},
    "information": {"specimens": 8, "draws": 16},
    "examples": {"specimens": 1},
}
NEW = {"default": LENS, "test": [{"name": "new", "defocus_nm": -12}, {"name": "same", "defocus_nm": 15}]}


@pytest.fixture(scope="module", autouse=True)
def quick_observers() -> Any:
    """Observers of few draws and trees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "CONDITIONS", 8)
        patch.setattr(rules, "TREES", 5)
        yield


@pytest.fixture(scope="module")
def study(tiny_text: str) -> Study:
    conditions = {**CONDITIONS, "test": CONDITIONS["test"] + MORE}
    return Study.model_validate(deepcopy(read_document(tiny_text).data) | FAST | {"conditions": conditions})


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return run_study(study, tmp_path_factory.mktemp("predicting") / "study", workers=0)


@pytest.fixture(scope="module")
def forecast(folder: StudyFolder) -> Forecast:
    return predict_scores(folder.root, NEW)


def observers_of(folder: StudyFolder) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.root.glob("observers/*/*")}


def test_the_run_takes_observers_from_every_training_to_every_test(folder: StudyFolder) -> None:
    metrics = read_table(folder.table("metrics"))
    assert len(metrics) == 3 * 11
    for rule in ("linear", "forest", "both"):
        for number in ("cross_entropy", "ln_error", "f1"):
            assert metrics[f"observer_{rule}_{number}"].is_finite().all()
    assert metrics["distance_image"].is_finite().all()
    both = (metrics["observer_linear_cross_entropy"] * metrics["observer_forest_cross_entropy"]).sqrt()
    assert (metrics["observer_both_cross_entropy"] / both - 1).abs().max() < 1e-12
    assert metrics["left_out_both_prediction"].is_not_null().all()
    assert len(list(folder.root.glob("observers/*/*.json"))) == 3


def test_what_observers_scored_is_kept(folder: StudyFolder, study: Study, tmp_path: Path, listening: Any) -> None:
    copy = StudyFolder(shutil.copytree(folder.root, tmp_path / "study"))
    before, listener = observers_of(copy), listening()
    (copy.root / "report.json").unlink()
    run_study(study, copy.root, workers=0, progress=listener)
    assert listener.stages["observers"] == (33, 33)
    assert observers_of(copy) == before
    assert read_table(copy.table("metrics")).equals(read_table(folder.table("metrics")))


def test_a_damaged_table_is_made_again(folder: StudyFolder, study: Study, tmp_path: Path, listening: Any) -> None:
    copy = StudyFolder(shutil.copytree(folder.root, tmp_path / "study"))
    victim = sorted(copy.root.glob("observers/*/*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:-9])
    (copy.root / "report.json").unlink()
    listener = listening()
    run_study(study, copy.root, workers=0, progress=listener)
    assert any(victim.name in warning for warning in listener.warnings)
    assert listener.stages["observers"] == (33, 22)
    assert read_table(copy.table("metrics")).equals(read_table(folder.table("metrics")))


def test_other_observers_are_no_part_of_a_fit_before_the_study_has_them(
    folder: StudyFolder, study: Study, tmp_path: Path, listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = StudyFolder(shutil.copytree(folder.root, tmp_path / "study"))
    for module in (observers, conclusion):
        monkeypatch.setattr(module, "OBSERVER_VERSION", "other")
    with pytest.raises(InputError, match="an earlier version of temshift made it; temshift run makes it again"):
        predict_scores(copy.root, NEW)
    listener = listening()
    run_study(study, copy.root, workers=0, progress=listener)
    assert listener.stages["observers"] == (33, 0)
    assert len(predict_scores(copy.root, NEW).table) == 6


def test_new_conditions_are_foretold_with_intervals(forecast: Forecast) -> None:
    table = forecast.table
    assert table.select("training_name", "test_name").rows() == [
        (training, test) for training in ("-10 nm", "+0 nm", "+10 nm") for test in ("new", "same")
    ]
    for score in ("cross_entropy", "f1"):
        ends = table.select(f"{score}_lower", score, f"{score}_upper").to_numpy()
        assert (ends[:, 0] < ends[:, 2]).all()
        assert (ends > 0).all()
    assert table["known_as"].to_list() == [None, "defocus +15 nm"] * 3
    assert (table["reasons"].list.len() == 0).to_list() == table["inside"].to_list()
    assert set(forecast.formulas) == {"cross_entropy", "f1"}


def test_a_condition_of_the_study_is_predicted_as_in_its_table(folder: StudyFolder, forecast: Forecast) -> None:
    metrics = read_table(folder.table("metrics")).filter(pl.col("test_name") == "defocus +15 nm")
    found = forecast.table.filter(pl.col("test_name") == "same")
    expected = metrics["predicted_ln_cross_entropy"].exp()
    assert (found["cross_entropy"] / expected - 1).abs().max() < 1e-9
    assert found["inside"].all()


def test_what_the_study_has_nothing_like_is_outside(folder: StudyFolder) -> None:
    tests = [{"name": "dark", "defocus_nm": 12, "dose_e_per_A2": 0.01}, {"name": "wide", "defocus_nm": 12}]
    tests[1]["semiangle_cutoff_mrad"] = 20.0
    table = predict_scores(folder.root, {"default": LENS, "test": tests}).table
    assert not table["inside"].any()
    dark, wide = (table.filter(pl.col("test_name") == name)["reasons"][0].to_list() for name in ("dark", "wide"))
    assert any("ln epsilon(test) = " in reason and "beyond what the study has" in reason for reason in dark)
    assert wide[0] == "its aperture, 20.00 mrad, is wider than the study's, 12.00 mrad"


def test_parameters_that_the_study_never_varied_are_outside(folder: StudyFolder) -> None:
    tests = [{"name": "Cs", "defocus_nm": 12, "C30_mm": 1.2}, {"name": "blurred", "defocus_nm": 12}]
    tests[1]["mtf_half_frequency"] = 0.5
    tests += [{"name": "spread", "defocus_nm": {"normal": {"mean": 15, "sd": 9}}}]
    table = predict_scores(folder.root, {"default": LENS, "test": tests}).table
    told = dict(table.select("test_name", "reasons").rows())
    assert told["Cs"][0] == "C30_mm 1.2 lies beyond that of the study's test conditions, 0"
    assert told["blurred"][0] == "mtf_half_frequency 0.5 lies beyond that of the study's test conditions, without limit"
    assert told["spread"][0] == "defocus_nm 15 +- 9 lies beyond that of the study's test conditions, -20 to 20"
    assert table["cross_entropy"].is_finite().all()


def test_conditions_that_cannot_be_are_refused(folder: StudyFolder) -> None:
    narrow = {"default": LENS, "test": [{"name": "narrow", "defocus_nm": 1, "semiangle_cutoff_mrad": 0.5}]}
    with pytest.raises(InputError, match="images can't be formed so:\n  'narrow': semiangle_cutoff_mrad = 0.5 passes"):
        predict_scores(folder.root, narrow)
    with pytest.raises(InputError, match="imaging differs from the study's"):
        predict_scores(folder.root, {**NEW, "imaging": {"coherence": "envelope"}})


def test_a_folder_that_is_no_finished_study_is_refused(folder: StudyFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no study.yaml"):
        predict_scores(tmp_path, NEW)
    shutil.copytree(folder.root, tmp_path / "a", ignore=shutil.ignore_patterns("scores", "waves"))
    with pytest.raises(InputError, match="no network has scores yet"):
        predict_scores(tmp_path / "a", NEW)
    shutil.copytree(folder.root, tmp_path / "b", ignore=shutil.ignore_patterns("metrics.parquet", "waves"))
    with pytest.raises(InputError, match=r"lacks metrics.parquet; finish the study with temshift run"):
        predict_scores(tmp_path / "b", NEW)
    shutil.copytree(folder.root, tmp_path / "c", ignore=shutil.ignore_patterns("spectra", "waves"))
    with pytest.raises(InputError, match="lacks the object library of its specimens"):
        predict_scores(tmp_path / "c", NEW)


def test_a_study_of_few_conditions_is_refused(study: Study, tmp_path: Path) -> None:
    few = {**CONDITIONS, "test": [{"name": "one", "defocus_nm": 5}]}
    small = study.model_copy(update={"conditions": type(study.conditions).model_validate(few)})
    folder = run_study(small, tmp_path / "study", workers=0)
    with pytest.raises(InputError, match="has scores under 1 test condition; a prediction that can be checked"):
        predict_scores(folder.root, NEW)


def test_the_command_line_prints_rows_reasons_and_json(folder: StudyFolder, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(json.dumps(NEW))
    command = ["predict", str(folder.root), "--test", str(file), "--workers", "0"]
    told = CliRunner().invoke(app, [*command, "--output", str(tmp_path / "new.csv")])
    assert told.exit_code == 0, told.output
    assert "under same, which the study has as defocus +15 nm" in told.output
    assert "6 predictions" in told.output
    assert len(pl.read_csv(tmp_path / "new.csv")) == 6
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert len(found["predictions"]) == 6
    assert found["level"] == 0.9
    assert {"cross_entropy_lower", "f1_upper", "inside", "reasons"} <= found["predictions"][0].keys()


def test_without_intervals_none_is_promised(
    forecast: Forecast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command line says of intervals stands with the numbers that it prints."""
    none = forecast.table.with_columns(pl.lit(None, pl.Float64).alias("cross_entropy_lower"))
    for table, promised in ((forecast.table, True), (none, False)):
        found = replace(forecast, table=table)
        monkeypatch.setattr("temshift.cli.verbs.predict.predict_scores", lambda *_, found=found, **__: found)
        shown = CliRunner().invoke(app, ["predict", str(tmp_path), "--test", "new.yaml"]).stdout
        assert "6 predictions" in shown
        assert ("intervals are to hold 90%" in shown) is promised


def test_a_table_that_cannot_be_written_is_told_before_the_work(folder: StudyFolder) -> None:
    output = folder.study_file / "new.csv"
    told = CliRunner().invoke(app, ["predict", str(folder.root), "--test", "absent.yaml", "--output", str(output)])
    assert "choose another folder: a part of this path is a file" in str(told.exception)


@pytest.mark.parametrize("dialect", ["image set", "conditions to score under", "study", "one distribution"])
def test_predictions_do_not_depend_on_the_dialect_of_the_conditions(
    folder: StudyFolder, forecast: Forecast, dialect: str, tmp_path: Path
) -> None:
    content: dict[str, Any] = {
        "image set": {"seed": 1, "default": LENS, "conditions": NEW["test"]},
        "conditions to score under": NEW,
        "study": {},
        "one distribution": {**LENS, "defocus_nm": -12},
    }[dialect]
    path = tmp_path / "new.yaml"
    if dialect == "study":
        plain = dict(read_document(folder.study_file.read_text()).data)
        plain.pop("examples", None)
        content = plain | {"conditions": {"default": LENS, "training": NEW["test"], "test": NEW["test"]}}
    path.write_text(write_document(content), encoding="utf-8")
    table = predict_scores(folder.root, path).table
    expected = forecast.table.filter(pl.col("test_name").is_in(table["test_name"].to_list()))
    assert table["cross_entropy"].to_list() == expected["cross_entropy"].to_list()
    assert len(table) == (3 if dialect == "one distribution" else 6)


def test_conditions_of_another_energy_are_refused(folder: StudyFolder, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(write_document({"seed": 1, "energy_kev": 80, "default": LENS, "conditions": NEW["test"]}))
    with pytest.raises(InputError, match=r"new.yaml: energy_kev: given 80 keV, but the waves are of 300 keV"):
        predict_scores(folder.root, path)
