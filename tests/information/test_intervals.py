"""Intervals hold for the cells of whole new conditions, which intervals made from single cells do not."""

import numpy as np
import pytest

from temshift.information.prediction.intervals import MOST_CELLS, grouped_interval, growth_of, least_groups


def test_one_cell_a_group_gives_the_quantile_of_jackknife_plus() -> None:
    """The ceil(level (G + 1))-th smallest of G, as Barber and others (2021) define it."""
    rng = np.random.default_rng(1)
    residuals, predictions = np.abs(rng.normal(size=40)), rng.normal(size=(7, 40))
    lower, upper = grouped_interval(predictions, residuals, np.arange(40).astype(str), 0.9)
    place = int(np.ceil(0.9 * 41)) - 1
    np.testing.assert_allclose(upper, np.sort(predictions + residuals, axis=1)[:, place])
    np.testing.assert_allclose(lower, -np.sort(residuals - predictions, axis=1)[:, place])


def test_groups_count_alike_however_many_cells_they_have() -> None:
    groups = np.repeat(["many", *map(str, range(19))], [1000, *[1] * 19])
    residuals = np.where(groups == "many", 100.0, 1.0)
    lower, upper = grouped_interval(np.zeros((1, len(groups))), residuals, groups, 0.9)
    assert (lower[0], upper[0]) == (-1.0, 1.0)


@pytest.mark.parametrize(("level", "least"), [(0.9, 9), (0.8, 4), (0.95, 19)])
def test_too_few_groups_give_no_finite_interval(level: float, least: int) -> None:
    assert least_groups(level) == least
    for count, finite in ((least, True), (least - 1, False)):
        groups = np.arange(count).astype(str)
        ends = grouped_interval(np.zeros((2, count)), np.ones(count), groups, level)
        assert np.isfinite(ends).all() == finite


def coverage(rng: np.random.Generator, conditions: int, cells: int = 12) -> tuple[float, float]:
    """Share of the cells of new conditions that intervals by groups, and by cells, hold; effects are of conditions."""
    effects = rng.normal(scale=0.3, size=conditions)[:, None] + rng.normal(scale=0.1, size=(conditions, cells))
    fresh = rng.normal(scale=0.3, size=200)[:, None] + rng.normal(scale=0.1, size=(200, cells))
    residuals = np.abs(effects).ravel()
    by_group = np.repeat(np.arange(conditions).astype(str), cells)
    by_cell = np.arange(residuals.size).astype(str)
    shares = []
    for groups in (by_group, by_cell):
        lower, upper = grouped_interval(np.zeros((1, residuals.size)), residuals, groups)
        shares.append(float(np.mean((lower <= fresh) & (fresh <= upper))))
    return shares[0], shares[1]


def test_ninety_per_cent_of_the_cells_of_new_conditions_are_held() -> None:
    rng = np.random.default_rng(2)
    by_group, by_cell = np.mean([coverage(rng, 20) for _ in range(200)], axis=0)
    assert 0.9 <= by_group <= 0.95
    assert by_cell < by_group - 0.02  # cells taken for independent promise too much


def test_thinning_of_many_cells_keeps_all_groups() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40).astype(str), 4 * MOST_CELLS // 40)
    residuals = np.abs(rng.normal(size=groups.size))
    ends = grouped_interval(np.zeros((1, groups.size)), residuals, groups)
    np.testing.assert_allclose(ends[1], np.quantile(residuals, 0.9 * 41 / 40), rtol=0.1)
    again = grouped_interval(np.zeros((1, groups.size)), residuals, groups)
    np.testing.assert_array_equal(ends, again)


def test_widths_scale_the_residuals_of_each_new_cell() -> None:
    rng = np.random.default_rng(5)
    residuals, groups = np.abs(rng.normal(size=30)), np.arange(30).astype(str)
    lower, upper = grouped_interval(np.ones((2, 30)), residuals, groups, widths=np.array([1.0, 3.0]))
    np.testing.assert_allclose(upper - 1, [upper[0] - 1, 3 * (upper[0] - 1)])
    np.testing.assert_allclose(1 - lower, upper - 1)
    plain = grouped_interval(np.ones((1, 30)), residuals, groups)
    assert (lower[0], upper[0]) == (plain[0][0], plain[1][0])


def test_growth_is_found_and_never_negative() -> None:
    rng = np.random.default_rng(6)
    spread = rng.uniform(0, 2, size=20_000)
    residuals = np.abs(rng.normal(size=spread.size)) * (0.1 + 0.3 * spread)
    share = np.sqrt(2 / np.pi)  # mean of a folded normal deviate
    assert growth_of(residuals, spread) == pytest.approx((0.1 * share, 0.3 * share), rel=0.05)
    assert growth_of(residuals[::-1].copy(), 2 - spread[::-1])[1] == 0  # errors that fall: one width for all
    assert growth_of(residuals, np.zeros(spread.size))[0] == pytest.approx(residuals.mean())
    assert growth_of(np.zeros(9), np.arange(9.0)) == (1.0, 0.0)
    constant, slope = growth_of(np.arange(9.0), np.arange(9.0))
    assert constant > 0
    assert slope == pytest.approx(1, abs=0.1)


def test_faults_are_told() -> None:
    groups = np.array(["a", "b"])
    with pytest.raises(ValueError, match=r"predictions \(1, 3\), residuals \(2,\) and groups \(2,\) do not fit"):
        grouped_interval(np.zeros((1, 3)), np.ones(2), groups)
    with pytest.raises(ValueError, match="residuals hold numbers below 0, or none"):
        grouped_interval(np.zeros((1, 2)), np.array([1.0, np.nan]), groups)
    with pytest.raises(ValueError, match="level 1.0 is not between 0 and 1"):
        grouped_interval(np.zeros((1, 2)), np.ones(2), groups, 1.0)
