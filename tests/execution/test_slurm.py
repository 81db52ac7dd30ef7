"""docs/clusters/slurm.sh runs a study on a real local cluster with its own commands; srun alone is replaced."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from local_cluster import listeners, until

from temshift.configuration.yaml_document import read_document, write_document
from temshift.studies import load_study, read_parts, read_results, run_study

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "clusters" / "slurm.sh"
SETTINGS = {
    "counts": {"training": 8, "test": 4},
    "training": {"steps": 20, "batch": 8},
    "seeds": 6,
    "cohort": 4,
    "information": {"specimens": 2, "draws": 8, "observers": False},
    "examples": {"specimens": 1},
}

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
PYTHON = """#!/bin/bash
exec {python} -m {module} "$@"
"""
STRANGER = """
import sys
from temshift.execution import dask_cluster, make_executor
dask_cluster.SECONDS_TO_CONNECT = 2
make_executor(0, sys.argv[1])
"""


def write_commands(folder):
    folder.mkdir()
    texts = {"srun": SRUN}
    texts |= {
        name: PYTHON.format(python=sys.executable, module=module)
        for name, module in (("dask", "dask"), ("temshift", "temshift.cli.app"))
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


@pytest.fixture
def study(tmp_path):
    """Write a study of 24 networks beside the job."""
    text = (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")
    (tmp_path / "study.yaml").write_text(write_document(read_document(text).data | SETTINGS), encoding="utf-8")
    return tmp_path / "study.yaml"


@pytest.fixture
def job(tmp_path):
    """Give the environment of a job of two tasks, whose network is loopback."""
    write_commands(tmp_path / "commands")
    return {
        **{name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")},
        "PATH": os.pathsep.join([str(tmp_path / "commands"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(sys.path),
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


def workers_of(group):
    """Give the processes of a session that work for dask's nannies."""
    named = {pid: Path(f"/proc/{pid}/cmdline") for pid in members(group)}
    return [pid for pid, path in named.items() if path.exists() and b"spawn_main" in path.read_bytes()]


def told_to_a_stranger(address):
    """Give what somebody without the key of the run is told."""
    without = {name: value for name, value in os.environ.items() if not name.startswith("DASK_")}
    command = [sys.executable, "-c", STRANGER, address]
    return subprocess.run(command, env=without, capture_output=True, text=True, check=False).stderr


@pytest.mark.slow
@needs_openssl
def test_a_job_runs_a_study_survives_a_killed_worker_and_leaves_nothing(start, study, tmp_path):
    script = start("study.yaml", "--output", "study")
    until(lambda: list(tmp_path.glob(".temshift-cluster-*/scheduler.json")), 60)
    (file,) = tmp_path.glob(".temshift-cluster-*/scheduler.json")
    address = json.loads(file.read_text())["address"]
    assert address.startswith("tls://127.0.0.1:")
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    until(lambda: list(tmp_path.glob("study/networks/*/network.json")), 120)
    workers = workers_of(script.pid)
    assert len(workers) == 2
    assert listeners([script.pid]) == {"127.0.0.1"}
    told = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in workers]
    assert all({b"OMP_NUM_THREADS=1", b"POLARS_MAX_THREADS=1"} <= set(one) for one in told)
    os.kill(workers[0], signal.SIGKILL)
    assert not (tmp_path / "study" / "results.parquet").exists()
    assert "no scheduler answers at tls://" in told_to_a_stranger(address)
    assert script.wait(timeout=240) == 0, (tmp_path / "log").read_text()
    undisturbed = run_study(load_study(study), tmp_path / "undisturbed", workers=0)
    assert read_results(tmp_path / "study").equals(read_results(undisturbed.root))
    until(lambda: not members(script.pid), 20)
    assert {path.name for path in tmp_path.iterdir()} == {"commands", "log", "study", "study.yaml", "undisturbed"}


@pytest.mark.slow
@needs_openssl
def test_a_job_ends_as_the_run_ends(start, tmp_path):
    script = start("nowhere.yaml")
    assert script.wait(timeout=120) == 2
    assert "nowhere.yaml" in (tmp_path / "log").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["commands", "log"]


@pytest.mark.slow
@needs_openssl
def test_a_job_of_one_node_stays_on_loopback_and_leaves_nothing_if_it_is_ended(start, job, study, tmp_path):
    del job["INTERFACE"]
    job["SLURM_JOB_NUM_NODES"] = "1"
    script = start("study.yaml", "--output", "study")
    until(lambda: list(tmp_path.glob(".temshift-cluster-*/scheduler.json")), 60)
    until(lambda: len(workers_of(script.pid)) == 2, 100)
    assert listeners([script.pid]) == {"127.0.0.1"}
    os.killpg(script.pid, signal.SIGTERM)  # as scancel does
    assert script.wait(timeout=60) == 143
    until(lambda: not members(script.pid), 20)
    assert not list(tmp_path.glob(".temshift-cluster-*"))


@pytest.mark.slow
def test_a_task_of_an_array_makes_its_part_and_goes_on(tmp_path, study, job):
    """Two tasks of two networks each, the second one given twice; their tables join."""
    script, folder = SCRIPT.with_name("parts.sh"), tmp_path / "parts"
    for number in (3, 0, 0):
        task = {**job, "SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "1", "NETWORKS": "2"}
        subprocess.run(["bash", script, study, folder], env=task, cwd=tmp_path, check=True, timeout=300)
    parts = sorted(folder.glob("part-*/parts/*"))
    assert [part.relative_to(folder).as_posix() for part in parts] == [
        "part-0000/parts/00000-00002",
        "part-0003/parts/00006-00008",
    ]
    joined = read_parts(parts)
    assert joined.networks["number"].to_list() == [0, 1, 6, 7] and joined.count == 24
