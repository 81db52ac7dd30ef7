"""Apertures that stored waves can't serve, told before any image is formed."""

import re

import pytest

from temshift.conditions import ImagingConditions
from temshift.core.grids import Grid
from temshift.optics import ImagingSettings
from temshift.optics.feasibility import (
    condition_faults,
    exactness_remarks,
    imaging_faults,
    role_faults,
    widest_aperture,
)

GRID = Grid((64, 64), (0.4, 0.4))  # at 300 kV |psi|^2 would alias from 12.30 mrad on


def uniform(minimum: float, maximum: float) -> dict[str, dict[str, float]]:
    return {"uniform": {"minimum": minimum, "maximum": maximum}}


@pytest.mark.parametrize(
    ("values", "fine"),
    [
        ({"mtf_half_frequency": uniform(0.3, 0.8), "ntf_half_frequency": uniform(0.5, 1.0)}, False),
        ({"mtf_half_frequency": uniform(0.3, 0.5), "ntf_half_frequency": uniform(0.5, 1.0)}, True),
        (
            {
                "measured": {
                    "columns": {"mtf_half_frequency": [0.3, 0.3, 0.3, 0.9, 0.3], "ntf_half_frequency": [0.5] * 5}
                }
            },
            False,
        ),
        ({"measured": {"columns": {"mtf_half_frequency": [0.3, 0.9, 0.3], "ntf_half_frequency": [0.9] * 3}}}, True),
    ],
)
def test_a_camera_that_only_some_draws_make_impossible_is_told(values: dict[str, object], fine: bool) -> None:
    """Every pair of ends and every measured row counts, not only all low and all high."""
    given = {"defocus_nm": 5.0, "dose_e_per_A2": 100.0, "semiangle_cutoff_mrad": 10.0, **values}
    named = [("camera", ImagingConditions.model_validate(given))]
    faults = list(imaging_faults(named, ImagingSettings(), GRID, 300e3))
    assert fine == (not faults)
    assert fine or "DQE = DQE(0) MTF^2 / NTF^2 would exceed DQE(0)" in faults[0]


def test_a_spread_that_only_some_draws_make_too_wide_is_told() -> None:
    """Phases turn farthest under the lowest defocus and the widest spread together."""
    given = {"dose_e_per_A2": 100.0, "semiangle_cutoff_mrad": 11.0, "defocus_nm": uniform(-3000, 5)}
    named = [("far", ImagingConditions.model_validate(given | {"angular_spread_sigma_mrad": uniform(0, 1)}))]
    (fault,) = imaging_faults(named, ImagingSettings(), GRID, 300e3)
    assert "the angular spread turns phases by" in fault


FINE = Grid((128, 128), (0.1, 0.1))  # whose band reaches 98 mrad
LARGE = {"defocus_nm": 5.0, "dose_e_per_A2": 100.0, "focal_spread_sigma_nm": 4.0}


def spread(**values: object) -> ImagingConditions:
    return ImagingConditions.model_validate(LARGE | values)


def proposed(fault: object) -> float:
    """The widest aperture that a fault names [mrad]."""
    match = re.search(r"semiangle_cutoff_mrad of at most ([0-9.]+) works; or take a smaller spread", str(fault))
    assert match is not None, fault
    return float(match[1])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"focal_spread_sigma_nm": 40.0},
        {"semiangle_cutoff_mrad": {"normal": {"mean": 60, "sd": 2}}},
        {"aperture_edge_mrad": 4.0, "semiangle_cutoff_mrad": 70},
        {"focal_spread_sigma_nm": 1.0, "angular_spread_sigma_mrad": 1.0, "defocus_nm": 100.0, "C30_mm": 1.0},
        {"focal_spread_sigma_nm": 0.0, "Cc_mm": 2.0, "energy_spread_sigma_ev": 1.5},
    ],
)
def test_the_widest_aperture_that_is_named_works_and_a_wider_one_does_not(values: dict[str, object]) -> None:
    (fault,) = imaging_faults([("wide", spread(**values))], ImagingSettings(), FINE, 300e3)
    widest = proposed(fault)
    kept = {key: value for key, value in values.items() if key != "semiangle_cutoff_mrad"}
    assert imaging_faults([("at", spread(**kept, semiangle_cutoff_mrad=widest))], ImagingSettings(), FINE, 300e3) == []
    wider = [("wider", spread(**kept, semiangle_cutoff_mrad=1.03 * widest))]
    assert len(imaging_faults(wider, ImagingSettings(), FINE, 300e3)) == 1


def test_the_widest_aperture_is_where_the_focal_spread_turns_phases_by_12_rad() -> None:
    """pi Delta alpha^2 / lambda = 12 with Delta = 40 A and lambda = 0.0196875 A."""
    widest = widest_aperture(spread(), 1e-3, FINE, 300e3)
    assert widest is not None
    assert widest == pytest.approx((12 * 0.0196875 / (3.14159265 * 40)) ** 0.5, abs=1.1e-5)


def test_many_conditions_that_no_sum_is_exact_for_are_one_fault_with_an_aperture_for_all() -> None:
    named = [(f"focus {number}", spread(focal_spread_sigma_nm=4 + number / 10)) for number in range(30)]
    (fault,) = condition_faults([*named, ("fine", spread(semiangle_cutoff_mrad=10))], ImagingSettings(), FINE, 300e3)
    assert fault.names == tuple(name for name, _ in named)
    assert str(fault).startswith(
        "'focus 0', 'focus 1', 'focus 2', 'focus 3', 'focus 4', 'focus 5' and 24 more: the focal"
    )
    narrowed = [
        (name, spread(focal_spread_sigma_nm=4 + number / 10, semiangle_cutoff_mrad=proposed(fault)))
        for number, (name, _) in enumerate(named)
    ]
    assert condition_faults(narrowed, ImagingSettings(), FINE, 300e3) == []


def test_a_condition_of_training_and_of_test_is_reported_once() -> None:
    named = {"training": [("wide", spread())], "test": [("wide", spread()), ("wider", spread())]}
    ((role, fault),) = role_faults(named, ImagingSettings(), FINE, 300e3)
    assert role == "training" and fault.names == ("wide", "wider")


def test_envelopes_take_any_spread() -> None:
    assert imaging_faults([("wide", spread())], ImagingSettings(coherence="envelope"), FINE, 300e3) == []
    assert exactness_remarks([("wide", spread())], ImagingSettings(coherence="envelope"), 0.1, 300e3) == []


def test_transfer_alone_is_remarked_in_the_words_that_images_are_refused_with() -> None:
    (remark,) = exactness_remarks([("wide", spread())], ImagingSettings(), 0.1, 300e3)
    assert remark.startswith("images of 0.1 A pixels can't be formed so: 'wide': the focal spread turns phases by")
    assert proposed(remark) == pytest.approx(43.36, abs=0.02)
    assert exactness_remarks([("wide", spread())], ImagingSettings(), 0.4, 300e3) == []
    assert len(exactness_remarks([("wide", spread())], ImagingSettings(), None, 300e3)) == 1


def test_a_spread_that_no_aperture_helps_against_is_refused_without_one() -> None:
    far = spread(focal_spread_sigma_nm=0.0, angular_spread_sigma_mrad=5.0, defocus_nm=3000.0)
    (fault,) = imaging_faults([("far", far)], ImagingSettings(), FINE, 300e3)
    assert (
        "the angular spread turns phases by" in fault and "no aperture is narrow enough; take a smaller spread" in fault
    )
