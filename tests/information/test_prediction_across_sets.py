"""Predictions judged on whole sets of specimens left out, with the set as the unit of intervals."""

from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest

from temshift.information.prediction.linear_model import fit_linear
from temshift.information.prediction.moments import Cells, Sums, group_errors
from temshift.information.prediction.predictor import Predictor
from temshift.information.prediction.random_terms import beats_random, random_gains
from temshift.information.prediction.score_prediction import predict
from temshift.vocabulary.columns import METRICS, SET_METRICS


def cells_of(sets: int, seed: int = 0, probe: float = 0.3, effects: float = 0.1) -> pl.DataFrame:
    """Losses of sets x sets under two conditions: from an observer, and as much of a probe as it is worth."""
    rng = np.random.default_rng(seed)
    names = [f"set {number}" for number in range(sets)]
    of_test, of_training = effects * rng.normal(size=(2, sets))
    rows = []
    for (a, training), (b, test) in product(enumerate(names), enumerate(names)):
        for condition in ("near", "far"):
            observer, windows = rng.uniform(-2.5, 0.0), rng.normal()
            loss = -0.3 + 0.7 * observer + probe * windows + of_test[b] + of_training[a] + 0.05 * rng.normal()
            rows.append(
                {
                    "training_name": f"near, {training}",
                    "training_group": "near",
                    "test_name": f"{condition}, {test}",
                    "training_specimens": training,
                    "test_specimens": test,
                    "epsilon_test": float(rng.uniform(0.2, 2)),
                    "distance": float(rng.uniform(0, 2)),
                    "defocus_difference_nm": 0.0,
                    **{f"observer_{rule}_cross_entropy": np.exp(observer) for rule in ("both", "linear", "forest")},
                    "observer_ideal_cross_entropy": float(rng.uniform(0.1, 1)),
                    "probe_both_cross_entropy": float(np.exp(windows)),
                    "ln_cross_entropy": loss,
                    "ln_cross_entropy_sd": 0.05,
                    "networks": 2,
                }
            )
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def judged() -> tuple[pl.DataFrame, dict[str, Any]]:
    metrics, prediction = predict(cells_of(14))
    return metrics, prediction["across_sets"]


def test_a_cell_is_predicted_without_any_cell_of_its_sets(judged: tuple[pl.DataFrame, dict[str, Any]]) -> None:
    metrics, across = judged
    names = [name for name in across["coefficients"] if name != "intercept"]
    assert names == ["ln CE(observer)", "ln CE(probe)"]
    table = metrics.with_columns(observer=pl.col("observer_both_cross_entropy").log()).with_columns(
        probe=pl.col("probe_both_cross_entropy").log()
    )
    row = table.row(37, named=True)
    apart = {
        "test": pl.col("test_specimens") != row["test_specimens"],
        "training": pl.col("training_specimens") != row["training_specimens"],
    }
    for role, kept in {**apart, "both": apart["test"] & apart["training"]}.items():
        others = table.filter(kept)
        features = {name: others[name].to_numpy() for name in ("observer", "probe")}
        model = fit_linear(features, others["ln_cross_entropy"].to_numpy())
        expected = model.predict({name: np.array([row[name]]) for name in features})
        assert row[f"left_out_{role}_set_prediction"] == pytest.approx(float(expected[0]), rel=1e-9)


def test_intervals_have_the_set_as_their_unit_and_hold(judged: tuple[pl.DataFrame, dict[str, Any]]) -> None:
    metrics, across = judged
    assert across["sets"] == {"test": 14, "training": 14}
    for role in ("test", "training", "both"):
        ends = (pl.col(f"left_out_{role}_set_{end}") for end in ("lower", "upper"))
        held = float(metrics.select(pl.col("ln_cross_entropy").is_between(*ends).mean()).item())
        assert across["interval"][f"covered_{role}"] == pytest.approx(held)
        assert 0.85 <= held < 1
    width = {
        role: (metrics[f"left_out_{role}_set_upper"] - metrics[f"left_out_{role}_set_lower"]).mean()
        for role in ("test", "both")
    }
    assert width["both"] >= width["test"]
    assert set(METRICS | SET_METRICS) == set(metrics.columns)


def test_an_interval_of_both_is_made_without_both() -> None:
    """Other losses of a test set and of a training set do not move the interval of their pair."""
    table = cells_of(12)
    changed = pl.when((pl.col("test_specimens") == "set 3") | (pl.col("training_specimens") == "set 5"))
    far = table.with_columns(
        ln_cross_entropy=changed.then(pl.col("ln_cross_entropy") + 9).otherwise("ln_cross_entropy")
    )
    pair = (pl.col("test_specimens") == "set 3") & (pl.col("training_specimens") == "set 5")
    ends = [f"left_out_both_set_{end}" for end in ("lower", "upper")]
    before, after = (predictor_ends(one).filter(pair).select(ends).to_numpy() for one in (table, far))
    np.testing.assert_allclose(after, before, rtol=1e-7)


def predictor_ends(table: pl.DataFrame) -> pl.DataFrame:
    groups = {role: table[f"{role}_specimens"].to_numpy().astype(str) for role in ("test", "training")}
    observer = {"observer": table["observer_both_cross_entropy"].log().to_numpy()}
    ends = Predictor(Cells(table["ln_cross_entropy"].to_numpy(), observer, groups), ["observer"]).own_intervals("both")
    assert ends is not None
    names = ("left_out_both_set_lower", "left_out_both_set_upper")
    return table.with_columns(pl.Series(name, one) for name, one in zip(names, ends, strict=True))


def test_fewer_sets_than_an_interval_needs_have_none_and_the_reason() -> None:
    metrics, prediction = predict(cells_of(9))
    across = prediction["across_sets"]
    assert across["interval"] is None
    assert metrics["left_out_both_set_lower"].null_count() == len(metrics)
    assert metrics["left_out_both_set_prediction"].null_count() == 0
    assert any("need 10 sets of test specimens at least; there are 9: none" in one for one in across["caveats"])


def test_two_sets_give_no_line_but_numbers_that_are_missing() -> None:
    metrics, prediction = predict(cells_of(2))
    across = prediction["across_sets"]
    assert "ln CE(observer)" not in across["coefficients"]
    assert across["interval"] is None
    assert metrics["left_out_both_set_lower"].null_count() == len(metrics)


def test_a_study_without_sets_has_none_of_it() -> None:
    metrics, prediction = predict(cells_of(4).drop("training_specimens", "test_specimens"))
    assert "across_sets" not in prediction
    assert metrics.columns == list(METRICS)


def test_the_mean_of_a_test_set_knows_no_new_test_set(judged: tuple[pl.DataFrame, dict[str, Any]]) -> None:
    metrics, across = judged
    row = next(one for one in across["models"] if one["name"] == "test set alone")
    assert row["r2_left_out_test"] is None and row["r2_left_out_both"] is None
    each = metrics.with_columns(pl.col("ln_cross_entropy").sum().over("test_specimens").alias("sum"))
    own = pl.col("ln_cross_entropy").sum().over("test_specimens", "training_specimens")
    predicted = each.select(((pl.col("sum") - own) / (2 * 13)).alias("mean"))["mean"]
    error = float(((predicted - metrics["ln_cross_entropy"]) ** 2).mean() ** 0.5)
    assert row["rmse_left_out_training"] == pytest.approx(error)


def test_random_gains_are_those_of_a_column_of_random_numbers() -> None:
    """By hand: the same numbers as a feature of the cells gain as much."""
    rng = np.random.default_rng(2)
    test, training = np.array(list(product(range(7), range(6)))).T
    groups = {"test": np.char.add("t", test.astype(str)), "training": np.char.add("r", training.astype(str))}
    x = rng.normal(size=42)
    target = x + rng.normal(size=42)
    sums = Sums(Cells(target, {"x": x}, groups), with_grid=True)
    gains = random_gains(sums.all, [0, 1], draws=3)
    from temshift.core import Stage, generator

    random = generator(0, Stage.INTERVAL, 1)
    drawn = random.standard_normal((3, 7)), random.standard_normal((3, 6))
    for draw in range(3):
        for role in ("test", "training"):
            best = -np.inf
            for numbers, codes in zip(drawn, (test, training), strict=True):
                cells = Cells(target, {"x": x, "z": numbers[draw][codes]}, groups)
                of_role = Sums(cells).all.by(role)
                best = max(best, group_errors(of_role, [0, 1]).mean() - group_errors(of_role, [0, 1, 2]).mean())
            assert gains[role][draw] == pytest.approx(best, rel=1e-8)


def test_a_term_counts_only_where_it_gains_more_than_random_terms() -> None:
    taken = []
    for probe, seed in product((0.3, 0.0), range(3)):
        trials = predict(cells_of(10, seed, probe))[1]["across_sets"]["trials"]
        taken.append([trial["feature"] for trial in trials if trial["taken"]])
    assert taken[:3] == [["ln CE(probe)"]] * 3
    assert taken[3:] == [[]] * 3


def test_what_sets_have_by_luck_is_no_term() -> None:
    """A number that is the same for all cells of a test set gains by luck: without the rule more are taken."""
    rng, by_luck, with_rule, sets = np.random.default_rng(11), 0, 0, 5
    for _ in range(100):
        test, training = np.array(list(product(range(sets), range(sets)))).T
        groups = {"test": np.char.add("t", test.astype(str)), "training": np.char.add("r", training.astype(str))}
        target = rng.normal(size=sets)[test] + 0.1 * rng.normal(size=test.size)
        cells = Cells(target, {"x": rng.normal(size=test.size), "luck": rng.normal(size=sets)[test]}, groups)
        by_luck += "luck" in Predictor(cells, ["x"], ["luck"]).names
        with_rule += "luck" in Predictor(cells, ["x"], ["luck"], beating=True).names
    assert with_rule <= 8 < by_luck


def test_beating_ninety_five_of_a_hundred_is_enough() -> None:
    gains = np.arange(100.0)
    assert beats_random(94.5, gains) and not beats_random(93.5, gains)
    assert not beats_random(5.0, np.full(10, 5.0)), "as good as random is not better"
