"""Tasks taken as workers come free: never too many in flight, the same care of failures, flat memory."""

import os
import signal
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import execution_jobs as jobs
import pytest

from temshift.execution import InlineExecutor, Task, WorkerLostError, make_executor, stream_tasks


class Source:
    """Gives tasks from an iterator, and counts those that were taken and have not ended."""

    def __init__(self, tasks):
        self.tasks = iter(tasks)
        self.pending, self.most, self.outcomes = 0, 0, []

    def take(self):
        task = next(self.tasks, None)
        self.pending += task is not None
        self.most = max(self.most, self.pending)
        return task

    def end(self, outcome):
        self.pending -= 1
        self.outcomes.append(outcome)


def squares(count):
    return [Task(jobs.square, (number,), f"square {number}") for number in range(count)]


def stream(executor, tasks, in_flight, **options):
    source = Source(tasks)
    stream_tasks(executor, source.take, in_flight=in_flight, on_outcome=source.end, **options)
    return source


@pytest.fixture(scope="module")
def processes():
    with make_executor(2) as executor:
        yield executor


@pytest.fixture(params=["inline", "processes"])
def executor(request):
    if request.param == "processes":
        return request.getfixturevalue("processes")
    return make_executor(0)


@pytest.mark.parametrize("in_flight", [1, 4, 100])
def test_all_tasks_run_and_never_too_many_are_pending(executor, in_flight):
    source = stream(executor, squares(40), in_flight)
    assert sorted(outcome.value for outcome in source.outcomes) == [number**2 for number in range(40)]
    assert source.most <= (1 if isinstance(executor, InlineExecutor) else in_flight)


def test_an_empty_source_ends_at_once(executor):
    assert stream(executor, [], 4).outcomes == []


@pytest.mark.parametrize("in_flight", [0, -1])
def test_nothing_in_flight_is_refused(in_flight):
    with pytest.raises(ValueError, match=f"in_flight = {in_flight}; give 1 or more"):
        stream(make_executor(0), squares(1), in_flight)


def test_the_limit_may_change_while_tasks_run():
    """It is 1, then 4 until so many are pending, then 0, which counts as 1; the last tasks wait for a fourth."""
    pending, four = [], threading.Event()
    wait = [Task(four.wait, (10,), "waits") for _ in range(4)]
    source = Source([*squares(1), *wait, *squares(10)])

    def limit():
        if four.is_set():
            return 0
        return 4 if source.outcomes else 1

    def take():
        pending.append(source.pending)
        if source.pending == 3:
            four.set()
        return source.take()

    with ThreadPoolExecutor(1) as executor:
        stream_tasks(executor, take, in_flight=limit, on_outcome=source.end)
    assert len(source.outcomes) == 15
    assert pending == [0, 0, 1, 2, 3, *[0] * 11]


def test_tasks_may_follow_from_outcomes(executor):
    """Two roots; each task below depth 5 gives two more when it ends: 2 x (2^6 - 1) in all."""
    ready, ended = [(0, 0), (1, 0)], []

    def take():
        return Task(jobs.give_back, (ready.pop(),), "node") if ready else None

    def on_outcome(outcome):
        root, depth = outcome.value
        ended.append(root)
        ready.extend([(root, depth + 1)] * (2 if depth < 5 else 0))

    stream_tasks(executor, take, in_flight=4, on_outcome=on_outcome)
    assert Counter(ended) == {0: 63, 1: 63}


def test_the_source_is_asked_again_after_each_outcome_that_was_told(executor):
    events = []
    tasks = iter(squares(3))

    def take():
        if events and events[-1] == "taken":
            return None  # nothing now: one at a time, though four may be in flight
        task = next(tasks, None)
        events.append("taken" if task else "end")
        return task

    stream_tasks(executor, take, in_flight=4, on_outcome=lambda outcome: events.append(outcome.value))
    assert events == ["taken", 0, "taken", 1, "taken", 4, "end"]


def test_a_killed_worker_costs_its_own_task_and_the_one_beside_it_runs_once(processes, tmp_path):
    """Both workers are busy when one of them is killed from outside, as by the out-of-memory killer."""
    folders = [tmp_path / "killed", tmp_path / "spared"]
    for folder in folders:
        folder.mkdir()
    calls = [processes.submit(jobs.note_and_sleep, str(folder), 1.5) for folder in folders]
    end = time.monotonic() + 20
    while not all(list(folder.iterdir()) for folder in folders):
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(int(next(folders[0].iterdir()).name), signal.SIGKILL)
    assert isinstance(calls[0].exception(timeout=20), WorkerLostError)
    assert calls[1].exception(timeout=20) is None
    assert len(list(folders[1].iterdir())) == 1


@pytest.mark.parametrize("retries", [0, 2])
def test_a_task_that_kills_each_worker_fails_after_its_retries_and_the_others_finish(processes, tmp_path, retries):
    deadly = Task(jobs.note_and_kill_self, (str(tmp_path),), "dies")
    source = stream(processes, [*squares(10), deadly, *squares(30)], 4, retries=retries)
    failed = [outcome for outcome in source.outcomes if outcome.error]
    assert [outcome.task.label for outcome in failed] == ["dies"]
    assert isinstance(failed[0].error, WorkerLostError)
    assert len(source.outcomes) == 41
    assert len(list(tmp_path.iterdir())) == 1 + retries


@pytest.mark.parametrize("where", ["take", "on_outcome"])
def test_a_fault_of_the_caller_cancels_the_rest_and_leaves_the_executor(executor, where):
    tasks = iter([*squares(1), *[Task(jobs.sleep, (0.2,), "sleeps") for _ in range(200)]])
    told = []

    def take():
        if where == "take" and told:
            raise RuntimeError("disk full")
        return next(tasks, None)

    def on_outcome(outcome):
        told.append(outcome)
        if where == "on_outcome":
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        stream_tasks(executor, take, in_flight=4, on_outcome=on_outcome)
    assert executor.submit(jobs.square, 3).result(timeout=20) == 9
    assert len(told) == 1


def test_an_interrupt_stops_promptly_and_is_raised_again():
    tasks = iter([*squares(1), *[Task(jobs.sleep, (1,), "sleeps") for _ in range(100)]])

    def interrupt(_):
        raise KeyboardInterrupt

    begin = time.monotonic()
    executor = make_executor(2)
    with pytest.raises(KeyboardInterrupt):
        stream_tasks(executor, lambda: next(tasks, None), in_flight=4, on_outcome=interrupt)
    assert time.monotonic() - begin < 10
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(jobs.square, 3)


@pytest.mark.parametrize("kind", ["inline", "threads"])
def test_tasks_that_ended_are_forgotten(kind):
    """Of 3,000 tasks no more than those in flight are alive at any time."""
    alive = weakref.WeakSet()
    most = []

    class Load:
        def __init__(self):
            self.bytes = bytes(4096)
            alive.add(self)

    numbers = iter(range(3000))

    def take():
        most.append(len(alive))
        return next((Task(isinstance, (Load(), Load), "load") for _ in numbers), None)

    with make_executor(0) if kind == "inline" else ThreadPoolExecutor(2) as executor:
        stream_tasks(executor, take, in_flight=8, on_outcome=lambda outcome: None)
    assert len(most) > 3000
    assert max(most) <= 8 + 4  # and those that a thread or the loop has just let go
