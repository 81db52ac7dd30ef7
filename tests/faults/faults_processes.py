"""Processes of a run, and waiting for them."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def children_of(process: int) -> list[int]:
    """Numbers of the processes that a process has started and that still run Python code of a worker."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            words = (place / "cmdline").read_bytes()
        except (OSError, IndexError, ValueError):
            continue
        if parent == process and b"spawn_main" in words:
            found.append(int(place.name))
    return found


def wait_until(ready: Callable[[], object], process: "subprocess.Popen[str]", seconds: float = 600.0) -> None:
    """Wait until something is true while a process runs."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
