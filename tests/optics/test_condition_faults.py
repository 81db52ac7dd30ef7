"""Apertures that stored waves can't serve, told before any image is formed."""

import pytest

from temshift.conditions import ImagingConditions
from temshift.core.grids import Grid
from temshift.optics import ImagingSettings
from temshift.optics.feasibility import imaging_faults

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
