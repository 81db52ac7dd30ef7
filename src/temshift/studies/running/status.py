"""How far a study is: written by a run while it works, and read from its folder at any time."""

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from temshift.core import TemshiftError
from temshift.storage import read_json, write_json
from temshift.studies.folder import StudyFolder, Warn, require_study
from temshift.studies.planning.part import NetworkRun
from temshift.studies.running.failures import Failure
from temshift.studies.running.network_states import run_states
from temshift.studies.running.tally import keep_tally, read_tally, signature_of
from temshift.studies.selection import stored_plan

SECONDS_BETWEEN_WRITES = 2.0


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a study is.

    Attributes
    ----------
    at_work : bool
        Whether a run works in the folder now.
    stage : str
        The stage of that run; empty if none works.
    counts : mapping of str to int
        Networks that are done, running, failed and waiting.
    running : tuple of str
        Tasks that workers have.
    seconds_left : float or None
        At the pace so far; None if there is none yet.
    """

    at_work: bool
    stage: str
    counts: Mapping[str, int]
    running: tuple[str, ...]
    seconds_left: float | None


class StatusFile:
    """Keeps a file in the study folder that says how far a run is.

    It is written at most every two seconds, but whenever asked before the first step is made, which may take long.

    Parameters
    ----------
    path : Path
        The file; it appears whole or not at all.
    counts : mapping of str to int
        Networks done, failed and waiting at the start.
    """

    def __init__(self, path: Path, counts: Mapping[str, int]) -> None:
        self._path, self._counts = path, Counter(counts)
        self._started = time.monotonic()
        self._written = -SECONDS_BETWEEN_WRITES
        self._steps = self._steps_left = 0

    def begin(self, steps_left: int) -> None:
        """Start to count the steps that are left: a training and a scoring for each network."""
        self._started, self._steps, self._steps_left = time.monotonic(), 0, steps_left

    def step(self, count: int = 1) -> None:
        """Count steps that were made."""
        self._steps += count
        self._steps_left -= count

    def moved(self, state: str) -> None:
        """Count a network that was waiting as done or failed."""
        self._counts.update({"waiting": -1, state: 1})

    def write(self, stage: str, running: Sequence[tuple[str, int]] = ()) -> None:
        """Write the file, unless it was written just now; ``running`` are tasks and how many networks each is about."""
        now = time.monotonic()
        if self._steps and now - self._written < SECONDS_BETWEEN_WRITES:
            return
        self._written = now
        labels, busy = [label for label, _ in running], sum(count for _, count in running)
        counts = {**self._counts, "running": busy, "waiting": self._counts["waiting"] - busy}
        facts = {"stage": stage, "counts": counts, "running": labels, "seconds_left": self._left(now)}
        try:
            write_json(self._path, {**facts, "host": platform.node(), "process": os.getpid()})
        except TemshiftError:
            return  # a full disk stops the work itself, which says so

    def _left(self, now: float) -> float | None:
        return (now - self._started) / self._steps * self._steps_left if self._steps else None


def read_status(root: Path | str, warn: Warn = lambda _: None) -> Status:
    """Read how far the study of a folder is.

    Parameters
    ----------
    root : path
        A study folder, also one that a run works in.
    warn : callable
        Called for each damaged file, whose network counts as waiting.

    Returns
    -------
    Status

    Raises
    ------
    InputError
        If it is no study folder.
    """
    folder = require_study(Path(root))
    at_work = is_at_work(folder.root)
    if at_work and (status := _written_status(folder)) is not None:
        return status
    return Status(at_work=at_work, stage="", counts=_counts(folder, warn), running=(), seconds_left=None)


def _counts(folder: StudyFolder, warn: Warn) -> Counter[str]:
    """Networks in each state: as they were counted, if no file has changed since and nothing was wrong then."""
    signature = signature_of(folder)
    counts = read_tally(folder, signature)
    if counts is not None:
        return counts
    remarks: list[str] = []
    counts = Counter(word for _, word, _ in list_runs(folder.root, remarks.append))
    for remark in remarks:
        warn(remark)
    if not remarks:
        keep_tally(folder, signature, counts)
    return counts


def list_runs(root: Path | str, warn: Warn = lambda _: None) -> list[tuple[NetworkRun, str, Failure | None]]:
    """List all networks of a study folder: each with its state, and why it failed.

    Parameters
    ----------
    root : path
        A study folder.
    warn : callable
        Called for each damaged file, whose network counts as waiting.

    Returns
    -------
    list of (NetworkRun, str, Failure or None)
        In the order of the plan; states are done, failed and waiting.

    Raises
    ------
    InputError
        If it is no study folder.
    """
    folder = require_study(Path(root))
    plan = stored_plan(folder, warn)
    states = run_states(plan, folder, warn)
    return [(run, states[run.id].word, states[run.id].failure) for run in plan.networks]


def is_at_work(root: Path) -> bool:
    """Return whether a run works in a study folder now."""
    if not (root / ".lock").exists():
        return False
    try:
        with FileLock(root / ".lock", timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _written_status(folder: StudyFolder) -> Status | None:
    """The status that a run at work has written; None if it can't be read."""
    try:
        facts: dict[str, Any] = read_json(folder.status)
        return Status(
            at_work=True,
            stage=str(facts["stage"]),
            counts=Counter(facts["counts"]),
            running=tuple(facts["running"]),
            seconds_left=facts["seconds_left"],
        )
    except (TemshiftError, KeyError, TypeError):
        return None
