"""A cluster that is started as docs/clusters says listens on loopback alone, and so does one of any message."""

import os
import re
import shlex
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from local_cluster import kill_group, listeners, until

from temshift.execution import dask_cluster, make_executor

ROOT = Path(__file__).parents[2]
README = (ROOT / "docs" / "clusters" / "README.md").read_text(encoding="utf-8")
SOURCES = [
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "docs").rglob("*.sh"),
    ROOT / "README.md",
    *(ROOT / "src").rglob("*.py"),
]
OPTIONS = ["--host 127.0.0.1", "--dashboard-address 127.0.0.1:0"]


def free_port():
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def commands_of_the_page():
    """The lines of "By hand": settings, scheduler, workers, run."""
    block = re.search(r"## By hand.*?```\n(.*?)```", README, re.DOTALL)
    return block[1].splitlines()


def start(line, folder, settings):
    words = [sys.executable, "-m", *shlex.split(line)]
    paths = os.pathsep.join(sys.path)
    with (folder / f"{words[3]}.log").open("w") as log:
        return subprocess.Popen(
            words,
            env={**os.environ, "PYTHONPATH": paths, **settings},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@pytest.mark.slow
def test_scheduler_and_workers_of_the_page_listen_on_loopback_alone(tmp_path):
    port = free_port()
    settings, scheduler, workers, run = (line.replace("8786", port) for line in commands_of_the_page())
    environment = dict(pair.split("=") for pair in settings.removeprefix("export ").split())
    assert environment == {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    started = []
    try:
        started.append(start(scheduler, tmp_path, environment))
        started.append(start(workers.replace("--nworkers 4", "--nworkers 2"), tmp_path, environment))
        until(lambda: f"127.0.0.1:{port}" in (tmp_path / "worker.log").read_text(), 100)
        with make_executor(0, run.split()[-1]) as executor:
            until(lambda: len(executor._client.nthreads()) == 2, 100)
            assert listeners([process.pid for process in started]) == {"127.0.0.1"}
    finally:
        for process in reversed(started):
            kill_group(process)


def test_every_dask_command_that_is_named_anywhere_stays_on_loopback_or_on_a_named_network():
    lines = [line for path in SOURCES for line in path.read_text(encoding="utf-8").splitlines()]
    commands = [line for line in lines if re.match(r"(srun .*)?dask (scheduler|worker) .*-", line)]
    assert len(commands) == 6
    for line in commands:
        shown = line.replace('"${common[@]}"', "--dashboard-address 127.0.0.1:0 --interface ib0")
        assert "--dashboard-address 127.0.0.1:0" in shown, line
        assert "--host 127.0.0.1" in shown or "--interface ib0" in shown, line


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tls://localhost:1", "tcp://[::1]:1"])
def test_messages_name_commands_that_stay_on_loopback(address):
    for command in (dask_cluster._START_SCHEDULER, dask_cluster._start_workers(address)):
        assert all(option in command for option in OPTIONS)


def test_workers_for_a_scheduler_elsewhere_are_started_over_tls():
    command = dask_cluster._start_workers("tls://10.0.0.1:8786")
    assert "--interface NETWORK --dashboard-address 127.0.0.1:0, over TLS only: see docs/clusters" in command
