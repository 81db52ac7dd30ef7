"""An executor of local processes that loses only the task whose worker was killed."""

import multiprocessing.resource_tracker
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError, wait
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessFuture, ProcessPool

from temshift.core.errors import TemshiftError
from temshift.execution.worker import pack_call, run_packed, start_worker

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
)
_SECONDS_BETWEEN_LOOKS = 0.2
_REMEDY = "often memory ran out: use fewer workers or smaller tasks"
_starting = threading.Lock()


class WorkerLostError(TemshiftError):
    """The process that ran a task was killed or ended by itself; the task has no result."""


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
        self._pool: ProcessPool | None = None
        self._calls: dict[_Call, None] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._ended = threading.Event()

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
        call = _Call()
        try:
            packed = pack_call(function, args, kwargs)
        except Exception as error:
            call.set_exception(error)
            return call
        with self._lock:
            self._schedule(call, packed)
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
        if cancel_futures:
            self._cancel_all()
        elif wait:
            self._wait_for_all()
        else:
            threading.Thread(target=self.shutdown, daemon=True).start()
            return
        self._ended.set()
        with self._lock:
            self._stop_pool()

    def _schedule(self, call: "_Call", packed: bytes) -> None:
        if self._closed.is_set():
            raise RuntimeError("the executor was shut down; make another")
        pool = self._usable_pool()
        try:
            call.remote = pool.schedule(run_packed, args=(packed,))
        except RuntimeError as error:
            call.set_exception(WorkerLostError(f"the pool of workers broke ({error}); {_REMEDY}"))
            return
        self._calls[call] = None
        call.remote.add_done_callback(partial(self._finish, call))

    def _usable_pool(self) -> ProcessPool:
        self._replace_if_broken()
        if self._pool is None:
            context = _OneThreadContext()
            self._pool = ProcessPool(
                self._workers, initializer=start_worker, initargs=(os.getpid(),), context=context
            )
            threading.Thread(target=self._watch, args=(self._pool,), daemon=True).start()
        return self._pool

    def _watch(self, pool: ProcessPool) -> None:
        """Replace the pool when it breaks as a whole, for it then forgets its waiting calls."""
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS) and self._pool is pool:
            with self._lock:
                self._replace_if_broken()

    def _replace_if_broken(self) -> None:
        if self._pool is None or self._pool.active:
            return
        self._stop_pool()
        for call in list(self._calls):
            self._calls.pop(call, None)
            with suppress(InvalidStateError):
                call.set_exception(WorkerLostError(f"a worker ended before it took a task; {_REMEDY}"))

    def _stop_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()

    def _cancel_all(self) -> None:
        for call in list(self._calls):
            call.cancel()

    def _wait_for_all(self) -> None:
        while self._calls:
            wait(list(self._calls))

    def _finish(self, call: "_Call", remote: ProcessFuture[tuple[bool, bytes]]) -> None:
        with suppress(InvalidStateError):
            _pass_on(remote, call)
        self._calls.pop(call, None)


class _Call(Future[Any]):
    """What the caller holds; `remote` is what the pool holds."""

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
    succeeded, packed = remote.result()
    try:
        value = pickle.loads(packed)
    except Exception as broken:
        call.set_exception(broken)
        return
    call.set_result(value) if succeeded else call.set_exception(value)


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
        multiprocessing.resource_tracker.ensure_running()
        with _starting, _one_thread_environment(), _interrupts_blocked():
            super().start()


class _OneThreadContext(SpawnContext):
    Process = _OneThreadProcess


@contextmanager
def _one_thread_environment() -> Iterator[None]:
    """Set the thread settings that a process reads at its start; restore them after."""
    before = {name: os.environ.get(name) for name in _THREAD_SETTINGS}
    os.environ.update(dict.fromkeys(_THREAD_SETTINGS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
