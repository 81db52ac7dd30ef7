"""Standard output and error, which may be full, closed, or unable to show a character."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from temshift.core import TemshiftError


class PrintError(TemshiftError):
    """Standard output takes no more."""


class ClosedPipeError(PrintError):
    """The program that read standard output has ended, as ``head`` does: there is nobody to be informed."""


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Let a fault of standard output raise a `PrintError`, and drop text if standard error fails."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Output(_usable(before[0])), _Errors(_usable(before[1]))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Output:
    """A stream whose faults are those of a user; once one has come, every use raises it: some callers swallow it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fault: PrintError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write as the stream does."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush as the stream does."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        if self._fault is None:
            try:
                action()
            except (OSError, ValueError) as error:
                self._fault = _print_fault(error)
                _silence(self._stream)
        if self._fault is not None:
            self._end(self._fault)

    def _end(self, fault: PrintError) -> None:
        raise fault


class _Errors(_Output):
    """The stream of progress and warnings, without which the work goes on."""

    def _end(self, fault: PrintError) -> None:
        pass


def _print_fault(error: OSError | ValueError) -> PrintError:
    if isinstance(error, BrokenPipeError):
        return ClosedPipeError("standard output was closed")
    cause = getattr(error, "strerror", None) or str(error)
    return PrintError(f"cannot write to standard output: {cause}; free some space there, or send it somewhere else")


def _usable(stream: TextIO | None) -> TextIO:
    """Return a stream that shows any character; one that fails for a stream that the caller has closed."""
    if stream is None:
        return os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    with suppress(AttributeError, OSError, ValueError):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    return stream


def _silence(stream: TextIO) -> None:
    """Lead the rest of a broken stream to nowhere, or Python writes it once more when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def path_fault(error: OSError) -> TemshiftError | None:
    """Return the fault of a user in an error of the system that names a path; None if it names none.

    Paths are looked at in many places before they are read or written, and any of that may fail.
    """
    if error.filename is None:
        return None
    from temshift.storage import write_remedy

    fault = TemshiftError(f"cannot use {error.filename}: {error.strerror}; {write_remedy(error)}")
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EACCES):
        fault.exit_code = 2
    return fault
