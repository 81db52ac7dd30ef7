import math

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list

from temshift.core.errors import InputError
from temshift.specimens.crystals import CRYSTALS, crystal_named, unit_cell

# Tabulated densities [g/cm3]: diamond and Si from S. O. Kasap's tables, CdSe the X-ray density of cadmoselite
# in WWW-MINCRYST, the others common handbook values.
TABULATED = {"CdSe": 5.66, "ZnS": 4.09, "Cu": 8.96, "Ag": 10.49, "C": 3.515, "Si": 2.33, "Fe": 7.87}
GRAMS_PER_DALTON = 1.66053906660e-24


@pytest.mark.parametrize("name", CRYSTALS)
def test_density_is_the_tabulated_one(name):
    cell = unit_cell(name)
    density = cell.get_masses().sum() * GRAMS_PER_DALTON / (cell.get_volume() * 1e-24)
    assert density == pytest.approx(TABULATED[name], rel=0.01)


@pytest.mark.parametrize(
    ("name", "bond", "coordination"),
    [
        ("Cu", 3.6157 / math.sqrt(2), 12),
        ("Ag", 4.0782 / math.sqrt(2), 12),
        ("Fe", 2.866 * math.sqrt(3) / 2, 8),
        ("C", 3.5673 * math.sqrt(3) / 4, 4),
        ("Si", 5.430 * math.sqrt(3) / 4, 4),
    ],
)
def test_neighbours_of_elements(name, bond, coordination):
    first, distances = neighbor_list("id", unit_cell(name), bond * 1.05)
    assert distances == pytest.approx(bond, rel=1e-6)
    assert set(np.bincount(first)) == {coordination}


@pytest.mark.parametrize(("name", "bond"), [("CdSe", 2.63), ("ZnS", 2.34)])
def test_wurtzites_are_tetrahedra_of_the_other_element(name, bond):
    cell = unit_cell(name)
    first, second, distances = neighbor_list("ijd", cell, bond * 1.1)
    assert distances == pytest.approx(bond, abs=0.01)
    assert (np.bincount(first, minlength=len(cell)) == 4).all()
    assert (cell.numbers[first] != cell.numbers[second]).all()


@pytest.mark.parametrize(("name", "a", "c"), [("CdSe", 4.2985, 7.0152), ("ZnS", 3.8227, 6.2607)])
def test_wurtzites_agree_with_an_independent_builder(name, a, c):
    other = bulk(name, "wurtzite", a=a, c=c, u=3 / 8)
    reach = 8.0
    ours = np.sort(neighbor_list("d", unit_cell(name), reach))
    assert ours == pytest.approx(np.sort(neighbor_list("d", other, reach)), abs=1e-6)


def test_only_wurtzites_assume_a_parameter():
    assert {name for name, crystal in CRYSTALS.items() if crystal.assumed} == {"CdSe", "ZnS"}
    assert "u = 3/8" in crystal_named("CdSe").assumed


def test_a_cell_handed_out_is_the_callers_own():
    spoiled = unit_cell("Cu")
    spoiled.positions += 1.0
    assert unit_cell("Cu").positions[0] == pytest.approx([0, 0, 0])


def test_unknown_crystal_is_told_with_the_names_and_the_nearest():
    with pytest.raises(InputError) as caught:
        unit_cell("cdte")
    assert str(caught.value) == (
        "crystal 'cdte' is not known; allowed: 'CdSe', 'ZnS', 'Cu', 'Ag', 'C', 'Si', 'Fe'; nearest: 'CdSe'"
    )
