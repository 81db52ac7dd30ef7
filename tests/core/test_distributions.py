"""Distributions of conditions: quantiles, units, bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from temshift.optics import Distribution, ImagingConditions
from temshift.optics.conditions import UNITS

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
    assert whole.at_least(0)


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


def test_units_become_angstrom_and_radian() -> None:
    given_values = {**WHOLE, "C12_nm": 2.0, "phi12_deg": 90.0, "C30_mm": 1.0, "focal_spread_sigma_nm": 1.0}
    central = ImagingConditions.model_validate({**given_values, "angular_spread_sigma_mrad": 0.5}).central()
    assert float(central.C10) == -50.0
    assert float(central.C12) == 20.0
    assert float(central.phi12) == pytest.approx(math.pi / 2)
    assert float(central.C30) == 1e7
    assert float(central.focal_spread_sigma) == 10.0
    assert float(central.angular_spread_sigma) == pytest.approx(5e-4)
    assert float(central.semiangle_cutoff) == pytest.approx(1e-2)


def test_draws_of_widths_never_fall_below_zero() -> None:
    wide = {**WHOLE, "focal_spread_sigma_nm": {"normal": {"mean": 1.0, "sd": 5.0}}}
    drawn = ImagingConditions.model_validate(wide).quantiles(np.full((1, len(UNITS)), 1e-3))
    assert float(drawn.focal_spread_sigma) == 0.0


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("dose_e_per_A2", -5, "above 0"), ("dose_e_per_A2", 0, "above 0"), ("C12_nm", -1, "0 or more")],
)
def test_unphysical_values_are_refused(key: str, value: float, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        ImagingConditions.model_validate({**WHOLE, key: value})
