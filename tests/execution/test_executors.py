"""Executors: inline and in processes alike, one thread a worker, deaths and breakages survived."""

import os
import signal
import time
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool

import execution_jobs as jobs
import pytest

from temshift.core.errors import InputError
from temshift.execution import InlineExecutor, ProcessExecutor, WorkerLostError, executor_width, make_executor

SETTINGS = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]


@pytest.fixture(scope="module")
def processes():
    with make_executor(2) as executor:
        yield executor


@pytest.fixture
def inline():
    return make_executor(0)


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_number_of_workers_chooses():
    assert isinstance(make_executor(0), InlineExecutor)
    assert isinstance(make_executor(3), ProcessExecutor)
    with pytest.raises(InputError, match="workers = -1"):
        make_executor(-1)


@pytest.mark.parametrize(("workers", "width"), [(0, 1), (1, 1), (3, 3)])
def test_the_width_is_the_number_of_calls_that_run_at_once(workers, width):
    with make_executor(workers) as executor:
        assert executor_width(executor) == width


@pytest.mark.parametrize("kind", ["inline", "processes"])
def test_values_and_errors_come_back(kind, request):
    executor = request.getfixturevalue(kind)
    assert executor.submit(jobs.square, number=7).result() == 49
    error = executor.submit(jobs.fail, "broken").exception()
    assert isinstance(error, ValueError)
    assert error.args == ("broken",)


def test_inline_runs_at_submit_in_this_process(inline):
    future = inline.submit(jobs.process_number)
    assert future.done()
    assert future.result() == os.getpid()


def test_inline_lets_an_interrupt_through(inline):
    with pytest.raises(KeyboardInterrupt):
        inline.submit(jobs.interrupt)


def test_processes_are_others(processes):
    assert processes.submit(jobs.process_number).result() != os.getpid()


@pytest.mark.parametrize("name", SETTINGS)
def test_workers_start_with_one_thread_and_the_parent_keeps_its_settings(monkeypatch, name):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = os.environ.get(name)
    with make_executor(1) as executor:
        assert executor.submit(jobs.environment, name).result() == "1"
        assert os.environ.get(name) == before


def test_a_worker_that_replaces_a_killed_one_has_one_thread_too(processes):
    for _ in range(2):
        with pytest.raises(WorkerLostError, match=r"ended by SIGKILL; .*fewer workers"):
            processes.submit(jobs.kill_self).result(timeout=20)
    assert [processes.submit(jobs.environment, name).result() for name in SETTINGS] == ["1"] * 3


def test_torch_uses_one_thread_in_a_worker(processes):
    assert processes.submit(jobs.threads_used_by_torch).result() == 1


def test_an_exit_in_a_task_is_an_error_of_that_task(processes):
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        processes.submit(jobs.leave).result(timeout=20)


def test_what_cannot_be_pickled_is_an_error_of_that_task(processes):
    calls = [processes.submit(lambda: 3), processes.submit(jobs.unpicklable_value)]
    for call in calls:
        with pytest.raises(Exception, match="Can't pickle"):
            call.result(timeout=20)
    with pytest.raises(RuntimeError, match="StubbornError: one and two"):
        processes.submit(jobs.fail_stubbornly).result(timeout=20)
    assert processes.submit(jobs.square, 3).result(timeout=20) == 9


def test_an_error_tells_where_in_the_worker_it_arose(processes):
    error = processes.submit(jobs.fail, "broken").exception()
    assert "execution_jobs.py" in "".join(error.__notes__)


def test_a_killed_idle_worker_breaks_nothing(processes):
    os.kill(processes.submit(jobs.process_number).result(), signal.SIGKILL)
    time.sleep(0.5)
    calls = [processes.submit(jobs.square, number) for number in range(50)]
    assert [call.result(timeout=20) for call in calls] == [number**2 for number in range(50)]


def test_killed_waiting_workers_cannot_leave_calls_without_an_end():
    with make_executor(2) as executor:
        number = executor.submit(jobs.process_number).result()
        for _ in range(5):
            if alive(number):
                os.kill(number, signal.SIGKILL)
            calls = [executor.submit(jobs.process_number) for _ in range(200)]
            ends = [call.exception(timeout=30) for call in calls]
            assert all(end is None or isinstance(end, WorkerLostError) for end in ends)
            number = executor.submit(jobs.process_number).result(timeout=20)


def test_a_call_whose_pool_breaks_runs_again(tmp_path):
    """As when a waiting worker is killed: pebble then aborts all calls, also those of other workers."""
    with make_executor(1) as executor:
        call = executor.submit(jobs.note_and_stay, str(tmp_path), 60)
        assert until(lambda: list(tmp_path.iterdir()))
        executor._pool._pool_manager.handle_broken_pool(BrokenProcessPool("All workers expired"))
        assert call.result(timeout=20) == "stayed"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cancelled_call_stops_its_worker(processes, tmp_path):
    call = processes.submit(jobs.note_and_sleep, str(tmp_path), 60)
    assert until(lambda: list(tmp_path.iterdir()))
    number = int(next(tmp_path.iterdir()).name)
    assert call.cancel()
    with pytest.raises(CancelledError):
        call.result()
    assert until(lambda: not alive(number))


def test_shutdown_waits_for_work():
    executor = make_executor(1)
    calls = [executor.submit(jobs.sleep, 0.1) for _ in range(3)]
    executor.shutdown()
    assert [call.result(timeout=0) for call in calls] == [0.1] * 3


def test_shutdown_can_drop_work(tmp_path):
    executor = make_executor(1)
    calls = [executor.submit(jobs.note_and_sleep, str(tmp_path), 60) for _ in range(3)]
    assert until(lambda: list(tmp_path.iterdir()))
    begin = time.monotonic()
    executor.shutdown(cancel_futures=True)
    assert time.monotonic() - begin < 3
    assert all(call.cancelled() for call in calls)
    assert not alive(int(next(tmp_path.iterdir()).name))


def test_shutdown_without_waiting_returns_at_once():
    executor = make_executor(1)
    call = executor.submit(jobs.sleep, 0.5)
    begin = time.monotonic()
    executor.shutdown(wait=False)
    assert time.monotonic() - begin < 0.3
    assert call.result(timeout=20) == 0.5


@pytest.mark.parametrize("workers", [0, 1])
def test_after_shutdown_nothing_is_taken(workers):
    executor = make_executor(workers)
    executor.shutdown()
    executor.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(jobs.square, 2)
