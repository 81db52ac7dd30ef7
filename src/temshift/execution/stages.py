"""Work in stages: tasks on an executor, progress reported, failures gathered, finished items kept."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from temshift.core import TemshiftError
from temshift.execution import Progress, Task, run_tasks
from temshift.storage.records import RecordState


@dataclass(frozen=True)
class Stage:
    """What a stage of a run did: items made now, items kept from before, seconds."""

    name: str
    made: int
    reused: int
    seconds: float


@dataclass
class Work:
    """Who does the work of a run, on which device, and who hears of it.

    Parameters
    ----------
    executor : Executor
        Who makes it.
    device : str
        Where arrays live.
    progress : Progress
        Who hears of it.
    workers : int
        Number of processes; 0 is this one alone.
    """

    executor: Executor
    device: str
    progress: Progress
    workers: int = 0
    stages: list[Stage] = field(default_factory=list)

    def perform(self, name: str, tasks: Sequence[Task], sizes: Sequence[int], reused: int) -> list[Any]:
        """Run the tasks of one stage, each worth ``sizes`` items; failures are raised when all the others are done."""
        started = time.monotonic()
        size_of = dict(zip(map(id, tasks), sizes, strict=True))
        self.progress.start(name, reused + sum(sizes), reused)
        outcomes = run_tasks(
            self.executor, tasks, on_outcome=lambda outcome: self.progress.advance(size_of[id(outcome.task)])
        )
        self.progress.finish()
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        if failed:
            raise TemshiftError(told_failures(name, [(one.task.label, one.error) for one in failed], len(tasks)))
        self.stages.append(Stage(name, sum(sizes), reused, time.monotonic() - started))
        return [outcome.value for outcome in outcomes]

    def missing(self, items: Iterable[Any], state_of: Callable[[Any], RecordState]) -> list[Any]:
        """Return the items that are absent or damaged; the damaged ones are reported."""
        states = [(item, state_of(item)) for item in items]
        for _, state in states:
            if state.state == "damaged":
                self.progress.warning(f"made again: {state.reason}")
        return [item for item, state in states if state.state != "complete"]


def told_failures(stage: str, failures: Sequence[tuple[str, object]], tasks: int) -> str:
    """Return how many parts of a stage failed, and of the first ten why."""
    lines = [f"  {label}: {error}" for label, error in failures[:10]]
    more = [f"  and {len(failures) - 10} more"] if len(failures) > 10 else []
    head = f"{stage}: {len(failures)} of {tasks} failed; what is finished is kept, the same command goes on from there"
    return "\n".join([head, *lines, *more])
