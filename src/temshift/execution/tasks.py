"""Tasks, what became of them, and the one loop that runs them all, from a list or as they are taken."""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from temshift.execution.losses import SchedulerLostError, WorkerLostError

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
        What its function returned; None if it failed.
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
        After the pending tasks were cancelled and the workers stopped; a cluster's workers end what they run.
    SchedulerLostError
        If nobody runs tasks any more: a cluster that can no longer be reached, workers that do not start.

    Examples
    --------
    >>> from temshift.execution import make_executor
    >>> tasks = [Task(abs, (-3,), "three"), Task(abs, ("x",), "text")]
    >>> with make_executor(0) as executor:
    ...     three, text = run_tasks(executor, tasks, on_outcome=lambda outcome: None)
    >>> three.value, type(text.error).__name__
    (3, 'TypeError')
    """
    outcomes: dict[int, Outcome] = {}
    source = iter(tasks)

    def keep(number: int, outcome: Outcome) -> None:
        outcomes[number] = outcome
        on_outcome(outcome)

    _Run(executor, lambda: next(source, None), lambda: len(tasks), retries, keep).run()
    return [outcomes[number] for number in range(len(tasks))]


def stream_tasks(
    executor: Executor,
    take: Callable[[], Task | None],
    *,
    in_flight: int | Callable[[], int],
    retries: int = 1,
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Run tasks as they are taken, however many; memory holds those in flight alone.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Such as `make_executor` gives; stays open, except after an interrupt.
    take : callable
        Gives the next task, or None if there is none now. Asked while fewer than `in_flight` tasks are
        pending and, after None, again when the next one has ended; the run ends where it gives None and
        nothing is pending. What it raises cancels the rest.
    in_flight : int or callable
        How many tasks are pending at most, 1 or more; twice `executor_width` keeps all workers busy. A callable
        is asked each time, as the width of a cluster changes.
    retries : int
        How often a task is submitted again after its worker was killed.
    on_outcome : callable
        Takes each outcome as it comes, in the calling thread, before `take` is asked again. What it raises
        cancels the rest.

    Raises
    ------
    ValueError
        If `in_flight` is smaller than 1.
    KeyboardInterrupt
        After the pending tasks were cancelled and the workers stopped; a cluster's workers end what they run.
    SchedulerLostError
        If nobody runs tasks any more: a cluster that can no longer be reached, workers that do not start.

    Examples
    --------
    >>> from temshift.execution import make_executor
    >>> numbers = iter(range(3))
    >>> def take():
    ...     return next((Task(abs, (-number,), "abs") for number in numbers), None)
    >>> with make_executor(0) as executor:
    ...     stream_tasks(executor, take, in_flight=1, on_outcome=lambda outcome: print(outcome.value))
    0
    1
    2
    """
    limit = in_flight if callable(in_flight) else lambda: in_flight
    if limit() < 1:
        raise ValueError(f"in_flight = {limit()}; give 1 or more tasks that may be pending at a time")
    _Run(executor, take, limit, retries, lambda _, outcome: on_outcome(outcome)).run()


@dataclass(eq=False)
class _Pending:
    """A task that was taken and has not ended; `number` is its place among those taken."""

    number: int
    task: Task
    retries_left: int


class _Run:
    """The state of one call of `run_tasks` or `stream_tasks`."""

    def __init__(
        self,
        executor: Executor,
        take: Callable[[], Task | None],
        in_flight: Callable[[], int],
        retries: int,
        on_outcome: Callable[[int, Outcome], None],
    ) -> None:
        self.executor = executor
        self.take = take
        self.in_flight = in_flight
        self.retries = retries
        self.on_outcome = on_outcome
        self.taken = 0
        self.pending: dict[_Pending, Future[Any]] = {}
        self.ended: SimpleQueue[tuple[_Pending, Future[Any]]] = SimpleQueue()

    def run(self) -> None:
        try:
            self.fill()
            while self.pending:
                self.settle(*self.next_ended())
                self.fill()
        except Exception:
            self.cancel()
            raise
        except BaseException:
            self.cancel()
            self.executor.shutdown(wait=True, cancel_futures=True)
            raise

    def fill(self) -> None:
        while len(self.pending) < max(1, self.in_flight()) and (task := self.take()) is not None:
            self.submit(_Pending(self.taken, task, self.retries))
            self.taken += 1
            while not self.ended.empty():
                self.settle(*self.ended.get())

    def submit(self, pending: _Pending) -> None:
        future = self.pending[pending] = self.executor.submit(pending.task.function, *pending.task.arguments)
        future.add_done_callback(lambda done: self.ended.put((pending, done)))

    def settle(self, pending: _Pending, future: Future[Any]) -> None:
        error = CancelledError() if future.cancelled() else future.exception()
        if isinstance(error, SchedulerLostError):
            raise error
        if isinstance(error, WorkerLostError) and pending.retries_left > 0:
            pending.retries_left -= 1
            self.submit(pending)
            return
        del self.pending[pending]
        value = None if error is not None else future.result()
        self.on_outcome(pending.number, Outcome(pending.task, value, error))

    def next_ended(self) -> tuple[_Pending, Future[Any]]:
        """Wait in short pieces: a signal that another thread receives does not end a long wait."""
        while True:
            with suppress(Empty):
                return self.ended.get(timeout=_SECONDS_OF_WAITING)

    def cancel(self) -> None:
        for future in self.pending.values():
            future.cancel()
