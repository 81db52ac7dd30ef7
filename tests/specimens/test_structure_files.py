"""Structure files: every CIF means what its symbols say, and what is unclear, absurd or endless is refused."""

import bz2
import gzip
import itertools
import lzma
import os
import re
import time
from pathlib import Path

import ase.io
import gemmi
import numpy as np
import pytest
from ase import Atoms
from pydantic import ValidationError

from temshift.core.errors import InputError
from temshift.core.hashes import content_hash
from temshift.specimens import Crystal, FileRecipe, unit_cell
from temshift.specimens.cells import wrapped
from temshift.specimens.reading import structures_in
from temshift.specimens.reading.blocks import blocks_of
from temshift.specimens.reading.cif import structure_of
from temshift.specimens.reading.composition import formula_of
from temshift.specimens.validation import require_apart

DALTON_PER_A3 = 1.66053906660  # as g/cm3
CELL_TAGS = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
BISMUTH = (4.746, 4.746, 4.746, 57.23, 57.23, 57.23)
WURTZITE = (4.2985, 4.2985, 7.0152, 90, 90, 120)
MONOCLINIC = (5, 6, 7, 90, 100, 90)


def cubic(a):
    return (a, a, a, 90, 90, 90)


def cif(cell, symbol, sites, extra="", operations=(), name="x"):
    """Write a block; a site is a label, a type symbol or none, and three coordinates."""
    lines = [f"data_{name}", *(f"_cell_{tag} {value}" for tag, value in zip(CELL_TAGS, cell, strict=True))]
    lines += [f"_symmetry_space_group_name_H-M '{symbol}'"] if symbol else []
    lines += [extra]
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{operation}'" for operation in operations)]
    lines += ["loop_", "_atom_site_label"]
    lines += ["_atom_site_type_symbol"] if len(sites[0]) == 5 else []
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    return "\n".join([*lines, *(" ".join(map(str, site)) for site in sites), ""])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def crystal_of(text, name="given.cif", **keys):
    Path(name).write_text(text)
    return Crystal.model_validate({"structure_file": name} | keys)


def refused(text, **keys):
    with pytest.raises(ValidationError) as caught:
        crystal_of(text, **keys)
    (fault,) = caught.value.errors()
    return fault["msg"]


def density(cell):
    return cell.get_masses().sum() / cell.get_volume() * DALTON_PER_A3


@pytest.mark.parametrize(
    ("text", "formula", "tabulated"),
    [
        (cif(cubic(3.924), "F m -3 m", [("PT1", 0, 0, 0)]), "Pt4", 21.45),
        (cif(cubic(3.924), "F m 3 m", [("PT1", 0, 0, 0)]), "Pt4", 21.45),
        (cif(cubic(3.924), "Fm-3m", [("pt1", 0, 0, 0)]), "Pt4", 21.45),
        (cif(WURTZITE, "P 63 m c", [("CD1", 1 / 3, 2 / 3, 0), ("SE1", 1 / 3, 2 / 3, 0.375)]), "Cd2Se2", 5.66),
        (
            cif(WURTZITE, "P63mc", [("M1", "CD2+", 0.3333, 0.6667, 0), ("X1", "SE2-", 0.3333, 0.6667, 0.375)]),
            "Cd2Se2",
            5.66,
        ),
        (cif(cubic(5.43), "F d -3 m :2", [("Si1", 0.125, 0.125, 0.125)]), "Si8", 2.33),
        (cif(cubic(5.43), "F d -3 m Z", [("Si1", 0.125, 0.125, 0.125)]), "Si8", 2.33),
        (cif(cubic(5.43), "Fd-3m (origin choice 2)", [("Si1", 0.125, 0.125, 0.125)]), "Si8", 2.33),
        (cif(cubic(5.43), "F d -3 m :1", [("Si1", 0, 0, 0)]), "Si8", 2.33),
        (cif(cubic(5.43), "F d -3 m S", [("Si1", 0, 0, 0)]), "Si8", 2.33),
        (cif(BISMUTH, "R -3 m :R", [("Bi1", 0.234, 0.234, 0.234)]), "Bi2", 9.8),
        (cif(BISMUTH, "R -3 m", [("Bi1", 0.234, 0.234, 0.234)]), "Bi2", 9.8),
        (cif((4.546, 4.546, 11.862, 90, 90, 120), "R -3 m", [("Bi1", 0, 0, 0.234)]), "Bi6", 9.8),
        (cif((4.546, 4.546, 11.862, 90, 90, 120), "R-3mH", [("Bi1", 0, 0, 0.234)]), "Bi6", 9.8),
    ],
)
def test_labels_and_settings_mean_what_they_say(text, formula, tabulated):
    cell = unit_cell(crystal_of(text))
    assert cell.get_chemical_formula() == formula
    assert density(cell) == pytest.approx(tabulated, rel=0.01)


@pytest.mark.parametrize(
    ("symbol", "cell", "image"),
    [
        ("P 21/c", MONOCLINIC, (-0.1, 0.7, 0.2)),
        ("P2(1)/c", MONOCLINIC, (-0.1, 0.7, 0.2)),
        ("P 2_1/n", MONOCLINIC, (0.4, 0.7, 0.2)),
        ("P 1 21/a 1", MONOCLINIC, (0.4, 0.7, -0.3)),
        ("P 1 1 21/b", (5, 6, 7, 90, 90, 100), (-0.1, 0.3, 0.8)),
        ("P 21/b 1 1", (5, 6, 7, 100, 90, 90), (0.6, 0.3, -0.3)),
    ],
)
def test_axes_and_cell_choices_of_monoclinic_groups_are_those_named(symbol, cell, image):
    """Images (.1, .2, .3) by the screw axis of each setting, by hand from the International Tables."""
    crystal = crystal_of(cif(cell, symbol, [("Au1", 0.1, 0.2, 0.3)]))
    apart = np.asarray(crystal.sites) - image
    assert np.abs(apart - np.round(apart)).max(axis=1).min() < 1e-9
    assert len(crystal.sites) == 4


def lattice_of(group):
    system = group.crystal_system_str()
    if system == "monoclinic":
        return (5, 6, 7, *(100 if axis == group.monoclinic_unique_axis() else 90 for axis in "abc"))
    if system == "trigonal" and group.ext == "R":
        return (6, 6, 6, 75, 75, 75)
    lattices = {
        "triclinic": (5, 6, 7, 80, 95, 110),
        "orthorhombic": (5, 6, 7, 90, 90, 90),
        "tetragonal": (5, 5, 7, 90, 90, 90),
        "cubic": (9, 9, 9, 90, 90, 90),
    }
    return lattices.get(system, (5, 5, 9, 90, 90, 120))


def test_every_setting_of_the_tables_is_read_as_gemmi_builds_it():
    for group in gemmi.spacegroup_table():
        text = cif(lattice_of(group), group.xhm(), [("Au1", 0.07, 0.13, 0.29)])
        ours = structure_of(blocks_of(text.encode(), "x")[0], "x").get_scaled_positions()
        small = gemmi.make_small_structure_from_block(gemmi.cif.read_string(text).sole_block())
        theirs = np.array([site.fract.tolist() for site in small.get_all_unit_cell_sites()])
        apart = ours[:, None] - theirs
        assert len(ours) == len(theirs), group.xhm()
        assert np.abs(apart - np.round(apart)).max(axis=-1).min(axis=1).max() < 1e-6, group.xhm()


def test_a_list_of_operations_gives_what_the_symbol_gives():
    group = gemmi.find_spacegroup_by_name("F d -3 m:2")
    listed = [operation.triplet() for operation in group.operations()]
    text = cif(cubic(5.43), "F d -3 m", [("Si1", 0.125, 0.125, 0.125)], operations=listed)
    assert unit_cell(crystal_of(text)).get_chemical_formula() == "Si8"
    hall = "_symmetry_space_group_name_Hall '-F 4vw 2vw 3'"
    text = cif(cubic(5.43), "F d -3 m", [("Si1", 0.125, 0.125, 0.125)], hall)
    assert unit_cell(crystal_of(text)).get_chemical_formula() == "Si8"


@pytest.mark.parametrize(
    "extra",
    [
        "_exptl_crystal_density_diffrn 2.33",
        "_exptl_crystal_density_meas 2.30(5)",
        "_chemical_formula_sum Si\n_cell_formula_units_Z 8",
        "_chemical_formula_moiety Si8\n_cell_formula_units_Z 1",
    ],
)
@pytest.mark.parametrize(
    ("place", "unclear"), [((0, 0, 0), False), ((0.125, 0.125, 0.125), False), ((0.1, 0, 0), True)]
)
def test_an_origin_that_is_not_named_is_taken_from_the_content_or_refused(place, unclear, extra):
    symbol = cif(cubic(5.43), "F d -3 m", [("Si1", *place)])
    assert "not which of its settings: F d -3 m:1 or F d -3 m:2; write that" in refused(symbol)
    text = cif(cubic(5.43), "F d -3 m", [("Si1", *place)], extra)
    if unclear:
        assert "not which of its settings" in refused(text)
    else:
        assert unit_cell(crystal_of(text)).get_chemical_formula() == "Si8"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (cif(BISMUTH, "R -3 m :H", [("Bi1", 0, 0, 0.234)]), "lacks the symmetry of R -3 m:H; mend the cell, or name"),
        (cif((5, 6, 7, 90, 90, 100), "P 21/n", [("Au1", 0.1, 0.2, 0.3)]), "lacks the symmetry of P 1 21/n 1"),
        (cif(cubic(5), "P q r s", [("Au1", 0, 0, 0)]), "space group 'P q r s' is not known; list its operations"),
        (cif(cubic(5), "", [("Si1", 0, 0, 0)], "_space_group_IT_number 227"), "not which of its settings"),
        (
            cif(cubic(5), "P 1", [("Au1", 0.1, 0.2, 0.3)], operations=["x,y,z", "-x,-y,-z"]),
            "operations are those of P -1",
        ),
        (
            cif(cubic(5), "P -1", [("Au1", 0.1, 0.2, 0.3)], operations=["x,y,z", "-x,-y,z+1/3"]),
            "are no group; list all",
        ),
        (cif(cubic(5), "P -1", [("Au1", 0.1, 0.2, 0.3)], operations=["-x,-y,-z"]), "are no group; list all of them"),
        (cif(cubic(5), "P 1", [("Au1", 0.1, 0.2, 0.3)], operations=["x,y,w"]), "a symmetry operation is unclear"),
        (cif(cubic(5), "P -1", [("Au1", 0, 0, 0)], "_space_group_IT_number 1"), "space group P -1 and the number 1"),
        (
            cif(cubic(4.08), "", [("Au1", 0, 0, 0)], "_space_group_symop_magn_operation.xyz x,y,z,+1"),
            "is a magnetic structure, which is not read",
        ),
        (cif(cubic(4.08), "P 1", [("Au1", 0, 0, 0)], "_cell_modulation_dimension 1"), "is a modulated structure"),
    ],
)
def test_a_symmetry_that_is_unclear_or_contradicts_itself_is_refused(text, fault):
    assert fault in refused(text)


def test_a_structure_that_says_it_is_not_modulated_is_read():
    text = cif(cubic(4.08), "P 1", [("Au1", 0, 0, 0)], "_cell_modulation_dimension 0")
    assert crystal_of(text, "a.cif").symbols == ("Au",)


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ("_chemical_formula_sum 'Au Cu'", "the atoms read are Au4, but its formula is Au1 Cu1; mend sites and"),
        ("_chemical_formula_sum Au\n_cell_formula_units_Z 8", "formula Au1 with Z = 8 makes Au8; mend"),
        ("_chemical_formula_moiety '2(Au Cl), Cl 1-'", "but its formula is Au2 Cl3"),
        ("_exptl_crystal_density_diffrn 9.66", "make 19.26 g/cm3, but _exptl_crystal_density_diffrn says 9.66; mend"),
        ("_exptl_crystal_density_meas 9.66", "but _exptl_crystal_density_meas says 9.66"),
        ("_cell_volume 679.2", "its cell has 67.917 A^3, but _cell_volume says 679.2"),
    ],
)
def test_atoms_that_are_not_those_of_the_files_own_formula_are_refused(extra, fault):
    assert fault in refused(cif(cubic(4.08), "F m -3 m", [("Au1", 0, 0, 0)], extra))


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("C12 H22 O11", {"C": 12, "H": 22, "O": 11}),
        ("Fe2O3", {"Fe": 2, "O": 3}),
        ("Fe0.95 O", {"Fe": 0.95, "O": 1}),
        ("D2 O", {"H": 2, "O": 1}),
        ("C6 H5 O 1-", {"C": 6, "H": 5, "O": 1}),
        ("CO2", None),  # carbon dioxide, or cobalt in capitals
        ("Ca (Si O3)", {"Ca": 1, "Si": 1, "O": 3}),
        ("Ca(OH)2", {"Ca": 1, "O": 2, "H": 2}),
        ("K4[Fe(C N)6]", {"K": 4, "Fe": 1, "C": 6, "N": 6}),
        ("Fe (CO)5", None),
        ("Ca (OH2", None),
        ("Ca OH)2", None),
    ],
)
def test_formulas_are_read_or_left_alone(text, formula):
    block = blocks_of(f"data_x\n_chemical_formula_sum '{text}'\n_atom_site_fract_x 0\n".encode(), "x")[0]
    assert formula_of(block) == formula


@pytest.mark.parametrize(
    ("site", "extra", "symbol"),
    [
        (("CD1", 0, 0, 0), "_chemical_formula_sum 'C'", "C"),
        (("HO1", 0, 0, 0), "_chemical_formula_sum 'H'", "H"),
        (("SiT1m", 0, 0, 0), "", "Si"),
        (("OW1", 0, 0, 0), "", "O"),
        (("D1", 0, 0, 0), "", "H"),
        (("X", "Siva", 0, 0, 0), "", "Si"),
        (("Cd1", "C", 0, 0, 0), "", "C"),
        (("X", "Fe3+", 0, 0, 0), "", "Fe"),
        (("X", "O-2", 0, 0, 0), "", "O"),
    ],
)
def test_elements_come_from_type_symbols_then_formula_then_label(site, extra, symbol):
    assert crystal_of(cif(cubic(4), "P 1", [site], extra)).symbols == (symbol,)


@pytest.mark.parametrize("site", [("Wat1", 0, 0, 0), ("Q1", 0, 0, 0), ("O1", "H2O", 0, 0, 0), ("M", "Cm", 0, 0, 0)])
def test_a_site_without_a_clear_element_is_refused(site):
    assert re.search("the element of site '.*' is unclear; write symbols", refused(cif(cubic(4), "P 1", [site])))


def test_several_blocks_are_refused_unless_a_key_chooses():
    text = cif(cubic(4.08), "F m -3 m", [("Au1", 0, 0, 0)], name="gold") + cif(
        cubic(3.924), "F m -3 m", [("Pt1", 0, 0, 0)], name="1100004"
    )
    text += "data_global\n_publ_author_name 'A. Author'\n"
    fault = refused(text)
    assert "given.cif holds 2 structures: 'gold', '1100004'; choose by structure_block, such as" in fault
    assert crystal_of(text, structure_block="gold").symbols == ("Au",) * 4
    assert crystal_of(text, structure_block=1100004).symbols == ("Pt",) * 4
    assert "has no block 'silver'; it has 'gold', '1100004'" in refused(text, structure_block="silver")
    assert "structure_block: given 1.5; must be the name of a block" in refused(text, structure_block=1.5)


def test_several_structures_of_another_format_are_refused_unless_a_number_chooses():
    ase.io.write("two.xyz", [unit_cell("Cu"), unit_cell("Ag")])
    with pytest.raises(ValidationError, match="two.xyz holds 2 structures: '0', '1'; choose by structure_block"):
        Crystal.model_validate({"structure_file": "two.xyz"})
    chosen = [Crystal.model_validate({"structure_file": "two.xyz", "structure_block": item}).name for item in (0, 1)]
    assert chosen == ["Cu", "Ag"]


def test_the_key_that_chooses_is_no_part_of_what_is_recorded():
    text = cif(cubic(4.08), "F m -3 m", [("Au1", 0, 0, 0)], name="gold")
    plain, chosen = crystal_of(text), crystal_of(text, structure_block="gold")
    assert content_hash(plain) == content_hash(chosen)
    assert set(plain.model_dump()) == {"name", "space_group", "setting", "symbols", "sites", "lattice", "assumed"}


@pytest.mark.parametrize("name", ["Cu", "CdSe", "Fe3O4"])
def test_a_cif_by_ase_gives_the_crystal_that_ase_reads(name):
    """Recipes that take a CIF keep their hash: symbols, places and their order are ASE's, where ASE was right."""
    unit_cell(name).write("cell.cif")
    crystal, atoms = Crystal.model_validate({"structure_file": "cell.cif"}), ase.io.read("cell.cif")
    assert crystal.symbols == tuple(atoms.symbols)
    assert crystal.sites == tuple(map(tuple, np.round(np.mod(atoms.get_scaled_positions(), 1.0), 10).tolist()))
    assert crystal.lattice == tuple(np.round(atoms.cell.cellpar(), 10).tolist())


PDB = (
    "CRYST1   20.000   20.000   20.000  90.00  90.00  90.00 {group:10}\n"
    "ATOM      1 AU  {alternative}AU A   1       5.000   5.000   5.000{first}  0.00          {element}\n"
    "ATOM      2 AU   AU A   2       {x}   5.000   5.000{second}  0.00          {element}\n"
)
PLAIN = {"group": "P 1", "alternative": " ", "first": "  1.00", "second": "  1.00", "x": "7.900", "element": " AU"}
MTRIX = (
    "MTRIX1   2 -1.000000  0.000000  0.000000       20.00000    {given}\n"
    "MTRIX2   2  0.000000 -1.000000  0.000000       20.00000    {given}\n"
    "MTRIX3   2  0.000000  0.000000  1.000000        0.00000    {given}\n"
)
MMCIF = (
    "data_x\n_cell.length_a 20\n_cell.length_b 20\n_cell.length_c 20\n_cell.angle_alpha 90\n_cell.angle_beta 90\n"
    "_cell.angle_gamma 90\n_symmetry.space_group_name_H-M 'P 1'\nloop_\n_atom_site.id\n_atom_site.type_symbol\n"
    "_atom_site.label_atom_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n_atom_site.occupancy\n"
    "1 AU AU 5 5 5 {0}\n2 AU AU 5.9 5 5 {0}\n"
)
XTL = "half\n20 20 20 90 90 90\n300.0\n1\nAu\n1 79 0.5 0.1\n0.5 0.5 0.5\n"
PRISMATIC = "half\n20 20 20\n79 5 5 5 0.5 0.1\n79 9 5 5 1 0.1\n-1\n"
EXTENDED = 'Properties=species:S:1:pos:R:3:occupancy:R:1 Lattice="20 0 0 0 20 0 0 0 20"\n'


def recipe_of(name):
    return FileRecipe.model_validate({"files": [name], "particle": {"elements": ["Au"]}})


def both_refuse(name, fault):
    for read in (recipe_of, lambda path: Crystal.model_validate({"structure_file": path})):
        with pytest.raises(ValidationError) as caught:
            read(name)
        assert re.search(fault, str(caught.value))


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("copies.pdb", MTRIX.format(given=" ") + PDB.format(**PLAIN), "MTRIX records stand for 1 more copies"),
        ("half.pdb", PDB.format(**PLAIN | {"first": "  0.50", "second": "  0.50", "x": "5.900"}), "partly occupied"),
        ("alternative.pdb", PDB.format(**PLAIN | {"alternative": "A"}), "partly occupied; give an ordered cell"),
        ("blank.pdb", PDB.format(**PLAIN | {"first": "      ", "second": "  0.30"}), "partly occupied"),
        ("group.pdb", PDB.format(**PLAIN | {"group": "P 21 21 21"}), "names the space group P 21 21 21, whose atoms"),
        ("shifted.pdb", PDB.format(**PLAIN | {"element": "AU"}), "AU is an element, but its columns 77 and 78 say U"),
        (
            "nameless.pdb",
            PDB.format(**PLAIN | {"element": ""}).replace(" AU   AU", "  CA  AU"),
            "its elements are unclear",
        ),
        ("near.pdb", PDB.format(**PLAIN | {"x": "5.900"}), "0.90 A apart, nearer than any bond of theirs"),
        ("half.cif", MMCIF.format("0.5"), "partly occupied; give an ordered cell"),
        ("near.cif", MMCIF.format("1.0"), "0.90 A apart, nearer than any bond of theirs"),
        ("double.cif", MMCIF.format("2.0"), "partly occupied"),
        ("half.xtl", XTL, "partly occupied"),
        ("half.xyz", "2\n" + EXTENDED + "Au 5 5 5 0.5\nAu 5.9 5 5 0.5\n", "partly occupied"),
        ("wrong.xyz", "2\n" + EXTENDED + "Au 5 5 5 nan\nAu 9 5 5 1\n", "partly occupied"),
    ],
)
def test_sites_that_are_partly_occupied_are_refused_in_every_format(name, text, fault):
    Path(name).write_text(text)
    both_refuse(name, fault)


def test_whole_atoms_of_these_formats_are_read():
    for name, text in (
        ("whole.pdb", PDB.format(**PLAIN)),
        ("whole.cif", MMCIF.format("1.0").replace("5.9", "7.9")),
        ("whole.xyz", "2\n" + EXTENDED + "Au 5 5 5 1\nAu 7.9 5 5 1\n"),
        ("whole.xtl", XTL.replace("0.5 0.1", "1.0 0.1")),
    ):
        Path(name).write_text(text)
        assert recipe_of(name).elements == {"Au"}
    assert structures_in("whole.cif")[0].atoms.positions[1] == pytest.approx([7.9, 5, 5])


def test_atoms_nearer_than_any_bond_are_refused_across_the_border_too():
    cell = [20.0, 20.0, 20.0]
    apart = Atoms("C2", [[0.1, 5, 5], [19.0, 5, 5]], cell=cell)  # 1.1 A, as in CO
    require_apart(apart, "near.xyz")
    with pytest.raises(InputError, match=r"near.xyz: atoms 0 \(C\) and 1 \(C\) are 0.80 A apart"):
        require_apart(Atoms("C2", [[0.1, 5, 5], [19.3, 5, 5]], cell=cell), "near.xyz")
    require_apart(Atoms("H2", [[5, 5, 5], [5, 5, 5.74]], cell=cell), "hydrogen")
    require_apart(Atoms("Cr2", [[5, 5, 5], [5, 5, 6.74]], cell=cell), "the shortest bond of metals")
    require_apart(Atoms("Au2", [[5, 5, 0.1], [5, 5, 19.9]], cell=cell), "z does not repeat")


XYZ = '2\nLattice="{cell}"\nAu {x} {y} {z}\nAu 9 9 9\n'
SOUND = {"cell": "20 0 0 0 20 0 0 0 20", "x": "5", "y": "5", "z": "5"}
VALUES = [*itertools.product("xyz", ["nan", "inf", "-inf"])]


@pytest.mark.parametrize(("axis", "value"), VALUES)
def test_places_that_are_not_numbers_are_refused_along_every_axis(axis, value):
    Path("given.xyz").write_text(XYZ.format(**SOUND | {axis: value}))
    both_refuse("given.xyz", r"1 of 2 atoms \(0\) have positions that are not numbers; mend the file")


@pytest.mark.parametrize("value", ["nan", "?", "x", "1/0"])
def test_places_of_a_cif_that_are_not_numbers_are_refused(value):
    assert "some sites have no coordinates, or such that are not" in refused(
        cif(cubic(4), "P 1", [("Au1", value, 0, 0)])
    )


def test_what_is_not_finite_is_not_wrapped_to_zero():
    assert np.isnan(wrapped(np.array([[np.nan, np.nan]]), (10.0, 10.0))).all()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"cell": "1e300 0 0 0 20 0 0 0 20"}, r"the cell has components of 1e\+300 A; mend the file"),
        ({"cell": "nan 0 0 0 20 0 0 0 20"}, "the cell has components of nan A"),
        ({"cell": "20 0 0 0 20 0 0 0 1e300"}, r"the cell has components of 1e\+300 A"),
        ({"cell": "1e-300 0 0 0 20 0 0 0 20"}, "has sides of 1e-300 and 20 A|a cell without volume"),
        ({"x": "1e300"}, r"coordinates beyond 1e\+06 A"),
        ({"z": "-1e300"}, r"coordinates beyond 1e\+06 A"),
    ],
)
def test_absurd_cells_and_places_are_refused(change, fault):
    Path("given.xyz").write_text(XYZ.format(**SOUND | change))
    both_refuse("given.xyz", fault)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (cubic(1e300), r"has sides of 1e\+300, 1e\+300, 1e\+300 A; 0.5 to 10000 A are allowed"),
        (cubic("inf"), "has no unit cell in block 'x'; give three lengths and three angles"),
        ((5, 5, 5, 90, 20, 150), "cell angles of 90, 20, 150 degrees close no cell"),
        ((5, 5, 5, 90, 90, 0), "cell angles of 90, 90, 0 degrees close no cell"),
    ],
)
def test_absurd_cells_of_a_cif_are_refused(cell, fault):
    assert re.search(fault, refused(cif(cell, "P 1", [("Au1", 0, 0, 0)])))


MANY = {
    "many.xyz": "999999999999\n\nC 0 0 0\n",
    "many_extended.xyz": '999999999999\nLattice="20 0 0 0 20 0 0 0 20"\nC 0 0 0\n',
    "later.xyz": "1\n\nC 0 0 0\n999999999999\n\nC 0 0 0\n",
    "many.gen": "2000000000 S\nC\n1 1 0 0 0\n",
    "many.gro": "t\n2000000000\n    1AU     AU    1   0.0 0.0 0.0\n",
    "POSCAR": "x\n1.0\n5 0 0\n0 5 0\n0 0 5\nC\n2000000000\nDirect\n0 0 0\n",
    "many.cube": "a\nb\n 2000000000 0 0 0\n 3 1 0 0\n 3 0 1 0\n 3 0 0 1\n6 0 0 0 0\n",
    "many.xsf": "CRYSTAL\nPRIMVEC\n5 0 0\n0 5 0\n0 0 5\nPRIMCOORD\n2000000000 1\n6 0 0 0\n",
    "many.xtl": "t\n5 5 5 90 90 90\n300\n1\nC\n2000000000 6 1.0 0.1\n0 0 0\n",
    "many.rmc6f": "(Version 6f format configuration file)\nNumber of atoms: 2000000000\nCell (Ang/deg): 5 5 5 90\n",
}


@pytest.mark.parametrize("name", MANY)
def test_a_file_that_announces_more_atoms_than_it_holds_is_refused_at_once(name):
    Path(name).write_text(MANY[name])
    start = time.perf_counter()
    both_refuse(name, r"announces \d+ atoms and does not hold as many|it ends before all atoms")
    assert time.perf_counter() - start < 2


def test_a_reader_that_goes_on_after_the_end_is_stopped():
    Path("many.xyz").write_text("9000000\n\nC 0 0 0\n")
    both_refuse("many.xyz", "ASE cannot read it .*it ends before all atoms that it announces")


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.open), ("bz2", bz2.open), ("xz", lzma.open)])
def test_a_packed_file_is_unpacked_within_bounds(ending, pack):
    with pack(f"good.xyz.{ending}", "wt") as stream:
        stream.write(XYZ.format(**SOUND))
    assert recipe_of(f"good.xyz.{ending}").elements == {"Au"}
    piece = bytes(2**20)
    with pack(f"bomb.xyz.{ending}", "wb") as stream:
        for _ in range(200):
            stream.write(piece)
    start = time.perf_counter()
    both_refuse(f"bomb.xyz.{ending}", "holds too much for one structure")
    assert time.perf_counter() - start < 3
    Path(f"broken.xyz.{ending}").write_bytes(Path(f"good.xyz.{ending}").read_bytes()[:-9])
    both_refuse(f"broken.xyz.{ending}", "cannot read broken.xyz")


def test_pipes_devices_folders_and_huge_files_are_refused_before_they_are_opened():
    os.mkfifo("pipe.xyz")
    Path("folder.cif").mkdir()
    with Path("huge.xyz").open("wb") as stream:
        stream.truncate(2**40)
    Path("linked.xyz").symlink_to("pipe.xyz")
    for name, fault in {
        "pipe.xyz": "pipe.xyz is a pipe; give a structure file",
        "linked.xyz": "linked.xyz is a pipe",
        "folder.cif": "folder.cif is a folder",
        "/dev/zero": "/dev/zero is a device",
        "/dev/full": "/dev/full is a device",
        "huge.xyz": "huge.xyz holds too much for one structure",
        "x" * 300: "is not there|File name too long",
    }.items():
        both_refuse(name, fault)


def test_text_that_is_none_and_a_broken_cif_are_refused():
    Path("zeros.xyz").write_bytes(bytes(1000))
    both_refuse("zeros.xyz", "ASE cannot read it .it is no text.; give a structure file")
    Path("broken.cif").write_text("data_x\nloop_\n_atom_site_fract_x\n_atom_site_fract_y\n0\n")
    both_refuse("broken.cif", "broken.cif is no CIF .*; mend its syntax")


def test_copies_that_a_pdb_lists_are_no_reason_to_refuse_it():
    Path("listed.pdb").write_text(MTRIX.format(given="1") + PDB.format(**PLAIN))
    assert len(structures_in("listed.pdb", None)[0].atoms) == 2
