import json
import math
import re

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list

from temshift.configuration.model import Configuration, ConfigurationError, parse_configuration
from temshift.core.errors import InputError
from temshift.specimens.crystals import CRYSTALS, Crystal, crystal_named, unit_cell

# Tabulated densities [g/cm3]: diamond and Si from S. O. Kasap's tables, CdSe the X-ray density of cadmoselite
# in WWW-MINCRYST, the others common handbook values.
TABULATED = {
    "CdSe": 5.66,
    "ZnS": 4.09,
    "Cu": 8.96,
    "Ag": 10.49,
    "C": 3.515,
    "Si": 2.33,
    "Fe": 7.87,
    "Fe3O4": 5.17,
    "Co3O4": 6.11,
    "Au": 19.3,
    "Pt": 21.45,
}
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
        ("Au", 4.0782 / math.sqrt(2), 12),
        ("Pt", 3.9242 / math.sqrt(2), 12),
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


@pytest.mark.parametrize(("name", "metal", "a", "u"), [("Fe3O4", "Fe", 8.394, 0.2548), ("Co3O4", "Co", 8.065, 0.25)])
def test_spinels_have_8_tetrahedra_and_16_octahedra_around_oxygen(name, metal, a, u):
    cell = unit_cell(name)
    assert cell.symbols.formula.count() == {metal: 24, "O": 32}
    first, second, distances = neighbor_list("ijd", cell, 0.3 * a)
    between = cell.numbers[first] != cell.numbers[second]
    assert not (between & (distances > 0.27 * a)).any()
    bonds = np.bincount(first[between], minlength=len(cell))
    metals, oxygens = bonds[cell.symbols == metal], bonds[cell.symbols == "O"]
    assert np.bincount(metals).tolist() == [0, 0, 0, 0, 8, 0, 16]
    assert set(oxygens) == {4}
    lengths = np.unique(distances[between].round(2))
    octahedral = a * math.hypot(1 / 2 - u, math.sqrt(2) * (u - 1 / 4))
    assert lengths == pytest.approx([math.sqrt(3) * (u - 1 / 8) * a, octahedral], abs=0.01)
    assert lengths.min() > 1.7
    assert lengths.max() < 2.15


def test_oxygen_of_a_spinel_is_cubic_close_packed():
    cell = unit_cell("Co3O4")
    oxygens = cell[cell.symbols == "O"]
    first, distances = neighbor_list("id", oxygens, 8.065 / 4 * math.sqrt(2) * 1.05)
    assert set(np.bincount(first)) == {12}
    assert distances == pytest.approx(8.065 / 4 * math.sqrt(2), abs=1e-3)


def test_what_is_assumed_is_told():
    assert {name for name, crystal in CRYSTALS.items() if crystal.assumed} == {"CdSe", "ZnS", "Co3O4"}
    assert "u = 3/8" in crystal_named("CdSe").assumed
    assert "u = 1/4" in crystal_named("Co3O4").assumed


def test_the_nine_crystals_of_the_protocol_and_two_heavy_metals_are_known():
    assert set(CRYSTALS) == {"ZnS", "CdSe", "Cu", "Ag", "C", "Si", "Fe3O4", "Co3O4", "Fe", "Au", "Pt"}


def test_a_cell_handed_out_is_the_callers_own():
    spoiled = unit_cell("Cu")
    spoiled.positions += 1.0
    assert unit_cell("Cu").positions[0] == pytest.approx([0, 0, 0])


def test_unknown_crystal_is_told_with_the_names_and_the_nearest():
    with pytest.raises(InputError) as caught:
        unit_cell("cdte")
    assert str(caught.value) == (
        "crystal 'cdte' is not known; allowed: 'CdSe', 'ZnS', 'Cu', 'Ag', 'C', 'Si', 'Fe3O4', 'Co3O4', 'Fe', 'Au', "
        "'Pt'; nearest: 'CdSe'; or give structure_file, or space_group, symbols, sites and lattice"
    )


GALENA = {
    "space_group": 225,
    "symbols": ["Pb", "S"],
    "sites": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "lattice": [5.936, 5.936, 5.936, 90, 90, 90],
}


class Holder(Configuration):
    crystal: Crystal


def read_crystal(value):
    return parse_configuration(json.dumps({"crystal": value}), Holder, "recipe.yaml").crystal


def told(value):
    with pytest.raises(ConfigurationError) as caught:
        read_crystal(value)
    (fault,) = caught.value.faults
    return str(fault)


def test_a_crystal_is_given_by_its_space_group_and_sites():
    galena = read_crystal(GALENA)
    assert galena.name == "PbS"
    cell = unit_cell(galena)
    assert cell.symbols.formula.count() == {"Pb": 4, "S": 4}
    assert neighbor_list("d", cell, 3.0) == pytest.approx(5.936 / 2, abs=1e-6)


def test_a_name_stays_a_name_and_a_crystal_stays_itself():
    for value in ("Co3O4", GALENA, {**GALENA, "name": "galena"}):
        crystal = read_crystal(value)
        dumped = crystal.model_dump(mode="json")
        assert read_crystal(json.loads(json.dumps(dumped))) == crystal
    assert crystal_named("Co3O4").model_dump() == "Co3O4"
    assert read_crystal({**GALENA, "name": "galena"}).name == "galena"


@pytest.mark.parametrize("kind", ["cif", "xyz", "vasp"])
def test_a_structure_file_becomes_every_atom_of_its_cell(kind, tmp_path):
    path = tmp_path / f"structure.{kind}"
    unit_cell("Fe3O4").write(path)
    crystal = read_crystal({"structure_file": str(path)})
    path.unlink()  # what was read is enough
    assert (crystal.space_group, crystal.name, len(crystal.sites)) == (1, "Fe3O4", 56)
    again = read_crystal(json.loads(json.dumps(crystal.model_dump(mode="json"))))
    assert again == crystal
    ours, theirs = (np.sort(neighbor_list("d", unit_cell(item), 5.0)) for item in (again, "Fe3O4"))
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_changed_file_is_another_crystal(tmp_path):
    path = tmp_path / "cell.cif"
    crystals = []
    for symbol in ("Cu", "Ag"):
        unit_cell(symbol).write(path)
        crystals.append(read_crystal({"structure_file": str(path), "name": "mine"}))
    assert crystals[0] != crystals[1]
    assert [crystal.name for crystal in crystals] == ["mine", "mine"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "nothing like a crystal",
            "structure_file .*: ASE cannot read it .*; give a structure file that it reads, such as .xyz or .cif",
        ),
        ("1\n\nC 0 0 0\n", "structure_file .* has no unit cell; give a crystal, such as a CIF"),
    ],
)
def test_files_without_a_crystal_are_told(text, fault, tmp_path):
    path = tmp_path / "wrong.xyz"
    path.write_text(text)
    assert re.search(fault, told({"structure_file": str(path)}))


def test_a_missing_file_is_told_with_the_folder_it_was_looked_for_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fault = told({"structure_file": "gone.cif"})
    assert fault.endswith(f"structure_file gone.cif is not there; give a path from the folder worked in, {tmp_path}")
    assert "must be the path of a file" in told({"structure_file": 3})


def test_partly_occupied_sites_are_refused(tmp_path):
    path = tmp_path / "alloy.cif"
    unit_cell("Cu").write(path)
    path.write_text(path.read_text().replace(" 1.0000\n", " 0.5000\n"))
    assert "partly occupied; give an ordered cell" in told({"structure_file": str(path)})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"lattice": [5.9, 5.9, 6.1, 90, 90, 90]}, "lacks the symmetry of space group 225"),
        ({"lattice": [5.9, 5.9, 5.9, 90, 90, 100]}, "lacks the symmetry of space group 225"),
        ({"space_group": 1, "lattice": [5.9, 5.9, 5.9, 90, 20, 150]}, "close no cell"),
        ({"space_group": 231}, "crystal.space_group: given 231; must be less than or equal to 230"),
        ({"setting": 2}, "space group 225 has no setting 2; leave setting out"),
        ({"symbols": ["Pb"]}, "1 symbols for 2 sites; give one element a site, in order"),
        ({"symbols": ["Pb", "Xx"]}, "'Xx' is no element from H to U"),
        ({"sites": [[0, 0, 0], [0.05, 0, 0]]}, "Pb and S in PbS are .* apart; at least 0.6 A is allowed"),
        ({"sites": [[0, 0, 0], [0, 0, 0]]}, "no cell can be built of PbS"),
        ({"sites": [[0, 0, 0], [0, 0]]}, "crystal.sites.1.2"),
        ({"colour": "grey"}, "crystal.colour: unknown key"),
        ({"structure_file": "a.cif"}, "lattice, sites, space_group, symbols given together with structure_file"),
    ],
)
def test_faults_of_a_crystal_are_told(change, fault):
    assert re.search(fault, told(GALENA | change))


def test_a_hexagonal_lattice_needs_its_angle():
    wurtzite = {"space_group": 186, "symbols": ["Cd", "S"], "sites": [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.377]]}
    assert read_crystal(wurtzite | {"lattice": [4.136, 4.136, 6.714, 90, 90, 120]}).name == "CdS"
    assert "lacks the symmetry" in told(wurtzite | {"lattice": [4.136, 4.136, 6.714, 90, 90, 90]})


@pytest.mark.parametrize("space_group", [1, 2, 14, 62, 139, 148, 160, 167, 176, 194, 205, 216, 221, 227, 229, 230])
def test_lattices_with_the_symmetry_of_their_space_group_pass(space_group):
    angles = [90, 90, 120] if 143 <= space_group <= 194 else [90, 90, 90]
    lattice = [9.0, 9.0, 9.0 if space_group > 194 else 11.0, *angles]
    read_crystal({"space_group": space_group, "symbols": ["Au"], "sites": [[0, 0, 0]], "lattice": lattice})
