"""docs/clusters/slurm.sh, run with its own commands on a real local cluster; srun alone is replaced."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import execution_jobs
import pytest
from local_cluster import until

SCRIPT = Path(__file__).parents[2] / "docs" / "clusters" / "slurm.sh"
JOBS = str(Path(execution_jobs.__file__).parent)

SRUN = """#!/bin/bash
[ "$1" = --kill-on-bad-exit=0 ] || exit 9
shift
stop() {
    kill $(jobs -p)
    for _ in {1..80}; do [ -n "$(jobs -rp)" ] || exit; sleep 0.1; done
    kill -KILL $(jobs -p)
    exit
}
trap stop TERM
for _ in $(seq "$SLURM_NTASKS"); do "$@" & done
wait
"""
DASK = """#!/bin/bash
exec {python} -m dask "$@"
"""
TEMSHIFT = """#!{python}
import json, os, subprocess, sys
from pathlib import Path
import execution_jobs as jobs
from temshift.execution import Task, make_executor, run_tasks

STRANGER = '''
import sys
from temshift.execution import dask_cluster, make_executor
dask_cluster.SECONDS_TO_CONNECT = 2
make_executor(0, sys.argv[1])
'''

def main():
    verb, study, option, given, flag, file = sys.argv[1:]
    Path("started").write_text(file)
    address = json.loads(Path(file).read_text())["address"]
    without_key = {{name: value for name, value in os.environ.items() if not name.startswith("DASK_")}}
    command = [sys.executable, "-c", STRANGER, address]
    stranger = subprocess.run(command, env=without_key, capture_output=True, text=True)
    names = ["OMP_NUM_THREADS", "POLARS_MAX_THREADS"]
    tasks = [
        Task(jobs.kill_self_once, (os.path.abspath("dies"),), "dies"),
        *[Task(jobs.square, (number,), "square") for number in range(20)],
        *[Task(jobs.environment, (name,), name) for name in names],
    ]
    with make_executor(0, file) as executor:
        values = [outcome.value for outcome in run_tasks(executor, tasks, on_outcome=lambda outcome: None)]
    told = {{
        "arguments": [verb, study, option, given, flag],
        "address": address,
        "mode": oct(Path(file).parent.stat().st_mode & 0o777),
        "stranger": stranger.stderr,
        "values": values,
    }}
    Path("told.json").write_text(json.dumps(told))
    sys.exit(3)

if __name__ == "__main__":
    main()
"""


def write_commands(folder):
    folder.mkdir()
    for name, text in [("srun", SRUN), ("dask", DASK), ("temshift", TEMSHIFT)]:
        (folder / name).write_text(text.format(python=sys.executable) if name != "srun" else text)
        (folder / name).chmod(0o755)


@pytest.fixture
def job(tmp_path):
    """Give the environment of a job of two tasks, whose network is loopback."""
    write_commands(tmp_path / "commands")
    return {
        **{name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")},
        "PATH": os.pathsep.join([str(tmp_path / "commands"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([JOBS, *sys.path]),
        "SLURM_NTASKS": "2",
        "INTERFACE": "lo",
    }


@pytest.fixture
def start(job, tmp_path):
    """Start the script as a job, whose processes are killed after the test."""
    started = []

    def start_one(*arguments):
        with (tmp_path / "log").open("w") as log:
            command = ["bash", str(SCRIPT), *arguments]
            one = subprocess.Popen(command, cwd=tmp_path, env=job, stdout=log, stderr=log, start_new_session=True)
        started.append(one)
        return one

    yield start_one
    for script in started:
        for number in members(script.pid):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        script.wait(timeout=20)


def members(group):
    """Give the living processes of a session, whatever their group."""
    told = subprocess.run(["ps", "-e", "-o", "sid=,stat=,pid="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in told.splitlines()]
    return [int(pid) for sid, state, pid in rows if int(sid) == group and state[0] != "Z"]


needs_openssl = pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("ps")), reason="needs openssl and ps")


def test_the_script_is_bash_and_tells_its_use(tmp_path):
    assert subprocess.run(["bash", "-n", str(SCRIPT)], check=False).returncode == 0
    told = subprocess.run(["bash", str(SCRIPT)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr.startswith("usage: sbatch slurm.sh STUDY.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@needs_openssl
def test_a_job_runs_on_its_workers_survives_a_killed_one_and_leaves_nothing(start, tmp_path):
    script = start("study.yaml", "--device", "cuda")
    assert script.wait(timeout=120) == 3, (tmp_path / "log").read_text()  # as the run itself
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["arguments"] == ["run", "study.yaml", "--device", "cuda", "--scheduler"]
    assert told["values"] == ["second try", *[number**2 for number in range(20)], "1", "1"]
    assert told["address"].startswith("tls://127.0.0.1:")
    assert told["mode"] == "0o700"
    assert "no scheduler answers at tls://" in told["stranger"]
    until(lambda: not members(script.pid), 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["commands", "dies", "log", "started", "told.json"]


@pytest.mark.slow
@needs_openssl
def test_a_job_that_is_ended_leaves_nothing(start, tmp_path):
    script = start("study.yaml", "--device", "cuda")
    until(lambda: list(tmp_path.glob(".temshift-cluster-*/scheduler.json")), 60)
    os.killpg(script.pid, signal.SIGTERM)  # as scancel does
    assert script.wait(timeout=60) == 143
    until(lambda: not members(script.pid), 20)
    assert not list(tmp_path.glob(".temshift-cluster-*"))
