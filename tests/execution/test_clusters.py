"""A Dask cluster of several processes: killed workers, lost schedulers, and what a user can get wrong."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import execution_jobs as jobs
import pytest
from local_cluster import LocalCluster, kill_group, until

from temshift.core.errors import InputError
from temshift.execution import (
    SchedulerLostError,
    Task,
    WorkerLostError,
    dask_cluster,
    executor_width,
    make_executor,
    run_tasks,
    stream_tasks,
)
from temshift.studies import run_study

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_client_is_left():
    """Collect clients that could not connect: one that is collected while another starts waits for itself."""
    yield
    gc.collect()


@pytest.fixture
def cluster(tmp_path):
    """Give a cluster without workers."""
    (tmp_path / "cluster").mkdir()
    cluster = LocalCluster(tmp_path / "cluster")
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """Give a cluster of two workers, whose scheduler gives a task whose worker died to no other one."""
    cluster = LocalCluster(tmp_path_factory.mktemp("cluster"), DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    for _ in range(2):
        cluster.add_worker()
    with make_executor(0, cluster.address) as executor:
        until(lambda: len(executor._client.nthreads()) == 2)
    yield cluster
    cluster.close()


@pytest.fixture
def executor(two_workers):
    with make_executor(0, str(two_workers.file)) as executor:
        yield executor


def squares(count):
    return [Task(jobs.square, (number,), f"square {number}") for number in range(count)]


def run(executor, tasks, **options):
    return run_tasks(executor, tasks, on_outcome=lambda outcome: None, **options)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_execution_starts_without_the_cluster_package():
    code = "import sys, temshift.execution; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_package_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        InputError, match=r"needs the package distributed; install it: pip install 'temshift\[cluster\]'"
    ):
        make_executor(0, "tcp://127.0.0.1:8786")


def test_a_missing_scheduler_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json' is no file; give an address such as tcp://"):
        make_executor(2, str(tmp_path / "nowhere.json"))


@pytest.mark.parametrize("text", ["", "[]", "{}", "tcp://127.0.0.1:8786"])
def test_another_file_is_no_scheduler_file(tmp_path, text):
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(InputError, match=r"file\.json is no scheduler file .*; give the one that the scheduler wrote"):
        make_executor(2, str(tmp_path / "file.json"))


def test_an_address_where_nobody_answers_is_told_soon(monkeypatch):
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_CONNECT", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    begin = time.monotonic()
    with pytest.raises(InputError, match=f"no scheduler answers at {address} .*start one: dask scheduler"):
        make_executor(0, address)
    assert time.monotonic() - begin < 10


def test_a_study_without_its_scheduler_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="is no file"):
        run_study(Path(__file__).parents[2] / "examples" / "tiny.yaml", tmp_path / "study", scheduler="nowhere.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "tcp://", "tls://127.0.0.1:1"])
def test_an_address_of_another_kind_is_told(address):
    with pytest.raises(InputError, match="no scheduler answers at"):
        make_executor(0, address)


def test_workers_of_another_temshift_or_python_are_refused():
    here = dask_cluster.versions()
    for name, found in [("temshift", "0.0.1"), ("python", "2.7.18"), ("temshift", "none")]:
        with pytest.raises(InputError, match=rf"tcp://w has {name} {found} instead of .*the same environment"):
            dask_cluster._compare("tcp://w", {**here, name: found}, here)
    with pytest.raises(InputError, match=r"tcp://w cannot run temshift \(No module named .*install temshift"):
        dask_cluster._compare("tcp://w", ModuleNotFoundError("No module named 'temshift'"), here)


def test_workers_with_another_torch_are_told_and_alike_ones_are_not():
    here = dask_cluster.versions()
    with pytest.warns(UserWarning, match=r"tcp://w has torch 2\.0 instead of .*last digits"):
        dask_cluster._compare("tcp://w", {**here, "torch": "2.0"}, here)
    dask_cluster._compare("tcp://w", here, here)
    dask_cluster._compare("tcp://w", OSError("it left"), here)


@pytest.mark.slow
def test_values_errors_and_notes_come_back_as_from_processes(executor):
    outcomes = run(executor, [*squares(20), Task(jobs.fail, ("broken",), "fails"), Task(jobs.leave, (), "leaves")])
    assert [outcome.value for outcome in outcomes[:20]] == [number**2 for number in range(20)]
    assert isinstance(outcomes[20].error, ValueError)
    assert "execution_jobs.py" in "".join(outcomes[20].error.__notes__)
    assert "SystemExit: 3" in str(outcomes[21].error)
    with pytest.raises(Exception, match="Can't pickle"):
        executor.submit(lambda: 3).result(timeout=20)
    assert executor.submit(jobs.process_number).result(timeout=20) != os.getpid()
    assert executor.submit(jobs.threads_used_by_torch).result(timeout=60) == 1
    assert executor_width(executor) == 2


def killer(*folders):
    """Kill the worker of the first folder as soon as all of them have one that is at work."""

    def kill():
        until(lambda: all(list(folder.iterdir()) for folder in folders))
        os.kill(int(next(folders[0].iterdir()).name.split("-")[0]), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@pytest.fixture
def two_folders(tmp_path):
    folders = [tmp_path / "killed", tmp_path / "spared"]
    for folder in folders:
        folder.mkdir()
    return folders


def stays(folders, seconds=2):
    return [Task(jobs.note_and_stay, (str(folder), seconds), folder.name) for folder in folders]


@pytest.mark.slow
def test_a_worker_killed_mid_run_costs_its_own_task_which_is_tried_again(executor, two_folders):
    """Both workers are busy when one is killed: its task runs twice, the other's once, and all go on."""
    thread = killer(*two_folders)
    outcomes = run(executor, [*stays(two_folders), *squares(50)])
    thread.join()
    assert [outcome.value for outcome in outcomes] == ["stayed"] * 2 + [number**2 for number in range(50)]
    assert [len(list(folder.iterdir())) for folder in two_folders] == [2, 1]


@pytest.mark.slow
def test_a_killed_worker_without_retries_is_the_outcome_of_its_task(executor, two_folders):
    thread = killer(*two_folders)
    outcomes = run(executor, stays(two_folders), retries=0)
    thread.join()
    assert isinstance(outcomes[0].error, WorkerLostError)
    assert str(outcomes[0].error).startswith("1 worker ended with this task in hand")
    assert outcomes[1].value == "stayed"


@pytest.mark.slow
def test_a_task_that_kills_each_worker_fails_after_its_retries_and_the_others_finish(executor, tmp_path):
    deadly = Task(jobs.note_and_kill_self, (str(tmp_path),), "dies")
    tasks = iter([*squares(5), deadly, *squares(30)])
    outcomes = []
    stream_tasks(executor, lambda: next(tasks, None), in_flight=2, retries=2, on_outcome=outcomes.append)
    failed = [outcome for outcome in outcomes if outcome.error]
    assert [outcome.task.label for outcome in failed] == ["dies"]
    assert isinstance(failed[0].error, WorkerLostError)
    assert len(outcomes) == 36
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
def test_a_call_that_waits_can_be_cancelled(executor, tmp_path):
    first = [executor.submit(jobs.sleep, 1.5) for _ in range(2)]
    waiting = executor.submit(jobs.note_and_stay, str(tmp_path), 0)
    assert waiting.cancel()
    assert [call.result(timeout=20) for call in first] == [1.5, 1.5]
    assert executor.submit(jobs.square, 3).result(timeout=20) == 9
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_interrupt_cancels_the_tasks_of_its_run_and_leaves_the_cluster(two_workers, tmp_path):
    tasks = [*squares(1), *[Task(jobs.note_and_sleep, (str(tmp_path), 1), "sleeps") for _ in range(60)]]

    def interrupt(_):
        raise KeyboardInterrupt

    with make_executor(0, two_workers.address) as other:
        begin = time.monotonic()
        executor = make_executor(0, two_workers.address)
        with pytest.raises(KeyboardInterrupt):
            run_tasks(executor, tasks, on_outcome=interrupt)
        assert time.monotonic() - begin < 10
        with pytest.raises(RuntimeError, match="shut down"):
            executor.submit(jobs.square, 3)
        assert other.submit(jobs.square, 3).result(timeout=20) == 9  # a minute earlier than the sleepers would end
        assert time.monotonic() - begin < 20


@pytest.mark.slow
def test_shutdown_waits_for_work_or_drops_it(two_workers):
    executor = make_executor(0, two_workers.address)
    calls = [executor.submit(jobs.sleep, 0.1) for _ in range(4)]
    executor.shutdown()
    assert [call.result(timeout=0) for call in calls] == [0.1] * 4
    executor = make_executor(0, two_workers.address)
    calls = [executor.submit(jobs.sleep, 2) for _ in range(40)]
    begin = time.monotonic()
    executor.shutdown(cancel_futures=True)
    assert time.monotonic() - begin < 5
    assert all(call.cancelled() for call in calls)


@pytest.mark.slow
def test_workers_may_come_and_go(cluster, monkeypatch):
    """A run starts on one worker, goes on with a second that joins, and survives the loss of the first machine."""
    monkeypatch.setattr(dask_cluster, "SECONDS_FOR_A_WORKER", 0.5)
    monkeypatch.setattr(dask_cluster, "_SECONDS_A_WIDTH_HOLDS", 0.1)
    with pytest.raises(
        InputError, match=r"has had no worker for .* s; start some: PYTHONSAFEPATH=1 dask worker tcp://"
    ):
        make_executor(0, cluster.address)
    monkeypatch.setattr(dask_cluster, "SECONDS_FOR_A_WORKER", 30)
    first = cluster.add_worker()
    outcomes, widths = [], set()

    def workers():
        return list(dict.fromkeys(outcome.value for outcome in outcomes))

    def take():
        enough = len(workers()) == 2 and [outcome.value for outcome in outcomes[-3:]] == workers()[1:] * 3
        return None if enough else Task(jobs.slow_process_number, (0.1,), "who")

    def end(outcome):
        outcomes.append(outcome)
        widths.add(executor_width(executor))
        if len(workers()) == 2 and first.returncode is None:
            kill_group(first)

    with make_executor(0, str(cluster.file)) as executor:
        assert executor_width(executor) == 1
        cluster.add_worker()
        stream_tasks(executor, take, in_flight=lambda: 2 * executor_width(executor), on_outcome=end)
    assert first.returncode == -signal.SIGKILL
    assert widths == {1, 2}
    assert not any(outcome.error for outcome in outcomes)


@pytest.mark.slow
def test_a_lost_scheduler_ends_the_run_and_says_so(cluster):
    cluster.add_worker()
    told = []

    def kill_scheduler(outcome):
        told.append(outcome)
        kill_group(cluster.scheduler)

    tasks = [*squares(1), *[Task(jobs.sleep, (20,), "sleeps") for _ in range(10)]]
    begin = time.monotonic()
    with make_executor(0, str(cluster.file)) as executor:
        with pytest.raises(SchedulerLostError, match=r"the connection to the scheduler at tcp://.* was lost; .*again"):
            run_tasks(executor, tasks, on_outcome=kill_scheduler)
        with pytest.raises(SchedulerLostError):
            executor.submit(jobs.square, 3)
    assert time.monotonic() - begin < 20
    assert len(told) == 1
