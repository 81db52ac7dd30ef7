"""The tiny study, whole: any number of workers, interruptions and damage give the same results."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from temshift.core.errors import InputError
from temshift.databases import capacity as room
from temshift.databases.object_libraries import library_of_database
from temshift.information import read_library
from temshift.storage.files import read_json
from temshift.storage.folders import locked
from temshift.studies import Study, StudyFolder, run_study
from temshift.studies.planning.plan import Plan
from temshift.workflows.specimen_libraries import find_library

ROOT = Path(__file__).parents[2]
TINY = ROOT / "examples" / "tiny.yaml"
TABLES = ("results", "metrics", "transfer", "tests")


@pytest.fixture(scope="module")
def inline(tiny: Study, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study run in this process."""
    return run_study(tiny, tmp_path_factory.mktemp("inline") / "study", workers=0)


def tables_of(folder: StudyFolder) -> dict[str, pl.DataFrame]:
    return {name: pl.read_parquet(folder.table(name)) for name in TABLES}


def same(first: StudyFolder, other: StudyFolder) -> bool:
    ours, theirs = tables_of(first), tables_of(other)
    return all(ours[name].equals(theirs[name]) for name in TABLES)


def command(output: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "temshift.cli.app", "run", str(TINY), "--output", str(output), *options]


def test_every_file_of_a_study_folder_is_there(inline: StudyFolder, tiny: Study) -> None:
    results = pl.read_parquet(inline.table("results"))
    assert len(results) == 4 * 7
    assert results["cross_entropy"].is_finite().all()
    assert set(results["images"]) == {tiny.counts.test}
    for path in (inline.study_file, inline.manifest, inline.report, inline.examples / "examples.npz"):
        assert path.stat().st_size > 0
    assert len(list(inline.root.glob("waves/*/manifest.json"))) == 2
    assert len(list(inline.root.glob("networks/*/weights.safetensors"))) == 4


def test_the_library_of_the_training_specimens_is_kept(inline: StudyFolder, tiny: Study) -> None:
    """Measured on the pixels of the waves, up to the aperture."""
    (record,) = (inline.root / "spectra").glob("*.json")
    library, again = read_library(record), library_of_database(inline.root, count=tiny.information.specimens)
    assert record == inline.spectra_record(Plan(tiny).parts[0].metrics_id)
    assert library.specimens == again.specimens == min(tiny.information.specimens, tiny.counts.training)
    assert library.q == pytest.approx(again.q[: len(library.q)])
    assert library.particle_height == pytest.approx(again.particle_height)
    assert library.mean.particle == pytest.approx(again.mean.particle[: len(library.q)], rel=0.1)
    assert find_library(record).specimens == library.specimens


def test_a_second_run_makes_nothing_again(inline: StudyFolder, tiny: Study, listening: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in inline.root.rglob("*") if path.is_file()}
    listener = listening()
    run_study(tiny, inline.root, workers=0, progress=listener)
    assert all(total == done for total, done in listener.stages.values())
    after = {path: path.stat().st_mtime_ns for path in inline.root.rglob("*") if path.is_file()}
    before.pop(inline.root / ".lock", None), after.pop(inline.root / ".lock", None)
    assert after == before


def test_a_study_that_does_not_fit_says_so_before_anything_is_written(
    tiny: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "machine_memory", lambda: 1_000_000)
    with pytest.raises(InputError, match="of memory, 1 MB are there; take fewer with --workers"):
        run_study(tiny, tmp_path / "study", workers=0)
    assert not (tmp_path / "study").exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_does_not_matter(inline: StudyFolder, tmp_path: Path, workers: int) -> None:
    subprocess.run(command(tmp_path / "study", "--workers", str(workers)), check=True, capture_output=True)
    assert same(inline, StudyFolder(tmp_path / "study"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "blow"),
    [
        ("waves/*/shard-00001.json", signal.SIGKILL),
        ("networks/*/network.json", signal.SIGKILL),
        ("networks/*/network.json", signal.SIGINT),
    ],
)
def test_a_run_that_is_killed_goes_on_to_the_same_results(
    inline: StudyFolder,
    tiny: Study,
    tmp_path: Path,
    moment: str,
    blow: signal.Signals,
    listening: Any,
) -> None:
    output = tmp_path / "study"
    process = subprocess.Popen(
        command(output, "--workers", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(output, moment, process)
    process.send_signal(blow)
    _, errors = process.communicate(timeout=60)
    assert not (output / "report.html").exists()
    if blow is signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on" in errors
        assert "Traceback" not in errors
    listener = listening()
    folder = run_study(tiny, output, workers=0, progress=listener)
    assert any(done > 0 for _, done in listener.stages.values())
    assert listener.warnings == []
    assert same(inline, folder)


def wait_for(output: Path, pattern: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not list(output.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    [
        "waves/*/waves/c/1/*/*/*",
        "networks/*/weights.safetensors",
        "scores/*/*.parquet",
        "metrics.parquet",
        "study.yaml",
    ],
)
@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_a_damaged_file_is_noticed_and_made_again(
    inline: StudyFolder, tiny: Study, pattern: str, damage: str, listening: Any
) -> None:
    expected = tables_of(inline)
    victim = sorted(inline.root.glob(pattern))[0]
    whole = victim.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 0x55]) + whole[middle + 1 :]
    victim.write_bytes(whole[:middle] if damage == "truncated" else flipped)
    listener = listening()
    run_study(tiny, inline.root, workers=0, progress=listener)
    assert any(victim.name in warning for warning in listener.warnings)
    tables = tables_of(inline)
    assert all(expected[name].equals(tables[name]) for name in TABLES)


@pytest.mark.slow
def test_a_new_test_condition_trains_nothing_again(
    inline: StudyFolder, tiny_text: str, tmp_path: Path, listening: Any
) -> None:
    from temshift.configuration.model import parse_configuration

    changed = parse_configuration(tiny_text.replace("[-20, -10, 0, 10, 20]", "[-20, -10, 0, 10, 20, 30]"), Study, "")
    before = {path.parent.name: path.stat().st_mtime_ns for path in inline.root.glob("networks/*/network.json")}
    copy = tmp_path / "study"
    subprocess.run(["cp", "-a", str(inline.root), str(copy)], check=True)
    listener = listening()
    run_study(changed, copy, workers=0, progress=listener)
    assert listener.stages["trainings and scores"] == (8, 4)  # each of the 4 is there already, and scored once more
    after = {path.parent.name: path.stat().st_mtime_ns for path in copy.glob("networks/*/network.json")}
    assert after == before
    assert len(pl.read_parquet(copy / "results.parquet")) == 32


def test_a_folder_of_another_study_is_refused_and_left_alone(inline: StudyFolder, tiny: Study) -> None:
    other = tiny.model_copy(update={"name": "another"})
    before = inline.study_file.read_bytes()
    with pytest.raises(InputError, match="holds another study, 'tiny study', not 'another'"):
        run_study(other, inline.root, workers=0)
    assert inline.study_file.read_bytes() == before


def test_a_folder_with_other_files_is_refused(tiny: Study, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not empty and holds no study \\(thesis.tex\\)"):
        run_study(tiny, tmp_path, workers=0)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_two_runs_in_one_folder_are_refused(inline: StudyFolder, tiny: Study) -> None:
    with locked(inline.root), pytest.raises(InputError, match="another temshift run works in"):
        run_study(tiny, inline.root, workers=0)


def test_the_manifest_says_how_to_make_the_study_again(inline: StudyFolder, tiny: Study) -> None:
    manifest = read_json(inline.manifest)
    assert manifest["seed"] == tiny.seed
    assert {"torch", "numpy", "temshift"} <= set(manifest["versions"])
    assert 0 < manifest["database"]["coverage_min"] <= manifest["database"]["coverage_mean"] <= 1
    for part in (manifest["database"][role] for role in ("training", "test")):
        assert 0 < part["expected_image_error_mean"] <= part["expected_image_error_max"]
        assert ("remark" in part) == (part["expected_image_error_max"] > 0.1)
