"""Axes in which targets differ, grids over them, and broad ranges."""

from typing import Any

import numpy as np
import pytest

from temshift.conditions import ImagingConditions
from temshift.information.designs.candidates import (
    Axis,
    Range,
    Span,
    axes_of,
    broad_conditions,
    distinct_conditions,
    grid_candidates,
    places_of,
)


def conditions(defocus: float = -10.0, **given_values: Any) -> ImagingConditions:
    focus = {"normal": {"mean": defocus, "sd": 1.5}}
    values = {"defocus_nm": focus, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0, **given_values}
    return ImagingConditions.model_validate(values)


TURNED = {"C12_nm": 12.0, "phi12_deg": {"uniform": {"minimum": 0, "maximum": 180}}}


def test_axes_are_what_differs_and_no_azimuth() -> None:
    found = axes_of([conditions(), conditions(10.0, dose_e_per_A2=50.0), conditions(**TURNED)])
    assert found == (
        Axis("defocus_nm", -10, 10, "linear"),
        Axis("C12_nm", 0, 12, "linear"),
        Axis("dose_e_per_A2", 50, 400, "logarithmic"),
    )
    assert axes_of([conditions(), conditions()]) == ()


def test_what_makes_focal_spread_is_an_axis() -> None:
    """The energy spread changes nothing without Cc, but it is no azimuth."""
    found = axes_of([conditions(Cc_mm=1.2, energy_spread_sigma_ev=one) for one in (0.3, 1.0)])
    assert [axis.key for axis in found] == ["energy_spread_sigma_ev"]


def test_spreads_alone_make_no_axis() -> None:
    assert axes_of([conditions(), conditions(defocus_nm=-10)]) == ()


@pytest.mark.parametrize(
    ("axis", "middle"),
    [
        (Axis("defocus_nm", -20, 10), -5),
        (Axis("dose_e_per_A2", 10, 1000, "logarithmic"), 100),
        (Axis("mtf_half_frequency", 0.5, np.inf, "reciprocal"), 1),
    ],
)
def test_places_and_values_are_inverse(axis: Axis, middle: float) -> None:
    assert axis.value(0.5) == pytest.approx(middle)
    assert axis.value(0) == axis.low and axis.value(1) == axis.high
    assert axis.places(np.array([axis.low, middle, axis.high])).tolist() == pytest.approx([0, 0.5, 1])


def test_one_axis_has_eleven_levels_with_the_spread_of_the_targets() -> None:
    found = grid_candidates({"low": conditions(-20.0), "high": conditions(20.0)})
    assert [one.distributions()["defocus_nm"].center for one in found.values()] == list(range(-20, 21, 4))
    assert {one.distributions()["defocus_nm"].sd for one in found.values()} == {1.5}
    assert next(iter(found)) == "defocus_nm -20"


def test_several_axes_share_the_points() -> None:
    targets = {"a": conditions(-20.0), "b": conditions(20.0, dose_e_per_A2=40.0)}
    assert len(grid_candidates(targets, count=40)) == 36
    assert len(grid_candidates(targets, count=5)) == 5  # too few for three levels each: a Halton sequence
    assert grid_candidates(targets, count=0) == {}


def test_a_coefficient_has_an_azimuth_wherever_it_stands() -> None:
    """Targets without astigmatism tell no azimuth; candidates near them take that of those that do."""
    found = grid_candidates({"plain": conditions(), "astigmatic": conditions(**TURNED)}, count=4)
    assert all(one.distributions()["phi12_deg"].sd > 50 for one in found.values())


def test_another_notation_gives_way() -> None:
    """One target tells C12 by components: the grid replaces them, and nothing is told twice."""
    found = grid_candidates({"by components": conditions(C12a_nm=0.0, C12b_nm=4.0), "polar": conditions(**TURNED)})
    assert all("C12a_nm" not in one.given() for one in found.values())


def test_a_target_of_a_table_spans_the_range_but_lends_nothing() -> None:
    table = ImagingConditions.model_validate(
        {"measured": {"columns": {"defocus_nm": [30, 30.2, 30.4]}}, "dose_e_per_A2": 400.0}
    )
    found = grid_candidates({"plain": conditions(), "table": table})
    assert max(one.centers()["defocus_nm"] or 0 for one in found.values()) == pytest.approx(30.2)
    assert all(one.measured is None for one in found.values())
    assert grid_candidates({"table": table, "other": table}) == {}


def test_places_of_targets_lie_within_the_unit_cube() -> None:
    targets = [conditions(-20.0), conditions(0.0, dose_e_per_A2=40.0), conditions(20.0, **TURNED)]
    places = places_of(targets, axes_of(targets))
    assert places.min() == 0 and places.max() == 1 and places.shape == (3, 3)


def test_broad_conditions_reach_from_end_to_end() -> None:
    targets = {"a": conditions(-20.0), "b": conditions(20.0, dose_e_per_A2=40.0)}
    name, broad = broad_conditions(Span.of(targets), Range((0, 0), (1, 1)))
    found = broad.given()
    assert name == "defocus_nm -20 to 20, dose_e_per_A2 40 to 400"
    assert found["defocus_nm"].uniform is not None and found["dose_e_per_A2"].loguniform is not None
    assert (found["defocus_nm"].lowest, found["defocus_nm"].highest) == (-20, 20)
    assert (found["dose_e_per_A2"].lowest, found["dose_e_per_A2"].highest) == (40, 400)


def test_a_range_of_no_width_keeps_the_spread_of_a_target() -> None:
    targets = {"a": conditions(-20.0), "b": conditions(20.0)}
    name, still = broad_conditions(Span.of(targets), Range((0.5,), (0.5,)))
    found = still.given()["defocus_nm"]
    assert (name, found.center, found.sd) == ("defocus_nm 0", 0, 1.5)


def test_tables_cannot_be_broadened() -> None:
    table = ImagingConditions.model_validate({"measured": {"columns": {"defocus_nm": [1, 2]}}, "dose_e_per_A2": 400.0})
    with pytest.raises(ValueError, match="every target has measured or correlations"):
        broad_conditions(Span.of({"a": table}), Range((), ()))


def test_an_azimuth_of_nothing_tells_nothing_apart() -> None:
    idle = conditions(C12_nm=0.0, phi12_deg=TURNED["phi12_deg"])
    named = {"plain": conditions(), "idle": idle, "turned": conditions(**TURNED), "wide": conditions(defocus_nm=-10)}
    assert list(distinct_conditions(named)) == ["plain", "turned", "wide"]
    fixed = {str(angle): conditions(C12_nm=5.0, phi12_deg=angle) for angle in (10, 20)}
    assert list(distinct_conditions(fixed)) == ["10", "20"]


@pytest.mark.parametrize(("key", "ends"), [("transfer_exponent", (1.0, 2.0)), ("scattering_share", (0.0, 1.0))])
def test_exponent_and_share_of_a_camera_are_divided_evenly_and_need_a_value_in_every_target(
    key: str, ends: tuple[float, float]
) -> None:
    (axis,) = axes_of([conditions(**{key: value}) for value in ends])
    assert (axis.key, axis.low, axis.high, axis.scale) == (key, *ends, "linear")
    assert axis.value(0.5) == pytest.approx(sum(ends) / 2)
    assert axes_of([conditions(**{key: ends[0]}), conditions()]) == ()


def test_frames_of_a_counting_camera_are_divided_by_their_reciprocals() -> None:
    (axis,) = axes_of([conditions(counting_frames=20), conditions()])
    assert (axis.key, axis.scale) == ("counting_frames", "reciprocal")
