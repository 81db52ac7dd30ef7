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
