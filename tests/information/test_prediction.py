"""A prediction is judged on whole conditions that it has not seen, whatever else is swept, and tells what it lacks."""

from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest

from temshift.information.prediction.score_prediction import predict
from temshift.vocabulary.columns import METRICS


def cells_of(*labels: str) -> pl.DataFrame:
    """Losses that hang on the training distribution more than on what predicts, alike under every swept setting."""
    draws = np.random.default_rng(0)
    trainings = {f"training {number}": draws.normal() for number in range(4)}
    tests = {f"test {number}": draws.normal(scale=0.1) for number in range(5)}
    rows = [
        {
            **dict.fromkeys(METRICS),
            "training_name": f"{training}{label}",
            "training_group": training,
            "test_name": test,
            "ln_cross_entropy": effect + own,
            "epsilon_test": np.exp(own),
            "distance": effect**2 + own**2,
            "defocus_difference_nm": effect - own,
        }
        for label, (training, effect), (test, own) in product(labels, trainings.items(), tests.items())
    ]
    return pl.DataFrame(rows, schema_overrides=METRICS)


def test_a_training_that_is_left_out_is_left_out_under_all_swept_settings() -> None:
    """Cells that are there twice change no least squares: neither fit nor errors may change."""
    once, twice = (predict(cells_of(*labels)) for labels in ([""], [", rate 1", ", rate 2"]))
    for role in ("training", "test"):
        column = f"left_out_{role}_prediction"
        np.testing.assert_allclose(twice[0][column], [*once[0][column]] * 2, rtol=1e-9)
    for one, two in zip(once[1]["models"], twice[1]["models"], strict=True):
        assert one["name"] == two["name"]
        errors = [[model.get(f"rmse_left_out_{role}", 0.0) for role in ("training", "test")] for model in (one, two)]
        np.testing.assert_allclose(*errors, rtol=1e-9)


def observed_cells(tests: int = 14, trainings: int = 6, **changed: Any) -> pl.DataFrame:
    """Losses and F1 that follow what an observer expects, but for effects of tests, and scatter between two seeds."""
    rng = np.random.default_rng(1)
    effects = 0.1 * rng.normal(size=tests)
    rows = []
    for training, test in product(range(trainings), range(tests)):
        expected = rng.uniform(-2.5, 0.0)
        loss = -0.5 + 0.6 * expected + effects[test] + 0.05 * rng.normal()
        rows.append(
            {
                "training_name": f"training {training}",
                "training_group": f"training {training}",
                "test_name": f"test {test}",
                "epsilon_test": float(rng.uniform(0.2, 2)),
                "distance": float(rng.uniform(0, 2)),
                "defocus_difference_nm": float(rng.normal()),
                **{f"observer_{rule}_cross_entropy": np.exp(expected) for rule in ("both", "linear", "forest")},
                "observer_both_f1": float(rng.uniform(0.3, 0.9)),
                "ln_cross_entropy": loss,
                "ln_cross_entropy_sd": 0.05,
                "networks": 2,
                "f1": 1 / (1 + np.exp(2 * loss)),
                "logit_f1": -2 * loss,
                "logit_f1_sd": 0.1,
            }
        )
    return pl.DataFrame(rows).with_columns(**changed)


def models_of(prediction: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {model["name"]: model for model in prediction["models"]}


def test_the_observer_is_one_line_that_stands_beside_all_baselines() -> None:
    metrics, prediction = predict(observed_cells(distance_image=pl.col("distance") * 2))
    assert list(prediction["coefficients"]) == ["intercept", "ln CE(observer)"]
    assert prediction["coefficients"]["ln CE(observer)"] == pytest.approx(0.6, abs=0.05)
    assert prediction["formula"].startswith("ln CE = -0.")
    models = models_of(prediction)
    baselines = {name for name, model in models.items() if model["baseline"]}
    assert baselines == {"mean", "defocus difference", "d_image"}
    assert models["observer"]["r2_left_out_test"] > 0.8 > models["epsilon and sigma"]["r2_left_out_test"]
    assert all(models["observer"][f"r2_left_out_{role}"] > 0.8 for role in ("training", "both"))
    rest = metrics["ln_cross_entropy"] - metrics["left_out_both_prediction"]
    assert models["observer"]["rmse_left_out_both"] == pytest.approx(float((rest**2).mean() ** 0.5))


def test_in_sample_rows_are_effects_of_rows_and_columns_and_agreement_of_seeds() -> None:
    cells = observed_cells()
    models = models_of(predict(cells)[1])
    variance = float(cells["ln_cross_entropy"].var(ddof=0))
    assert models["agreement between seeds"]["r2_in_sample"] == pytest.approx(1 - 0.05**2 / 2 / variance)
    assert models["row and column effects"]["in_sample"]


def test_f1_is_predicted_on_a_scale_that_keeps_it_between_0_and_1() -> None:
    metrics, prediction = predict(observed_cells())
    assert prediction["f1"]["coefficients"]["ln CE(observer)"] == pytest.approx(-1.2, abs=0.1)
    rest = metrics["f1"] - metrics["left_out_test_f1"]
    assert float((rest**2).mean() ** 0.5) < 0.05
    ends = metrics.select("left_out_test_f1_lower", "left_out_test_f1", "left_out_test_f1_upper").to_numpy()
    assert (np.diff(ends, axis=1) > 0).all()
    assert (ends > 0).all()
    assert (ends < 1).all()


def test_intervals_and_how_often_they_held_are_told() -> None:
    metrics, prediction = predict(observed_cells(tests=24))
    ends = pl.col("left_out_test_lower"), pl.col("left_out_test_upper")
    held = metrics.select(pl.col("ln_cross_entropy").is_between(*ends)).to_series()
    assert prediction["interval"]["covered_test"] == pytest.approx(float(held.mean()))
    assert 0.85 <= float(held.mean()) <= 0.97
    assert prediction["interval"]["covered_training"] is None  # six trainings are too few


def test_cells_without_score_or_observer_are_left_out_and_told() -> None:
    place = pl.int_range(pl.len())
    loss = pl.when(place == 3).then(float("nan")).otherwise(pl.col("ln_cross_entropy"))
    observer = pl.when(place == 5).then(0.0).otherwise(pl.col("observer_both_cross_entropy"))
    metrics, prediction = predict(observed_cells(ln_cross_entropy=loss, observer_both_cross_entropy=observer))
    assert prediction["cells"] == 14 * 6 - 2
    assert metrics["predicted_ln_cross_entropy"].is_null().to_list() == [place == 5 for place in range(14 * 6)]
    assert [place for place, one in enumerate(metrics["left_out_test_prediction"]) if one is None] == [3, 5]
    told = " ".join(prediction["caveats"])
    assert "1 of 84 pairs of a training and a test distribution have no score" in told
    assert "1 of 84 pairs of a training and a test distribution have a score, but no finite ln CE(observer)" in told


def test_without_observers_epsilon_and_sigma_predict() -> None:
    cells = observed_cells().drop(pl.selectors.starts_with("observer"))
    metrics, prediction = predict(cells)
    assert list(prediction["coefficients"]) == ["intercept", "ln epsilon(test)", "d"]
    assert metrics["observer_both_cross_entropy"].null_count() == len(cells)
    assert metrics.columns == list(METRICS)


def test_no_transfer_at_all_predicts_nothing_from_epsilon() -> None:
    """ln 0 is no feature: what remains predicts, and no number is made up."""
    metrics, prediction = predict(observed_cells(epsilon_test=pl.lit(0.0)).drop(pl.selectors.starts_with("observer")))
    assert prediction["coefficients"].keys() == {"intercept"}
    assert metrics["predicted_ln_cross_entropy"].is_not_null().all()
    assert "more than their mean" in " ".join(prediction["caveats"])


@pytest.mark.parametrize(("tests", "trainings"), [(1, 1), (1, 6), (2, 2), (3, 1)])
def test_a_study_of_few_conditions_has_no_errors_and_no_intervals(tests: int, trainings: int) -> None:
    metrics, prediction = predict(observed_cells(tests, trainings))
    assert prediction["interval"] is None
    assert metrics["left_out_test_lower"].null_count() == len(metrics)
    assert f"there are {tests}: none is given" in " ".join(prediction["caveats"])
    assert np.isfinite(list(prediction["coefficients"].values())).all()
    for model in prediction["models"]:
        numbers = [value for value in model.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all()


def test_a_study_without_any_score_is_refused() -> None:
    with pytest.raises(ValueError, match="no cell has a score ln CE"):
        predict(observed_cells(ln_cross_entropy=pl.lit(None, pl.Float64)))


@pytest.mark.parametrize("trainings", [1, 6])
def test_a_single_condition_gives_no_line_and_says_why(trainings: int) -> None:
    metrics, prediction = predict(observed_cells(tests=1, trainings=trainings))
    for summary, score in ((prediction, "ln CE"), (prediction["f1"], "logit F1")):
        assert summary["formula"] is None
        assert summary["coefficients"] == {}
        assert summary["models"] == []
        assert summary["why_not"].startswith(f"no line for {score}: it has scores under 1 test condition, and")
    assert metrics["predicted_ln_cross_entropy"].null_count() == trainings
    assert metrics["predicted_f1"].null_count() == trainings
    assert any("No line for ln CE" in caveat for caveat in prediction["caveats"])


@pytest.mark.parametrize(("tests", "terms"), [(2, []), (3, ["ln CE(observer)"])])
def test_no_line_has_more_terms_than_test_conditions_can_check(tests: int, terms: list[str]) -> None:
    """However many trainings there are: features of a test condition are the same for all of them."""
    _, prediction = predict(observed_cells(tests=tests, trainings=12))
    assert list(prediction["coefficients"]) == ["intercept", *terms]
    assert prediction["models"][-1]["in_sample"]
    assert any(model.get("rmse_left_out_test") is not None for model in prediction["models"])


def test_epsilon_and_sigma_need_four_test_conditions() -> None:
    terms = []
    for tests in (3, 4):
        cells = observed_cells(tests=tests, trainings=12).drop(pl.selectors.starts_with("observer"))
        terms.append(len(predict(cells)[1]["coefficients"]) - 1)
    assert terms == [1, 2]
