"""Sets of specimens: files that read back as what was built, whole and kept, whatever interrupts."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest

from temshift.configuration.model import dump_configuration, load_configuration, parse_configuration
from temshift.core.errors import InputError, TemshiftError
from temshift.databases.specimen_files import SpecimenSet, write_specimens
from temshift.execution import SilentProgress
from temshift.specimens import FileRecipe, SpecimenRecipe, build_specimen, require_sound
from temshift.storage.records import read_record
from temshift.workflows.input_files import load_recipe

ROOT = Path(__file__).parents[2]
RECIPE = """\
cell_nm: [2.4, 2.0]
substrate: {thickness_nm: {minimum: 0.8, maximum: 1.2}}
particles: {crystal: CdSe, radius_nm: 0.5, count: {minimum: 1, maximum: 2}, gap_nm: 0.1}
"""


@pytest.fixture(scope="module")
def recipe() -> SpecimenRecipe:
    return parse_configuration(RECIPE, SpecimenRecipe, "recipe.yaml")


@pytest.fixture(scope="module")
def written(recipe, tmp_path_factory) -> Path:
    """Five specimens, written in this process."""
    folder = tmp_path_factory.mktemp("sets") / "five"
    write_specimens(SpecimenSet(recipe, 3, 0, 5), folder, workers=0)
    return folder


class Listener(SilentProgress):
    """Remembers what it is told, and interrupts after some items."""

    def __init__(self, most: int = 10**6) -> None:
        self.started: list[tuple[int, int]] = []
        self.told: list[str] = []
        self.left = most

    def start(self, stage: str, total: int, done: int = 0) -> None:
        self.started.append((total, done))

    def advance(self, count: int = 1) -> None:
        self.left -= count
        if self.left == 0:
            raise KeyboardInterrupt

    def message(self, text: str) -> None:
        self.told.append(text)

    def warning(self, text: str) -> None:
        self.told.append(text)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != ".lock"}


def test_files_read_back_as_what_was_built(recipe, written):
    for index in range(5):
        (found,) = ase.io.read(written / f"specimen-{index:05d}.xyz", index=":")
        built = build_specimen(recipe, 3, index)
        assert np.abs(found.positions - built.positions).max() < 1e-6
        assert (found.numbers == built.numbers).all()
        assert (found.arrays["particle"] == built.arrays["particle"]).all()
        assert np.asarray(found.cell) == pytest.approx(np.asarray(built.cell), abs=1e-6)
        assert tuple(found.pbc) == tuple(built.pbc)
        assert json.loads(json.dumps(found.info)) == json.loads(json.dumps(built.info))
        require_sound(found, "read back")


def test_a_set_has_its_recipe_a_sheet_and_a_sealed_manifest(recipe, written):
    assert load_configuration(written / "recipe.yaml", SpecimenRecipe) == recipe
    assert (written / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")
    record = read_record(written / "manifest.json")
    assert {path.name for path in record.files} == {
        "recipe.yaml",
        "contact_sheet.png",
        *(f"specimen-{index:05d}.xyz" for index in range(5)),
    }
    assert record.facts["seed"] == 3
    assert record.facts["specimens"] == [0, 1, 2, 3, 4]
    assert record.facts["recipe"]["substrate"]["density_g_per_cm3"] == 2.0
    assert {"ase", "numpy", "temshift"} <= set(record.facts["versions"])


def test_a_second_call_makes_nothing_again(recipe, written):
    before = {path: path.stat().st_mtime_ns for path in written.iterdir() if path.suffix in {".xyz", ".png", ".json"}}
    listener = Listener()
    files = write_specimens(SpecimenSet(recipe, 3, 0, 5), written, workers=0, progress=listener)
    assert listener.started == [(5, 5)]
    assert listener.told == ["everything was there already"]
    assert [path.name for path in files] == [f"specimen-{index:05d}.xyz" for index in range(5)]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_an_interrupted_set_goes_on_to_the_same_files(recipe, written, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_specimens(SpecimenSet(recipe, 3, 0, 5), tmp_path, workers=0, progress=Listener(2))
    assert not (tmp_path / "manifest.json").exists()
    assert len(list(tmp_path.glob("*.xyz"))) == 2
    (tmp_path / ".unfinished-1").mkdir()  # what a killed process leaves
    listener = Listener()
    write_specimens(SpecimenSet(recipe, 3, 0, 5), tmp_path, workers=0, progress=listener)
    assert listener.started == [(5, 2)]
    assert contents(tmp_path) == contents(written)


@pytest.mark.slow
def test_a_set_can_be_added_to_and_a_part_is_that_of_the_whole(recipe, written, tmp_path):
    write_specimens(SpecimenSet(recipe, 3, 3, 2), tmp_path, workers=0)
    assert read_record(tmp_path / "manifest.json").facts["specimens"] == [3, 4]
    listener = Listener()
    write_specimens(SpecimenSet(recipe, 3, 0, 5), tmp_path, workers=0, progress=listener)
    assert listener.started == [(5, 2)]
    assert contents(tmp_path) == contents(written)


@pytest.mark.slow
def test_the_number_of_workers_does_not_matter(recipe, written, tmp_path):
    write_specimens(SpecimenSet(recipe, 3, 0, 5), tmp_path, workers=2)
    assert contents(tmp_path) == contents(written)


@pytest.mark.parametrize("victim", ["specimen-00001.xyz", ".specimen-00001.json"])
def test_a_damaged_file_is_noticed_and_made_again(recipe, written, tmp_path, victim):
    for path in written.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = (tmp_path / victim).read_bytes()
    (tmp_path / victim).write_bytes(whole[: len(whole) // 2])
    listener = Listener()
    write_specimens(SpecimenSet(recipe, 3, 0, 5), tmp_path, workers=0, progress=listener)
    assert listener.started == [(5, 4)]
    assert any(victim in text and "made again" in text for text in listener.told)
    assert contents(tmp_path) == contents(written)


@pytest.mark.parametrize("changed", ["recipe", "seed"])
def test_a_folder_of_other_specimens_is_refused_and_left_alone(recipe, written, changed):
    before = contents(written)
    other = parse_configuration(RECIPE.replace("CdSe", "Cu"), SpecimenRecipe, "recipe.yaml")
    wanted = SpecimenSet(other, 3, 0, 5) if changed == "recipe" else SpecimenSet(recipe, 4, 0, 5)
    with pytest.raises(InputError, match=r"holds specimens of another recipe or version, or of another seed \(3, now"):
        write_specimens(wanted, written, workers=0)
    assert contents(written) == before


@pytest.mark.parametrize("name", ["thesis.tex", "recipe.yaml", "specimen-00000.xyz", "specimen-best.xyz"])
def test_a_folder_with_other_files_is_refused_and_left_alone(recipe, tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(InputError, match=f"not empty and holds other files than specimens \\({name}\\)"):
        write_specimens(SpecimenSet(recipe, 3, 0, 2), tmp_path, workers=0)
    assert contents(tmp_path) == {name: b"precious"}


def test_a_stranger_among_specimens_is_refused(recipe, tmp_path):
    write_specimens(SpecimenSet(recipe, 3, 0, 1), tmp_path, workers=0)
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match=r"\(notes.txt\)"):
        write_specimens(SpecimenSet(recipe, 3, 0, 2), tmp_path, workers=0)


def test_a_start_that_wrote_the_recipe_alone_goes_on(recipe, tmp_path):
    (tmp_path / "recipe.yaml").write_text(dump_configuration(recipe))
    assert len(write_specimens(SpecimenSet(recipe, 3, 0, 1), tmp_path, workers=0)) == 1


def test_a_folder_that_cannot_be_is_told(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    for output, told in (("file", "is a file; name a folder"), ("file/below", "cannot make|is a file")):
        with pytest.raises(InputError, match=told):
            write_specimens(SpecimenSet(recipe, 3, 0, 1), tmp_path / output, workers=0)


@pytest.mark.parametrize(("first", "count"), [(0, 0), (-1, 2)])
def test_numbers_that_cannot_be_are_told(recipe, tmp_path, first, count):
    with pytest.raises(InputError, match="give a count of 1 or more, first 0 or more"):
        write_specimens(SpecimenSet(recipe, 3, first, count), tmp_path / "out", workers=0)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def own(written, tmp_path, monkeypatch) -> FileRecipe:
    """A recipe of two files that were written as specimens."""
    monkeypatch.chdir(tmp_path)
    for name in ("specimen-00000.xyz", "specimen-00001.xyz"):
        Path(name).write_bytes((written / name).read_bytes())
    text = "files: [specimen-00000.xyz, specimen-00001.xyz]\nparticle: {label: {array: particle, values: [0, 1]}}"
    return parse_configuration(text, FileRecipe, "own.yaml")


def test_specimens_written_are_specimens_of_ones_own(recipe, own):
    files = write_specimens(SpecimenSet(own, 0, 0, 2), Path("out"), workers=0)
    for index, path in enumerate(files):
        found, built = ase.io.read(path), build_specimen(recipe, 3, index)
        assert np.abs(found.positions - built.positions).max() < 1e-6
        assert (found.arrays["particle"] == built.arrays["particle"]).all()
        for ours, theirs in zip(found.info["particles"], built.info["particles"], strict=True):
            assert ours["atoms"] == theirs["atoms"]
            assert ours["radius_angstrom"] < 1.6 * theirs["radius_angstrom"]


def test_files_that_run_out_are_told_before_anything_is_written(own):
    with pytest.raises(InputError, match="specimen 2 is asked for, but the recipe has 2 files"):
        write_specimens(SpecimenSet(own, 0, 0, 3), Path("out"), workers=0)
    assert not Path("out").exists()


def test_a_specimen_that_fails_is_told_and_the_others_are_kept(own):
    Path("specimen-00000.xyz").unlink()
    with pytest.raises(TemshiftError, match="specimens: 1 of 2 failed; .*\n  specimen 0: cannot read"):
        write_specimens(SpecimenSet(own, 0, 0, 2), Path("out"), workers=0)
    assert [path.name for path in Path("out").glob("*.xyz")] == ["specimen-00001.xyz"]


def test_recipes_are_read_from_files_of_every_kind(own, recipe):
    Path("recipe.yaml").write_text(RECIPE)
    Path("own.yaml").write_text(dump_configuration(own))
    section = "".join(f"  {line}\n" for line in RECIPE.splitlines())
    Path("study.yaml").write_text(f"name: any\nspecimens:\n{section}unheard_of: 3\n")
    assert load_recipe(Path("recipe.yaml")) == recipe
    assert load_recipe(Path("own.yaml")) == own
    assert load_recipe(Path("study.yaml")) == recipe
    assert load_recipe(ROOT / "examples" / "quick_study.yaml").cell == (51.2, 51.2)


def test_the_example_is_a_recipe_that_shows_what_can_be_set():
    example = load_recipe(ROOT / "examples" / "specimens.yaml")
    text = (ROOT / "examples" / "specimens.yaml").read_text(encoding="utf-8")
    assert isinstance(example, SpecimenRecipe)
    for model in (SpecimenRecipe, *(type(getattr(example, part)) for part in ("substrate", "particles"))):
        assert all(f"{key}:" in text for key in model.model_fields)
