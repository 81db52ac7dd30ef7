"""Thermal displacements: their statistics, and what they leave alone."""

import numpy as np
import pytest
from scipy import stats

from temshift.exitwaves.thermal import displaced

NUMBERS = np.repeat([6, 34, 48], 20_000)
RMS = {"C": 0.05, "Se": 0.08, "Cd": 0.11}
POSITIONS = np.random.default_rng(9).uniform(0, 50, (len(NUMBERS), 3))


def shifts(seed: int = 0, rms: dict[str, float] = RMS) -> np.ndarray:
    return displaced(POSITIONS, NUMBERS, rms, np.random.default_rng(seed)) - POSITIONS


@pytest.mark.parametrize(("number", "symbol"), [(6, "C"), (34, "Se"), (48, "Cd")])
def test_each_element_moves_by_its_own_rms_along_each_axis(number: int, symbol: str) -> None:
    """20,000 draws fix a standard deviation to 0.5 %; the bound is four times that."""
    found = shifts()[number == NUMBERS]
    assert np.sqrt(np.mean(found**2, axis=0)) == pytest.approx(RMS[symbol], rel=0.02)
    assert np.abs(found.mean(axis=0)).max() < 4 * RMS[symbol] / np.sqrt(20_000)


def test_displacements_are_normal_and_independent_along_the_axes() -> None:
    scaled = shifts()[NUMBERS == 6] / RMS["C"]
    assert min(stats.kstest(axis, "norm").pvalue for axis in scaled.T) > 1e-3
    assert np.abs(np.corrcoef(scaled.T) - np.eye(3)).max() < 4 / np.sqrt(20_000)


def test_neighbours_move_independently() -> None:
    along_x = shifts()[NUMBERS == 6, 0]
    assert abs(np.corrcoef(along_x[1:], along_x[:-1])[0, 1]) < 4 / np.sqrt(20_000)


def test_an_element_at_rest_stays_and_lets_the_others_move_as_before() -> None:
    still = shifts(rms={**RMS, "Se": 0.0})
    assert np.all(still[NUMBERS == 34] == 0)
    assert np.array_equal(still[NUMBERS != 34], shifts()[NUMBERS != 34])


def test_a_missing_element_is_named() -> None:
    with pytest.raises(ValueError, match=r"atomic numbers \[34, 48\]"):
        displaced(POSITIONS, NUMBERS, {"C": 0.1}, np.random.default_rng(0))


def test_the_generator_alone_decides() -> None:
    assert np.array_equal(shifts(4), shifts(4))
    assert not np.array_equal(shifts(4), shifts(5))


def test_arguments_are_left_alone() -> None:
    positions, numbers = POSITIONS.copy(), NUMBERS.copy()
    displaced(positions, numbers, RMS, np.random.default_rng(0))
    assert np.array_equal(positions, POSITIONS)
    assert np.array_equal(numbers, NUMBERS)
