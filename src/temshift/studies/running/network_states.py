"""The networks of a study folder: which are trained, which are scored, which failed."""

import os
from dataclasses import dataclass
from pathlib import Path

from temshift.core import TemshiftError
from temshift.networks import CARD
from temshift.networks.stored import has_weights
from temshift.storage import record_state
from temshift.storage.records import Record, glance_record
from temshift.studies.folder import StudyFolder, Warn
from temshift.studies.planning.part import NetworkRun, TestCondition, score_id
from temshift.studies.planning.plan import Plan
from temshift.studies.running.failures import Failure, read_failures


@dataclass(frozen=True)
class RunState:
    """How far one network is.

    Attributes
    ----------
    trained : bool
        Whether it can be scored without training it again.
    missing : tuple of TestCondition
        Conditions that it is not scored under yet.
    failure : Failure or None
        Why it failed, if it is not done.
    """

    trained: bool
    missing: tuple[TestCondition, ...]
    failure: Failure | None

    @property
    def word(self) -> str:
        """The state in a word: done, failed, or waiting."""
        return "failed" if self.failure else "waiting" if self.missing or not self.trained else "done"


def run_states(plan: Plan, folder: StudyFolder, warn: Warn, *, discard: bool = False) -> dict[str, RunState]:
    """Look at every network of a plan.

    Seals of records are verified, and that their files are there in their sizes; the content of weights and tables is
    verified by those who read them.

    Parameters
    ----------
    plan : Plan
        The networks that should be there.
    folder : StudyFolder
        Where it should be.
    warn : callable
        Called with the reason for each damaged record, which counts as absent.
    discard : bool
        Whether damaged scores are removed, for the run that makes them again; others only look.

    Returns
    -------
    dict of str to RunState
        By the id of the network.
    """
    failures = read_failures(folder, plan.networks, warn)
    present = {place: _names(place) for place in (folder.networks, folder.root / "scores")}
    states = {}
    for run in plan.networks:
        record = _network(folder, run, warn) if run.id in present[folder.networks] else None
        scored = run.id in present[folder.root / "scores"]
        known = _known_scores(folder.scores(run.id), warn, discard) if scored else set()
        missing = tuple(test for test in plan.tests_of[run.id] if score_id(run.id, test.id) not in known)
        trained = record is not None and (not missing or has_weights(record))
        states[run.id] = RunState(trained, missing, failures.get(run.id) if missing or not trained else None)
    return states


def discard_damaged(folder: StudyFolder, run: NetworkRun) -> None:
    """Verify every byte of a network and of its scores; remove damaged records, so that they are made again."""
    for record in (folder.network(run.id) / CARD, *folder.scores(run.id).glob("*.json")):
        if record_state(record).state == "damaged":
            record.unlink(missing_ok=True)


def _names(place: Path) -> set[str]:
    return set(os.listdir(place)) if place.is_dir() else set()  # noqa: PTH208 - only names are needed


def _network(folder: StudyFolder, run: NetworkRun, warn: Warn) -> Record | None:
    path = folder.network(run.id) / CARD
    return _glance(path, warn) if path.exists() else None


def _known_scores(place: Path, warn: Warn, discard: bool) -> set[str]:
    """Ids of the scores in a folder."""
    known: set[str] = set()
    for path in sorted(place.glob("*.json")):
        record = _glance(path, warn)
        if record is not None:
            known.update(record.facts["score_ids"])
        elif discard:
            path.unlink(missing_ok=True)
    return known


def _glance(path: Path, warn: Warn) -> Record | None:
    try:
        return glance_record(path)
    except TemshiftError as error:
        warn(str(error))
        return None
