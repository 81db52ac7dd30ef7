"""Scores without labels, each against a known value or an independent computation."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from temshift.scoring import (
    disagreement,
    feature_distance,
    h_score,
    leep,
    loss_against,
    mean_confidence,
    mean_entropy,
    thresholded_error,
)

SHAPE = (3, 20, 30)


def calibrated(seed: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels that are drawn with them."""
    random = np.random.default_rng(seed)
    probability = 1 / (1 + np.exp(-sharpness * random.normal(size=(20, 40, 40))))
    return probability, random.random(probability.shape) < probability


def test_entropy_and_confidence_of_certain_and_of_open_predictions() -> None:
    assert mean_entropy(np.full(SHAPE, 0.5)) == pytest.approx(np.log(2))
    assert mean_entropy(np.zeros(SHAPE)) == 0
    assert mean_confidence(np.full(SHAPE, 0.2)) == pytest.approx(0.8)


def test_a_calibrated_network_knows_its_error_on_other_images() -> None:
    known, truth = calibrated(0, 3)
    assert thresholded_error(known, known, truth) == pytest.approx(np.mean((known >= 0.5) != truth), abs=1e-3)
    harder, labels = calibrated(1, 1.5)
    expected, true = thresholded_error(harder, known, truth), np.mean((harder >= 0.5) != labels)
    assert expected > thresholded_error(known, known, truth)
    assert expected == pytest.approx(true, rel=0.3)


def test_disagreement_counts_pixels() -> None:
    first = np.zeros(SHAPE)
    second = first.copy()
    second[:, :5] = 0.9
    assert disagreement(first, second) == pytest.approx(5 / 20)


def test_the_loss_is_that_of_scikit_learn() -> None:
    probability, truth = calibrated(2, 2)
    assert loss_against(probability, truth) == pytest.approx(log_loss(truth.ravel(), probability.ravel()), rel=1e-6)


def test_leep_by_loops() -> None:
    probability, truth = (part[:1, :6, :7] for part in calibrated(3, 2))
    outputs = [(1 - p, p) for p in probability.ravel()]
    joint = np.zeros((2, 2))
    for output, label in zip(outputs, truth.ravel(), strict=True):
        for side in (0, 1):
            joint[int(label), side] += output[side] / truth.size
    logs = [
        np.log(sum(joint[int(label), side] / joint[:, side].sum() * output[side] for side in (0, 1)))
        for output, label in zip(outputs, truth.ravel(), strict=True)
    ]
    assert leep(probability, truth) == pytest.approx(np.mean(logs))


def test_leep_does_not_mind_which_class_is_which() -> None:
    truth = np.random.default_rng(0).random(SHAPE) < 0.3
    assert leep(truth.astype(float), truth) == pytest.approx(0)
    assert leep((~truth).astype(float), truth) == pytest.approx(0)
    prior = truth.mean()
    entropy = prior * np.log(prior) + (1 - prior) * np.log(1 - prior)
    assert leep(np.full(SHAPE, 0.4), truth) == pytest.approx(entropy)
    with pytest.raises(ValueError, match="give both alike"):
        leep(np.zeros((2, 2, 2)), np.zeros((2, 2, 3), dtype=bool))


def test_the_h_score_is_the_share_of_variance_between_classes() -> None:
    random = np.random.default_rng(4)
    truth = random.random(200_000) < 0.25
    features = random.normal(0, 1, (200_000, 1)) + 2.0 * truth[:, None]
    between = 2.0**2 * 0.25 * 0.75
    assert h_score(features, truth) == pytest.approx(between / (between + 1), rel=0.02)
    useless = np.concatenate([features, random.normal(size=(200_000, 2))], axis=1)
    assert h_score(useless, truth) == pytest.approx(h_score(features, truth), rel=0.01)
    assert h_score(features, np.zeros(200_000, dtype=bool)) == 0


def test_the_distance_of_normal_features() -> None:
    random = np.random.default_rng(5)
    first = random.normal(0, 1, (100_000, 2)) * [1.0, 2.0]
    second = random.normal(0, 1, (100_000, 2)) * [3.0, 2.0] + [1.0, 0.0]
    assert feature_distance(first, second) == pytest.approx(1 + (3 - 1) ** 2, rel=0.03)
    assert feature_distance(first, first) == pytest.approx(0, abs=1e-6)
