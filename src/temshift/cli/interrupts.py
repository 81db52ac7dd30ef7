"""What an interrupt does: while packages are imported it ends the process, later it is an exception."""

import os
import signal
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
came: list[int] = []  # interrupts that were raised, which compiled code may have turned into another exception
_IMPORT = "<frozen importlib._bootstrap>"


def end_during_imports() -> None:
    """Let an interrupt that comes while a package is imported end the process at once, with the code 130.

    Raised there, ``KeyboardInterrupt`` would come out of compiled code as another error, or as an abort. Nothing is
    lost by it, as files are written whole. A process that ignores interrupts goes on ignoring them.
    """
    with suppress(ValueError):  # in a thread, which no interrupt reaches
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupted)


def ignore_interrupts() -> None:
    """Let Python end in peace: all is done and printed."""
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupted(number: int, frame: FrameType | None) -> None:
    if _imports(frame):
        os._exit(INTERRUPTED)
    came.append(number)
    signal.default_int_handler(number, frame)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            return True
        frame = frame.f_back
    return False
