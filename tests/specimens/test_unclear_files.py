"""Structure files that say less, or more, than their readers heed: refused, or read as they mean it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from temshift.core.errors import InputError
from temshift.specimens import Crystal, FileRecipe, build_specimen
from temshift.specimens.reading import structures_in
from temshift.specimens.sources import SourceFile, read_source

CUBIC = """\
data_{name}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
{extra}
loop_
_atom_site_label
{columns}
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{sites}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def cif(extra="", columns="", sites="Au1 0 0 0", a=4.08, name="x"):
    return CUBIC.format(extra=extra, columns=columns, sites=sites, a=a, name=name)


def crystal_of(text, name="given.cif"):
    Path(name).write_text(text)
    return Crystal.model_validate({"structure_file": name})


def refused(text, name="given.cif"):
    with pytest.raises(ValidationError) as caught:
        crystal_of(text, name)
    return str(caught.value)


@pytest.mark.parametrize(
    "extra",
    [
        "_symmetry_Int_Tables_number 0",
        "_space_group_IT_number 231",
        "_space_group_IT_number -225",
        "_space_group_IT_number 225.0",
        "_symmetry_Int_Tables_number Fm-3m",
        "_space_group_name_H-M_ref 'F m -3 m'",
        "_space_group_name_Schoenflies Oh.5",
        "_symmetry_cell_setting cubic",
        "_space_group_crystal_system cubic",
        "loop_\n_space_group_symop_generator_xyz\nx,y,z\n-x,-y,z",
    ],
)
def test_a_symmetry_that_is_said_in_no_way_that_is_read_is_not_taken_for_none(extra):
    assert "gives its symmetry by" in refused(cif(extra))


@pytest.mark.parametrize("extra", ["", "_symmetry_cell_setting triclinic", "_symmetry_entry_id x"])
def test_a_file_without_symmetry_lists_every_atom(extra):
    assert len(crystal_of(cif(extra)).sites) == 1


@pytest.mark.parametrize(("code", "place"), [("1", 0), ("2", 0.125)])
@pytest.mark.parametrize("symbol", ["", "_space_group_name_H-M_alt 'F d -3 m'\n"])
def test_the_code_of_a_setting_names_it(code, place, symbol):
    extra = f"{symbol}_space_group_IT_number 227\n_space_group_IT_coordinate_system_code {code}"
    text = cif(extra, sites=f"Si1 {place} {place} {place}", a=5.43)
    assert crystal_of(text).symbols == ("Si",) * 8


def test_the_code_of_a_cell_choice_is_heeded_or_refused():
    number = "_space_group_IT_number 14\n_space_group_IT_coordinate_system_code "
    (image,) = [site for site in crystal_of(cif(number + "b2", sites="Au1 .1 .2 .3", a=9)).sites if site[1] == 0.7]
    assert image == pytest.approx((0.4, 0.7, 0.2))  # 21/n: 1/2 - x, 1/2 + y, 1/2 - z
    assert "is none of P 1 21/c 1" in refused(cif(number + "b9"))
    contradiction = "_space_group_name_H-M_alt 'P 1 21/c 1'\n" + number + "b2"
    assert "is none of P 1 21/c 1" in refused(cif(contradiction))


@pytest.mark.parametrize(
    ("column", "sites", "fault"),
    [
        ("_atom_site_attached_hydrogens", "O1 2 0 0 0", "hydrogen atoms without places"),
        ("_atom_site_calc_flag", "O1 d 0 0 0\nAu1 dum .5 .5 .5", "dummy sites"),
        ("_atom_site_disorder_group", "Au1 1 0 0 0\nAu2 2 .5 .5 .5", "partly occupied"),
        ("_atom_site_type_symbol", "Fe1 Fe0.9 0 0 0", "the element of site 'Fe1' is unclear"),
        ("", "Al/Si1 0 0 0", "the element of site 'Al/Si1' is unclear"),
        ("", "Wa1 0 0 0", "the element of site 'Wa1' is unclear"),
        ("", "Va1 0 0 0", "the element of site 'Va1' is unclear"),
        ("", "Au1 1e300 0 0", "more than 1000 cells away"),
        ("", "Au1 0 -1e17 0", "more than 1000 cells away"),
    ],
)
def test_sites_that_are_no_atoms_or_not_all_are_refused(column, sites, fault):
    assert fault in refused(cif(columns=column, sites=sites, a=6))


def test_a_column_that_says_nothing_harms_nothing():
    assert len(crystal_of(cif(columns="_atom_site_attached_hydrogens", sites="O1 0 0 0 0\nO2 . .5 .5 .5")).sites) == 2
    assert len(crystal_of(cif(columns="_atom_site_disorder_group", sites="O1 . 0 0 0\nO2 . .5 .5 .5")).sites) == 2


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ("loop_\n_space_group_symop_magn_centering.xyz\nx,y,z,+1", "magnetic"),
        ("loop_\n_struct_ncs_oper.id\n_struct_ncs_oper.code\n1 given\n2 generate", "leaves atoms to be generated"),
        ("_cell_formula_units_Z 1\n_chemical_formula_weight 788", "weigh 196.97 Da"),
    ],
)
def test_what_else_contradicts_the_atoms_is_refused(extra, fault):
    assert fault in refused(cif(extra))


def test_a_cell_given_twice_and_absurd_formulas_are_no_traceback():
    assert "has no unit cell" in refused(cif().replace("_cell_length_a 4.08", "loop_\n_cell_length_a\n4.08 5"))
    absurd = f"_chemical_formula_sum 'Au{'9' * 5000}'"
    assert len(crystal_of(cif(absurd)).sites) == 1
    weight = "_cell_formula_units_Z 1\n_chemical_formula_weight 196.97"
    assert len(crystal_of(cif(weight)).sites) == 1


XYZ = '1\nLattice="20 0 0 0 20 0 0 0 20" Properties=species:S:1:pos:R:3:{name}:{kind}:1\nAu 1 1 1 {value}\n'


@pytest.mark.parametrize("name", ["occ", "occupation", "Occupancy", "OCC", "site_occupancy", "occupations"])
@pytest.mark.parametrize(("kind", "value"), [("R", 0.5), ("S", "half"), ("S", "0.5"), ("L", "F"), ("I", 0)])
def test_occupancies_by_any_name_are_heeded(name, kind, value):
    assert "partly occupied" in refused(XYZ.format(name=name, kind=kind, value=value), "a.xyz")


def test_whole_occupancies_and_other_columns_are_fine():
    for name, kind, value in (("occ", "R", 1.0), ("occupancy", "S", "1.00"), ("shade", "R", 0.5)):
        assert crystal_of(XYZ.format(name=name, kind=kind, value=value), "a.xyz").symbols == ("Au",)


LAMMPS = "x\n\n1 atoms\n1 atom types\n\n0 20 xlo xhi\n0 20 ylo yhi\n0 20 zlo zhi\n\n{}Atoms # atomic\n\n1 1 1 1 1\n"
DUMP = (
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 20\n0 20\n0 20\n"
    "ITEM: ATOMS id {} x y z\n1 {} 1 1 1\n"
)
GROMACS = "t\n    1\n    1XXX     AU    1   0.100   0.100   0.100\n   2.00000   2.00000   2.00000\n"
POSCAR = "{}\n1.0\n20 0 0\n0 20 0\n0 0 20\n{}1\nDirect\n0.1 0.1 0.1\n"


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.lammps-data", LAMMPS.format(""), "types and no elements"),
        ("a.lammps-data", LAMMPS.format("Masses\n\n1 71.0\n\n"), "a mass of 71 is that of no element"),
        ("a.lammpstrj", DUMP.format("type", 1), "types and no elements"),
        ("a.gro", GROMACS, "names of atoms and no elements"),
        ("a.vasp", POSCAR.format("gold on C Au", ""), "names no elements"),
        ("POSCAR", POSCAR.format("C Au", ""), "names no elements"),
    ],
)
def test_elements_that_a_file_does_not_name_are_not_made_up(name, text, fault):
    assert fault in refused(text, name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.lammps-data", LAMMPS.format("Masses\n\n1 197.0\n\n")),
        ("a.lammpstrj", DUMP.format("element", "Au")),
        ("a.vasp", POSCAR.format("a film", "Au\n")),
        ("b.vasp", POSCAR.format("Au", "")),
    ],
)
def test_elements_that_a_file_names_are_read(name, text):
    assert crystal_of(text, name).symbols == ("Au",)


ROW = "0.2 0.2 0.2\n"


@pytest.mark.parametrize("more", ["", "\n" + ROW, "\n" + 2 * ROW, "a remark\n"])
@pytest.mark.parametrize("selective", [False, True])
def test_rows_of_a_poscar_beyond_its_counts_are_refused(more, selective):
    """Velocities, which an empty line begins, are fine."""
    text = POSCAR.format("a film", "Au\n")
    rows = 2 * ROW
    if selective:
        text = text.replace("Direct", "Selective dynamics\nDirect").replace("0.1\n", "0.1 T T F\n")
        rows = rows.replace("0.2\n", "0.2 T T F\n")
    assert crystal_of(text + more, "a.vasp").symbols == ("Au",)
    assert "counts 1 atoms and has 3 rows of coordinates; mend the counts" in refused(text + rows + more, "a.vasp")


def test_empty_files_of_the_system_are_refused_before_they_are_read():
    """Some of these, such as the log of the kernel, never end."""
    Path("empty.xyz").touch()
    for path in ("empty.xyz", "/proc/self/status"):
        with pytest.raises(InputError, match="is empty"):
            structures_in(path)


def test_a_block_of_a_file_of_ones_own_is_chosen_by_a_key():
    Path("two.cif").write_text(cif(a=20, name="gold") + cif(sites="Ag1 0 0 0", a=20, name="silver"))
    with pytest.raises(ValidationError, match="holds 2 structures: 'gold', 'silver'.*structure_block: gold"):
        FileRecipe.model_validate({"files": ["two.cif"], "particle": {"elements": ["Ag"]}})
    chosen = {"path": "two.cif", "structure_block": "silver"}
    recipe = FileRecipe.model_validate({"files": [chosen], "particle": {"elements": ["Ag"]}})
    assert build_specimen(recipe, 0, 0).get_chemical_formula() == "Ag"
    assert recipe.model_dump(mode="json")["files"] == [chosen | {"sha256": recipe.files[0].sha256}]
    with pytest.raises(ValidationError, match="has no block 'copper'; it has 'gold', 'silver'"):
        recipe_files = [chosen | {"structure_block": "copper"}]
        FileRecipe.model_validate({"files": recipe_files, "particle": {"elements": ["Ag"]}})


def test_a_structure_of_ones_own_is_chosen_by_a_number():
    frame = '1\nLattice="20 0 0 0 20 0 0 0 20"\n{} 1 1 1\n'
    Path("two.xyz").write_text(frame.format("Au") + frame.format("Ag"))
    source = SourceFile.model_validate({"path": "two.xyz", "structure_block": 1})
    assert read_source(source).get_chemical_formula() == "Ag"
    assert "structure_block" not in SourceFile.model_validate("two.xyz").model_dump(mode="json")
