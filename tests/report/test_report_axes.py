import math

import polars as pl
import pytest
from synthetic_study import training_settings, trainings

from temshift.conditions.notations import SYMBOLS
from temshift.report import Matrix, StudyTables, build_matrix
from temshift.report.data.axes import AXES, alike, spread_words
from temshift.report.page.payload import page_data
from temshift.report.page.verdict import verdict
from temshift.vocabulary.parameters import CANONICAL, DEFAULTS

BY_KEY = {axis.key: axis for axis in AXES}
ASTIGMATIC = pl.col("test_C12_nm") > 0


def changed(study: StudyTables, **columns: pl.Expr) -> Matrix:
    """The study's matrix with other settings in place of astigmatism."""
    results = study.results.with_columns(test_C12_nm=pl.lit(0.0), test_phi12_deg=pl.lit(0.0), **columns)
    return build_matrix(results, study.metrics, study.manifest.trainings)


def test_every_parameter_has_an_axis_with_words_of_its_own() -> None:
    assert set(BY_KEY) == {row.key for row in CANONICAL}
    assert len({axis.label for axis in AXES}) == len(AXES)
    assert all("_" not in axis.label + axis.unit for axis in AXES)
    assert [axis.key for axis in AXES[:2]] == ["defocus_nm", "dose_e_per_A2"]


def test_aberrations_are_called_as_the_optics_call_them() -> None:
    for symbol in SYMBOLS[1:]:
        axis = next(axis for axis in AXES if axis.key.startswith(f"{symbol.krivanek}_"))
        assert axis.label == f"{symbol.title} {symbol.krivanek}"


def test_a_missing_number_is_said_in_words() -> None:
    infinite = [row.key for row in CANONICAL if math.isinf(DEFAULTS[row.field])]
    told = {key: BY_KEY[key].words(None) for key in infinite}
    assert told == {
        "semiangle_cutoff_mrad": "aperture semi-angle no aperture",
        "mtf_half_frequency": "half frequency of the MTF perfect",
        "ntf_half_frequency": "half frequency of the NTF perfect",
        "transfer_exponent": "exponent of the camera's transfer that of the camera's shape",
        "scattering_share": "share of scattering in the camera's blur not stated",
        "counting_frames": "frames of counting without loss",
    }
    assert BY_KEY["C21_nm"].words(-300.0) == "axial coma C21 −300 nm"


def test_units_stand_as_readers_write_them() -> None:
    units = {
        key: BY_KEY[key].unit for key in ("C32_um", "dose_e_per_A2", "phi12_deg", "dqe_zero", "mtf_half_frequency")
    }
    assert list(units.values()) == ["µm", "e/Å²", "°", "", "of Nyquist"]


@pytest.mark.parametrize("key", ["C21_nm", "C45_um", "focal_spread_sigma_nm", "read_noise_counts", "dqe_zero"])
def test_whatever_varies_gets_an_axis(study: StudyTables, key: str) -> None:
    value = pl.when(ASTIGMATIC).then(pl.col("test_C12_nm") / 20).otherwise(0.9)
    matrix = changed(study, **{f"test_{key}": value})
    own = [test for test in matrix.tests if test.group == key]
    assert [test.name for test in own] == ["C12 2 nm along 0 deg", "C12 2 nm along 60 deg"]
    assert own[0].words.endswith(BY_KEY[key].words(own[0].values[f"test_{key}"]))
    assert key in [group["key"] for group in page_data(study, matrix)["groups"]]


def test_a_perfect_mtf_stands_beyond_the_others_and_not_at_zero(study: StudyTables) -> None:
    value = pl.when(ASTIGMATIC).then(pl.col("test_C12_nm") / 20)
    matrix = changed(study, test_mtf_half_frequency=value)
    group = next(one for one in page_data(study, matrix)["groups"] if one["key"] == "mtf_half_frequency")
    highest = max(test.values["test_mtf_half_frequency"] or 0 for test in matrix.tests)
    assert group["beyond"] > highest > 0
    assert group["absent"] == "perfect"
    usual = next(test for test in page_data(study, matrix)["tests"] if test["group"] == "defocus_nm")
    assert usual["values"]["test_mtf_half_frequency"] is None


def test_only_values_that_are_far_apart_stand_on_a_logarithmic_axis(study: StudyTables) -> None:
    groups = {group["key"]: group for group in page_data(study, changed(study))["groups"]}
    assert groups["dose_e_per_A2"]["log"] is True
    assert groups["C30_mm"]["log"] is False
    assert groups["defocus_nm"]["log"] is False


def test_an_azimuth_alone_is_an_axis_but_not_beside_its_magnitude(study: StudyTables) -> None:
    turned = study.results.with_columns(
        test_C12_nm=pl.lit(5.0),
        test_phi12_deg=pl.when(pl.col("test_name").str.ends_with("60 deg")).then(60.0).otherwise(0),
    )
    groups = {test.name: test.group for test in build_matrix(turned, study.metrics).tests}
    assert groups["C12 2 nm along 60 deg"] == "phi12_deg"
    before = {test.name: test.group for test in build_matrix(study.results, study.metrics).tests}
    assert before["C12 2 nm along 60 deg"] == "C12_nm"


def test_networks_trained_over_dose_are_at_home_there(study: StudyTables) -> None:
    told = {row.name: training_settings(row) for row in trainings(6)}
    told["defocus -10 nm"]["dose_e_per_A2"] = (400.0, 260.0)
    matrix = build_matrix(study.results, study.metrics, told)
    row = next(place for place, training in enumerate(matrix.trainings) if training.name == "defocus -10 nm")
    inside = [test.name for test, near in zip(matrix.tests, matrix.near[row], strict=True) if near]
    assert inside == ["defocus -10 nm", "dose 150 e/A2 at -10 nm"]
    assert matrix.trainings[row].broad
    assert matrix.trainings[row].words == "defocus −10 ± 1.5 nm, dose 400 ± 260 e/Å²"


def test_networks_trained_with_another_dose_are_not_at_home(study: StudyTables) -> None:
    told = {row.name: training_settings(row) for row in trainings(6)}
    told["defocus -10 nm"]["dose_e_per_A2"] = (30.0, 0.0)
    matrix = build_matrix(study.results, study.metrics, told)
    row = next(place for place, training in enumerate(matrix.trainings) if training.name == "defocus -10 nm")
    assert [test.name for test, near in zip(matrix.tests, matrix.near[row], strict=True) if near] == [
        test.name for test in matrix.tests if test.values["test_dose_e_per_A2"] == 30 and test.defocus_nm == -10
    ]


def test_the_verdict_says_what_test_conditions_differ_in(study: StudyTables) -> None:
    words = verdict(build_matrix(study.results, study.metrics), study.prediction)[0]
    assert "under 20 test conditions that differ in defocus, dose, twofold astigmatism C12 and spherical" in words


def test_words_of_a_distribution_leave_out_what_is_fixed() -> None:
    assert spread_words({"defocus_nm": (5.0, 0.0), "semiangle_cutoff_mrad": (None, 0.0)}) == ""
    assert spread_words({"C21_nm": (100.0, 50.0), "phi21_deg": (180.0, 104.0)}) == "axial coma C21 100 ± 50 nm"


def test_settings_are_alike_but_for_rounding() -> None:
    assert alike(0.1 + 0.2, 0.3)
    assert alike(None, None)
    assert not alike(None, 0.0)
    assert not alike(0.0, 1e-12)
