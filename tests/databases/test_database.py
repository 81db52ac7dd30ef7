"""Wave databases: made once, whole, the same again, and never mixed with another."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import psutil
import pytest
from ase import Atoms
from ase.build import fcc111

from temshift.configuration.model import ConfigurationError, parse_configuration
from temshift.configuration.yaml_document import write_document
from temshift.core.errors import DamagedError, InputError
from temshift.databases import capacity as room
from temshift.databases import database as databases
from temshift.databases.database import Database, DatabaseFolder, simulate_database
from temshift.databases.inspection import inspect_waves
from temshift.exitwaves.store import finished_shards, read_geometry, read_waves
from temshift.studies.planning.study import Study
from temshift.workflows.input_files import load_database, load_plan

ROOT = Path(__file__).parents[2]
TEXT = """\
name: tiny database
seed: 3
counts: {training: 5, test: 2}
per_shard: 2
specimens:
  cell_nm: [1.92, 1.92]
  substrate: {density_g_per_cm3: 2.0, minimum_distance_angstrom: 1.4, thickness_nm: 0.6}
  particles: {crystal: CdSe, radius_nm: 0.5, count: 1, gap_nm: 0.2}
exit_waves:
  energy_kev: 300
  sampling_angstrom: 0.2
  stored_sampling_angstrom: 0.4
  slice_thickness_angstrom: 2.0
  focus: minimum_contrast
  phonons: {configurations: 2, rms_displacement_angstrom: {Cd: 0.12, Se: 0.1, C: 0.1}}
"""


def parsed(text: str = TEXT) -> Database:
    return parse_configuration(text, Database, "database.yaml")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> DatabaseFolder:
    """A complete database that no test changes."""
    return simulate_database(parsed(), tmp_path_factory.mktemp("pristine") / "database", workers=0)


@pytest.fixture
def folder(pristine: DatabaseFolder, tmp_path: Path) -> DatabaseFolder:
    """A copy of it."""
    return DatabaseFolder(shutil.copytree(pristine.root, tmp_path / "database"))


def contents(folder: DatabaseFolder) -> dict[str, bytes]:
    paths = (path for path in folder.root.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder.root)): path.read_bytes() for path in paths}


def test_every_specimen_is_there(pristine: DatabaseFolder) -> None:
    assert read_waves(pristine.waves("training")).shape == (5, 2, 48, 48)
    assert read_waves(pristine.waves("test")).shape == (2, 2, 48, 48)
    assert [row["specimen"] for row in read_geometry(pristine.waves("training"))] == list(range(5))


def test_sets_share_no_specimen(pristine: DatabaseFolder) -> None:
    training, test = read_waves(pristine.waves("training")), read_waves(pristine.waves("test"))
    assert not any(bool((one == other).all()) for one in training for other in test)


def test_the_manifest_makes_the_same_database_to_the_bit(pristine: DatabaseFolder, tmp_path: Path) -> None:
    again = simulate_database(load_database(pristine.manifest), tmp_path / "again", workers=0)
    assert contents(again) == contents(pristine)


def test_the_resolved_file_makes_the_same_database(pristine: DatabaseFolder) -> None:
    assert load_database(pristine.database_file) == parsed()


@pytest.mark.slow
def test_the_number_of_workers_does_not_matter(pristine: DatabaseFolder, tmp_path: Path) -> None:
    assert contents(simulate_database(parsed(), tmp_path / "two", workers=2)) == contents(pristine)


def test_shards_are_made_in_parts(pristine: DatabaseFolder, tmp_path: Path, listening: Any) -> None:
    part = simulate_database(parsed(), tmp_path / "parts", workers=0, shards=range(1, 9))
    assert finished_shards(part.waves("training")) == {1, 2}
    assert finished_shards(part.waves("test")) == set()
    listener = listening()
    simulate_database(parsed(), tmp_path / "parts", workers=0, progress=listener)
    assert listener.stages == {"training specimens": (5, 3), "test specimens": (2, 0)}
    assert contents(part) == contents(pristine)


def test_a_second_run_makes_nothing_again(folder: DatabaseFolder, listening: Any) -> None:
    listener = listening()
    simulate_database(parsed(), folder.root, workers=0, progress=listener)
    assert all(total == done for total, done in listener.stages.values())


def test_damage_is_found_and_made_good(folder: DatabaseFolder, pristine: DatabaseFolder, listening: Any) -> None:
    chunk = next(path for path in (folder.waves("training") / "waves" / "c" / "1").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"\x00")
    states = {one.name: one.verdict for one in inspect_waves(folder.root)}
    assert states == {"test": "1 complete", "training": "2 complete, 1 damaged"}
    listener = listening()
    simulate_database(parsed(), folder.root, workers=0, progress=listener)
    assert len(listener.warnings) == 1
    assert "made again" in listener.warnings[0]
    assert contents(folder) == contents(pristine)


def test_a_lost_description_is_written_again(folder: DatabaseFolder, pristine: DatabaseFolder) -> None:
    folder.manifest.write_text("{")
    simulate_database(parsed(), folder.root, workers=0)
    assert contents(folder) == contents(pristine)


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(
    pristine: DatabaseFolder, tmp_path: Path, blow: signal.Signals
) -> None:
    (tmp_path / "database.yaml").write_text(TEXT)
    output = tmp_path / "database"
    words = [sys.executable, "-m", "temshift.cli.app", "simulate", str(tmp_path / "database.yaml")]
    command = [*words, "--output", str(output), "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(output.glob("waves/*/shard-*.json")):
        time.sleep(0.01)
    process.send_signal(blow)
    _, told = process.communicate(timeout=60)
    if blow is signal.SIGINT and process.returncode != 0:
        assert process.returncode == 130
        assert "the same command goes on" in told
    subprocess.run(command, check=True, capture_output=True)
    assert contents(DatabaseFolder(output)) == contents(pristine)


@pytest.mark.parametrize(
    ("given", "replaced", "key"),
    [
        ("energy_kev: 300", "energy_kev: 200", "exit_waves.energy_kev"),
        ("seed: 3", "seed: 4", "seed"),
        ("crystal: CdSe", "crystal: ZnS", "specimens.particles.crystal"),
        ("test: 2", "test: 3", "count"),
    ],
)
def test_another_database_is_not_mixed_in(folder: DatabaseFolder, given: str, replaced: str, key: str) -> None:
    text = TEXT.replace(given, replaced).replace("Cd: 0.12", "Cd: 0.12, Zn: 0.1, S: 0.1")
    before = contents(folder)
    with pytest.raises(InputError, match=f"holds another database: .* differs in .*{key}.*name another folder"):
        simulate_database(parsed(text), folder.root, workers=0)
    assert contents(folder) == before


def test_a_set_that_is_gone_from_the_file_is_told(folder: DatabaseFolder) -> None:
    with pytest.raises(InputError, match="holds another database: the set 'test'"):
        simulate_database(parsed(TEXT.replace(", test: 2", "")), folder.root, workers=0)


def test_a_set_can_be_added(folder: DatabaseFolder) -> None:
    before = read_waves(folder.waves("test"))
    simulate_database(parsed(TEXT.replace("test: 2", "test: 2, extra: 1")), folder.root, workers=0)
    assert read_waves(folder.waves("extra")).shape[0] == 1
    assert bool((read_waves(folder.waves("test")) == before).all())


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("dear")
    with pytest.raises(InputError, match=r"is not empty and holds no database \(letters\)"):
        simulate_database(parsed(), tmp_path, workers=0)
    with pytest.raises(InputError, match="is a file; name a folder"):
        simulate_database(parsed(), tmp_path / "letters", workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_what_does_not_fit_on_the_disk_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1000))
    with pytest.raises(InputError, match="exit waves take 274 kB, 1 kB are free; free some"):
        simulate_database(parsed(), tmp_path / "out", workers=0)
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_into_memory_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "machine_memory", lambda: 1_000_000)
    with pytest.raises(InputError, match="3 workers take .* of memory, 1 MB are there; take fewer with --workers"):
        simulate_database(parsed(), tmp_path / "out", workers=3)
    assert not (tmp_path / "out").exists()


def test_the_limit_of_a_job_counts_as_the_memory_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("123456\n")
    monkeypatch.setattr(room, "CGROUP_LIMITS", (tmp_path / "memory.max", tmp_path / "none"))
    assert room.machine_memory() == 123456
    (tmp_path / "memory.max").write_text("max\n")
    assert room.machine_memory() == psutil.virtual_memory().total > 1e8


@pytest.mark.parametrize(
    ("given", "replaced", "told"),
    [
        ("training: 5", "../up: 5", "line 3, counts: the set '../up' becomes a folder; take letters, digits, - and _"),
        ("training: 5", "training: 0", "line 3, counts.training: given 0; must be greater than or equal to 1"),
        ("slice_thickness_angstrom: 2.0", "slice_thickness_angstrom: -2.0", "exit_waves.slice_thickness_angstrom"),
        ("Cd: 0.12", "Cd: 0.12, CdTe.Cd: 0.1", "names the crystal 'CdTe'; specimens hold CdSe"),
        ("{training: 5, test: 2}", "{training: 5, Training: 2}", "differ in upper and lower case alone"),
        ("C: 0.1}", "Si: 0.1}", "rms_displacement_angstrom: lacks C; name a displacement for every element"),
        ("phonons: {configurations: 2, ", "memory_mb: 64\n  phonons: {configurations: 2, ", "memory_mb: is 64, but"),
    ],
)
def test_faults_are_told_with_their_place(given: str, replaced: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parsed(TEXT.replace(given, replaced))
    assert told in str(caught.value)


def test_a_plan_is_a_study_or_a_database(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(TEXT)
    assert isinstance(load_plan(path), Database)
    assert isinstance(load_plan(ROOT / "examples" / "tiny.yaml"), Study)
    path.write_text(TEXT.replace("seed", "sed"))
    with pytest.raises(ConfigurationError, match="sed: unknown key; allowed: 'name', 'seed', 'counts', 'per_shard'"):
        load_plan(path)


def test_a_database_and_a_study_can_give_the_same_waves(tiny: Study) -> None:
    """One way through the code: the same settings and seed, the same sets."""
    facts = {
        "name": "as a database",
        "seed": tiny.seed,
        "counts": {"training": tiny.counts.training, "test": tiny.counts.test},
        "per_shard": tiny.counts.per_shard,
        "specimens": tiny.specimens.model_dump(mode="json", exclude_none=True),
        "exit_waves": tiny.exit_waves.model_dump(mode="json", exclude_none=True),
    }
    from temshift.studies.planning.plan import Plan

    ours = parse_configuration(write_document(facts), databases.Database, "database.yaml").sets
    assert {name: waves.id for name, waves in ours.items()} == {
        waves.role: waves.id for waves in Plan(tiny).databases.values()
    }


def own_files(folder: Path, count: int) -> str:
    """A database of one's own structures: gold discs on carbon, each turned a little further."""
    atoms = Atoms(
        "C40", np.random.default_rng(0).permutation(125)[:40, None] // [25, 5, 1] % 5 * 2.4, cell=[12, 12, 16]
    )
    for number in range(count):
        disc = fcc111("Au", (3, 3, 1), vacuum=1.0)
        disc.rotate(number, "z")
        disc.positions += (3.0, 3.0, 12.0) - disc.positions.min(axis=0)
        both = atoms + disc
        both.set_cell([12.0, 12.0, 16.0])
        ase.io.write(folder / f"own{number}.xyz", both)
    files = ", ".join(str(folder / f"own{number}.xyz") for number in range(count))
    start, end = TEXT.index("specimens:"), TEXT.index("exit_waves:")
    mine = f"specimens:\n  files: [{files}]\n  particle: {{elements: [Au]}}\n"
    return (
        (TEXT[:start] + mine + TEXT[end:]).replace("Cd: 0.12, Se: 0.1", "Au: 0.1").replace("training: 5", "training: 2")
    )


def test_sets_share_ones_own_files_out_among_them(tmp_path: Path) -> None:
    database = parsed(own_files(tmp_path, 4))
    sets = database.sets
    assert [sets["training"].specimen(n).positions[-1, 0] for n in (0, 1)] != [
        sets["test"].specimen(n).positions[-1, 0] for n in (0, 1)
    ]
    made = simulate_database(database, tmp_path / "made", workers=0)
    assert [row["area_fraction"] > 0 for row in read_geometry(made.waves("test"))] == [True, True]
    assert contents(simulate_database(load_database(made.manifest), tmp_path / "again", workers=0)) == contents(made)


def test_too_few_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"counts: 4 specimens in all: specimen 3 .* has 3 files.*add files"):
        parsed(own_files(tmp_path, 3))


def test_a_file_that_changed_is_told(tmp_path: Path) -> None:
    made = simulate_database(parsed(own_files(tmp_path, 4)), tmp_path / "made", workers=0)
    (tmp_path / "own1.xyz").write_text((tmp_path / "own0.xyz").read_text())
    with pytest.raises(InputError, match="own1.xyz is not the file that was recorded"):
        load_database(made.manifest)


def test_a_study_is_no_database() -> None:
    with pytest.raises(InputError, match="tiny.yaml is a study, not a database; give it to temshift run"):
        load_database(ROOT / "examples" / "tiny.yaml")


def test_the_tiny_example_is_a_database() -> None:
    assert load_database(ROOT / "examples" / "tiny_database.yaml").counts == {"training": 6, "test": 3}


def test_another_database_that_came_in_between_is_not_mixed_in(
    folder: DatabaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is looked at again once nobody else can write there."""
    looked, check = [], databases._refuse_another

    def check_the_second_time(place: DatabaseFolder, sets: dict[str, object]) -> None:
        looked.append(place)
        if len(looked) > 1:
            check(place, sets)  # type: ignore[arg-type]

    monkeypatch.setattr(databases, "_refuse_another", check_the_second_time)
    before = contents(folder)
    with pytest.raises(InputError, match="holds another database"):
        simulate_database(parsed(TEXT.replace("seed: 3", "seed: 4")), folder.root, workers=0)
    assert contents(folder) == before


def test_shards_beyond_every_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shards from 50 on: no set has so many"):
        simulate_database(parsed(), tmp_path / "out", workers=0, shards=range(50, 60))
    assert not (tmp_path / "out").exists()


def test_room_is_asked_for_the_shards_that_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, 180_000))
    made = simulate_database(parsed(), tmp_path / "out", workers=0, shards=range(2, 3))
    assert finished_shards(made.waves("training")) == {2}


def test_an_interrupted_database_lacks_shards_of_every_set(tmp_path: Path) -> None:
    made = simulate_database(parsed(), tmp_path / "out", workers=0, shards=range(2, 3))
    assert {one.name: one.verdict for one in inspect_waves(made.root)} == {
        "training": "1 complete, 2 absent",
        "test": "1 absent",
    }


def test_a_damaged_manifest_or_array_description_is_told(folder: DatabaseFolder) -> None:
    (folder.waves("test") / "waves" / "zarr.json").write_text("{")
    with pytest.raises(DamagedError, match="zarr.json"):
        inspect_waves(folder.root)
    simulate_database(parsed(), folder.root, workers=0)
    folder.manifest.write_text("{")
    with pytest.raises(DamagedError, match="manifest.json"):
        inspect_waves(folder.root)


def test_shards_tell_what_they_were_made_with(pristine: DatabaseFolder) -> None:
    for one in inspect_waves(pristine.root):
        assert len(one.makers) == 1
        assert {"temshift", "torch", "numpy", "device"} <= set(one.makers[0])


def test_thick_films_take_more_memory() -> None:
    thin = parsed().sets["training"].worker_bytes
    thick = parsed(TEXT.replace("thickness_nm: 0.6", "thickness_nm: 60")).sets["training"].worker_bytes
    atoms = 60 * 100 * 19.2**2 / 100
    assert 400 * atoms < thick - thin < 1200 * atoms
