"""A mixture draws its parts in equal shares, and survives being written and read."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.conditions.mixtures import mixture
from temshift.configuration.model import dump_configuration, parse_configuration


def conditions(**given_values: Any) -> ImagingConditions:
    values = {"defocus_nm": -10.0, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0, **given_values}
    return ImagingConditions.model_validate(values)


def normal(mean: float, sd: float) -> dict[str, dict[str, float]]:
    return {"normal": {"mean": mean, "sd": sd}}


def drawn(one: ImagingConditions, count: int = 20_000) -> dict[str, np.ndarray]:
    uniform = np.random.default_rng(3).random((count, len(COLUMNS)))
    return {key: np.array(values, dtype=float) for key, values in one.quantiles(uniform).in_file_units().items()}


def test_one_part_is_the_mixture() -> None:
    only = conditions(defocus_nm=normal(5, 2))
    assert mixture([only]) is only


def test_parts_have_equal_shares_whatever_their_rows() -> None:
    """64 rows of a part that varies weigh as much as the one of a part that does not."""
    joined = mixture([conditions(defocus_nm=normal(-20, 1)), conditions(defocus_nm=20.0, dose_e_per_A2=50.0)])
    found = drawn(joined)
    right = found["defocus_nm"] > 0
    assert right.mean() == pytest.approx(0.5, abs=0.015)
    assert set(found["dose_e_per_A2"][right]) == {50} and set(found["dose_e_per_A2"][~right]) == {400}
    assert found["defocus_nm"][~right].mean() == pytest.approx(-20, abs=0.02)
    assert found["defocus_nm"][~right].std() == pytest.approx(1, abs=0.03)


def test_what_is_alike_stands_outside_the_table() -> None:
    joined = mixture([conditions(defocus_nm=-5.0), conditions(defocus_nm=5.0)])
    assert joined.measured is not None and joined.measured.columns == {"defocus_nm": (-5.0, 5.0)}
    assert joined.measured.weights is None
    assert set(joined.given()) == {"dose_e_per_A2", "semiangle_cutoff_mrad"}


def test_parts_that_are_equal_are_one() -> None:
    assert mixture([conditions(), conditions()]) == conditions()


def test_a_mixture_is_read_back_as_it_was_written() -> None:
    turned = conditions(C12_nm=10.0, phi12_deg={"uniform": {"minimum": 0, "maximum": 180}})
    joined = mixture([turned, conditions(C30_mm=0.6), conditions(C12a_nm=normal(0, 2), C12b_nm=normal(0, 2))], rows=8)
    assert parse_configuration(dump_configuration(joined), ImagingConditions, "mixture") == joined
    assert joined.measured is not None and len(joined.measured) == 8 + 1 + 8


def test_correlated_parts_stay_correlated() -> None:
    """rho = 0.8 between defocus and Cs, within a part that is a mixture of two."""
    tie = [{"between": ["defocus_nm", "C30_mm"], "coefficient": 0.8}]
    part = conditions(defocus_nm=normal(0, 3), C30_mm=normal(0, 0.2), correlations=tie)
    found = drawn(mixture([part, conditions(defocus_nm=50.0)], rows=256))
    within = found["defocus_nm"] < 40
    rho = np.corrcoef(found["defocus_nm"][within], found["C30_mm"][within])[0, 1]
    assert rho == pytest.approx(0.8, abs=0.06)


def test_a_perfect_camera_among_others_ends_at_the_bounds() -> None:
    joined = mixture([conditions(mtf_half_frequency=0.4), conditions()])
    assert joined.measured is not None and joined.measured.columns["mtf_half_frequency"] == (0.4, 1000)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(20, 2000)), min_size=1, max_size=5))
def test_the_mean_of_a_mixture_is_the_mean_of_its_parts(values: list[tuple[float, float]]) -> None:
    joined = mixture([conditions(defocus_nm=defocus, dose_e_per_A2=dose) for defocus, dose in values])
    even = np.full((997, len(COLUMNS)), 0.5)
    even[:, COLUMNS.index("measured")] = (np.arange(997) + 0.5) / 997
    found = joined.quantiles(even)
    assert float(found.dose.mean()) == pytest.approx(np.mean([dose for _, dose in values]), rel=0.02)


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="no conditions given to join"):
        mixture([])
    with pytest.raises(ValueError, match="rows = 0"):
        mixture([conditions(), conditions(defocus_nm=3.0)], rows=0)
    bare = ImagingConditions(**{"defocus_nm": 5, "dose_e_per_A2": 9})
    with pytest.raises(ValueError, match="some conditions have an aperture and some have none"):
        mixture([conditions(), bare])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("transfer_exponent", 1.0, "an exponent"), ("scattering_share", 0.5, "a scattering share")],
)
def test_a_camera_key_that_only_some_parts_have_is_refused_if_no_bound_stands_for_its_absence(
    key: str, value: float, words: str
) -> None:
    with pytest.raises(ValueError, match=f"{key}: some conditions have {words} and some have none"):
        mixture([conditions(), conditions(**{key: value})])
    both = mixture([conditions(**{key: value}), conditions(**{key: value / 2})])
    assert set(both.measured.columns[key]) == {value, value / 2}


def test_marks_and_frames_that_only_some_parts_have_are_none_in_the_others() -> None:
    both = mixture([conditions(), conditions(counting_frames=50, dead_pixels_ppm=20)])
    assert dict(zip(*(both.measured.columns[key] for key in ("counting_frames", "dead_pixels_ppm")), strict=True)) == {
        1e9: 0.0,
        50.0: 20.0,
    }
