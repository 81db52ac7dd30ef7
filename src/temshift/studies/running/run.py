"""Run a study: make the missing parts, keep the finished ones, gather and report."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temshift.core import TemshiftError
from temshift.databases.capacity import require_room
from temshift.databases.wave_sets import make_waves
from temshift.execution import (
    Outcome,
    Progress,
    SilentProgress,
    Task,
    Work,
    executor_width,
    make_executor,
    stream_tasks,
)
from temshift.execution.stages import Stage, told_failures
from temshift.information import ObjectLibrary, join_libraries, read_library, write_library
from temshift.networks import drop_weights
from temshift.networks.stored import holds_weights
from temshift.storage import record_state
from temshift.storage.files import discard_leftovers
from temshift.studies.analysis.conclude import conclude
from temshift.studies.analysis.example_pictures import shown_networks
from temshift.studies.analysis.tested_conditions import keep_tests
from temshift.studies.folder import StudyFolder, load_study, open_folder
from temshift.studies.parts.joining import write_part
from temshift.studies.planning.part import NetworkRun, Part
from temshift.studies.planning.plan import Plan
from temshift.studies.planning.study import Study
from temshift.studies.running.failures import Failure, forget_failure, note_failure
from temshift.studies.running.network_states import RunState, discard_damaged, run_states
from temshift.studies.running.queue import Listener, NetworkQueue
from temshift.studies.running.status import StatusFile
from temshift.studies.running.worker_tasks import make_ready, measure_library
from temshift.studies.selection import keep_selection

SPECIMENS_PER_TASK = 12
MAKING = "trainings and scores"  # one step each a network
RETRIES = 1  # how often a task is given to another worker after its own was lost


@dataclass(frozen=True)
class Run:
    """A study being run: its plan, its folder, and who does the work."""

    plan: Plan
    folder: StudyFolder
    work: Work


def run_study(
    study: Study | Path | str | Mapping[str, Any],
    output: Path | str,
    *,
    workers: int = 1,
    device: str = "cpu",
    scheduler: str | None = None,
    retries: int = RETRIES,
    retry_failed: bool = False,
    networks: range | None = None,
    progress: Progress | None = None,
) -> StudyFolder:
    """Run a study from atoms to report, or make some of its networks; finished work in ``output`` is kept.

    Parameters
    ----------
    study : Study, path or mapping
        The study to run, or what :func:`load_study` reads.
    output : path
        The study folder, new or of an earlier run of the same study.
    workers : int
        Processes of one thread each; 0 works in this process. Results do not depend on it.
    device : str
        "cpu" or "cuda".
    scheduler : str, optional
        Address or scheduler file of a Dask cluster that does the work instead; its workers see ``output`` under the
        same path.
    retries : int
        How often a task is done again after its worker was killed.
    retry_failed : bool
        Whether networks that failed in an earlier run are tried again; they are left alone otherwise.
    networks : range, optional
        Numbers of the networks to make, see :attr:`Plan.numbered`; their tables go to ``parts`` of the folder, and
        there is no report. All are made if it is left out.
    progress : Progress, optional
        Hears of every stage; silent by default.

    Returns
    -------
    StudyFolder
        With every file that DESIGN describes, and ``report``, unless some networks alone were asked for.

    Raises
    ------
    InputError
        If the folder holds another study, another run works there, disk or memory are too small, initial weights
        can't be taken, or the code of a factory may not be run, fails or makes no network of these images.
    TemshiftError
        If a part of the work fails; finished parts are kept, gathered and reported.
    """
    output, given = Path(output), study if isinstance(study, Study) else load_study(study)
    study = given.model_copy(update={"training": given.training.resolved()})  # can be read without initial weights
    progress, folder = progress or SilentProgress(), StudyFolder(output.absolute())
    plan = Plan(study, None if networks is None else [networks])
    plan.require_chosen()
    plan.require_networks()
    plan.require_initial_weights()
    needs = [(folder.waves(waves.id), waves, range(waves.layout.shards)) for waves in plan.databases.values()]
    require_room(output, needs, workers)
    with make_executor(workers, scheduler) as executor, open_folder(output, study, progress):
        starting = [executor.submit(make_ready) for _ in range(executor_width(executor))]
        run = Run(plan, folder, Work(executor, device, progress, workers))
        discard_leftovers(folder.root, below=True)
        keep_selection(folder, plan.numbers)
        folder.status.unlink(missing_ok=True)
        for place, waves, shards in needs:
            make_waves(run.work, place, waves, shards)
        libraries = {} if plan.chosen else {id_: _measure(run, one) for id_, one in _measured_parts(plan).items()}
        failures = _make_networks(run, retries, retry_failed)
        folder.status.unlink(missing_ok=True)
        for start in starting:
            start.cancel()  # nothing is left to do, maybe before a worker has even started
        _finish(run, libraries, failures)
    return folder


def _finish(run: Run, libraries: dict[str, ObjectLibrary], failures: dict[str, Failure]) -> None:
    """Gather and report, or write the tables of the networks that were chosen; then raise what failed."""
    numbers, progress = run.plan.numbers, run.work.progress
    try:
        if numbers is None:
            conclude(run.plan, run.folder, run.work, libraries, len(failures))
        else:
            place = write_part(run.folder, run.plan, numbers, progress.warning)
            progress.message(f"tables of the networks {numbers.start}:{numbers.stop}: {place}")
    except TemshiftError as error:
        raise TemshiftError("\n".join([*_failed_text(run, failures), str(error)])) from error
    if failures:
        raise TemshiftError("\n".join(_failed_text(run, failures)))


def _failed_text(run: Run, failures: dict[str, Failure]) -> list[str]:
    if not failures:
        return []
    named = [(f"network {r.id}, {r.name}", failures[r.id].reason) for r in run.plan.networks if r.id in failures]
    text = told_failures("networks", named, len(run.plan.networks))
    return [text, f"  temshift runs {run.folder.root} --failed lists them; --retry-failed tries them again"]


def _measured_parts(plan: Plan) -> dict[str, Part]:
    """Parts whose object spectra differ, by their ids."""
    shown = [part.kin[test.specimens] for part in plan.parts for test in part.tests]
    return {part.metrics_id: part for part in reversed([*plan.parts, *shown])}


def _measure(run: Run, part: Part) -> ObjectLibrary:
    """Library of the first training specimens, from which their mean spectra follow."""
    record, waves = run.folder.spectra_record(part.metrics_id), part.databases["training"]
    count = min(part.study.information.specimens, waves.count)
    kept = not run.work.missing([record], record_state)
    chunks = [] if kept else _batched(range(count), SPECIMENS_PER_TASK)
    semiangle = part.study.widest_semiangle
    tasks = [
        Task(measure_library, (run.folder.root, waves, semiangle, chunk), f"spectra of specimens {chunk}")
        for chunk in chunks
    ]
    measured = run.work.perform("object spectra", tasks, [len(chunk) for chunk in chunks], count if kept else 0)
    if not kept:
        write_library(record, join_libraries(measured))
    return read_library(record)


def _make_networks(run: Run, retries: int, retry_failed: bool) -> dict[str, Failure]:
    """Train and score the missing networks; return those that failed, now or in an earlier run."""
    keep_tests(run.folder, run.plan, run.work.progress.warning)
    if retry_failed:
        _forgive(run)
    warn = run.work.progress.warning
    states = run_states(run.plan, run.folder, lambda reason: warn(f"made again: {reason}"), discard=True)
    return _Making(run, states).perform(retries)


def _forgive(run: Run) -> None:
    """Forget failures; the files of those networks are verified, and damaged ones are made again."""
    for network in run.plan.networks:
        if run.folder.failure(network.id).exists():
            discard_damaged(run.folder, network)
            forget_failure(run.folder, network.id)


class _Making:
    """Networks being made: the queue, and what follows when one is trained, scored or failed."""

    def __init__(self, run: Run, states: dict[str, RunState]) -> None:
        self.run, self.states = run, states
        self.failures = {id_: state.failure for id_, state in states.items() if state.failure is not None}
        waiting = [state for state in states.values() if state.word == "waiting"]
        self.made = len(waiting)
        self.shown = set() if run.plan.chosen else shown_networks(run.plan)
        self.steps_left = sum(2 - state.trained for state in waiting)
        words = ("done", "failed", "waiting")
        counts = {word: sum(state.word == word for state in states.values()) for word in words}
        self.status = StatusFile(run.folder.status, counts)

    def perform(self, retries: int) -> dict[str, Failure]:
        work, started = self.run.work, time.monotonic()
        for network in self.run.plan.networks:
            if self.states[network.id].word == "done":
                self._drop(network)
        listener = Listener(self._trained, self._scored, self._failed)
        width = executor_width(work.executor)
        queue = NetworkQueue(self.run.plan, self.states, self.run.folder.root, work.device, listener, width)
        total = 2 * len(self.states)
        work.progress.start(MAKING, total, total - self.steps_left)
        self.status.begin(self.steps_left)
        self.status.write(MAKING)

        def write_status() -> None:
            self.status.write(MAKING, queue.running(executor_width(work.executor)))

        def take() -> Task | None:
            task = queue.take()
            write_status()
            return task

        def settle(outcome: Outcome) -> None:
            queue.settle(outcome)
            write_status()

        stream_tasks(
            work.executor,
            take,
            in_flight=lambda: 2 * executor_width(work.executor),
            retries=retries,
            on_outcome=settle,
        )
        work.progress.finish()
        reused = len(self.states) - self.made
        work.stages.append(Stage("networks trained and scored", self.made, reused, time.monotonic() - started))
        return self.failures

    def _trained(self, run: NetworkRun) -> None:
        self._step(1)

    def _scored(self, run: NetworkRun) -> None:
        self._drop(run)
        forget_failure(self.run.folder, run.id)
        self.status.moved("done")
        self._step(1)

    def _drop(self, run: NetworkRun) -> None:
        """Remove weights that are not to be kept; if that fails now, the next run does it."""
        place = self.run.folder.network(run.id)
        if run.training.keep != "none" or run.id in self.shown or not holds_weights(place):
            return
        try:
            drop_weights(place)
        except TemshiftError as error:
            self.run.work.progress.warning(str(error))

    def _failed(self, run: NetworkRun, failure: Failure) -> None:
        self.failures[run.id] = failure
        note_failure(self.run.folder, run, failure, self.run.work.progress)
        self.status.moved("failed")
        self._step(1 if failure.stage == "scores" else 2)

    def _step(self, count: int) -> None:
        self.status.step(count)
        self.run.work.progress.advance(count)


def _batched(items: Sequence[int], size: int) -> list[Sequence[int]]:
    """Cut a sequence into runs of ``size``; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]
