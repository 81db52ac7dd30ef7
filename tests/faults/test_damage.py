"""Whatever is damaged is made again, left out and told, or fails what needs it; looking at it changes nothing."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from temshift.configuration.model import parse_configuration
from temshift.core.errors import DamagedError, InputError, TemshiftError
from temshift.databases.wave_sets import simulate_shard
from temshift.networks.stored import holds_weights
from temshift.storage.files import write_json
from temshift.storage.folders import locked
from temshift.storage.records import read_record
from temshift.studies import Plan, Study, StudyFolder, read_results, run_study
from temshift.studies.running import queue
from temshift.studies.running import worker_tasks as tasks
from temshift.studies.running.status import list_runs, read_status

pytestmark = pytest.mark.slow

Same = Callable[[StudyFolder, StudyFolder], bool]

FILES = [
    "waves/*/waves/c/0/*/*/*",
    "waves/*/masks/c/0/*/*",
    "waves/*/shard-00000.json",
    "waves/*/manifest.json",
    "waves/*/zarr.json",
    "spectra/*.parquet",
    "spectra/*.json",
    "scores/*/*.parquet",
    "scores/*/*.json",
    "metrics.parquet",
    "transfer.parquet",
    "manifest.json",
    "report.json",
    "examples/examples.npz",
    "examples/examples.json",
    "examples/pictures.json",
    "examples/pictures/*.npz",
    "examples/pictures/*.json",
    "study.yaml",
]
DAMAGES = ("truncated", "altered", "emptied")
IN_MAKE_TEST = [
    ("waves/*/shard-00000.json", "altered"),
    ("waves/*/manifest.json", "truncated"),
    ("scores/*/*.json", "altered"),
    ("spectra/*.parquet", "emptied"),
]
CASES = [
    pytest.param(name, damage, marks=pytest.mark.slow if (name, damage) in IN_MAKE_TEST else pytest.mark.faults)
    for name in FILES
    for damage in DAMAGES
]


@pytest.fixture
def finished(undisturbed: StudyFolder, tmp_path: Path) -> StudyFolder:
    """A copy of the folder of the undisturbed run, to be damaged."""
    subprocess.run(["cp", "-a", str(undisturbed.root), str(tmp_path / "study")], check=True)
    return StudyFolder(tmp_path / "study")


@pytest.fixture
def fewer(small_text: str) -> Study:
    """The study without one of its trainings."""
    return parse_configuration(small_text.replace("values: [-10, 0, 10]", "values: [-10, 0]"), Study, "")


@pytest.fixture
def more(small_text: str) -> Study:
    """The study with one more test condition."""
    return parse_configuration(small_text.replace("[-20, -10, 0, 10, 20]", "[-20, -10, 0, 10, 20, 30]"), Study, "")


def damage_file(path: Path, damage: str) -> None:
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 0x55]) + whole[middle + 1 :]
    path.write_bytes({"truncated": whole[:middle], "altered": flipped, "emptied": b""}[damage])


def content(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.mark.parametrize(("pattern", "damage"), CASES)
def test_a_damaged_file_of_a_finished_study_is_made_again(
    pattern: str, damage: str, finished: StudyFolder, undisturbed: StudyFolder, small: Study, same: Same, told: Any
) -> None:
    victim = sorted(finished.root.glob(pattern))[0]
    damage_file(victim, damage)
    run_study(small, finished.root, workers=0, progress=told)
    assert same(finished, undisturbed)
    if pattern not in ("waves/*/manifest.json", "waves/*/zarr.json"):  # those are laid out anew without a word
        assert any("made again" in text and victim.stem in text for text in told.texts)
    told.texts.clear()
    run_study(small, finished.root, workers=0, progress=told)
    assert told.texts == ["everything was there already"]


def test_looking_at_a_damaged_study_changes_nothing(finished: StudyFolder) -> None:
    first, second = sorted(finished.root.glob("networks/*"))[:2]
    damage_file(next(finished.scores(first.name).glob("*.parquet")), "altered")
    damage_file(second / "weights.safetensors", "truncated")
    before = content(finished.root)
    assert read_status(finished.root).counts["waiting"] == 2
    assert [word for _, word, _ in list_runs(finished.root)].count("waiting") == 2
    with pytest.raises(DamagedError, match=r"parquet is damaged: it was altered; remove it and run again"):
        read_results(finished.root)
    assert content(finished.root) == before


def test_a_second_run_is_refused_before_it_changes_the_study(finished: StudyFolder, fewer: Study) -> None:
    before = content(finished.root)
    with locked(finished.root), pytest.raises(InputError, match="another temshift run works in"):
        run_study(fewer, finished.root, workers=0)
    assert content(finished.root) == before


@pytest.mark.slow
def test_damaged_scores_of_an_earlier_version_are_left_out_and_told(
    finished: StudyFolder, fewer: Study, small: Study, told: Any
) -> None:
    (gone,) = {run.id for run in Plan(small).networks} - {run.id for run in Plan(fewer).networks}
    (table,) = finished.scores(gone).glob("*.parquet")
    damage_file(table, "truncated")
    run_study(fewer, finished.root, workers=0, progress=told)
    assert any(text.startswith(f"left out: {table} is damaged") for text in told.texts)
    assert finished.report.stat().st_mtime >= finished.study_file.stat().st_mtime


@pytest.mark.slow
def test_scores_that_a_killed_worker_left_without_record_are_not_told_twice(finished: StudyFolder, more: Study) -> None:
    next(finished.root.glob("scores/*/*.json")).unlink()
    run_study(more, finished.root, workers=0)
    results = read_results(finished.root)
    assert len(results) == 4 * 8
    assert not results["score_id"].is_duplicated().any()


def test_half_written_files_of_a_killed_run_are_removed(finished: StudyFolder, small: Study) -> None:
    network = sorted(finished.networks.iterdir())[0]
    places = [finished.root, finished.root / "waves", network, finished.scores(network.name)]
    for place in places:
        (place / ".unfinished-0123").mkdir()
        (place / ".unfinished-0123" / "file").write_bytes(b"half")
    run_study(small, finished.root, workers=0)
    assert not list(finished.root.rglob(".unfinished-*"))


def test_what_a_killed_worker_left_of_a_shard_is_no_part_of_it(with_waves: Path, small: Study) -> None:
    waves = small.wave_sets["test"]
    place = StudyFolder(with_waves).waves(waves.id)
    record = place / "shard-00000.json"
    expected = read_record(record).files
    record.unlink()
    half = place / "waves" / "c" / "0" / "0" / "half.partial"
    half.write_bytes(b"half")
    damage_file(next(place.glob("waves/c/0/*/*/*")), "truncated")
    simulate_shard(place, waves, 0, "cpu")
    assert read_record(record).files == expected
    assert not half.exists()


@pytest.mark.slow
def test_weights_that_a_killed_run_kept_are_dropped_and_made_again_when_needed(
    small_text: str, with_waves: Path, more: Study, undisturbed: StudyFolder, same: Same
) -> None:
    keep_none = "training: {keep: none, "
    study = parse_configuration(small_text.replace("training: {", keep_none), Study, "")
    folder = run_study(study, with_waves, workers=0)
    kept = {path.name for path in folder.networks.iterdir() if holds_weights(path)}
    assert len(kept) == 3  # those that the report shows
    (dropped,) = {run.id for run in Plan(study).networks} - kept
    left = folder.network(dropped) / "weights.safetensors"
    shutil.copy(undisturbed.network(dropped) / left.name, left)  # killed after the record, before the removal
    run_study(study, with_waves, workers=0)
    assert not left.exists()
    before = {path.parent.name: path.stat().st_mtime_ns for path in folder.root.glob("networks/*/network.json")}
    text = small_text.replace("training: {", keep_none).replace("[-20, -10, 0, 10, 20]", "[-20, -10, 0, 10, 20, 30]")
    run_study(parse_configuration(text, Study, ""), with_waves, workers=0)
    after = {path.parent.name: path.stat().st_mtime_ns for path in folder.root.glob("networks/*/network.json")}
    assert {id_ for id_ in after if after[id_] != before[id_]} == {dropped}
    assert not left.exists()
    ours, theirs = (_losses(one) for one in (folder, run_study(more, undisturbed.root.parent / "more", workers=0)))
    assert ours == theirs


def _losses(folder: StudyFolder) -> dict[tuple[str, str], float]:
    rows = read_results(folder.root).select("training_name", "test_name", "cross_entropy").rows()
    return {(training, test): loss for training, test, loss in rows}


def spoil_before(monkeypatch: pytest.MonkeyPatch, stage: str, spoil: Callable[[], None]) -> None:
    """Have something done once, before the first training or scoring."""
    work, spoiled = getattr(tasks, stage), []

    def spoiling(root: Path, runs: Sequence[Any], device: str) -> Mapping[str, str]:
        if not spoiled:
            spoil()
            spoiled.append(root)
        found: Mapping[str, str] = work(root, runs, device)
        return found

    monkeypatch.setattr(queue, stage, spoiling)


@pytest.mark.slow
def test_a_card_that_is_damaged_before_the_scoring_fails_its_network_alone(
    with_waves: Path, small: Study, undisturbed: StudyFolder, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first network's card, which also tells the report how many parameters networks have."""
    first = Plan(small).networks[0]
    card = StudyFolder(with_waves).network(first.id) / "network.json"
    spoil_before(monkeypatch, "score_runs", lambda: damage_file(card, "altered"))
    with pytest.raises(TemshiftError, match=r"networks: 1 of 4 failed(.|\n)*network.json is damaged"):
        run_study(small, with_waves, workers=0)
    assert [word for _, word, _ in list_runs(with_waves)] == ["failed", "done", "done", "done"]
    with pytest.warns(UserWarning, match="7 of 28 scores are missing"):
        assert len(read_results(with_waves)) == 3 * 7
    monkeypatch.undo()
    assert same(run_study(small, with_waves, workers=0, retry_failed=True), undisturbed)


@pytest.mark.parametrize(("stage", "role"), [("train_runs", "training"), ("score_runs", "test")])
@pytest.mark.slow
def test_waves_that_are_damaged_meanwhile_fail_all_that_need_them(
    stage: str,
    role: str,
    with_waves: Path,
    small: Study,
    undisturbed: StudyFolder,
    same: Same,
    told: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard = next(StudyFolder(with_waves).waves(small.wave_sets[role].id).glob("waves/c/0/*/*/*"))
    spoil_before(monkeypatch, stage, lambda: damage_file(shard, "altered"))
    with pytest.raises(TemshiftError, match=r"networks: 4 of 4 failed(.|\n)*shard 0 of .* is damaged"):
        run_study(small, with_waves, workers=0, progress=told)
    assert told.texts[-1] == "no network has scores: there is nothing to report"
    with pytest.raises(InputError, match="no scores yet"):
        read_results(with_waves)
    monkeypatch.undo()
    assert same(run_study(small, with_waves, workers=0, retry_failed=True), undisturbed)


@pytest.mark.slow
def test_a_score_that_is_not_finite_is_none(
    with_waves: Path, small: Study, undisturbed: StudyFolder, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, load = Plan(small).networks[0].id, tasks.load_network

    def overflowing(root: Path, run: Any, device: str) -> Any:
        network = load(root, run, device)
        return (lambda images: network(images) * float("inf")) if run.id == first else network

    monkeypatch.setattr(tasks, "load_network", overflowing)
    with pytest.raises(TemshiftError, match="1 of 4 failed(.|\n)*cross-entropy is not finite under 7 of 7 test cond"):
        run_study(small, with_waves, workers=0)
    with pytest.warns(UserWarning, match="7 of 28 scores are missing"):
        assert read_results(with_waves)["cross_entropy"].is_finite().all()
    monkeypatch.undo()
    assert same(run_study(small, with_waves, workers=0, retry_failed=True), undisturbed)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "training"}'])
def test_notes_that_are_damaged_count_as_none(text: str, finished: StudyFolder) -> None:
    (first, *_) = (run.id for run, _, _ in list_runs(finished.root))
    shutil.rmtree(finished.scores(first))
    write_json(finished.failure(first), {"stage": "scores", "reason": "full"})
    assert list_runs(finished.root)[0][1] == "failed"
    finished.failure(first).write_text(text)
    finished.status.write_text(text)
    assert list_runs(finished.root)[0][1] == "waiting"
    assert read_status(finished.root).counts == {"waiting": 1, "done": 3}
