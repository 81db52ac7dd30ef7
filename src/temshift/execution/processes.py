"""An executor of local processes that loses only the task whose worker was killed."""

import atexit
import multiprocessing.resource_tracker
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, ParamSpec, TypeVar, cast

from pebble import ProcessFuture, ProcessPool

from temshift.core import TemshiftError
from temshift.execution.environment import starting_environment
from temshift.execution.losses import SchedulerLostError, WorkerLostError
from temshift.execution.worker import deliver, pack_call, run_packed, start_worker

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_SECONDS_BETWEEN_LOOKS = 0.2
_REMEDY = "often memory ran out: use fewer workers or smaller tasks"
_MOST_FAILED_STARTS = 3
_NO_START = (
    "the workers end before they take a task; try 0 workers (in a script of your own, "
    "call this under: if __name__ == '__main__')"
)
_starting = threading.Lock()
_leaving = threading.Event()
atexit.register(_leaving.set)


class ProcessExecutor(Executor):
    """A thin adapter over `pebble.ProcessPool`: spawned workers of one thread each.

    A killed worker costs its own task only, which fails with `WorkerLostError`; a pool that
    breaks as a whole is replaced. Workers end when this process ends, however it ends.

    Parameters
    ----------
    workers : int
        Number of processes, 1 or more; they start with the first call.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._unfinished: dict[_Call, None] = {}
        self._waiting: deque[_Call] = deque()
        self._running: dict[_Call, None] = {}
        self._closed, self._ended, self._wake = (threading.Event() for _ in range(3))
        self._pool: ProcessPool | None = None  # of the dispatcher's thread alone
        self._failed_starts = 0  # pools in a row that broke before they gave a result
        self._dispatcher = threading.Thread(target=self._dispatch, daemon=True)
        self._dispatcher.start()

    @property
    def width(self) -> int:
        """How many calls run at once."""
        return self._workers

    def submit(
        self, function: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Future[Result]:
        """Hand a call to the next free worker.

        Parameters
        ----------
        function : callable
            Importable by name.
        *args, **kwargs
            Its arguments; they and the result can be pickled.

        Returns
        -------
        concurrent.futures.Future
            Cancelling it stops the worker too.
        """
        if self._closed.is_set():
            raise RuntimeError("the executor was shut down; make another")
        call = _Call()
        try:
            call.packed = pack_call(function, args, kwargs)
        except Exception as error:
            call.set_exception(error)
            return call
        self._unfinished[call] = None
        call.add_done_callback(self._forget)
        self._waiting.append(call)
        self._wake.set()
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers.

        Parameters
        ----------
        wait : bool
            Return only when all work is done and the workers have ended.
        cancel_futures : bool
            Drop what has not ended, and stop the workers at once.
        """
        self._closed.set()
        if not wait:
            again = partial(self.shutdown, cancel_futures=cancel_futures)
            threading.Thread(target=again, daemon=True).start()
            return
        if cancel_futures:
            self._cancel_all()
        self._wait_for_all()
        self._ended.set()
        self._wake.set()
        self._dispatcher.join()

    def _dispatch(self) -> None:
        """Keep each worker busy with one call; only this thread touches the pool."""
        while not (self._ended.is_set() or _leaving.is_set()):
            try:
                self._replace_if_broken()
                self._fill()
            except Exception as error:
                self._lose([*self._running, *self._waiting], SchedulerLostError(f"no workers can be started: {error}"))
            self._wake.wait(_SECONDS_BETWEEN_LOOKS)
            self._wake.clear()
        self._stop_pool()

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._workers:
            call = self._waiting[0]
            if not call.done() and not self._schedule(call):
                return
            self._waiting.popleft()

    def _schedule(self, call: "_Call") -> bool:
        """Hand a call to the pool; return whether the pool took it."""
        if self._pool is None:
            self._pool = _make_pool(self._workers)
        try:
            remote = self._pool.schedule(run_packed, args=(call.packed,))
        except RuntimeError:
            return False
        self._running[call] = None
        call.remote = remote
        if call.cancelled():
            remote.cancel()  # type: ignore[no-untyped-call]
        remote.add_done_callback(partial(self._finish, call))
        return True

    def _finish(self, call: "_Call", remote: ProcessFuture[tuple[bool, bytes]]) -> None:
        """Settle a call; one whose pool broke stays among the running, which the dispatcher runs again."""
        error = CancelledError() if remote.cancelled() else remote.exception()
        if error is None:
            self._failed_starts = 0
        if not isinstance(error, BrokenProcessPool):
            self._running.pop(call, None)
            with suppress(InvalidStateError):
                _pass_on(remote, call)
        self._wake.set()

    def _replace_if_broken(self) -> None:
        """Replace a pool that broke, for it forgets the calls that it has; run them once more."""
        if self._pool is None or self._pool.active:
            return
        self._stop_pool()
        self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS:
            self._lose([*self._running, *self._waiting], SchedulerLostError(_NO_START))
        again = [call for call in self._running if not call.was_forgotten]
        for call in again:
            call.was_forgotten = True
            self._running.pop(call)
        self._waiting.extendleft(again)
        self._lose(list(self._running), WorkerLostError(f"the pool of workers broke twice; {_REMEDY}"))

    def _lose(self, calls: "list[_Call]", error: TemshiftError) -> None:
        for call in calls:
            self._running.pop(call, None)
            with suppress(InvalidStateError):
                call.set_exception(error)

    def _stop_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()

    def _cancel_all(self) -> None:
        for call in list(self._unfinished):
            call.cancel()

    def _wait_for_all(self) -> None:
        while self._unfinished:
            wait(list(self._unfinished), timeout=_SECONDS_BETWEEN_LOOKS)

    def _forget(self, call: Future[Any]) -> None:
        self._unfinished.pop(cast("_Call", call), None)


def _make_pool(workers: int) -> ProcessPool:
    with _starting, starting_environment():  # else the first lock of the pool starts it
        multiprocessing.resource_tracker.ensure_running()
    context = _OneThreadContext()
    pool = ProcessPool(workers, initializer=start_worker, initargs=(os.getpid(),), context=context)
    if not pool.active:  # asking starts it
        raise RuntimeError("the pool of workers broke at its start")
    return pool


class _Call(Future[Any]):
    """What the caller holds; `remote` is what the pool holds."""

    packed: bytes = b""
    was_forgotten: bool = False
    remote: ProcessFuture[tuple[bool, bytes]] | None = None

    def cancel(self) -> bool:
        cancelled = super().cancel()
        if cancelled and self.remote is not None:
            self.remote.cancel()  # type: ignore[no-untyped-call]
        return cancelled


def _pass_on(remote: ProcessFuture[tuple[bool, bytes]], call: _Call) -> None:
    if remote.cancelled():
        call.cancel()
        return
    error = remote.exception()
    if error is not None:
        call.set_exception(WorkerLostError(f"{_how_it_ended(error)}; {_REMEDY}"))
        return
    deliver(call, remote.result())


def _how_it_ended(error: BaseException) -> str:
    code = getattr(error, "exitcode", None)
    if code is None:
        return f"a worker was lost ({type(error).__name__}: {error})"
    if code < 0:
        return f"a worker was ended by {signal.Signals(-code).name}"
    return f"a worker ended by itself with exit code {code}"


class _OneThreadProcess(SpawnProcess):
    """Starts with one thread for numeric libraries, and deaf to an interrupt meant for the parent."""

    def start(self) -> None:
        with _starting, starting_environment(), _interrupts_blocked():
            multiprocessing.resource_tracker.ensure_running()  # the other may have been killed
            super().start()


class _OneThreadContext(SpawnContext):
    Process = _OneThreadProcess


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread; a process started meanwhile inherits that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
