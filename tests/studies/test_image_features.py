"""Image features of a study: every pair, nothing twice, no specimen that networks are scored on."""

from pathlib import Path

import polars as pl
import pytest

from temshift.databases.wave_sets import make_waves
from temshift.execution import SilentProgress, make_executor
from temshift.execution.stages import Work
from temshift.information.observers.probe import fit_probe
from temshift.storage.files import read_table
from temshift.studies import Study
from temshift.studies.analysis import image_features
from temshift.studies.analysis.image_features import features_record, looks_of, measure_image_features
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.plan import Plan
from temshift.vocabulary.columns import IMAGE_FEATURES

pytestmark = pytest.mark.slow  # part of make test, not of make check

SPECIMENS = 8  # on each side
PATCHES = 300
MICROGRAPHS, PROBES = "micrographs compared", "probes"


def asking(study: Study, **images: object) -> Study:
    asked = study.information.images.model_copy(update={"specimens": SPECIMENS, "patches": PATCHES, **images})
    return study.model_copy(update={"information": study.information.model_copy(update={"images": asked})})


def with_dose(study: Study, dose: float) -> Study:
    """The study, with a training distribution of a dose of its own instead of the others."""
    items = study.conditions.model_dump(mode="json")
    dosed = [{"name": "dosed", "defocus_nm": -10, "dose_e_per_A2": dose}]
    return study.model_copy(
        update={"conditions": type(study.conditions).model_validate({**items, "training": dosed}, strict=False)}
    )


@pytest.fixture(scope="module")
def folder(tiny: Study, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study folder that holds the waves of the training specimens alone."""
    found = StudyFolder(tmp_path_factory.mktemp("study"))
    waves = Plan(tiny).parts[0].databases["training"]
    with make_executor(0) as executor:
        make_waves(Work(executor, "cpu", SilentProgress()), found.waves(waves.id), waves, range(waves.layout.shards))
    return found


def measured(folder: StudyFolder, study: Study, listener) -> pl.DataFrame:
    with make_executor(0) as executor:
        return measure_image_features(Plan(study), folder, Work(executor, "cpu", listener))


def test_every_pair_has_features_and_the_test_specimens_are_not_looked_at(
    folder: StudyFolder, tiny: Study, listening
) -> None:
    study = asking(tiny, probe=True)
    table = measured(folder, study, listening())
    plan = Plan(study)
    pairs = {(training, test.name) for training in plan.parts[0].trainings for test in plan.parts[0].tests}
    assert set(table.select("training_name", "test_name").iter_rows()) == pairs
    assert table.schema == pl.Schema(IMAGE_FEATURES)
    assert sum(table.null_count().row(0)) == 0
    assert table.select(pl.selectors.float().is_finite().all()).row(0) == (True,) * (len(IMAGE_FEATURES) - 2)
    assert table.equals(read_table(features_record(folder).with_suffix(".parquet")))
    own = table.filter(pl.col("training_name") == pl.col("test_name")).filter(pl.col("test_name") != "defocus +0 nm")
    far = table.filter(pl.col("training_name") == "defocus -10 nm", pl.col("test_name") == "dose 1600 e/A2")
    assert own["distance_image"].max() < far["distance_image"].min()


def test_nothing_is_measured_twice_and_what_is_damaged_is_made_again(
    folder: StudyFolder, tiny: Study, listening
) -> None:
    study, first, second, third = asking(tiny, probe=True), listening(), listening(), listening()
    table = measured(folder, study, first)
    assert measured(folder, study, second).equals(table)
    assert second.stages == {MICROGRAPHS: (11, 11), PROBES: (4, 4)}
    look = looks_of(Plan(study).parts[0]).test["defocus +0 nm"]
    damaged = features_record(folder).with_name(f"{look.id}.spectra.parquet")
    damaged.write_bytes(damaged.read_bytes()[:-7])
    assert measured(folder, study, third).equals(table)
    assert third.stages == {MICROGRAPHS: (11, 10), PROBES: (4, 4)}
    assert any("made again" in text for text in third.warnings)


def test_other_observers_are_fitted_again_and_their_numbers_shown(
    folder: StudyFolder, tiny: Study, listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, listener = asking(tiny, probe=True), listening()
    before = measured(folder, study, listening())
    monkeypatch.setattr(image_features, "OBSERVER_VERSION", "other")
    monkeypatch.setattr(image_features, "fit_probe", lambda patches, seed: fit_probe(patches, ["linear"], seed))
    table = measured(folder, study, listener)
    assert listener.stages == {MICROGRAPHS: (11, 11), PROBES: (4, 0)}
    assert table["probe_forest_f1"].null_count() == len(table)
    assert table["probe_linear_f1"].equals(before["probe_linear_f1"])


def test_a_new_name_costs_nothing_but_shows(folder: StudyFolder, tiny: Study, listening) -> None:
    study, listener = asking(tiny, probe=True), listening()
    measured(folder, study, listening())
    items = study.conditions.model_dump(mode="json", exclude_none=True)
    items["test"][0]["name"] = "renamed {value:+g} nm"
    renamed = study.model_copy(update={"conditions": type(study.conditions).model_validate(items, strict=False)})
    table = measured(folder, renamed, listener)
    assert listener.stages == {MICROGRAPHS: (11, 11), PROBES: (4, 4)}
    assert "renamed -20 nm" in table["test_name"].to_list()


def test_the_sides_of_a_pair_share_no_specimen(tiny: Study) -> None:
    looks = looks_of(Plan(asking(tiny, specimens=100)).parts[0])
    sides = [
        {number for look in side.values() for number in range(look.first, look.first + look.count)}
        for side in (looks.training, looks.test)
    ]
    assert sides[0].isdisjoint(sides[1])
    assert max(sides[1]) < tiny.counts.training


def test_the_probe_is_left_out_unless_asked_for(folder: StudyFolder, tiny: Study, listening) -> None:
    listener = listening()
    table = measured(folder, asking(tiny), listener)
    assert list(listener.stages) == [MICROGRAPHS]
    assert table["distance_image"].null_count() == 0
    assert table["probe_both_cross_entropy"].null_count() == len(table)


@pytest.mark.parametrize("images", [{"distance": False}, {"probe": True, "specimens": 2}])
def test_where_nothing_is_asked_for_or_specimens_are_too_few_there_are_no_rows(
    tmp_path: Path, tiny: Study, listening, images: dict[str, object]
) -> None:
    few = tiny.counts.model_copy(update={"training": 3})
    study = asking(tiny.model_copy(update={"counts": few}), **images)
    assert measured(StudyFolder(tmp_path), study, listening()).is_empty()


def test_images_without_content_give_no_number_but_a_reason(folder: StudyFolder, tiny: Study, listening) -> None:
    """So few electrons that most images hold none."""
    listener = listening()
    table = measured(folder, with_dose(asking(tiny, probe=True), 1e-4), listener)
    assert table["distance_image"].null_count() == table["probe_both_f1"].null_count() == len(table) > 0
    assert any("dosed: " in text and "images have no contrast" in text for text in listener.warnings)


def test_what_is_seen_under_a_condition_ignores_the_other_conditions(tiny: Study) -> None:
    """Else a new training distribution would change every number."""
    one, other = (looks_of(Plan(study).parts[0]) for study in (asking(tiny), with_dose(asking(tiny), 90.0)))
    assert one.test == other.test
    assert {look.id for look in one.training.values()}.isdisjoint(look.id for look in other.training.values())
