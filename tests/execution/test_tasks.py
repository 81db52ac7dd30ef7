"""Runs of many tasks: failures stay with their task, dead workers are retried, interrupts are prompt."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import execution_jobs as jobs
import pytest

from temshift.execution import Outcome, Task, WorkerLostError, make_executor, run_tasks

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

SCRIPT = """
import sys
import execution_jobs as jobs
from temshift.execution import Task, make_executor, run_tasks
{guard}
    folder, number = sys.argv[1], int(sys.argv[2])
    tasks = [Task(jobs.note_and_sleep, (folder, 60), "sleep") for _ in range(number)]
    with make_executor(2) as executor:
        outcomes = run_tasks(executor, tasks, on_outcome=lambda outcome: None)
    sys.exit(f"{{len(outcomes)}} outcomes, {{type(outcomes[-1].error).__name__}}")
"""


def square_tasks(count):
    return [Task(jobs.square, (number,), f"square {number}") for number in range(count)]


def run(workers, tasks, **options):
    seen = []
    with make_executor(workers) as executor:
        outcomes = run_tasks(executor, tasks, on_outcome=seen.append, **options)
    assert sorted(map(id, seen)) == sorted(map(id, outcomes))
    assert [outcome.task for outcome in outcomes] == tasks
    return outcomes


def members_of_group(group):
    """Give the living processes of a process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, number = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(number) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def start_script(tmp_path):
    """Start the script in a process group of its own, which is killed after the test."""
    started = []

    def start(number, guard='if __name__ == "__main__":'):
        (tmp_path / "script.py").write_text(SCRIPT.format(guard=guard))
        (tmp_path / "notes").mkdir()
        paths = [str(Path(jobs.__file__).parent), *sys.path]
        script = subprocess.Popen(
            [sys.executable, "script.py", "notes", str(number)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(script)
        return script

    yield start
    for script in started:
        with suppress(ProcessLookupError):
            os.killpg(script.pid, signal.SIGKILL)
        script.communicate(timeout=20)


def until(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("workers", [0, 2])
def test_outcomes_come_in_the_order_of_the_tasks(workers):
    assert [outcome.value for outcome in run(workers, square_tasks(40))] == [n * n for n in range(40)]


@pytest.mark.parametrize("workers", [0, 2])
def test_no_tasks_give_no_outcomes(workers):
    assert run(workers, []) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_exception_is_the_outcome_of_its_task_alone(workers):
    tasks = [*square_tasks(5), Task(jobs.fail, ("broken",), "fails"), *square_tasks(5)]
    outcomes = run(workers, tasks)
    assert [outcome.task.label for outcome in outcomes if outcome.error] == ["fails"]
    assert isinstance(outcomes[5].error, ValueError)
    assert outcomes[5].value is None
    assert str(outcomes[5].error) == "broken"


def test_a_killed_worker_costs_its_own_task_only(tmp_path):
    death = Task(jobs.note_and_kill_self, (str(tmp_path),), "dies")
    outcomes = run(2, [*square_tasks(20), death, *square_tasks(20)])
    assert [outcome.task.label for outcome in outcomes if outcome.error] == ["dies"]
    assert isinstance(outcomes[20].error, WorkerLostError)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("retries", [0, 3])
def test_retries_are_counted(tmp_path, retries):
    (outcome,) = run(1, [Task(jobs.note_and_kill_self, (str(tmp_path),), "dies")], retries=retries)
    assert isinstance(outcome.error, WorkerLostError)
    tries = len(list(tmp_path.iterdir()))  # a pool that breaks as a whole, on a busy machine, runs a try once more
    assert 1 + retries <= tries <= 2 * (1 + retries)


def test_a_task_that_is_retried_can_succeed(tmp_path):
    tasks = [Task(jobs.kill_self_once, (str(tmp_path / str(n)),), f"dies once {n}") for n in range(4)]
    assert [outcome.value for outcome in run(2, tasks)] == ["second try"] * 4


def test_exceptions_are_not_retried(tmp_path):
    calls = []

    def fail():
        calls.append(1)
        raise OSError("broken")

    (outcome,) = run(0, [Task(fail, (), "fails")], retries=5)
    assert isinstance(outcome.error, OSError)
    assert len(calls) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_outcomes_are_told_in_the_calling_thread(workers):
    threads = set()
    with make_executor(workers) as executor:
        run_tasks(executor, square_tasks(5), on_outcome=lambda _: threads.add(threading.current_thread()))
    assert threads == {threading.current_thread()}


def test_inline_outcomes_are_told_as_they_come():
    events = []
    tasks = [Task(events.append, (number,), "runs") for number in range(3)]
    with make_executor(0) as executor:
        run_tasks(executor, tasks, on_outcome=lambda outcome: events.append("told"))
    assert events == [0, "told", 1, "told", 2, "told"]


def test_outcomes_of_processes_are_told_before_all_have_ended():
    seen = {}
    tasks = [Task(jobs.sleep, (seconds,), str(seconds)) for seconds in (0, 1.0)]
    with make_executor(2) as executor:
        run_tasks(executor, tasks, on_outcome=lambda outcome: seen.update({outcome.value: time.monotonic()}))
    assert seen[1.0] - seen[0] > 0.3


def test_other_executors_serve_too():
    with ThreadPoolExecutor(2) as executor:
        outcomes = run_tasks(executor, square_tasks(9), on_outcome=lambda _: None)
    assert [outcome.value for outcome in outcomes] == [n * n for n in range(9)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_in_the_callback_cancels_the_rest_and_leaves_the_executor(workers):
    def refuse(_: Outcome):
        raise RuntimeError("disk full")

    tasks = [*square_tasks(1), *[Task(jobs.sleep, (0.3,), "sleeps") for _ in range(200)]]
    begin = time.monotonic()
    with make_executor(workers) as executor:
        with pytest.raises(RuntimeError, match="disk full"):
            run_tasks(executor, tasks, on_outcome=refuse)
        assert executor.submit(jobs.square, 3).result(timeout=20) == 9
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupt_stops_promptly_and_is_raised_again(workers):
    tasks = [*square_tasks(1), *[Task(jobs.sleep, (1,), "sleeps") for _ in range(100)]]

    def interrupt(_: Outcome):
        raise KeyboardInterrupt

    begin = time.monotonic()
    executor = make_executor(workers)
    with pytest.raises(KeyboardInterrupt):
        run_tasks(executor, tasks, on_outcome=interrupt)
    assert time.monotonic() - begin < 10
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(jobs.square, 3)


@linux_only
def test_control_c_stops_everything_at_once(tmp_path, start_script):
    script = start_script(50)
    assert until(lambda: len(list((tmp_path / "notes").iterdir())) == 2)
    begin = time.monotonic()
    os.killpg(script.pid, signal.SIGINT)
    told = script.communicate(timeout=20)[1]
    assert time.monotonic() - begin < 5
    assert script.returncode == -signal.SIGINT
    assert told.rstrip().endswith("KeyboardInterrupt")
    assert told.count("Traceback") == 1
    assert until(lambda: not members_of_group(script.pid), 5)


@linux_only
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_when_their_parent_is_killed(tmp_path, start_script, number):
    script = start_script(50)
    assert until(lambda: len(list((tmp_path / "notes").iterdir())) == 2)
    assert len(members_of_group(script.pid)) >= 3
    script.send_signal(number)
    script.communicate(timeout=20)
    assert until(lambda: not members_of_group(script.pid), 10)


@linux_only
def test_workers_that_cannot_start_end_the_run_and_blame_no_task(start_script):
    script = start_script(2000, guard="if True:")
    told = script.communicate(timeout=60)[1]
    assert script.returncode == 1
    assert "SchedulerLostError: the workers end before they take a task; try 0 workers" in told
    assert until(lambda: not members_of_group(script.pid), 5)
