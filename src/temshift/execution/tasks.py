"""Tasks, what became of them, and the one loop that runs them all."""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from temshift.execution.processes import WorkerLostError

_SECONDS_OF_WAITING = 0.2


@dataclass(frozen=True)
class Task:
    """One call to run.

    Parameters
    ----------
    function : callable
        Importable by name, where tasks run in other processes.
    arguments : tuple
        Its positional arguments.
    label : str
        Name for people, used in messages.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    label: str


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a value, or an error.

    Parameters
    ----------
    task : Task
        The task that ended.
    value : object
        What its function returned; None where it failed.
    error : BaseException or None
        Why it failed; `WorkerLostError` where its worker was killed each time.
    """

    task: Task
    value: Any = None
    error: BaseException | None = None


def run_tasks(
    executor: Executor, tasks: Sequence[Task], *, retries: int = 1, on_outcome: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run tasks; a failing one becomes an outcome, the others go on.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Such as `make_executor` gives; stays open, except after an interrupt.
    tasks : sequence of Task
        All are submitted at once.
    retries : int
        How often a task is submitted again after its worker was killed.
    on_outcome : callable
        Takes each outcome as it comes, in the calling thread. What it raises cancels the rest.

    Returns
    -------
    list of Outcome
        In the order of `tasks`.

    Raises
    ------
    KeyboardInterrupt
        After the pending tasks were cancelled and the workers stopped.

    Examples
    --------
    >>> from temshift.execution import make_executor
    >>> tasks = [Task(abs, (-3,), "three"), Task(abs, ("x",), "text")]
    >>> with make_executor(0) as executor:
    ...     three, text = run_tasks(executor, tasks, on_outcome=lambda outcome: None)
    >>> three.value, type(text.error).__name__
    (3, 'TypeError')
    """
    run = _Run(executor, tasks, retries, on_outcome)
    try:
        return run.outcomes_of_all()
    except Exception:
        run.cancel()
        raise
    except BaseException:
        run.cancel()
        executor.shutdown(wait=True, cancel_futures=True)
        raise


class _Run:
    """The state of one call of `run_tasks`; tasks are known by their number."""

    def __init__(
        self, executor: Executor, tasks: Sequence[Task], retries: int, on_outcome: Callable[[Outcome], None]
    ) -> None:
        self.executor = executor
        self.tasks = tasks
        self.retries_left = [retries] * len(tasks)
        self.on_outcome = on_outcome
        self.pending: dict[int, Future[Any]] = {}
        self.ended: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
        self.outcomes: dict[int, Outcome] = {}

    def outcomes_of_all(self) -> list[Outcome]:
        for number in range(len(self.tasks)):
            self.submit(number)
            while not self.ended.empty():
                self.settle(*self.ended.get())
        while self.pending:
            self.wait_and_settle()
        return [self.outcomes[number] for number in range(len(self.tasks))]

    def submit(self, number: int) -> None:
        task = self.tasks[number]
        future = self.executor.submit(task.function, *task.arguments)
        self.pending[number] = future
        future.add_done_callback(lambda done: self.ended.put((number, done)))

    def settle(self, number: int, future: Future[Any]) -> None:
        error = CancelledError() if future.cancelled() else future.exception()
        if isinstance(error, WorkerLostError) and self.retries_left[number] > 0:
            self.retries_left[number] -= 1
            self.submit(number)
            return
        del self.pending[number]
        value = None if error is not None else future.result()
        self.outcomes[number] = Outcome(self.tasks[number], value, error)
        self.on_outcome(self.outcomes[number])

    def wait_and_settle(self) -> None:
        """Wait in short pieces: a signal that another thread receives does not end a long wait."""
        with suppress(Empty):
            self.settle(*self.ended.get(timeout=_SECONDS_OF_WAITING))

    def cancel(self) -> None:
        for future in list(self.pending.values()):
            future.cancel()
