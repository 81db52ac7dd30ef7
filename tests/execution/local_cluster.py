"""A Dask cluster of several processes on this machine, started as a user starts one."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path

import psutil

QUIET = ["--dashboard-address", "127.0.0.1:0", "--no-dashboard"]


class LocalCluster:
    """A scheduler on loopback, and workers that are started one by one; all end with the test."""

    def __init__(self, folder, **environment):
        self.file = folder / "scheduler.json"
        self.folder = folder
        paths = [str(Path(__file__).parent), *sys.path]
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
        self.processes = []
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", *QUIET)

    def start(self, role, *options):
        """Start a scheduler or a worker in a process group of its own."""
        log = (self.folder / f"{role}-{len(self.processes)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", role, "--scheduler-file", str(self.file), *options],
            env=self.environment,
            cwd=self.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.processes.append(process)
        return process

    def add_worker(self, **environment):
        """Start a worker with its nanny, which starts it again when it was killed."""
        self.environment = {**self.environment, **environment}
        until(self.file.exists)
        one = ["--nthreads", "1", "--nworkers", "1", "--memory-limit", "0", "--death-timeout", "60"]
        return self.start("worker", *one, "--host", "127.0.0.1", "--local-directory", str(self.folder), *QUIET)

    @property
    def address(self):
        until(self.file.exists)
        return json.loads(self.file.read_text())["address"]

    def close(self):
        for process in reversed(self.processes):
            kill_group(process)


def kill_group(process):
    """Kill a process and all that it started, with a signal that none can refuse."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=20)


def listeners(processes):
    """Addresses at which processes and all that they have started take connections."""
    family = [child for process in processes for child in psutil.Process(process).children(recursive=True)]
    family += [psutil.Process(process) for process in processes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        places = [place for process in family for place in process.connections(kind="inet")]
    return {place.laddr.ip for place in places if place.status == psutil.CONN_LISTEN}


def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
