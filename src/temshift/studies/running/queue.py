"""The next task of a study: train each network, score a cohort as soon as its networks are trained."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from temshift.core import TemshiftError
from temshift.execution import Outcome, Task, WorkerLostError
from temshift.studies.planning.part import NetworkRun
from temshift.studies.planning.plan import Plan
from temshift.studies.running.failures import Failure
from temshift.studies.running.network_states import RunState
from temshift.studies.running.worker_tasks import Evaluation, reason, score_runs, train_runs

TESTS_PER_TASK = 12
MANY = 4  # cohorts a worker, from which each is scored by one task, and each network has one file of scores


@dataclass(frozen=True)
class _Job:
    """A task's place in the plan; a training has no tests."""

    cohort: int
    evaluations: tuple[Evaluation, ...]

    @property
    def trains(self) -> bool:
        return not any(tests for _, tests in self.evaluations)

    @property
    def runs(self) -> tuple[NetworkRun, ...]:
        return tuple(run for run, _ in self.evaluations)


@dataclass(frozen=True)
class Listener:
    """Functions that are called for each network when it is trained, scored under every condition, or failed."""

    trained: Callable[[NetworkRun], None]
    scored: Callable[[NetworkRun], None]
    failed: Callable[[NetworkRun, Failure], None]


class NetworkQueue:
    """Hands out tasks and takes their outcomes; scoring comes first, since weights may go after it.

    Parameters
    ----------
    plan : Plan
        All networks, in cohorts.
    states : mapping of str to RunState
        States of the networks at the start; those that failed are left alone.
    root : Path
        The study folder.
    device : str
        "cpu" or "cuda"; on a GPU the networks of a cohort that are of one kind are trained together.
    listener : Listener
        Hears of every network.
    workers : int
        How many tasks are worked on at a time: where cohorts are few, several share the scores of one.
    """

    def __init__(
        self,
        plan: Plan,
        states: Mapping[str, RunState],
        root: Path,
        device: str,
        listener: Listener,
        workers: int = 1,
    ) -> None:
        self._states, self._root, self._device, self._listener = states, root, device, listener
        self._cohorts = [[run for run in cohort if states[run.id].word == "waiting"] for cohort in plan.cohorts]
        self._shared = len([cohort for cohort in self._cohorts if cohort]) < MANY * workers
        self._untrained: list[set[str]] = []
        self._training: deque[_Job] = deque()
        self._scoring: deque[_Job] = deque()
        self._parts_left: dict[str, int] = {}
        self._jobs: dict[int, tuple[Task, _Job]] = {}
        for number in range(len(self._cohorts)):
            self._enqueue(number)

    def take(self) -> Task | None:
        """Return the next task, or None if nothing can be done now."""
        queue = self._scoring or self._training
        if not queue:
            return None
        job = queue.popleft()
        task = self._task(job)
        self._jobs[id(task)] = task, job
        return task

    def settle(self, outcome: Outcome) -> None:
        """Take the outcome of a task: report its networks, and queue the tasks that can follow."""
        _, job = self._jobs.pop(id(outcome.task))
        if _is_anyone_s(outcome.error) and len(job.evaluations) > 1:
            singles = [_Job(job.cohort, (single,)) for single in job.evaluations]  # one may have cost the others
            self._split(job, singles)
            return
        text = {} if outcome.error is None else dict.fromkeys((r.id for r in job.runs), reason(outcome.error))
        failures = text or outcome.value
        (self._settle_training if job.trains else self._settle_scores)(job, failures)

    def running(self, most: int) -> list[tuple[str, int]]:
        """Return the oldest tasks that are not settled, each with the number of networks that it is about."""
        return [(task.label, len(job.evaluations)) for task, job in islice(self._jobs.values(), most)]

    def _enqueue(self, number: int) -> None:
        cohort = self._cohorts[number]
        untrained = [run for run in cohort if not self._states[run.id].trained]
        self._untrained.append({run.id for run in untrained})
        groups = _of_one_kind(untrained) if self._device == "cuda" else [[run] for run in untrained]
        self._training.extend(_Job(number, tuple((run, ()) for run in group)) for group in groups)
        if cohort and not untrained:
            self._score(number)

    def _task(self, job: _Job) -> Task:
        names = "; ".join(f"{run.id}, {run.name}" for run in job.runs)
        if job.trains:
            return Task(train_runs, (self._root, job.runs, self._device), f"training of {names}")
        return Task(score_runs, (self._root, job.evaluations, self._device), f"scores of {names}")

    def _split(self, job: _Job, singles: Sequence[_Job]) -> None:
        if job.trains:
            self._training.extendleft(reversed(singles))
        else:
            self._scoring.extendleft(reversed(singles))

    def _settle_training(self, job: _Job, failures: Mapping[str, str]) -> None:
        for run in job.runs:
            self._untrained[job.cohort].discard(run.id)
            if run.id in failures:
                self._fail(job.cohort, run, Failure("training", failures[run.id]))
            else:
                self._listener.trained(run)
        if not self._untrained[job.cohort]:
            self._score(job.cohort)

    def _settle_scores(self, job: _Job, failures: Mapping[str, str]) -> None:
        for run in job.runs:
            if run.id not in self._parts_left:
                continue  # another part of its scores has failed
            self._parts_left[run.id] -= 1
            if run.id in failures:
                self._fail(job.cohort, run, Failure("scores", failures[run.id]))
            elif not self._parts_left[run.id]:
                self._finish(run)

    def _fail(self, cohort: int, run: NetworkRun, failure: Failure) -> None:
        self._cohorts[cohort].remove(run)
        self._parts_left.pop(run.id, None)
        self._listener.failed(run, failure)

    def _finish(self, run: NetworkRun) -> None:
        self._parts_left.pop(run.id, None)
        self._listener.scored(run)

    def _score(self, number: int) -> None:
        """Queue the scoring of a cohort, some test conditions a task where workers share it."""
        unscored = [(run, self._states[run.id].missing) for run in self._cohorts[number]]
        every = list({test.id: None for _, tests in unscored for test in tests})
        size = TESTS_PER_TASK if self._shared else max(len(every), 1)
        for start in range(0, len(every), size):
            chosen = set(every[start : start + size])
            parts = [(run, tuple(test for test in tests if test.id in chosen)) for run, tests in unscored]
            job = _Job(number, tuple((run, tests) for run, tests in parts if tests))
            self._scoring.append(job)
            for run in job.runs:
                self._parts_left[run.id] = self._parts_left.get(run.id, 0) + 1
        for run, tests in unscored:
            if not tests:
                self._finish(run)


def _is_anyone_s(error: BaseException | None) -> bool:
    """Return whether one network alone may have cost a task: its worker was lost, or memory ran out, say.

    An error of temshift, such as a damaged wave, would only be repeated for each network.
    """
    return isinstance(error, WorkerLostError) or not isinstance(error, TemshiftError | None)


def _of_one_kind(runs: Iterable[NetworkRun]) -> list[list[NetworkRun]]:
    """Networks that can be trained together: alike in all but conditions, seed, and rates of learning and decay."""
    groups: dict[str, list[NetworkRun]] = {}
    for run in runs:
        alike = run.training.model_copy(update={"learning_rate": 1.0, "weight_decay": 0.0})
        groups.setdefault(f"{run.network!r} {alike!r} {run.source!r}", []).append(run)
    return list(groups.values())
