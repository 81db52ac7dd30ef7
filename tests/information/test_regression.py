"""Regression against scikit-learn and closed forms."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from temshift.information.prediction.linear_model import (
    LinearModel,
    additive_fit,
    explained,
    fit_linear,
    predict_left_out,
)

seeds = st.integers(0, 10_000)


def cells(seed: int, *, groups: int = 7, features: int = 2) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Features, target and group names of 40 cells in groups of different sizes."""
    draws = np.random.default_rng(seed)
    values = {f"x{number}": draws.normal(size=40) * 10.0**number for number in range(features)}
    target = sum(values.values(), 2.0) + draws.normal(size=40)
    names = np.array([f"condition {k}" for k in range(groups)])
    return values, target, names[np.concatenate([np.arange(groups), draws.integers(0, groups, 40 - groups)])]


@settings(max_examples=20)
@given(seeds)
def test_the_fit_agrees_with_scikit_learn(seed: int) -> None:
    features, target, _ = cells(seed)
    ours, theirs = (
        fit_linear(features, target),
        LinearRegression().fit(np.column_stack([*features.values()]), target),
    )
    assert ours.coefficients["intercept"] == pytest.approx(theirs.intercept_)
    assert [ours.coefficients[name] for name in features] == pytest.approx(theirs.coef_)
    assert ours.predict(features) == pytest.approx(theirs.predict(np.column_stack([*features.values()])))


@settings(max_examples=20)
@given(seeds)
def test_an_exact_law_is_found(seed: int) -> None:
    features, _, _ = cells(seed)
    found = fit_linear(features, 0.5 - 2 * features["x0"] + 0.1 * features["x1"]).coefficients
    assert found == pytest.approx({"intercept": 0.5, "x0": -2, "x1": 0.1})


@settings(max_examples=20)
@given(seeds, st.integers(1, 3), st.integers(5, 12))
def test_groups_left_out_agree_with_scikit_learn(seed: int, count: int, groups: int) -> None:
    features, target, names = cells(seed, groups=groups, features=count)
    ours = predict_left_out(features, target, names)
    design = np.column_stack([*features.values()])
    theirs = cross_val_predict(LinearRegression(), design, target, groups=names, cv=LeaveOneGroupOut())
    assert ours == pytest.approx(theirs)
    assert explained(target, ours) == pytest.approx((r2_score(target, theirs), root_mean_squared_error(target, theirs)))


def test_without_features_each_group_gets_the_mean_of_the_others() -> None:
    target, names = np.array([1.0, 2.0, 4.0, 8.0]), np.array(["a", "a", "b", "c"])
    found = predict_left_out({}, target, names)
    assert found == pytest.approx([6.0, 6.0, 11 / 3, 7 / 3])


@settings(max_examples=20)
@given(seeds)
def test_a_group_never_sees_its_own_cells(seed: int) -> None:
    features, target, names = cells(seed)
    out = names == "condition 3"
    changed = np.where(out, 1e3, target)
    ours, theirs = predict_left_out(features, target, names), predict_left_out(features, changed, names)
    assert ours is not None and theirs is not None
    assert ours[out] == pytest.approx(theirs[out])
    assert not np.allclose(ours[~out], theirs[~out])


@pytest.mark.parametrize(("features", "groups", "possible"), [(2, 3, False), (2, 4, True), (0, 1, False), (0, 2, True)])
def test_fewer_groups_than_coefficients_give_no_prediction(features: int, groups: int, possible: bool) -> None:
    values, target, names = cells(0, groups=groups, features=features)
    assert (predict_left_out(values, target, names) is not None) == possible


def test_no_prediction_has_no_error() -> None:
    assert explained(np.array([1.0, 2.0]), None) == (None, None)


def test_a_constant_target_has_no_share_of_variance() -> None:
    r2, rmse = explained(np.ones(4), np.full(4, 1.5))
    assert r2 is None
    assert rmse == pytest.approx(0.5)


@settings(max_examples=20)
@given(seeds)
def test_additive_effects_of_a_full_table_are_its_margins(seed: int) -> None:
    """Row mean + column mean - grand mean is the least-squares fit of a balanced table."""
    table = np.random.default_rng(seed).normal(size=(3, 5))
    rows, columns = (index.ravel().astype(str) for index in np.indices(table.shape))
    expected = table.mean(1, keepdims=True) + table.mean(0, keepdims=True) - table.mean()
    order = np.random.default_rng(seed).permutation(15)
    found = additive_fit(table.ravel()[order], rows[order], columns[order])
    assert found == pytest.approx(expected.ravel()[order])


def test_additive_effects_of_a_table_with_gaps_agree_with_scikit_learn() -> None:
    draws = np.random.default_rng(5)
    rows, columns = np.array(list("aabbbccd")), np.array(list("xyxyzyzz"))
    target = draws.normal(size=8)
    dummies = np.column_stack([rows[:, None] == np.unique(rows), columns[:, None] == np.unique(columns)]).astype(float)
    expected = LinearRegression().fit(dummies, target).predict(dummies)
    assert additive_fit(target, rows, columns) == pytest.approx(expected)


@settings(max_examples=30)
@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))
def test_the_formula_says_what_the_model_does(intercept: float, slope: float, other: float) -> None:
    text = LinearModel({"intercept": intercept, "x": slope, "y": other}).formula("z")
    head, rest = text.split(" = ")
    terms = re.fullmatch(r"(-?[\d.]+) ([+-]) ([\d.]+) x ([+-]) ([\d.]+) y", rest)
    assert head == "z" and terms is not None
    first, sign_x, size_x, sign_y, size_y = terms.groups()
    told = [float(first), float(sign_x + size_x), float(sign_y + size_y)]
    assert told == pytest.approx([intercept, slope, other], abs=5.1e-4)


def test_arguments_are_left_alone() -> None:
    features, target, names = cells(1)
    before = {name: values.copy() for name, values in features.items()}, target.copy()
    predict_left_out(features, target, names)
    assert all(np.array_equal(before[0][name], features[name]) for name in features)
    assert np.array_equal(before[1], target)
