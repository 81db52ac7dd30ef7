"""Notes on networks that failed: in which stage and why; kept until they succeed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from temshift.core import TemshiftError
from temshift.execution import Progress
from temshift.storage import read_json, write_json
from temshift.studies.folder import StudyFolder, Warn
from temshift.studies.planning.part import NetworkRun


@dataclass(frozen=True)
class Failure:
    """Why a network has no scores.

    Attributes
    ----------
    stage : str
        "training" or "scores".
    reason : str
        The error's text.
    """

    stage: str
    reason: str


def note_failure(folder: StudyFolder, run: NetworkRun, failure: Failure, progress: Progress) -> None:
    """Warn that a network failed, and write down why; if even that can't be written, warn of it."""
    progress.warning(f"network {run.id}, {run.name}, failed in {failure.stage}: {failure.reason}")
    facts = {"id": run.id, "name": run.name, "when": datetime.now(UTC).isoformat(timespec="seconds"), **vars(failure)}
    try:
        write_json(folder.failure(run.id), facts)
    except TemshiftError as error:
        progress.warning(str(error))


def forget_failure(folder: StudyFolder, run_id: str) -> None:
    """Remove the note on a network, which may have none."""
    folder.failure(run_id).unlink(missing_ok=True)


def read_failures(folder: StudyFolder, runs: Iterable[NetworkRun], warn: Warn) -> dict[str, Failure]:
    """Read the notes on networks of a plan, by their ids; one that can't be read counts as none, and is warned of."""
    noted = {path.stem for path in folder.failure("").parent.glob("*.json")}
    notes = {run.id: _read(folder.failure(run.id), warn) for run in runs if run.id in noted}
    return {run_id: failure for run_id, failure in notes.items() if failure is not None}


def _read(note: Path, warn: Warn) -> Failure | None:
    try:
        facts = read_json(note)
        return Failure(str(facts["stage"]), str(facts["reason"]))
    except (TemshiftError, KeyError, TypeError):
        warn(f"{note} is damaged: its network counts as waiting; temshift run tries it again")
        return None
