"""Predictors against plain least squares, the rule that terms are added by, and coverage in repeated splits."""

from itertools import product

import numpy as np
import pytest

from temshift.information.prediction.linear_model import fit_linear, predict_left_out
from temshift.information.prediction.predictor import Cells, Predictor

Table = dict[str, np.ndarray]


def made_up(rng: np.random.Generator, tests: int = 30, trainings: int = 8, useful: float = 0.0) -> tuple[Table, Table]:
    """Losses with effects of their own of tests and trainings; "x" predicts them, "z" where it is useful."""
    test, training = np.array(list(product(range(tests), range(trainings)))).T
    x = rng.normal(size=tests)[test] + 0.5 * rng.normal(size=trainings)[training] + 0.3 * rng.normal(size=test.size)
    z = rng.normal(size=test.size)
    effects = 0.2 * rng.normal(size=tests)[test] + 0.1 * rng.normal(size=trainings)[training]
    target = -1 + 0.8 * x + useful * z + effects + 0.1 * rng.normal(size=test.size)
    groups = {"test": np.char.add("t", test.astype(str)), "training": np.char.add("r", training.astype(str))}
    return {"target": target, "x": x, "z": z, "constant": np.full(test.size, 3.0)}, groups


def cells_of(table: Table, groups: Table, kept: np.ndarray | None = None) -> Cells:
    chosen = np.ones(len(table["target"]), dtype=bool) if kept is None else kept
    features = {name: values[chosen] for name, values in table.items() if name != "target"}
    return Cells(table["target"][chosen], features, {role: names[chosen] for role, names in groups.items()})


@pytest.fixture
def example() -> tuple[Table, Table]:
    return made_up(np.random.default_rng(0))


def test_the_model_is_least_squares(example: tuple[Table, Table]) -> None:
    cells = cells_of(*example)
    found = Predictor(cells, ["x", "z"]).model
    expected = fit_linear({name: cells.features[name] for name in ("x", "z")}, cells.target)
    assert found.coefficients == pytest.approx(expected.coefficients, rel=1e-9)


@pytest.mark.parametrize("role", ["test", "training"])
def test_what_is_left_out_of_a_fit_is_left_out(example: tuple[Table, Table], role: str) -> None:
    cells = cells_of(*example)
    expected = predict_left_out({"x": cells.features["x"]}, cells.target, cells.groups[role])
    np.testing.assert_allclose(Predictor(cells, ["x"]).left_out(role), expected, rtol=1e-9)


def test_both_are_left_out_at_once(example: tuple[Table, Table]) -> None:
    cells = cells_of(*example)
    found = Predictor(cells, ["x"]).left_out("both")
    for place in (0, 57, 239):
        kept = np.logical_and.reduce([names != names[place] for names in cells.groups.values()])
        model = fit_linear({"x": cells.features["x"][kept]}, cells.target[kept])
        assert found[place] == pytest.approx(float(model.predict({"x": cells.features["x"][place]})), rel=1e-9)


def test_a_term_is_added_where_it_earns_it_and_only_there() -> None:
    rng = np.random.default_rng(4)
    helped, idle = (Predictor(cells_of(*made_up(rng, useful=u)), ["x"], ["z", "constant"]) for u in (0.3, 0.0))
    assert helped.names == ("x", "z")
    assert idle.names == ("x",)
    taken = {trial.feature: trial for trial in helped.trials}["z"]
    assert taken.taken
    assert all(taken.gains[role] > taken.errors[role] for role in ("test", "training"))
    assert not any(trial.taken for trial in idle.trials)


def test_terms_are_chosen_anew_without_what_is_left_out() -> None:
    """One condition alone makes z look useful: without it, it is not taken, and its own cells do not profit."""
    table, groups = made_up(np.random.default_rng(5))
    wild = groups["test"] == "t0"
    table["z"] = np.where(wild, table["target"] * 5, 0.01 * table["z"])
    cells = cells_of(table, groups)
    kept = cells_of(table, groups, ~wild)
    model = Predictor(kept, ["x"], ["z"]).model
    expected = model.predict({name: values[wild] for name, values in table.items()})
    np.testing.assert_allclose(Predictor(cells, ["x"], ["z"]).left_out("test")[wild], expected, rtol=1e-9)


def test_intervals_hold_on_conditions_left_out_in_repeated_splits() -> None:
    rng, held, own = np.random.default_rng(6), [], []
    for _ in range(40):
        table, groups = made_up(rng, tests=45, trainings=6)
        new = np.isin(groups["test"], [f"t{number}" for number in rng.permutation(45)[:15]])
        predictor = Predictor(cells_of(table, groups, ~new), ["x"], ["z"])
        lower, upper = predictor.interval({name: values[new] for name, values in table.items()}, int(new.sum()))
        held.append(np.mean((lower <= table["target"][new]) & (table["target"][new] <= upper)))
        lower, upper = predictor.own_intervals()
        own.append(np.mean((lower <= predictor.cells.target) & (predictor.cells.target <= upper)))
    assert 0.9 <= np.mean(held) <= 0.95
    assert 0.9 <= np.mean(own) <= 0.95


def test_an_interval_for_what_is_new_in_both_ways_is_as_wide_as_the_wider(example: tuple[Table, Table]) -> None:
    table, groups = made_up(np.random.default_rng(7), tests=20, trainings=15)
    predictor = Predictor(cells_of(table, groups), ["x"])
    points = {"x": np.array([-1.0, 0.0, 2.0])}
    widths = {new: np.subtract(*predictor.interval(points, 3, new)[::-1]) for new in ("test", "training", "both")}
    assert (widths["both"] >= 0.95 * np.maximum(widths["test"], widths["training"])).all()


def test_too_few_groups_give_no_answer_instead_of_a_number() -> None:
    few = Predictor(cells_of(*made_up(np.random.default_rng(8), tests=5, trainings=2)), ["x"])
    assert few.left_out("test") is not None
    assert few.left_out("training") is None
    assert few.left_out("both") is None
    assert few.interval({"x": np.zeros(1)}, 1) is None
    assert few.own_intervals() is None
    one = Predictor(cells_of(*made_up(np.random.default_rng(8), tests=1, trainings=2)), [])
    assert one.left_out("test") is None
    assert set(one.model.coefficients) == {"intercept"}


def test_a_feature_that_does_not_vary_changes_nothing(example: tuple[Table, Table]) -> None:
    cells = cells_of(*example)
    plain, padded = Predictor(cells, ["x"]), Predictor(cells, ["x", "constant"])
    np.testing.assert_allclose(padded.left_out("test"), plain.left_out("test"), rtol=1e-9)
    assert padded.model.coefficients["constant"] == 0.0


def test_faults_are_told(example: tuple[Table, Table]) -> None:
    table, groups = example
    with pytest.raises(ValueError, match="'y' is no feature of the cells; they have x, z, constant"):
        Predictor(cells_of(table, groups), ["y"])
    broken = {**table, "x": np.where(np.arange(240) == 3, np.nan, table["x"])}
    with pytest.raises(ValueError, match="'x' holds numbers that are not finite; leave those cells out"):
        Predictor(cells_of(broken, groups), ["x"])
    with pytest.raises(ValueError, match="no cell has a score; there is nothing to fit"):
        Predictor(cells_of(table, groups, np.zeros(240, dtype=bool)), ["x"])


def far_and_near(rng: np.random.Generator) -> tuple[Table, Table]:
    """Losses whose errors grow with the distance "d", which moves no mean."""
    test, training = np.array(list(product(range(60), range(8)))).T
    distance = rng.uniform(0, 1, size=60)[test]
    x = rng.normal(size=test.size)
    errors = (0.05 + 0.5 * distance) * (0.7 * rng.normal(size=60)[test] + 0.7 * rng.normal(size=test.size))
    groups = {"test": np.char.add("t", test.astype(str)), "training": np.char.add("r", training.astype(str))}
    return {"target": x + errors, "x": x, "d": distance}, groups


def test_intervals_hold_far_from_the_training_as_they_do_near_it() -> None:
    shares = {None: [], "d": []}
    for seed in range(12):
        cells = cells_of(*far_and_near(np.random.default_rng(seed)))
        for spread, found in shares.items():
            low, high = Predictor(cells, ["x", "d"], spread=spread).own_intervals("test")
            held = (low <= cells.target) & (cells.target <= high)
            far = cells.features["d"] > 0.7
            found.append((held[far].mean(), held[~far].mean()))
    one_width, growing = (np.mean(shares[spread], axis=0) for spread in (None, "d"))
    assert one_width[0] < 0.8 < 0.93 < one_width[1]
    assert np.all((growing > 0.85) & (growing < 0.96))
