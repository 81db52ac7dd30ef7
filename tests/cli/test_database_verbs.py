"""simulate, inspect and check on the command line."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from temshift.exitwaves.store import finished_shards

Temshift = Callable[..., Any]

TEXT = """\
name: tiny database
seed: 3
counts: {training: 3, test: 1}
per_shard: 2
specimens:
  cell_nm: [1.92, 1.92]
  substrate: {density_g_per_cm3: 2.0, minimum_distance_angstrom: 1.4, thickness_nm: 0.6}
  particles: {crystal: CdSe, radius_nm: 0.5, count: 1, gap_nm: 0.2}
exit_waves: {energy_kev: 300, sampling_angstrom: 0.4, slice_thickness_angstrom: 4.0}
"""


@pytest.fixture
def made(temshift: Temshift, tmp_path: Path) -> Path:
    """A finished database."""
    (tmp_path / "database.yaml").write_text(TEXT, encoding="utf-8")
    done = temshift("simulate", "database.yaml", "--output", "made", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "training: 3 of 3 specimens in made/waves/training" in done.stdout
    assert "training specimens: done, 3 of 3 in" in done.stderr
    return tmp_path / "made"


def test_inspect_tells_what_is_there(temshift: Temshift, made: Path) -> None:
    done = temshift("inspect", made)
    assert done.returncode == 0, done.stderr
    for words in ("300 keV", "48 x 48 pixels of 0.4 x 0.4 A", "2 complete", "exit plane", "none, atoms at rest"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("phonons", "words"),
    [("treatment: damped", "damped potentials, one wave"), ("configurations: 2", "frozen phonons, 2 configurations")],
)
def test_inspect_names_the_treatment_of_thermal_motion(
    temshift: Temshift, tmp_path: Path, phonons: str, words: str
) -> None:
    moving = f"phonons: {{{phonons}, rms_displacement_angstrom: {{C: 0.08, Cd: 0.12, Se: 0.1}}}}"
    text = TEXT.replace("slice_thickness_angstrom: 4.0}", f"slice_thickness_angstrom: 4.0, {moving}}}")
    (tmp_path / "database.yaml").write_text(text.replace("training: 3", "training: 1"), encoding="utf-8")
    checked = temshift("check", "database.yaml")
    assert checked.returncode == 0 and f"treatment: {'damped' if 'damped' in phonons else 'frozen'}" in checked.stdout
    assert temshift("simulate", "database.yaml", "--output", "moving", "--workers", "0").returncode == 0
    assert words in temshift("inspect", "moving").stdout


def test_inspect_finds_damage(temshift: Temshift, made: Path) -> None:
    chunk = next(path for path in (made / "waves" / "training" / "masks" / "c" / "0").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-3])
    done = temshift("inspect", made)
    assert done.returncode == 1
    assert "1 complete, 1 damaged" in done.stdout
    assert "damaged: training; the command that made it makes the damaged shards again" in done.stderr


def test_inspect_draws_a_contact_sheet(temshift: Temshift, made: Path) -> None:
    done = temshift("inspect", made, "--picture")
    assert done.returncode == 0, done.stderr
    picture = made / "contact_sheet.png"
    assert f"picture: {picture}" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000


def test_a_picture_of_nothing_is_refused(temshift: Temshift, made: Path) -> None:
    for record in made.glob("waves/*/shard-*.json"):
        record.unlink()
    done = temshift("inspect", made, "--picture")
    assert done.returncode == 2
    assert "no shard is complete, there is nothing to draw" in done.stderr


def test_inspect_reads_one_store_and_a_study_too(temshift: Temshift, made: Path) -> None:
    assert str(made / "waves" / "test") in temshift("inspect", made / "waves" / "test").stdout


def test_inspect_of_a_folder_without_waves_is_told(temshift: Temshift, tmp_path: Path) -> None:
    done = temshift("inspect", tmp_path)
    assert done.returncode == 2
    assert "holds no exit waves; name one that temshift simulate or temshift run has filled" in done.stderr


def test_some_shards_alone(temshift: Temshift, tmp_path: Path) -> None:
    (tmp_path / "database.yaml").write_text(TEXT, encoding="utf-8")
    done = temshift("simulate", "database.yaml", "--output", "made", "--workers", "0", "--shards", "1:2")
    assert done.returncode == 0, done.stderr
    assert finished_shards(tmp_path / "made" / "waves" / "training") == {1}
    assert "training: 1 of 3 specimens" in done.stdout


@pytest.mark.parametrize(
    ("shards", "message"), [("3", "write A:B"), ("2:1", "holds nothing"), ("a:b", "write A:B"), ("-1:2", "write A:B")]
)
def test_shards_that_mean_nothing_are_refused(temshift: Temshift, tmp_path: Path, shards: str, message: str) -> None:
    (tmp_path / "database.yaml").write_text(TEXT, encoding="utf-8")
    done = temshift("simulate", "database.yaml", "--output", "made", f"--shards={shards}")
    assert done.returncode == 2
    assert message in done.stderr
    assert os.listdir(tmp_path) == ["database.yaml"]


def test_check_estimates_a_database_and_writes_nothing(temshift: Temshift, tmp_path: Path) -> None:
    (tmp_path / "database.yaml").write_text(TEXT, encoding="utf-8")
    done = temshift("check", "database.yaml")
    assert done.returncode == 0, done.stderr
    for words in ("closing_radius_angstrom", "training specimens with exit waves", "83 kB on disk", "memory a worker"):
        assert words in done.stdout
    assert os.listdir(tmp_path) == ["database.yaml"]


BAD = {
    "thickness": ("slice_thickness_angstrom: 4.0", "slice_thickness_angstrom: -4.0", "line 9, exit_waves.slice_thick"),
    "energy": ("energy_kev: 300", "energy_kev: 3", "line 9, exit_waves.energy_kev: given 3"),
    "stored": (
        "slice_thickness_angstrom: 4.0",
        "slice_thickness_angstrom: 4, stored_sampling_angstrom: 0.2",
        "is finer",
    ),
    "key": ("counts", "count", "line 3, count: unknown key; allowed: 'name', 'seed', 'counts'"),
}


@pytest.mark.parametrize("case", BAD)
def test_faults_of_a_database_are_told_with_their_line(temshift: Temshift, tmp_path: Path, case: str) -> None:
    right, wrong, message = BAD[case]
    (tmp_path / "database.yaml").write_text(TEXT.replace(right, wrong, 1), encoding="utf-8")
    for verb in (("simulate", "database.yaml", "--output", "made"), ("check", "database.yaml")):
        done = temshift(*verb)
        assert done.returncode == 2
        assert message in done.stderr
    assert os.listdir(tmp_path) == ["database.yaml"]


def test_a_manifest_that_was_altered_is_refused(temshift: Temshift, made: Path) -> None:
    text = (made / "manifest.json").read_text(encoding="utf-8").replace('"seed": 3', '"seed": 4')
    (made / "manifest.json").write_text(text, encoding="utf-8")
    done = temshift("simulate", made / "manifest.json", "--output", made.parent / "again")
    assert done.returncode == 1
    assert "manifest.json" in done.stderr
    assert not (made.parent / "again").exists()
