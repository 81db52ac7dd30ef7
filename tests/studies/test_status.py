"""How far a study is: as a run tells it while it works, and as its folder shows it at any time."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from temshift.core.errors import InputError
from temshift.execution import Outcome, stream_tasks
from temshift.storage.files import read_json, write_json
from temshift.studies import Plan, Study, StudyFolder, run_study
from temshift.studies.folder import require_study, study_text
from temshift.studies.running import run, status
from temshift.studies.running.failures import Failure, note_failure
from temshift.studies.running.status import StatusFile, list_runs, read_status

HOLDER = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1] + "/.lock"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def at_work(root: Path) -> Iterator[None]:
    """Another process that holds a study folder, as a run does."""
    command = [sys.executable, "-c", HOLDER, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()
        assert process.wait(timeout=20) == 0


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(status.time, "monotonic", stopped)
    return stopped


@pytest.fixture
def folder(tiny: Study, tmp_path: Path) -> StudyFolder:
    """A study of four networks that nothing was made of."""
    (tmp_path / "study").mkdir()
    empty = StudyFolder(tmp_path / "study")
    empty.study_file.write_text(study_text(tiny), encoding="utf-8")
    return empty


def told(path: Path) -> Any:
    return read_json(path)


def test_the_file_tells_counts_tasks_and_time_left(tmp_path: Path, clock: Clock) -> None:
    file = StatusFile(tmp_path / "status", {"done": 3, "failed": 1, "waiting": 6})
    file.begin(12)
    file.write("networks", [("training of a", 1), ("training of b", 1)])
    facts = told(tmp_path / "status")
    assert facts["counts"] == {"done": 3, "failed": 1, "waiting": 4, "running": 2}
    assert (facts["stage"], facts["running"]) == ("networks", ["training of a", "training of b"])
    assert facts["seconds_left"] is None
    assert facts["process"] == os.getpid()
    clock.now += 30
    file.step(2)
    file.moved("done")
    file.step()
    file.moved("failed")
    file.write("networks", [("scores of c; d", 2)])
    facts = told(tmp_path / "status")
    assert facts["counts"] == {"done": 4, "failed": 2, "waiting": 2, "running": 2}
    assert facts["seconds_left"] == pytest.approx(30 / 3 * 9)  # three of twelve steps in 30 s


def test_the_file_is_written_every_two_seconds_at_most_once_work_goes_on(tmp_path: Path, clock: Clock) -> None:
    file = StatusFile(tmp_path / "status", {"waiting": 9})
    file.begin(9)
    for count in range(3):  # the first tasks, which may take hours, are all told
        file.write("networks", [("task", 1)] * count)
        assert len(told(tmp_path / "status")["running"]) == count
    file.step()
    file.write("networks")
    assert len(told(tmp_path / "status")["running"]) == 2
    clock.now += 2
    file.write("networks")
    assert told(tmp_path / "status")["running"] == []


def test_a_disk_that_is_full_does_not_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    StatusFile(tmp_path / "file" / "status", {"waiting": 1}).write("networks")
    assert (tmp_path / "file").is_file()


def test_a_folder_in_which_nothing_works_tells_what_is_there(folder: StudyFolder, tiny: Study, listening: Any) -> None:
    first = Plan(tiny).networks[0]
    note_failure(folder, first, Failure("training", "the loss is nan"), listening())
    write_json(folder.status, {"stage": "left by a killed run", "counts": {}, "running": [], "seconds_left": 1})
    status = read_status(folder.root)
    assert not status.at_work and status.stage == "" and status.running == () and status.seconds_left is None
    assert status.counts == {"failed": 1, "waiting": 3}
    runs = list_runs(folder.root)
    assert [one.id for one, _, _ in runs] == [one.id for one in Plan(tiny).networks]
    assert [(state, why) for _, state, why in runs] == [
        ("failed", Failure("training", "the loss is nan")),
        *[("waiting", None)] * 3,
    ]


def test_a_run_that_works_tells_of_itself(folder: StudyFolder, clock: Clock) -> None:
    file = StatusFile(folder.status, {"done": 1, "waiting": 3})
    file.begin(6)
    file.step()
    clock.now += 10
    file.write("networks", [("training of a", 1)])
    with at_work(folder.root):
        status = read_status(folder.root)
    assert status.at_work and status.stage == "networks" and status.running == ("training of a",)
    assert status.counts == {"done": 1, "waiting": 2, "running": 1}
    assert status.seconds_left == pytest.approx(50)
    assert not read_status(folder.root).at_work


@pytest.mark.parametrize("left", [None, '{"stage": "networks"', '{"counts": {}}'])
def test_a_run_that_tells_nothing_readable_is_at_work_all_the_same(folder: StudyFolder, left: str | None) -> None:
    """It makes waves still, or its file is damaged."""
    if left is not None:
        folder.status.write_text(left, encoding="utf-8")
    with at_work(folder.root):
        status = read_status(folder.root)
    assert status.at_work and status.stage == ""
    assert status.counts == {"waiting": 4}


@pytest.mark.parametrize("look", [read_status, list_runs, require_study])
def test_a_folder_of_something_else_is_refused(look: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no study.yaml; name a folder that temshift run has filled"):
        look(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_tells_its_networks_as_they_come_and_takes_the_file_away(
    tiny: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at from inside: after each task, and after the run."""
    seen: list[status.Status] = []
    settings = {"counts": {"training": 2, "test": 2}, "training": {"steps": 2, "batch": 2}}
    small = Study.model_validate(
        tiny.resolved() | settings | {"information": {"specimens": 2, "draws": 4, "observers": False}}
    )
    monkeypatch.setattr(status, "SECONDS_BETWEEN_WRITES", 0.0)

    def watched(*arguments: Any, on_outcome: Callable[[Outcome], None], **options: Any) -> None:
        def tell(outcome: Outcome) -> None:
            on_outcome(outcome)
            seen.append(read_status(tmp_path / "study"))

        stream_tasks(*arguments, on_outcome=tell, **options)

    monkeypatch.setattr(run, "stream_tasks", watched)
    monkeypatch.setattr(run, "conclude", lambda *_: None)
    folder = run_study(small, tmp_path / "study", workers=0)
    assert all(one.at_work and sum(one.counts.values()) == 4 for one in seen)
    done = [one.counts["done"] for one in seen]
    assert done == sorted(done) and (done[0], done[-1]) == (0, 4)
    assert seen[-1].seconds_left == 0 and all(one.seconds_left for one in seen[:-1])
    assert not folder.status.exists()
    assert read_status(folder.root).counts == {"done": 4}
    shutil.rmtree(folder.root / "scores")
    assert read_status(folder.root).counts == {"waiting": 4}
