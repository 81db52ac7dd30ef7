"""Two runs at once, a clock that jumps, a study that changes, weights that are not kept, a disk that fills."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from faults_processes import wait_until

from temshift.configuration.model import parse_configuration
from temshift.studies import Plan, Study, StudyFolder, run_study
from temshift.studies.analysis.results import read_results

pytestmark = pytest.mark.slow

Started = Callable[..., "subprocess.Popen[str]"]
Same = Callable[[StudyFolder, StudyFolder], bool]

JUMPING_CLOCK = """
import itertools, time
real, jumps = time.time, itertools.cycle([0, 86400, -86400 * 365, 3600, -7200])
time.time = lambda: real() + next(jumps)
"""


@pytest.mark.slow
def test_a_second_run_in_one_folder_is_refused_and_neither_is_harmed(
    started: Started, undisturbed: StudyFolder, tmp_path: Path, same: Same
) -> None:
    output = tmp_path / "study"
    first = started("run", "STUDY", "--output", str(output), "--workers", "1")
    wait_until(lambda: (output / "study.yaml").exists(), first)
    second = started("run", "STUDY", "--output", str(output), "--workers", "1")
    beside = started("status", str(output))
    _, refused = second.communicate(timeout=100)
    assert second.returncode == 2
    assert "another temshift run works in" in refused
    assert "Traceback" not in refused
    words, errors = beside.communicate(timeout=100)
    assert beside.returncode == 0, errors
    assert "at work" in words
    _, errors = first.communicate(timeout=100)
    assert first.returncode == 0, errors
    assert same(StudyFolder(output), undisturbed)


@pytest.mark.slow
def test_of_two_runs_that_start_together_one_is_refused(
    started: Started, undisturbed: StudyFolder, tmp_path: Path, same: Same
) -> None:
    output = tmp_path / "study"
    both = [started("run", "STUDY", "--output", str(output), "--workers", "0") for _ in range(2)]
    errors = [process.communicate(timeout=200)[1] for process in both]
    refused = [text for process, text in zip(both, errors, strict=True) if process.returncode == 2]
    assert sorted(process.returncode for process in both) == [0, 2], errors
    assert "another temshift run works in" in refused[0]
    assert same(StudyFolder(output), undisturbed)


@pytest.mark.slow
def test_a_clock_that_jumps(started: Started, undisturbed: StudyFolder, with_waves: Path, same: Same) -> None:
    process = started("run", "STUDY", "--output", str(with_waves), "--workers", "0", before=JUMPING_CLOCK)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert same(StudyFolder(with_waves), undisturbed)


def test_a_study_that_changes_keeps_its_old_results_labelled(
    undisturbed: StudyFolder, small_text: str, small: Study, tmp_path: Path
) -> None:
    copy = tmp_path / "study"
    subprocess.run(["cp", "-a", str(undisturbed.root), str(copy)], check=True)
    changed = parse_configuration(small_text.replace("values: [-10, 0, 10]", "values: [-11, 0, 10]"), Study, "")
    run_study(changed, copy, workers=0)
    results = read_results(copy)
    before, after = ({run.id: run.name for run in Plan(study).networks} for study in (small, changed))
    (old,), (new,) = set(before) - set(after), set(after) - set(before)
    assert set(results.filter("in_study")["network_id"]) == set(after)
    left = results.filter(~pl.col("in_study"))
    assert set(left["network_id"]) == {old}
    assert set(left["training_name"]) == {"defocus -10 nm"}
    assert set(results.filter(pl.col("network_id") == new)["training_name"]) == {"defocus -11 nm"}
    kept = pl.read_parquet(undisturbed.table("results")).filter(pl.col("network_id") == old)
    assert left.select("test_name", "cross_entropy").equals(kept.select("test_name", "cross_entropy"))
    whole = run_study(small, copy, workers=0)  # and back again: nothing is trained
    assert (
        read_results(whole.root)
        .filter("in_study")
        .drop("in_study")
        .equals(pl.read_parquet(undisturbed.table("results")).drop("in_study"))
    )


def test_weights_that_are_not_kept_are_gone_but_those_that_the_report_shows(
    small_text: str, with_waves: Path, undisturbed: StudyFolder, same: Same
) -> None:
    text = (
        small_text.replace("training: {", "training: {keep: none, ") + "examples: {specimens: 1, networks: [broad]}\n"
    )
    study = parse_configuration(text.replace("examples: {specimens: 2}\n", ""), Study, "small.yaml")
    folder = run_study(study, with_waves, workers=0)
    (broad,) = (run.id for run in Plan(study).networks if run.name == "broad")
    assert [path.parent.name for path in folder.root.glob("networks/*/*.safetensors")] == [broad]
    ours, theirs = (pl.read_parquet(one.table("results")) for one in (folder, undisturbed))
    assert ours.drop("training.keep").equals(theirs.drop("training.keep"))
    before = {path: path.stat().st_mtime_ns for path in folder.root.glob("networks/*/network.json")}
    run_study(study, with_waves, workers=0)
    assert {path: path.stat().st_mtime_ns for path in folder.root.glob("networks/*/network.json")} == before
    more = text.replace("values: [50, 1600]", "values: [50, 200, 1600]").replace("examples: {specimens: 2}\n", "")
    run_study(
        parse_configuration(more, Study, "small.yaml"), with_waves, workers=0
    )  # trains again what it has to score
    found = read_results(with_waves)
    assert len(found) == 4 * 8 and found["in_study"].all()
    assert [path.parent.name for path in folder.root.glob("networks/*/*.safetensors")] == [broad]


@pytest.fixture
def little_disk(tmp_path: Path) -> Any:
    """A file system of 2.6 MB, where one may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2600k", "tmpfs", str(place)], capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills(little_disk: Path, started: Started, undisturbed: StudyFolder, same: Same) -> None:
    """There is room for the waves and two or three networks; each of the others fails with its reason."""
    subprocess.run(["cp", "-a", str(undisturbed.root / "waves"), str(little_disk)], check=True)
    subprocess.run(["cp", str(undisturbed.study_file), str(little_disk)], check=True)
    process = started("run", "STUDY", "--output", str(little_disk), "--workers", "0")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 1, errors
    assert "No space left on device; free some space" in errors
    assert "Traceback" not in errors
    subprocess.run(["mount", "-o", "remount,size=40m", str(little_disk)], check=True)
    again = started("run", "STUDY", "--output", str(little_disk), "--workers", "0", "--retry-failed")
    _, errors = again.communicate(timeout=200)
    assert again.returncode == 0, errors
    assert same(StudyFolder(little_disk), undisturbed)
