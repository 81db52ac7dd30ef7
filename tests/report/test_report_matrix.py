import numpy as np
import polars as pl
import pytest
from synthetic_study import HOSTILE

from temshift.report import StudyTables, build_matrix
from temshift.report.data.study_tables import Prediction
from temshift.report.page.packing import unpack
from temshift.report.page.payload import page_data
from temshift.report.page.verdict import verdict
from temshift.report.still.figures import matrix_figure, svg_uri


def test_rows_run_over_defocus_and_the_broad_one_comes_last(study: StudyTables) -> None:
    names = [training.name for training in build_matrix(study.results, study.metrics).trainings]
    assert names == [*(f"defocus {d} nm" for d in (-20, -10, 0, 10, 20)), "broad"]


def test_order_does_not_depend_on_the_order_of_the_table(study: StudyTables) -> None:
    shuffled = build_matrix(study.results.sample(fraction=1, shuffle=True, seed=1), study.metrics)
    straight = build_matrix(study.results, study.metrics)
    assert shuffled.tests == straight.tests
    assert shuffled.trainings == straight.trainings
    np.testing.assert_allclose(shuffled.cells["f1"], straight.cells["f1"])


def test_conditions_are_grouped_by_what_they_change(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics)
    groups = {test.name: test.group for test in matrix.tests}
    assert groups["defocus -15 nm"] == "defocus_nm"
    assert groups[HOSTILE] == "dose_e_per_A2"
    assert groups["C30 0.5 mm at -10 nm"] == "C30_mm"
    assert groups["C12 2 nm along 60 deg"] == "C12_nm"
    assert [axis.key for axis in matrix.groups] == ["defocus_nm", "dose_e_per_A2", "C12_nm", "C30_mm"]


def test_a_condition_that_changes_two_parameters_is_a_group_of_its_own(study: StudyTables) -> None:
    both = (pl.col("test_C12_nm") > 0) & (pl.col("test_phi12_deg") == 0)
    results = study.results.with_columns(test_dose_e_per_A2=pl.when(both).then(30.0).otherwise("test_dose_e_per_A2"))
    matrix = build_matrix(results, study.metrics)
    assert [test.name for test in matrix.tests if test.group == "several"] == ["C12 2 nm along 0 deg"]


def test_a_cell_is_the_mean_over_seeds_and_its_spread(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics)
    row, column = 2, 7
    chosen = study.results.filter(
        (pl.col("training_name") == matrix.trainings[row].name) & (pl.col("test_name") == matrix.tests[column].name)
    )["cross_entropy"].to_numpy()
    assert chosen.size == 2
    assert matrix.cells["cross_entropy"][row, column] == pytest.approx(chosen.mean())
    assert matrix.cells["cross_entropy_seed_sd"][row, column] == pytest.approx(chosen.std(ddof=1))
    np.testing.assert_allclose(matrix.seeds["cross_entropy"][:, row, column], chosen)


def test_missing_numbers_stay_missing(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics)
    row, column = 1, [test.name for test in matrix.tests].index("defocus -15 nm")
    assert np.isnan(matrix.cells["f1"][row, column])
    assert np.isnan(matrix.cells["f1"]).sum() == 1
    shown = unpack(page_data(study, matrix)["cells"]["f1"])
    np.testing.assert_allclose(shown, matrix.cells["f1"], rtol=1e-6)


def test_a_pair_that_was_never_scored_is_blank(study: StudyTables) -> None:
    gone = (pl.col("training_name") == "broad") & (pl.col("test_name") == HOSTILE)
    matrix = build_matrix(study.results.filter(~gone), study.metrics)
    column = [test.name for test in matrix.tests].index(HOSTILE)
    assert np.isnan(matrix.cells["cross_entropy"][-1, column])
    assert np.isfinite(matrix.cells["cross_entropy"][:-1, column]).all()


def test_only_conditions_inside_the_training_distribution_are_near(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics)
    near = {
        row.name: [test.name for test, inside in zip(matrix.tests, line, strict=True) if inside]
        for row, line in zip(matrix.trainings, matrix.near, strict=True)
    }
    assert near["defocus -20 nm"] == ["defocus -20 nm"]
    assert near["broad"] == [f"defocus {d} nm" for d in (-10, -5, 0, 5, 10)]


def test_the_verdict_names_the_extremes_and_the_broad_network(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics)
    loss = matrix.cells["cross_entropy"]
    row, column = np.unravel_index(np.argmax(loss), loss.shape)
    words = " ".join(verdict(matrix, study.prediction))
    assert f"worst is training on “{matrix.trainings[row].name}” under “{matrix.tests[column].name}”" in words
    wins = int((loss[-1] < loss[:-1].min(axis=0)).sum())
    assert f"“broad” (defocus 0 ± 12 nm) is the best of all under {wins} of 20 conditions" in words
    assert "the prediction that errs least is “epsilon and sigma”" in words
    assert "nan" not in words


def test_the_verdict_of_one_network_without_scores_has_no_made_up_numbers(study: StudyTables) -> None:
    nothing = pl.lit(None, pl.Float64)
    one = study.results.filter((pl.col("training_name") == "broad") & (pl.col("seed") == 0))
    one = one.with_columns(cross_entropy=nothing, f1=nothing, iou=nothing)
    empty = Prediction(formula="", coefficients={}, cells=0, models=(), caveats=())
    words = verdict(build_matrix(one, study.metrics), empty)
    assert len(words) == 2
    assert words[0].startswith("1 network (1 training distribution, 1 seed each)")
    assert "nothing is known about the spread" in words[1]


def test_the_still_matrix_is_the_same_twice_and_blank_without_numbers(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics)
    assert svg_uri(matrix_figure(matrix)) == svg_uri(matrix_figure(matrix))
    empty = build_matrix(study.results.with_columns(cross_entropy=pl.lit(None, pl.Float64)), study.metrics)
    assert svg_uri(matrix_figure(empty)).startswith("data:image/svg+xml;base64,")
