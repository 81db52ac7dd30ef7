"""Apertures that stored waves can't serve, told before any image is formed."""

import re

import pytest

from temshift.core.grids import Grid
from temshift.optics import ImagingConditions, ImagingSettings
from temshift.studies.conditions import imaging_faults

GRID = Grid((64, 64), (0.4, 0.4))  # at 300 kV |psi|^2 would alias from 12.30 mrad on


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"semiangle_cutoff_mrad": 12.0}, None),
        ({"semiangle_cutoff_mrad": 12.4}, "semiangle_cutoff_mrad reaches 12.40; .* at most 12.30 mrad"),
        ({"semiangle_cutoff_mrad": 11.0, "aperture_edge_mrad": 2.5}, None),
        (
            {"semiangle_cutoff_mrad": 11.0, "aperture_edge_mrad": 3.0},
            "semiangle_cutoff_mrad with half of aperture_edge_mrad reaches 12.50; .* at most 12.30 mrad",
        ),
        (
            {"semiangle_cutoff_mrad": {"choice": {"values": [4, 5]}}, "aperture_edge_mrad": 9.0},
            "aperture_edge_mrad reaches 9.00, so that the edge dims the direct beam; at most 8.00 mrad here",
        ),
        ({"aperture_edge_mrad": 1.0}, "an aperture which is not given; give semiangle_cutoff_mrad too"),
        ({"semiangle_cutoff_mrad": 0.9}, "passes hardly a spatial frequency of this cell; at least 2.31 mrad"),
    ],
)
def test_apertures_that_waves_cannot_serve_are_told(values: dict[str, object], told: str | None) -> None:
    given = {"defocus_nm": 5.0, "dose_e_per_A2": 100.0, **values}
    named = [("soft", ImagingConditions.model_validate(given))]
    faults = list(imaging_faults(named, ImagingSettings(), GRID, 300e3))
    assert len(faults) == (told is not None)
    assert told is None or re.match(f"'soft': .*{told}", faults[0])
