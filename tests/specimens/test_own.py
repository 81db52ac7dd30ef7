"""Specimens of one's own: what is read from files is what was written, and what cannot be simulated is refused."""

import json
import pickle
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from pydantic import ValidationError

from temshift.configuration.model import Configuration, ConfigurationError, dump_configuration, parse_configuration
from temshift.core.errors import InputError
from temshift.core.hashes import content_hash, file_hash
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import simulate
from temshift.specimens import FileRecipe, Recipe, SpecimenRecipe, build_specimen, require_available, require_sound
from temshift.specimens.own import LabelChoice

SIDES = (24.0, 20.0)


class Holder(Configuration):
    """Holds a recipe, as a study does."""

    specimens: Recipe


def film(seed: int = 0) -> Atoms:
    """A sparse film of carbon between z = 5 and 11 A."""
    grid = np.stack(np.meshgrid(np.arange(12), np.arange(10), np.arange(4), indexing="ij"), axis=-1).reshape(-1, 3)
    jitter = np.random.default_rng(seed).random(grid.shape) * 0.3
    return Atoms(f"C{len(grid)}", grid * 2.0 + jitter + [0, 0, 5], cell=[*SIDES, 30.0], pbc=True)


def cluster(center: tuple[float, float, float], symbol: str = "Au") -> Atoms:
    """A ball of gold of radius 5 A."""
    ball = bulk(symbol, "fcc", a=4.08, cubic=True).repeat(4)
    ball.positions -= ball.positions[np.abs(ball.positions - ball.positions.mean(axis=0)).sum(axis=1).argmin()]
    ball = ball[np.linalg.norm(ball.positions, axis=1) <= 5.0]
    return Atoms(ball.numbers, ball.positions + center)


def whole() -> Atoms:
    """The film with a cluster in the middle and one across the border."""
    return film() + cluster((12.0, 10.0, 18.0)) + cluster((0.5, 19.5, 18.0))


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write atoms as a file in an empty folder; give its name."""
    monkeypatch.chdir(tmp_path)

    def write(atoms: Atoms, name: str = "one.xyz") -> str:
        ase.io.write(name, atoms)
        return name

    return write


def recipe_of(name, particle=None, **settings) -> FileRecipe:
    data = {"files": [name] if isinstance(name, str) else name, "particle": particle or {"elements": ["Au"]}}
    return parse_configuration(json.dumps(data | settings), FileRecipe, "own.yaml")


def told(text: str, model: type = Holder) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, model, "own.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_a_file_becomes_what_a_recipe_gives(written):
    atoms = build_specimen(recipe_of(written(whole())), 5, 0)
    require_sound(atoms, "own")
    labels, z = atoms.arrays["particle"], atoms.positions[:, 2]
    assert labels.dtype == np.int16
    assert tuple(atoms.pbc) == (True, True, False)
    assert z.min() == pytest.approx(2.0)
    assert atoms.cell[2, 2] - z.max() == pytest.approx(2.0)
    assert np.diag(atoms.cell)[:2] == pytest.approx(SIDES)
    assert (atoms.symbols[labels == -1] == "C").all()
    assert set(atoms.arrays) == {"numbers", "positions", "particle"}
    assert atoms.info["substrate_thickness_angstrom"] == pytest.approx(np.ptp(film().positions[:, 2]), abs=1e-6)
    json.dumps(atoms.info)


def test_particles_are_numbered_and_measured_across_the_border(written):
    original = whole()
    atoms = build_specimen(recipe_of(written(original)), 0, 0)
    size = len(cluster((0, 0, 0)))
    assert atoms.arrays["particle"].tolist() == [-1] * len(film()) + [0] * size + [1] * size
    rise = 2.0 - original.positions[:, 2].min()
    for particle, center in zip(atoms.info["particles"], [(12.0, 10.0), (0.5, 19.5)], strict=True):
        assert particle["crystal"] == ""
        assert particle["atoms"] == size
        assert particle["center_xy_angstrom"] == pytest.approx(center, abs=1e-5)
        assert particle["center_z_angstrom"] == pytest.approx(18.0 + rise, abs=1e-5)
        assert particle["radius_angstrom"] == pytest.approx(
            np.hypot(*cluster((0, 0, 0)).positions[:, :2].T).max(), abs=1e-5
        )


@pytest.mark.parametrize("kind", ["tags", "names", "floats"])
def test_a_label_chooses_what_elements_choose(written, kind):
    atoms = whole()
    gold = atoms.numbers == 79
    if kind == "tags":
        atoms.set_tags(np.where(gold, 3, 0))
    elif kind == "names":
        atoms.set_array("kind", np.where(gold, "metal", "support"))
    else:
        atoms.set_array("kind", np.where(gold, 3.0, 0.0))
    label = {"array": "tags" if kind == "tags" else "kind", "values": ["metal" if kind == "names" else 3]}
    by_label = build_specimen(recipe_of(written(atoms), {"label": label}), 0, 0)
    by_element = build_specimen(recipe_of(written(whole(), "two.xyz")), 0, 0)
    assert np.array_equal(by_label.arrays["particle"], by_element.arrays["particle"])
    assert by_label.info == by_element.info


def test_labels_are_whole_numbers_of_any_kind_or_text():
    chosen = LabelChoice(array="tags", values=(np.int64(3), "metal", np.str_("gold")))
    assert json.loads(chosen.model_dump_json()) == {"array": "tags", "values": [3, "metal", "gold"]}
    for given in (True, 1.5, None):
        with pytest.raises(ValidationError, match="Input should be a whole number or text"):
            LabelChoice(array="tags", values=(given,))


def test_a_second_file_chooses_what_elements_choose(written):
    atoms = whole()
    alone = atoms[atoms.numbers == 79]
    alone.positions += [SIDES[0], -SIDES[1], 0.05]  # another image, and rounding
    name, second = written(atoms), written(alone, "alone.xyz")
    by_file = build_specimen(recipe_of(name, {"file": second}), 0, 0)
    by_element = build_specimen(recipe_of(name), 0, 0)
    assert np.array_equal(by_file.arrays["particle"], by_element.arrays["particle"])


def test_a_particle_without_substrate_has_thickness_zero(written):
    gold = cluster((12.0, 10.0, 18.0))
    gold.cell = [*SIDES, 30.0]
    atoms = build_specimen(recipe_of(written(gold)), 0, 0)
    assert atoms.info["substrate_thickness_angstrom"] == 0.0
    assert (atoms.arrays["particle"] == 0).all()


def test_atoms_outside_are_wrapped_and_the_height_of_the_cell_does_not_matter(written):
    atoms = whole()
    atoms.positions += [100.0, -100.0, -50.0]
    atoms.cell[2] = [3.0, 2.0, 1.0]  # slanted and too low
    atoms.pbc = (True, True, False)
    moved = build_specimen(recipe_of(written(atoms)), 0, 0)
    still = build_specimen(recipe_of(written(whole(), "two.xyz")), 0, 0)
    offset = moved.positions - still.positions - [100.0 % SIDES[0], 0, 0]
    assert offset - np.round(offset / still.cell.lengths()) * still.cell.lengths() == pytest.approx(0, abs=1e-5)


def test_the_margin_and_the_linking_distance_are_settings(written):
    name = written(whole())
    atoms = build_specimen(recipe_of(name, margin_angstrom=5.0), 0, 0)
    assert atoms.positions[:, 2].min() == pytest.approx(5.0)
    joined = build_specimen(recipe_of(name, linking_distance_angstrom=12.0), 0, 0)
    assert len(joined.info["particles"]) == 1


def test_specimens_come_from_files_in_order_and_no_further(written):
    gold = cluster((12.0, 10.0, 18.0))
    names = [written(film() + gold, "a.xyz"), written(film() + gold + cluster((0.0, 0.0, 18.0), "Ag"), "b.vasp")]
    recipe = recipe_of(names, {"elements": ["Au", "Ag"]})
    assert [len(build_specimen(recipe, 0, index).info["particles"]) for index in (0, 1)] == [1, 2]
    assert recipe.elements == {"C", "Au", "Ag"}
    assert recipe.sites == {("", "C"), ("", "Au"), ("", "Ag")}
    assert recipe.cell == pytest.approx(SIDES)
    with pytest.raises(InputError, match="specimen 2 is asked for, but the recipe has 2 files, counted from 0; add"):
        build_specimen(recipe, 0, 2)
    with pytest.raises(InputError, match="specimen 7"):
        require_available(recipe, 7)


def test_the_content_of_a_file_is_part_of_the_configuration(written):
    name = written(whole())
    recipe = recipe_of(name)
    dumped = recipe.model_dump(mode="json")
    assert dumped["files"] == [{"path": name, "sha256": file_hash(name)}]
    assert dumped["particle"] == {"elements": ["Au"]}
    assert parse_configuration(dump_configuration(recipe), FileRecipe, "again") == recipe
    atoms = whole()
    atoms.positions[0, 0] += 0.01
    assert content_hash(recipe_of(written(atoms))) != content_hash(recipe)


def test_a_file_that_was_changed_is_refused(written):
    recipe = recipe_of(written(whole()))
    text = dump_configuration(recipe)
    written(whole()[:-1])
    with pytest.raises(InputError, match="one.xyz is not the file that was recorded: sha256"):
        build_specimen(recipe, 0, 0)
    assert any("files.0: one.xyz is not the file that was recorded" in fault for fault in told(text, FileRecipe))
    Path("one.xyz").unlink()
    with pytest.raises(InputError, match="cannot read one.xyz: No such file"):
        build_specimen(recipe, 0, 0)


def test_a_recipe_goes_to_workers_without_reading_files_again(written):
    recipe = recipe_of(written(whole()))
    packed = pickle.dumps(recipe)
    Path("one.xyz").unlink()
    assert pickle.loads(packed).cell == recipe.cell


def with_nan(atoms: Atoms) -> Atoms:
    atoms.positions[3, 2] = np.nan
    return atoms


def with_cell(atoms: Atoms, cell: list[object]) -> Atoms:
    atoms.set_cell(cell)
    return atoms


def doubled(atoms: Atoms) -> Atoms:
    return atoms + atoms[-1:]


@pytest.mark.parametrize(
    ("atoms", "fault"),
    [
        (with_nan(whole()), r"one.extxyz: 1 of \d+ atoms \(3\) have positions that are not numbers"),
        (with_cell(whole(), [[24, 0, 0], [5, 20, 0], [0, 0, 30]]), "one.extxyz: the cell is not orthogonal"),
        (with_cell(whole(), [0, 0, 0]), "one.extxyz: the cell has no volume"),
        (doubled(whole()), "one.extxyz: 2 of .* lie within 0.3 A of another atom"),
        (film(), "one.extxyz: no atom is of Au; the file has C"),
        (Atoms(cell=[*SIDES, 30]), "one.extxyz holds no atoms"),
        (whole() + Atoms("Np", [(1.0, 1.0, 25.0)]), "one.extxyz: 1 of .* are of an unknown element"),
    ],
)
def test_files_that_cannot_be_simulated_are_refused(written, atoms, fault):
    name = written(atoms, "one.extxyz")
    with pytest.raises(ConfigurationError, match=fault):
        recipe_of(name)


def test_other_faults_of_files_are_told(written):
    name = written(whole())
    Path("text.xyz").write_text("no structure at all")
    ase.io.write("two.xyz", [whole(), whole()])
    wide = with_cell(whole(), [30, 30, 30])
    other = written(wide, "wide.xyz")
    stray = written(cluster((3.3, 3.3, 3.3)), "stray.xyz")
    faults = {
        ("text.xyz",): "text.xyz: ASE cannot read it",
        ("two.xyz",): r"two.xyz holds 2 structures: '0', '1'; give a file for each specimen, or choose by",
        (name, other): r"wide.xyz: the cell is 30 x 30 A, that of one.xyz 24 x 20 A",
    }
    for names, fault in faults.items():
        with pytest.raises(ConfigurationError, match=fault):
            recipe_of(list(names))
    for particle, fault in (
        ({"file": stray}, r"one.xyz lacks \d+ of the \d+ atoms of stray.xyz"),
        ({"file": [stray, stray]}, "1 files and 2 of particles; give as many of both"),
        ({"label": {"array": "shade", "values": [1]}}, "no array 'shade' of one value an atom; it has numbers"),
        ({"label": {"array": "numbers", "values": [7]}}, "no atom is labelled so in 'numbers'; its values are 6, 79"),
    ):
        with pytest.raises(ConfigurationError, match=fault):
            recipe_of(name, particle)


def test_atoms_strewn_about_are_no_particles(written):
    with pytest.raises(ConfigurationError, match="fall into 480 groups .* at most 100 are allowed; choose other atoms"):
        recipe_of(written(whole()), {"elements": ["C"]}, linking_distance_angstrom=0.5)


DRAWN = """\
specimens:
  cell_nm: [5, 5]
  substrate: {thickness_nm: 2}
  particles: {crystal: Cu, radius_nm: 1, count: 1, gap_nm: 1}
"""
READ = """\
specimens:
  files: [one.xyz]
  particle: {elements: [Au]}
"""


def test_either_kind_of_recipe_is_read(written):
    written(whole())
    assert isinstance(parse_configuration(READ, Holder, "own.yaml").specimens, FileRecipe)
    drawn = parse_configuration(DRAWN, Holder, "own.yaml")
    assert isinstance(drawn.specimens, SpecimenRecipe)
    assert parse_configuration(dump_configuration(drawn), Holder, "own.yaml") == drawn


@pytest.mark.parametrize(
    ("text", "right", "wrong", "faults"),
    [
        (DRAWN, "crystal: Cu", "crystal: Cx", ["line 4, specimens.particles.crystal: crystal 'Cx' is not known"]),
        (
            DRAWN,
            "thickness_nm: 2",
            "thicknes_nm: 2",
            [
                "line 3, specimens.substrate.thickness_nm: is missing; this key is required",
                "line 3, specimens.substrate.thicknes_nm: unknown key; allowed:",
            ],
        ),
        (DRAWN, "[5, 5]", "[2, 2]", ["line 1, specimens: particles of diameter 2 nm with a gap of 1 nm exceed the"]),
        (
            DRAWN,
            "  substrate",
            "  subtrate",
            [
                "line 1, specimens.substrate: is missing",
                "line 3, specimens.subtrate: unknown key; allowed: 'cell_nm', 'margin_angstrom', 'substrate', 'partic",
            ],
        ),
        (READ, "elements: [Au]", "elements: [Xx]", ["line 3, specimens.particle.elements: 'Xx' is no element from H"]),
        (
            READ,
            "elements: [Au]",
            "element: [Au]",
            ["line 3, specimens.particle.element: unknown key; allowed: 'elements', 'label', 'file'"],
        ),
        (
            READ,
            "elements: [Au]",
            "elements: [Au], file: one.xyz",
            ["line 3, specimens.particle: elements and file given; write one of: elements: [Au], label: {array"],
        ),
        (READ, "elements: [Au]", "", ["line 3, specimens.particle: nothing given; write one of"]),
        (
            READ,
            "elements: [Au]",
            "label: {array: tags, values: [1.5]}",
            ["line 3, specimens.particle.label.values.0: given 1.5; must be a whole number or text"],
        ),
        (READ, "files: [one.xyz]", "files: [no.xyz]", ["line 2, specimens.files.0: cannot read no.xyz: No such file"]),
        (READ, "files: [one.xyz]", "files: []", ["line 2, specimens.files: given a list of 0; "]),
        (READ, "files:", "file:", ["line 1, specimens.files: is missing", "line 2, specimens.file: unknown key"]),
        (READ, "[Au]}", "[Ag]}", ["line 1, specimens: one.xyz: no atom is of Ag; the file has Au, C"]),
    ],
)
def test_a_fault_is_told_at_its_own_key_alone(written, text, right, wrong, faults):
    written(whole())
    assert right in text
    found = told(text.replace(right, wrong, 1))
    assert len(found) == len(faults), found
    for line, start in zip(found, faults, strict=True):
        assert line.startswith(start), found


def test_text_for_a_recipe_is_told():
    assert told("specimens: gold") == ["line 1, specimens: given 'gold'; must be a mapping"]


PARTLY = """\
data_x
_cell_length_a 10
_cell_length_b 10
_cell_length_c 10
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_occupancy
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Au1 Au 0.5 0.1 0.1 0.1
C1 C 1.0 0.6 0.6 0.6
"""


def test_sites_that_are_partly_occupied_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("half.cif").write_text(PARTLY)
    with pytest.raises(ConfigurationError, match="half.cif has sites that are partly occupied; give an ordered cell"):
        recipe_of("half.cif")
    Path("whole.cif").write_text(PARTLY.replace("0.5 ", "1.0 "))
    assert recipe_of("whole.cif").elements == {"Au", "C"}


def test_a_specimen_of_ones_own_goes_through_multislice(written):
    settings = {"energy_kev": 300, "sampling_angstrom": 0.4, "slice_thickness_angstrom": 4.0}
    atoms = build_specimen(recipe_of(written(whole())), 0, 0)
    wave = simulate(atoms, ExitWaveSettings.model_validate(settings), 0, 0)
    assert wave.waves.shape[-2:] == (50, 60)
    assert wave.mask.any()


def test_a_file_wrapped_along_the_beam_is_opened_at_its_gap(written):
    """The same specimen, its film across the border along z of a periodic file."""
    plain, wrapped_file = whole(), whole()
    wrapped_file.positions[:, 2] -= 8.0
    wrapped_file.wrap()
    assert np.ptp(wrapped_file.positions[:, 2]) > np.ptp(plain.positions[:, 2])
    first = build_specimen(recipe_of(written(plain, "plain.xyz")), 0, 0)
    second = build_specimen(recipe_of(written(wrapped_file, "wrapped.xyz")), 0, 0)
    assert second.positions == pytest.approx(first.positions, abs=1e-5)
    assert np.array_equal(first.arrays["particle"], second.arrays["particle"])


def test_a_leaning_cell_that_is_periodic_along_the_beam_is_refused(written):
    atoms = whole()
    atoms.set_cell([[24, 0, 0], [0, 20, 0], [2, 0, 30]])
    with pytest.raises(ConfigurationError, match="the cell is not orthogonal along x, y and z"):
        recipe_of(written(atoms))
    atoms.pbc = (True, True, False)
    assert len(build_specimen(recipe_of(written(atoms)), 0, 0)) == len(atoms)


def test_an_atom_that_strayed_along_the_beam_is_told(written):
    atoms = whole()
    atoms.pbc = (True, True, False)
    atoms.positions[3, 2] = 1e6
    with pytest.raises(ConfigurationError, match=r"reach over 1e\+06 A along z, from atom \d+ to 3; at most 2000 A"):
        recipe_of(written(atoms))
