"""What runs inside a worker process: its start, its watch over the parent, and packed calls."""

import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

_SECONDS_BETWEEN_LOOKS = 0.5


def pack_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Pack a call, so that a worker imports what it needs only after it has taken the task.

    Parameters
    ----------
    function : callable
        Importable by name.
    args : tuple
        Positional arguments.
    kwargs : dict
        Keyword arguments.

    Returns
    -------
    bytes
        For `run_packed`.
    """
    return pickle.dumps((function, args, kwargs), protocol=pickle.HIGHEST_PROTOCOL)


def run_packed(call: bytes) -> tuple[bool, bytes]:
    """Run a packed call; every fault, also of packing the value, comes back as an exception.

    Parameters
    ----------
    call : bytes
        From `pack_call`.

    Returns
    -------
    tuple of bool and bytes
        Whether it succeeded, and the pickled value or exception.
    """
    try:
        function, args, kwargs = pickle.loads(call)
        return True, pickle.dumps(function(*args, **kwargs), protocol=pickle.HIGHEST_PROTOCOL)
    except BaseException as error:
        return False, _packed_error(error, traceback.format_exc())


def deliver(call: Future[Any], outcome: tuple[bool, bytes]) -> None:
    """Give a future what `run_packed` returned for its call.

    Parameters
    ----------
    call : concurrent.futures.Future
        Gets the value, or the exception that was raised.
    outcome : tuple of bool and bytes
        From `run_packed`.
    """
    succeeded, packed = outcome
    try:
        value = pickle.loads(packed)
    except Exception as broken:
        call.set_exception(broken)
        return
    call.set_result(value) if succeeded else call.set_exception(value)


def start_worker(parent: int) -> None:
    """Prepare a worker: interrupts are the parent's, termination is instant, orphans end.

    Parameters
    ----------
    parent : int
        Process number of the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _packed_error(error: BaseException, trace: str) -> bytes:
    """Pickle an exception with its traceback as a note, or a plain one that describes it."""
    with suppress(Exception):
        error.add_note(f"In a worker process:\n{trace}")
        packed = pickle.dumps(error)
        if isinstance(pickle.loads(packed), Exception):
            return packed
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}\nIn a worker process:\n{trace}"))
