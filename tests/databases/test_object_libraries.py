"""Libraries of recipes, of own files, of databases and studies, and what --specimens finds."""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest

import temshift.information
from temshift.core.electrons import interaction_constant
from temshift.core.errors import InputError
from temshift.databases.database import simulate_database
from temshift.databases.object_libraries import cache_folder, library_of_database, library_of_recipe
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import focus_height_of, simulate
from temshift.information import ObjectLibrary, read_library, shipped_library, shipped_names, write_library
from temshift.specimens import FileRecipe, SpecimenRecipe, build_specimen
from temshift.storage.records import read_facts
from temshift.workflows.input_files import load_database
from temshift.workflows.specimen_libraries import Measurement, find_library, open_specimens

ROOT = Path(__file__).parents[2]
DATABASE = ROOT / "examples" / "tiny_database.yaml"
RECIPE = """
cell_nm: [3.2, 3.2]
substrate: {thickness_nm: 1.0}
particles: {crystal: Ag, radius_nm: 0.8, count: 1, gap_nm: 0.5}
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny database, whose defocus counts from the plane of least contrast."""
    folder = tmp_path_factory.mktemp("database")
    simulate_database(load_database(DATABASE), folder / "tiny", workers=0)
    return folder / "tiny"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "temshift" / "libraries"


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "recipe.yaml"


def recipe() -> SpecimenRecipe:
    return load_database(DATABASE).specimens  # type: ignore[return-value]


def assert_same(one: ObjectLibrary, other: ObjectLibrary, rel: float) -> None:
    for field in fields(ObjectLibrary):
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), rtol=rel, err_msg=field.name)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "CdSe" else pytest.mark.slow) for name in shipped_names()]
)
def test_what_is_shipped_can_be_measured_again(name: str) -> None:
    """The first specimen's three particles, from the facts that are kept with the library."""
    facts = read_facts(Path(temshift.information.__file__).parent / "objects" / "data" / f"{name}.json")
    recipe = SpecimenRecipe.model_validate_json(json.dumps(facts["recipe"]))
    settings = ExitWaveSettings.model_validate_json(json.dumps(facts["exit_waves"]))
    again, kept = library_of_recipe(recipe, settings, count=1, seed=facts["seed"]), shipped_library(name)
    np.testing.assert_allclose(again.q, kept.q)
    np.testing.assert_allclose(again.particle, kept.particle[:3], rtol=1e-5)
    for column in ("area", "particle_height", "thickness", "substrate_height"):
        np.testing.assert_allclose(getattr(again, column), getattr(kept, column)[:3], rtol=1e-6)


def test_more_specimens_leave_the_first_as_they_were() -> None:
    few, many = (library_of_recipe(recipe(), count=count) for count in (1, 3))
    assert (few.specimens, many.specimens, len(many)) == (1, 3, 3)
    np.testing.assert_array_equal(many.particle[:1], few.particle)
    assert not np.array_equal(library_of_recipe(recipe(), count=1, seed=1).particle, few.particle)


def test_energy_and_focus_are_those_of_the_waves() -> None:
    """Sampling is not: phases are always projected on fine pixels."""
    waves = load_database(DATABASE).exit_waves
    plain = ExitWaveSettings(energy_kev=80, sampling_angstrom=0.4, slice_thickness_angstrom=4)
    focused, slow, default = (library_of_recipe(recipe(), one, count=1) for one in (waves, plain, None))
    np.testing.assert_allclose(focused.particle, default.particle)
    scale = (interaction_constant(80e3) / interaction_constant(300e3)) ** 2
    np.testing.assert_allclose(slow.substrate, scale * default.substrate, rtol=1e-5)
    assert slow.amplitude[0, 0] > scale**2 * default.amplitude[0, 0] * 0.5
    assert slow.particle[0, 0] == pytest.approx(scale * default.particle[0, 0], rel=0.3)  # a strong phase saturates
    assert (default.particle_height - focused.particle_height)[0] > 3
    assert abs(focused.particle_height[0]) < 10  # the plane of least contrast lies in the particle


def test_the_plane_of_focus_is_that_of_the_waves() -> None:
    waves = load_database(DATABASE).exit_waves
    atoms = build_specimen(recipe(), 4, 1)
    assert focus_height_of(atoms, waves, 4, 1) == simulate(atoms, waves, 4, 1).geometry["focus_height_angstrom"]
    assert focus_height_of(atoms, waves.model_copy(update={"focus": "exit_plane"}), 4, 1) == 0


def test_specimens_of_a_library_are_new_to_a_database_of_the_same_seed(database: Path) -> None:
    seed = load_database(DATABASE).seed
    ours, theirs = library_of_recipe(recipe(), count=3, seed=seed), library_of_database(database)
    assert not set(ours.thickness) & set(theirs.thickness)


def test_a_database_is_measured_where_its_defocus_counts_from(database: Path) -> None:
    training, test = (library_of_database(database, name) for name in (None, "test"))
    assert (training.specimens, test.specimens) == (6, 3)
    assert (np.abs(training.particle_height) < 10).all()
    assert (training.substrate_height > training.particle_height).all()
    assert_same(library_of_database(database, "training", count=2), library_of_database(database, count=2), 0)


def test_structures_of_one_s_own_are_measured_as_they_are(tmp_path: Path) -> None:
    built = [build_specimen(recipe(), 0, number) for number in range(2)]
    for number, atoms in enumerate(built):
        ase.io.write(tmp_path / f"{number}.xyz", atoms, format="extxyz")
    files = [str(tmp_path / f"{number}.xyz") for number in range(2)]
    own = FileRecipe.model_validate({"files": files, "particle": {"elements": ("Cd", "Se")}})
    found = library_of_recipe(own)
    assert found.specimens == len(found) == 2
    waves = ExitWaveSettings(energy_kev=300, sampling_angstrom=0.2, slice_thickness_angstrom=2)
    again = [temshift.information.measure_instances(atoms, waves, 1.0) for atoms in built]
    np.testing.assert_allclose(found.particle, np.concatenate([one.particle for one in again]), rtol=1e-4)
    np.testing.assert_allclose(found.area, np.concatenate([one.area for one in again]))


def test_the_default_is_the_shipped_cadmium_selenide() -> None:
    assert_same(find_library(), shipped_library("CdSe"), 0)
    assert_same(find_library("Ag", energy=200e3), shipped_library("Ag", energy=200e3), 0)


def test_a_recipe_is_measured_once(recipe_file: Path, cache: Path, listening: Any) -> None:
    first, second, other = listening(), listening(), listening()
    one = find_library(recipe_file, count=2, progress=first)
    again = find_library(str(recipe_file), count=2, progress=second)
    assert first.stages == {"object library": (2, 0)} and not second.stages
    assert_same(one, again, 1e-7)
    find_library(recipe_file, count=2, seed=1, progress=other)
    assert other.stages
    assert cache_folder() == cache and len(list(cache.glob("*.json"))) == 2


def test_a_damaged_cache_is_measured_again(recipe_file: Path, cache: Path) -> None:
    one = find_library(recipe_file, count=1)
    next(cache.glob("*.parquet")).write_bytes(b"")
    assert_same(find_library(recipe_file, count=1), one, 1e-7)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_the_cache_lies_where_its_user_says_or_below_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" / "temshift" / "libraries"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "temshift" / "libraries"


def test_a_cache_that_cannot_be_written_costs_time_alone(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert find_library(recipe_file, count=1).specimens == 1


def test_the_file_of_a_database_tells_energy_and_focus(cache: Path) -> None:
    found = find_library(DATABASE, energy=80e3, count=1)
    waves = load_database(DATABASE).exit_waves
    assert_same(found, library_of_recipe(recipe(), waves, count=1), 1e-6)


def test_folders_and_libraries_are_found(database: Path, tmp_path: Path) -> None:
    found = find_library(database, count=2)
    assert_same(found, library_of_database(database, count=2), 0)
    write_library(tmp_path / "own.json", found)
    assert_same(find_library(tmp_path / "own.json"), read_library(tmp_path / "own.json"), 0)


def test_what_is_not_there_is_told(tmp_path: Path, database: Path) -> None:
    with pytest.raises(InputError, match=r"Pd does not exist; give a file of a recipe.*Ag, Au, C, CdSe"):
        find_library("Pd")
    with pytest.raises(InputError, match="no set 'validation'"):
        library_of_database(database, "validation")
    for count in (0, -1):
        with pytest.raises(InputError, match=f"count = {count}; a library needs 1"):
            library_of_recipe(recipe(), count=count)


def test_a_folder_is_opened_once_for_its_energy_and_its_specimens(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from temshift.databases import object_libraries

    openings, wave_sources = [], object_libraries.wave_sources

    def counting(*given: Any) -> Any:
        openings.append(given)
        return wave_sources(*given)

    monkeypatch.setattr(object_libraries, "wave_sources", counting)
    opened = open_specimens(database)
    assert opened.exit_waves is not None and opened.exit_waves.energy == 300e3
    assert_same(opened.library(Measurement(count=2)), library_of_database(database, count=2), 0)
    assert len(openings) == 2  # one is that of the comparison
