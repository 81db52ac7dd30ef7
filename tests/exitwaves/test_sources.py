"""Sets of specimens are found by what they are: their role, and what sets several of one role apart."""

import shutil
from pathlib import Path

import pytest

from temshift.core.errors import DamagedError, InputError
from temshift.databases.inspection import inspect_waves
from temshift.exitwaves import wave_sources
from temshift.exitwaves.sources import set_names
from temshift.scoring.evaluation import wave_source
from temshift.storage.files import write_json
from temshift.storage.records import write_record

NUMBERED = {"training": {"id": "training"}, "test": {"id": "a"}, "test 2": {"id": "b"}, "coverage_mean": 0.5}
NAMED = {"training": {"id": "training"}, "test, count 2": {"id": "a"}, "test, count 5": {"id": "b"}}


@pytest.fixture
def study(database: Path, stored, tmp_path: Path) -> Path:
    """A folder like that of a finished study whose test sets differ in their seed."""
    for name, source in (("training", "training"), ("a", "test"), ("b", "training")):
        shutil.copytree(database / "waves" / source, tmp_path / "waves" / name)
    write_json(tmp_path / "manifest.json", {"database": NUMBERED})
    write_record(tmp_path / "report.json", [tmp_path / "manifest.json"], {})
    return tmp_path


@pytest.mark.parametrize("sets", [NUMBERED, NAMED])
def test_a_set_is_addressed_by_what_it_is(study: Path, sets: dict[str, object]) -> None:
    write_json(study / "manifest.json", {"database": sets})
    write_record(study / "report.json", [study / "manifest.json"], {})
    assert [(source.name, source.words) for source in wave_sources(study)] == [
        ("a", "test, seed 1"),
        ("b", "test, seed 0"),
        ("training", "training"),
    ]
    assert wave_sources(study, "test, seed 0")[0].name == wave_source(study, "b").name == "b"
    assert wave_sources(str(study), "training")[0].name == "training"
    assert [seen.name for seen in inspect_waves(study)] == ["test, seed 1", "test, seed 0", "training"]


def test_several_sets_of_one_role_are_listed_by_what_they_are(study: Path) -> None:
    with pytest.raises(InputError, match="several sets 'test'; name one: 'test, seed 1', 'test, seed 0'"):
        wave_source(study, "test")
    with pytest.raises(InputError, match="no set 'valid'; it has 'test, seed 1', 'test, seed 0', 'training'"):
        wave_sources(study, "valid")
    with pytest.raises(InputError, match="holds several sets, 'test, seed 1', 'test, seed 0', 'training'; name one"):
        wave_source(study, None)


def test_an_altered_manifest_names_no_set(study: Path) -> None:
    manifest = study / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"id": "a"', '"id": "b"', 1))
    with pytest.raises(DamagedError, match=r"manifest\.json is damaged: .*temshift run makes it again"):
        wave_sources(study, "test")
    assert [source.words for source in wave_sources(study)] == ["a", "b", "training"]


def test_a_swept_crystal_names_its_sets() -> None:
    def settings(crystal: str, low: float) -> dict[str, object]:
        return {"specimens": {"particles": {"crystal": crystal, "radius_nm": {"minimum": low}}}, "seed": 1}

    roles = {"1": "test", "2": "test", "3": "training"}
    swept = {"1": settings("Ag", 0.5), "2": settings("Au", 0.5), "3": settings("Ag", 0.5)}
    assert set_names(roles, swept) == {"1": "test, crystal Ag", "2": "test, crystal Au", "3": "training"}
    swept = {"1": settings("Ag", 0.5), "2": settings("Ag", 0.75), "3": settings("Ag", 0.5)}
    assert set_names(roles, swept)["2"] == "test, radius_nm minimum 0.75"


@pytest.mark.parametrize("file", ["zarr.json", "manifest.json"])
def test_a_set_that_lost_a_file_is_not_passed_over(study: Path, file: str) -> None:
    (study / "waves" / "a" / file).unlink()
    with pytest.raises(InputError, match="waves/a has lost its description"):
        wave_sources(study)
