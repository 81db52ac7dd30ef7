"""An executor on the workers of a Dask cluster, which runs somewhere already."""

import json
import platform
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from temshift.core import InputError
from temshift.execution.losses import SchedulerLostError, WorkerLostError
from temshift.execution.worker import deliver, pack_call, run_packed

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SECONDS_TO_CONNECT = 10.0
SECONDS_FOR_A_WORKER = 120.0
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_A_WIDTH_HOLDS = 5.0
_FETCHERS = 8
_PACKAGES = ("temshift", "torch", "numpy", "scipy", "ase", "polars", "zarr", "pydantic", "distributed")


# A scheduler and its workers run anything that they are sent: on loopback nobody else reaches them. Without these
# options workers listen on every network of their machine, and with --no-dashboard too.
_LOOPBACK = "--host 127.0.0.1 --dashboard-address 127.0.0.1:0"
_START_SCHEDULER = f"dask scheduler {_LOOPBACK} --scheduler-file FILE"
_LOCAL = ("127.", "localhost", "[::1]")  # begins the addresses of this machine alone


class DaskExecutor(Executor):
    """A thin adapter over `distributed.Client`; calls behave as those of `ProcessExecutor`.

    A killed worker costs its own call, which the scheduler gives to other workers first, as often as its setting
    ``allowed-failures`` says, before it fails with `WorkerLostError`. Closing leaves the cluster as it is.

    Parameters
    ----------
    scheduler : str
        Address, such as "tcp://127.0.0.1:8786", or path of a scheduler file.

    Raises
    ------
    InputError
        If the package distributed is missing, the scheduler cannot be reached, it has no worker, or a
        worker has another version of temshift or of Python.
    """

    def __init__(self, scheduler: str) -> None:
        address = _address(scheduler)
        self._client = _connected(address)
        self._address = address
        self._unfinished: dict[_Call, None] = {}
        self._closed = threading.Event()
        self._fetchers = ThreadPoolExecutor(_FETCHERS)
        self._width, self._width_until = 0, 0.0
        try:
            _require_workers(self._client, address)
        except BaseException:
            self._client.close()
            raise

    @property
    def width(self) -> int:
        """How many calls run at once: the threads of all workers, asked every few seconds; 1 at least."""
        if time.monotonic() > self._width_until and self._client.status == "running":
            with suppress(OSError):  # the next call raises it
                self._width = sum(self._client.nthreads().values())
            self._width_until = time.monotonic() + _SECONDS_A_WIDTH_HOLDS
        return max(1, self._width)

    def submit(
        self, function: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Future[Result]:
        """Hand a call to the scheduler.

        Parameters
        ----------
        function : callable
            Importable by name, here and by the workers.
        *args, **kwargs
            Its arguments; they and the result can be pickled.

        Returns
        -------
        concurrent.futures.Future
            Cancelling it drops a call that waits; one that runs goes on, its result is not kept.

        Raises
        ------
        SchedulerLostError
            If the scheduler can no longer be reached.
        """
        if self._closed.is_set():
            raise RuntimeError("the executor was shut down; make another")
        if self._client.status != "running":
            raise _lost(self._address)
        call = _Call()
        try:
            packed = pack_call(function, args, kwargs)
        except Exception as error:
            call.set_exception(error)
            return call
        self._unfinished[call] = None
        call.add_done_callback(self._forget)
        call.remote = self._client.submit(run_packed, packed, pure=False)
        call.remote.add_done_callback(partial(self._fetch, call))
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster.

        Parameters
        ----------
        wait : bool
            Return only when all calls have ended.
        cancel_futures : bool
            Drop what has not ended.
        """
        self._closed.set()
        if not wait:
            again = partial(self.shutdown, cancel_futures=cancel_futures)
            threading.Thread(target=again, daemon=True).start()
            return
        if cancel_futures:
            for call in list(self._unfinished):
                call.cancel()
        self._wait_for_all()
        self._client.close()
        self._fetchers.shutdown()

    def _fetch(self, call: "_Call", remote: Any) -> None:
        """Fetch a result in a thread of its own: one whose worker has died since is made once more, and takes long."""
        with suppress(RuntimeError):  # shut down meanwhile; the call was cancelled then
            self._fetchers.submit(_pass_on, call, self._address, remote)

    def _wait_for_all(self) -> None:
        while self._unfinished:
            wait(list(self._unfinished), timeout=_SECONDS_BETWEEN_LOOKS)

    def _forget(self, call: Future[Any]) -> None:
        self._unfinished.pop(cast("_Call", call), None)


class _Call(Future[Any]):
    """What the caller holds; `remote` is what the cluster's client holds until the call has ended."""

    remote: Any = None

    def cancel(self) -> bool:
        remote, cancelled = self.remote, super().cancel()
        if cancelled and remote is not None and remote.client.status == "running":
            with suppress(Exception):  # the connection may end meanwhile, and the call with it
                remote.cancel(reason="temshift no longer wants it")
        return cancelled


def _pass_on(call: _Call, address: str, remote: Any) -> None:
    """Give a call what became of it on the cluster."""
    call.remote = None
    with suppress(InvalidStateError):  # cancelled meanwhile
        try:
            outcome = remote.result()
        except BaseException as error:  # a cancellation is none of Exception
            call.set_exception(_translated(error, address, remote.status))
        else:
            deliver(call, outcome)


def _translated(error: BaseException, address: str, status: str) -> BaseException:
    """Translate a fault of the cluster; those of the function come as its outcome."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        return WorkerLostError(
            f"{times} worker{'s' * (times > 1)} ended with this task in hand, last the one at "
            f"{error.last_worker.address}; often memory ran out: give each worker more, or use smaller tasks"
        )
    return _lost(address) if status in ("cancelled", "lost") else error


def _lost(address: str) -> SchedulerLostError:
    return SchedulerLostError(
        f"the connection to the scheduler at {address} was lost; what is finished is kept: "
        "see that it runs, then give the same command again"
    )


def _address(scheduler: str) -> str:
    """Take an address as it is, or read it from a scheduler file."""
    if "://" in scheduler:
        return scheduler
    try:
        return str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])
    except FileNotFoundError:
        raise InputError(
            f"scheduler = {scheduler!r} is no file; give an address such as tcp://127.0.0.1:8786, "
            f"or the file that a scheduler writes: {_START_SCHEDULER}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{scheduler} is no scheduler file ({error!r}); give the one that the scheduler wrote"
        ) from error


def _connected(address: str) -> Any:
    try:
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise InputError(
            "a scheduler needs the package distributed; install it: pip install 'temshift[cluster]'"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # all packages are compared below
            return Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise InputError(
            f"no scheduler answers at {address} ({_first_line(error)}); start one: {_START_SCHEDULER}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _require_workers(client: Any, address: str) -> None:
    """Wait for the first worker, then compare all of them with this process."""
    try:
        client.wait_for_workers(1, timeout=SECONDS_FOR_A_WORKER)
    except TimeoutError:
        raise InputError(
            f"the scheduler at {address} has had no worker for {SECONDS_FOR_A_WORKER:.0f} s; "
            f"start some: {_start_workers(address)}"
        ) from None
    here = versions()
    for worker, there in client.run(versions, on_error="return").items():
        _compare(worker, there, here)


def _start_workers(address: str) -> str:
    command = f"PYTHONSAFEPATH=1 dask worker {address} --nthreads 1 --memory-limit 0"
    if address.partition("://")[2].startswith(_LOCAL):
        return f"{command} {_LOOPBACK}"
    return f"{command} --interface NETWORK --dashboard-address 127.0.0.1:0, over TLS only: see docs/clusters"


def versions() -> dict[str, str]:
    """Return the versions that results may depend on, of this process; "none" if a package is missing.

    Returns
    -------
    dict of str to str
        Version of each package, and of Python.
    """
    installed = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return {name: installed.get(name, "none") for name in ("python", *_PACKAGES)}


def _compare(worker: str, there: Mapping[str, str] | Exception, here: Mapping[str, str]) -> None:
    """Refuse a worker whose temshift or Python differs; warn of other packages."""
    if isinstance(there, OSError):
        return  # it left meanwhile
    if isinstance(there, Exception):
        raise InputError(
            f"the worker at {worker} cannot run temshift ({_first_line(there)}); "
            f"install temshift {here['temshift']} there"
        )
    differs = [f"{name} {there.get(name)} instead of {here[name]}" for name in here if there.get(name) != here[name]]
    if not differs:
        return
    fault = f"the worker at {worker} has {', '.join(differs)}"
    if there.get("temshift") != here["temshift"] or _minor(there.get("python", "")) != _minor(here["python"]):
        raise InputError(f"{fault}; give workers and this process the same environment")
    warnings.warn(f"{fault}; results may differ in their last digits from worker to worker", UserWarning, stacklevel=2)


def _minor(python: str) -> list[str]:
    return python.split(".")[:2]
