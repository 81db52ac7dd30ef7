"""What lies inside the features of a study, and why something lies outside."""

import numpy as np
import pytest

from temshift.information.prediction.applicability import MARGIN, Reach

RNG = np.random.default_rng(0)
TESTS = np.repeat(np.arange(20).astype(str), 5)
STUDY = {"loss": RNG.uniform(0, 10, 100), "disagreement": np.concatenate([[0.0, 2.0], RNG.uniform(0.5, 2, 98)])}


@pytest.fixture(scope="module")
def reach() -> Reach:
    return Reach(STUDY, TESTS, one_sided=["disagreement"])


def new(loss: float, disagreement: float) -> dict[str, np.ndarray]:
    return {"loss": np.array([loss]), "disagreement": np.array([disagreement])}


def test_pairs_of_the_study_lie_inside(reach: Reach) -> None:
    assert reach.reasons(STUDY) == [[]] * 100


def test_a_feature_beyond_the_range_is_told(reach: Reach) -> None:
    low, high = STUDY["loss"].min(), STUDY["loss"].max()
    edge = high + MARGIN * (high - low)
    assert reach.reasons(new(edge + 0.01, 1.0)) == [
        [f"loss = {edge + 0.01:.2f} lies beyond what the study has, {low:.2f} to {high:.2f}"]
    ]
    assert not any("beyond" in reason for reason in reach.reasons(new(edge - 0.01, 1.0))[0])


def test_too_little_of_a_one_sided_feature_is_no_reason(reach: Reach) -> None:
    assert not any("beyond" in reason for reason in reach.reasons(new(5.0, -1.0))[0])
    assert "disagreement = 3.00 lies beyond" in reach.reasons(new(5.0, 3.0))[0][0]


def test_a_hole_between_the_pairs_is_outside() -> None:
    ring = {"x": np.cos(np.arange(60) / 60 * 2 * np.pi), "y": np.sin(np.arange(60) / 60 * 2 * np.pi)}
    found = Reach(ring, np.arange(60).astype(str)).reasons({"x": np.array([0.0, 1.0]), "y": np.array([0.0, 0.0])})
    assert "no scored pair is near" in found[0][0]
    assert found[1] == []


def test_what_is_no_number_is_told(reach: Reach) -> None:
    assert reach.reasons(new(np.nan, 1.0)) == [["loss is no finite number"]]


def test_a_study_without_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="no scored pair is given"):
        Reach({"x": np.zeros(0)}, np.zeros(0, dtype=str))
