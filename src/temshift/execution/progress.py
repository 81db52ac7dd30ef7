"""Progress of long stages, reported through callbacks; the caller chooses how it is shown."""

import time
from collections.abc import Callable
from typing import Protocol, TextIO

_TENTHS = 10
_SECONDS_BETWEEN_LINES = 5.0


def duration_text(seconds: float) -> str:
    """Write a time for people.

    Examples
    --------
    >>> duration_text(95), duration_text(600), duration_text(9000)
    ('95 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class Progress(Protocol):
    """What a long stage reports while it runs; one stage at a time, from one thread."""

    def start(self, stage: str, total: int, done: int = 0) -> None:
        """Begin a stage of `total` items, `done` of which were there before."""

    def advance(self, count: int = 1) -> None:
        """Report that `count` more items are done."""

    def finish(self) -> None:
        """End the stage."""

    def message(self, text: str) -> None:
        """Report something worth knowing."""

    def warning(self, text: str) -> None:
        """Report something that may need a hand."""


class SilentProgress:
    """Tells nothing."""

    def start(self, stage: str, total: int, done: int = 0) -> None:
        """Say nothing."""

    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""

    def message(self, text: str) -> None:
        """Say nothing."""

    def warning(self, text: str) -> None:
        """Say nothing."""


class LogProgress:
    """Writes plain lines: at the start of a stage, each tenth or 5 s of it with the time left, and at its end.

    Parameters
    ----------
    stream : text stream
        Where lines go; each is flushed.
    clock : callable
        Gives seconds.

    Examples
    --------
    >>> import sys
    >>> progress = LogProgress(sys.stdout, clock=lambda: 0.0)
    >>> progress.start("waves", total=2)
    waves: 0 of 2
    >>> progress.advance(2)
    waves: 2 of 2 (100 %)
    >>> progress.finish()
    waves: done, 2 of 2 in 0.0 s
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._stage, self._total, self._done = "", 0, 0
        self._done_before = 0
        self._started = self._told_at = 0.0
        self._told_tenth = 0

    def start(self, stage: str, total: int, done: int = 0) -> None:
        """Begin a stage.

        Parameters
        ----------
        stage : str
            Its name.
        total : int
            Number of its items.
        done : int
            How many of them were there before.
        """
        self._stage, self._total, self._done = stage, total, done
        self._done_before = done
        self._started = self._told_at = self._clock()
        self._told_tenth = self._tenth()
        self._write(f"{stage}: {done} of {total}")

    def advance(self, count: int = 1) -> None:
        """Report that more items are done.

        Parameters
        ----------
        count : int
            How many more.
        """
        self._done += count
        late = self._clock() - self._told_at >= _SECONDS_BETWEEN_LINES
        if late or self._tenth() > self._told_tenth:
            self._told_at, self._told_tenth = self._clock(), self._tenth()
            percent = 100 * self._done // max(self._total, 1)
            self._write(f"{self._stage}: {self._done} of {self._total} ({percent} %{self._left()})")

    def finish(self) -> None:
        """End the stage with the seconds that it took."""
        seconds = self._clock() - self._started
        self._write(f"{self._stage}: done, {self._done} of {self._total} in {seconds:.1f} s")

    def message(self, text: str) -> None:
        """Write a line.

        Parameters
        ----------
        text : str
            The line.
        """
        self._write(text)

    def warning(self, text: str) -> None:
        """Write a line that is marked as a warning.

        Parameters
        ----------
        text : str
            The line.
        """
        self._write(f"warning: {text}")

    def _left(self) -> str:
        """Time left at the pace so far; nothing in a stage that is short."""
        pace = (self._clock() - self._started) / max(self._done - self._done_before, 1)
        seconds = pace * (self._total - self._done)
        return f", {duration_text(seconds)} left" if seconds >= _SECONDS_BETWEEN_LINES else ""

    def _tenth(self) -> int:
        return _TENTHS * self._done // max(self._total, 1)

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()
