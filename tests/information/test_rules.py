import numpy as np
import pytest

from temshift.information.observers.learners import fit_rule, weighted_cross_entropy, weighted_f1


def powers(ratio: float, count: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], count)
    return random.gamma(4, size=(2 * count, 3)) / 4 * np.where(labels, ratio, 1.0)[:, None], labels


@pytest.mark.parametrize("rule", ["linear", "forest"])
def test_what_differs_is_told_apart_and_what_does_not_is_not(rule):
    apart, alike = (
        weighted_cross_entropy(
            fit_rule(*powers(ratio), rule).probabilities(powers(ratio, seed=1)[0]), powers(ratio)[1], np.ones(4000)
        ).mean()
        for ratio in (9.0, 1.0)
    )
    assert apart < 0.1
    assert alike == pytest.approx(np.log(2), abs=0.03)


def test_the_linear_rule_goes_on_beyond_what_it_saw_and_the_forest_does_not():
    far = np.array([[1e4, 1e4, 1e4], [1e6, 1e6, 1e6]])
    linear, forest = (fit_rule(*powers(3.0), rule).probabilities(far) for rule in ("linear", "forest"))
    assert linear[1] >= linear[0] > 1 - 1e-12
    assert forest[0] == forest[1] <= 1 - 1e-3


def test_weights_are_priors():
    found, labels = powers(1.0)
    weights = np.where(labels == 1, 0.1, 0.9)
    assert fit_rule(found, labels, "linear", weights).probabilities(found).mean() == pytest.approx(0.1, abs=0.01)


def test_powers_that_are_not_finite_and_patches_of_one_kind_are_refused():
    found, labels = powers(2.0)
    with pytest.raises(ValueError, match="not finite"):
        fit_rule(np.where(found > 1, np.nan, found), labels, "linear")
    with pytest.raises(ValueError, match="all patches are of one kind"):
        fit_rule(found, np.zeros_like(labels), "forest")


def test_f1_by_hand():
    labels, probabilities = np.array([1, 1, 0, 0]), np.array([0.9, 0.2, 0.7, 0.1])
    assert weighted_f1(probabilities, labels, np.ones(4)) == pytest.approx(0.5)
    assert weighted_f1(probabilities, labels, np.array([3.0, 1, 1, 1])) == pytest.approx(6 / 8)
    assert weighted_f1(np.zeros(4), labels, np.ones(4)) == 0
