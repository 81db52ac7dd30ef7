"""Distributions of conditions: quantiles, units, bounds."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from temshift.conditions import Distribution, ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.configuration.model import Configuration, dump_configuration, parse_configuration

WHOLE = {"defocus_nm": 5.0, "dose_e_per_A2": 100.0, "semiangle_cutoff_mrad": 10.0}


@given(st.floats(-50, 50), st.floats(0, 10), st.floats(0.001, 0.999))
def test_normal_quantiles_are_those_of_scipy(mean: float, sd: float, probability: float) -> None:
    ours = Distribution.model_validate({"normal": {"mean": mean, "sd": sd}}).quantile(np.array(probability))
    theirs = stats.norm(mean, sd).ppf(probability) if sd else mean
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_a_number_is_fixed_and_is_written_back_as_a_number() -> None:
    fixed = Distribution.model_validate(3)
    assert (fixed.center, fixed.sd, fixed.model_dump()) == (3.0, 0.0, 3.0)


def test_uniform_has_its_mean_and_deviation() -> None:
    uniform = Distribution.model_validate({"uniform": {"minimum": 2, "maximum": 8}})
    assert (uniform.center, uniform.lowest) == (5.0, 2.0)
    assert uniform.sd == pytest.approx(stats.uniform(2, 6).std())


HUGE = [
    {"normal": {"mean": 1e308, "sd": 1}},
    {"normal": {"mean": 1, "sd": 1e308}},
    {"normal": {"mean": 1, "sd": 1, "maximum": 1e308}},
    {"lognormal": {"median": 1e308, "sigma": 1}},
    {"lognormal": {"median": 1, "sigma": 11}},
    {"lognormal": {"median": 1, "sigma": 1e308, "minimum": 0.5, "maximum": 2}},
    {"uniform": {"minimum": -1e308, "maximum": 1e308}},
    {"loguniform": {"minimum": 1, "maximum": 1e308}},
    {"choice": {"values": [1e308, -1e308]}},
]


@pytest.mark.parametrize("values", HUGE, ids=str)
def test_values_whose_moments_overflow_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"beyond 1e\+100|less than or equal to 10"):
        Distribution.model_validate(values)


def test_the_widest_lognormal_has_numbers_only() -> None:
    widest = Distribution.model_validate({"lognormal": {"median": 1e100, "sigma": 10}})
    quantiles = widest.quantile(np.array([0.0, 1e-300, 0.5, 1 - 1e-16]))
    assert np.isfinite(quantiles).all() and math.isfinite(widest.sd) and np.isfinite(quantiles).any()


CUTS = [(None, None), (-1.0, None), (None, 2.5), (-2.0, 1.0), (0.9, 1.1)]


@pytest.mark.parametrize(("low", "high"), CUTS)
def test_a_cut_normal_is_that_of_scipy(low: float | None, high: float | None) -> None:
    bounds = {name: value for name, value in (("minimum", low), ("maximum", high)) if value is not None}
    ours = Distribution.model_validate({"normal": {"mean": 1.0, "sd": 1.5, **bounds}})
    edges = ((-math.inf if low is None else low) - 1.0) / 1.5, ((math.inf if high is None else high) - 1.0) / 1.5
    theirs = stats.truncnorm(*edges, loc=1.0, scale=1.5)
    probabilities = np.linspace(0.001, 0.999, 50)
    assert ours.quantile(probabilities) == pytest.approx(theirs.ppf(probabilities), abs=1e-9)
    assert ours.sd == pytest.approx(theirs.std(), rel=1e-6)
    assert ours.lowest == (ours.center if low is None else low)
    assert ours.highest == (math.inf if high is None else high)


@pytest.mark.parametrize(("low", "high"), [(None, None), (1.0, None), (None, 3.0), (1.5, 2.2), (0.0, 9.0)])
def test_a_cut_lognormal_is_that_of_scipy(low: float | None, high: float | None) -> None:
    bounds = {name: value for name, value in (("minimum", low), ("maximum", high)) if value is not None}
    ours = Distribution.model_validate({"lognormal": {"median": 2.0, "sigma": 0.4, **bounds}})
    whole = stats.lognorm(0.4, scale=2.0)
    bottom, top = whole.cdf(low or 0.0), 1.0 if high is None else whole.cdf(high)
    probabilities = np.linspace(0.001, 0.999, 50)
    assert ours.quantile(probabilities) == pytest.approx(whole.ppf(bottom + probabilities * (top - bottom)), rel=1e-9)
    draws = ours.quantile((np.arange(200_000) + 0.5) / 200_000)
    assert ours.sd == pytest.approx(draws.std(), rel=2e-3)
    assert ours.lowest == (low or 0.0)
    assert ours.highest == (math.inf if high is None else high)
    assert not bounds or ours.lowest <= draws.min() <= draws.max() <= ours.highest


def test_an_uncut_lognormal_is_known() -> None:
    whole = Distribution.model_validate({"lognormal": {"median": 2.0, "sigma": 0.4}})
    assert whole.center == pytest.approx(2.0)
    assert whole.sd == pytest.approx(stats.lognorm(0.4, scale=2.0).std())
    assert whole.lowest == 0


def test_without_spread_every_draw_is_the_centre() -> None:
    for given_kind in ({"normal": {"mean": 2, "sd": 0}}, {"lognormal": {"median": 2, "sigma": 0, "maximum": 2}}):
        still = Distribution.model_validate(given_kind)
        assert (still.center, still.sd) == (2.0, 0.0)
        assert still.quantile(np.array([0.0, 0.3, 1.0])).tolist() == [2.0] * 3
    pinned = Distribution.model_validate({"normal": {"mean": 2, "sd": 1, "minimum": 2, "maximum": 2}})
    assert (pinned.center, pinned.sd) == (2.0, 0.0)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"normal": {"mean": 1, "sd": 1, "minimum": 2}}, "mean 1 is not between minimum 2 and maximum inf"),
        ({"lognormal": {"median": 3, "sigma": 1, "maximum": 2}}, "median 3 is not between minimum 0 and maximum 2"),
        ({"uniform": {"minimum": 3, "maximum": 2}}, "minimum 3 is above maximum 2; swap them"),
        ({"loguniform": {"minimum": 3, "maximum": 2}}, "minimum 3 is above maximum 2; swap them"),
        ({"normal": {"mean": 1, "sd": 1}, "lognormal": {"median": 1, "sigma": 1}}, "write one of"),
    ],
)
def test_bounds_lie_around_the_centre(wrong: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Distribution.model_validate(wrong)


def test_distributions_are_written_back_without_what_was_not_given() -> None:
    for written in ({"normal": {"mean": 1.0, "sd": 2.0}}, {"lognormal": {"median": 1.0, "sigma": 2.0, "maximum": 3.0}}):
        assert Distribution.model_validate(written).model_dump() == written


@pytest.mark.parametrize("wrong", [{}, {"normal": {"mean": 1, "sd": 1}, "fixed": 1}])
def test_exactly_one_kind_is_needed(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="write one of"):
        Distribution.model_validate(wrong)


KINDS = [
    4.0,
    {"normal": {"mean": 2.0, "sd": 3.0}},
    {"normal": {"mean": 2.0, "sd": 3.0, "minimum": -1.0, "maximum": 4.0}},
    {"normal": {"mean": 2.0, "sd": 0.0}},
    {"lognormal": {"median": 2.0, "sigma": 0.5}},
    {"lognormal": {"median": 2.0, "sigma": 0.5, "minimum": 1.0, "maximum": 3.0}},
    {"uniform": {"minimum": -1.0, "maximum": 4.0}},
    {"uniform": {"minimum": 4.0, "maximum": 4.0}},
    {"loguniform": {"minimum": 0.5, "maximum": 50.0}},
    {"loguniform": {"minimum": 4.0, "maximum": 4.0}},
    {"choice": {"values": [5.0, -2.0, 3.0]}},
    {"choice": {"values": [5.0, -2.0, 3.0, 5.0], "weights": [1.0, 2.0, 4.0, 1.0]}},
]


@pytest.mark.parametrize("written", KINDS)
def test_every_kind_is_read_back_from_yaml_alike(written: object) -> None:
    class Lens(Configuration):
        defocus_nm: Distribution

    lens = parse_configuration(f"defocus_nm: {json.dumps(written)}", Lens, "lens.yaml")
    assert parse_configuration(dump_configuration(lens), Lens, "lens.yaml") == lens
    assert lens.model_dump(mode="json") == {"defocus_nm": written}


@pytest.mark.parametrize("written", KINDS)
@given(bound=st.floats(-5, 60) | st.sampled_from([-2.0, 0.0, 3.0, 4.0, 5.0]))
def test_the_share_below_a_bound_is_that_of_the_quantiles(written: object, bound: float) -> None:
    kind = Distribution.model_validate(written)
    draws = kind.quantile((np.arange(4000) + 0.5) / 4000)
    assert kind.share_below(bound) == pytest.approx((draws < bound).mean(), abs=2.6e-4)


@pytest.mark.parametrize("written", KINDS)
@given(probability=st.floats(0, 1))
def test_quantiles_lie_within_the_bounds_and_rise(written: object, probability: float) -> None:
    kind = Distribution.model_validate(written)
    value, later = kind.quantile(np.array([probability, (1 + probability) / 2]))
    if kind.kind is not None:
        assert kind.kind.lowest <= value <= kind.kind.highest
    assert value <= later or kind.choice is not None
    assert kind.share_below(math.nextafter(kind.lowest, -math.inf)) == 0 or kind.normal is not None


@pytest.mark.parametrize("written", KINDS)
def test_deviations_are_those_of_the_quantiles(written: object) -> None:
    kind = Distribution.model_validate(written)
    draws = kind.quantile((np.arange(400_000) + 0.5) / 400_000)
    assert kind.sd == pytest.approx(draws.std(), rel=1e-3, abs=1e-12)


def test_the_tail_of_a_normal_dose_below_zero_is_told() -> None:
    wide = Distribution.model_validate({"normal": {"mean": 5, "sd": 50}})
    assert wide.share_below(0) == pytest.approx(stats.norm(5, 50).cdf(0), rel=1e-12)
    cut = Distribution.model_validate({"normal": {"mean": 5, "sd": 50, "minimum": 0}})
    assert cut.share_below(0) == 0.0
    far = Distribution.model_validate({"normal": {"mean": 5, "sd": 0.5}})
    assert far.share_below(0) == pytest.approx(stats.norm(5, 0.5).cdf(0), rel=1e-9)


@given(st.floats(1e-3, 1e3), st.floats(1.001, 1e4), st.floats(0, 1))
def test_a_loguniform_is_that_of_scipy(minimum: float, ratio: float, probability: float) -> None:
    ours = Distribution.model_validate({"loguniform": {"minimum": minimum, "maximum": minimum * ratio}})
    theirs = stats.loguniform(minimum, minimum * ratio)
    assert ours.quantile(np.array(probability)) == pytest.approx(theirs.ppf(probability), rel=1e-9)
    assert ours.share_below(minimum * ratio**0.3) == pytest.approx(0.3, abs=1e-9)
    assert ours.center == pytest.approx(minimum * ratio**0.5)
    assert ours.sd == pytest.approx(theirs.std(), rel=1e-6)


def test_the_deviation_of_a_narrow_loguniform_keeps_its_digits() -> None:
    narrow = Distribution.model_validate({"loguniform": {"minimum": 1.0, "maximum": 1.0 + 1e-9}})
    assert narrow.sd == pytest.approx(1e-9 / 12**0.5, rel=1e-6)  # as good as uniform; the bound has 7 digits left


def test_bounds_too_close_for_the_spread_leave_the_centre() -> None:
    flat = Distribution.model_validate({"normal": {"mean": 1, "sd": 1e20, "minimum": 0, "maximum": 2}})
    assert (flat.sd, flat.share_below(1), flat.share_below(1.5)) == (0.0, 0.0, 1.0)


def test_a_choice_is_the_inverse_of_its_cumulative_shares() -> None:
    choice = Distribution.model_validate({"choice": {"values": [30, 10, 20], "weights": [2, 1, 1]}})
    probabilities = np.array([0.0, 0.5, 0.51, 0.75, 0.76, 1.0])
    assert choice.quantile(probabilities).tolist() == [10, 20, 30, 30, 30, 30]
    assert (choice.center, choice.lowest, choice.highest) == (20.0, 10.0, 30.0)
    assert [choice.share_below(bound) for bound in (10, 10.1, 30, 31)] == [0.0, 0.25, 0.5, 1.0]


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_values_of_a_choice_are_drawn_as_often_as_they_weigh(weights: list[float]) -> None:
    choice = Distribution.model_validate({"choice": {"values": list(range(len(weights))), "weights": weights}})
    drawn = choice.quantile((np.arange(20_000) + 0.5) / 20_000)
    shares = np.bincount(drawn.astype(int), minlength=len(weights)) / 20_000
    assert shares == pytest.approx(np.array(weights) / sum(weights), abs=1e-4)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"values": [1, 2], "weights": [1]}, "weights: given 1 for 2 values; give one for each value, or none"),
        ({"values": [1, 2], "weights": [1, 0]}, "greater than 0"),
        ({"values": []}, "at least 1 item"),
    ],
)
def test_choices_that_cannot_be_drawn_are_refused(wrong: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Distribution.model_validate({"choice": wrong})


def test_a_loguniform_starts_above_zero() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Distribution.model_validate({"loguniform": {"minimum": 0, "maximum": 1}})


def test_units_become_angstrom_and_radian() -> None:
    given_values = {**WHOLE, "C12_nm": 2.0, "phi12_deg": 90.0, "C30_mm": 1.0, "focal_spread_sigma_nm": 1.0}
    central = ImagingConditions.model_validate({**given_values, "angular_spread_sigma_mrad": 0.5}).central()
    expected = {"C10": -50.0, "C12": 20.0, "phi12": math.pi / 2, "C30": 1e7}
    assert {name: float(value) for name, value in central.aberrations.items()} == pytest.approx(expected)
    assert float(central.focal_spread_sigma) == 10.0
    assert float(central.angular_spread_sigma) == pytest.approx(5e-4)
    assert float(central.semiangle_cutoff) == pytest.approx(1e-2)


def test_a_width_that_often_falls_below_zero_is_refused() -> None:
    """Such draws would have to be set to 0, which makes another distribution than the one that was written."""
    wide = {**WHOLE, "focal_spread_sigma_nm": {"normal": {"mean": 1.0, "sd": 5.0}}}
    with pytest.raises(ValidationError, match="0.42 of the draws lie outside 0 to 10000; narrow it, give minimum"):
        ImagingConditions.model_validate(wide)


def test_rare_draws_below_zero_are_set_to_it() -> None:
    narrow = {**WHOLE, "focal_spread_sigma_nm": {"normal": {"mean": 4.0, "sd": 1.0}}}
    drawn = ImagingConditions.model_validate(narrow).quantiles(np.full((1, len(COLUMNS)), 1e-6))
    assert float(drawn.focal_spread_sigma) == 0.0


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("dose_e_per_A2", -5, "above 0"), ("dose_e_per_A2", 0, "above 0"), ("C12_nm", -1, "must be 0 to")],
)
def test_unphysical_values_are_refused(key: str, value: float, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        ImagingConditions.model_validate({**WHOLE, key: value})


def test_the_largest_weights_have_a_finite_sum() -> None:
    huge = Distribution.model_validate({"choice": {"values": [1, 2], "weights": [1e308, 1e308]}})
    assert (huge.sd, huge.share_below(2)) == (0.5, 0.5)
