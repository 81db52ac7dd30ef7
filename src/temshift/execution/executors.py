"""The choice of an executor by the number of workers, and the one that runs in this process."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from temshift.core import InputError
from temshift.execution.processes import ProcessExecutor

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class InlineExecutor(Executor):
    """Runs each call at once, in the calling thread; an interrupt passes through."""

    def __init__(self) -> None:
        self._closed = False

    def submit(
        self, function: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Future[Result]:
        """Run a call and give its finished future.

        Parameters
        ----------
        function : callable
            Runs before this method returns.
        *args, **kwargs
            Its arguments.

        Returns
        -------
        concurrent.futures.Future
            Holds the value, or the exception that was raised.
        """
        if self._closed:
            raise RuntimeError("the executor was shut down; make another")
        future: Future[Result] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuse further calls; nothing can be pending.

        Parameters
        ----------
        wait, cancel_futures : bool
            Without effect here.
        """
        self._closed = True


def make_executor(workers: int, scheduler: str | None = None) -> Executor:
    """Make an executor for a number of worker processes, or for a cluster that runs already.

    Parameters
    ----------
    workers : int
        0 runs everything in this process; n starts n processes of one thread each. Not used with a scheduler.
    scheduler : str, optional
        Address of a Dask scheduler, such as "tcp://127.0.0.1:8786", or path of its scheduler file.

    Returns
    -------
    concurrent.futures.Executor
        Use it in a ``with`` statement, so that its processes end.

    Raises
    ------
    InputError
        If `workers` is negative, the scheduler cannot be reached or has no worker, a worker has another
        version of temshift or of Python, or the extra ``cluster`` is not installed.

    Examples
    --------
    >>> with make_executor(0) as executor:
    ...     executor.submit(max, 2, 3).result()
    3
    """
    if scheduler is not None:
        return _cluster_executor(scheduler)
    if workers < 0:
        raise InputError(f"workers = {workers}; give 0 (this process alone) or a number of processes")
    return ProcessExecutor(workers) if workers else InlineExecutor()


def _cluster_executor(scheduler: str) -> Executor:
    from temshift.execution.dask_cluster import DaskExecutor  # needs the extra that few have

    return DaskExecutor(scheduler)


def executor_width(executor: Executor) -> int:
    """Return how many tasks an executor runs at once.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        From `make_executor`.

    Returns
    -------
    int
        1 in this process, the number of worker processes, or the threads of a cluster's workers at this
        moment; 1 for other executors, which do not say.

    Examples
    --------
    >>> with make_executor(0) as executor:
    ...     executor_width(executor)
    1
    """
    return int(getattr(executor, "width", 1))
