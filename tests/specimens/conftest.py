import json

import pytest

from temshift.configuration.model import parse_configuration
from temshift.specimens import SpecimenRecipe

SUBSTRATE = {
    "density_g_per_cm3": 2.0,
    "minimum_distance_angstrom": 1.4,
    "thickness_nm": {"minimum": 0.8, "maximum": 1.5},
}
PARTICLES = {
    "crystal": "CdSe",
    "radius_nm": {"minimum": 0.4, "maximum": 0.6},
    "count": {"minimum": 1, "maximum": 2},
    "gap_nm": 0.1,
}


@pytest.fixture(scope="session")
def recipe_with():
    """Make a recipe of a small cell, with some settings replaced; ``support`` takes the place of the carbon film."""

    def make(substrate=None, particles=None, support=None, **settings):
        data = {
            "cell_nm": [3.2, 2.8],
            "margin_angstrom": 2.0,
            "substrate": support or SUBSTRATE | (substrate or {}),
            "particles": PARTICLES | (particles or {}),
        }
        return parse_configuration(json.dumps(data | settings), SpecimenRecipe, "specimens.yaml")

    return make
