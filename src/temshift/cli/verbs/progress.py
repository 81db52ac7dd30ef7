"""Progress on a terminal: one bar a stage, with time left."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from temshift.execution import LogProgress, Progress


class BarProgress:
    """Shows a bar for each stage.

    Parameters
    ----------
    console : rich.console.Console
        The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._task = TaskID(0)

    def start(self, stage: str, total: int, done: int = 0) -> None:
        """Show a new bar."""
        columns = (
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bars = Bars(*columns, console=self._console)
        self._bars.start()
        self._task = self._bars.add_task(stage, total=total, completed=done)

    def advance(self, count: int = 1) -> None:
        """Move the bar on."""
        if self._bars is not None:
            self._bars.advance(self._task, count)

    def finish(self) -> None:
        """Leave the bar as it is."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False)

    def warning(self, text: str) -> None:
        """Print a warning above the bar."""
        self._console.print(f"warning: {text}", style="yellow", markup=False, highlight=False)


def warn_of(remarks: Iterable[str], progress: Progress) -> None:
    """Warn of remarks that a person should read before their conditions are used."""
    for remark in remarks:
        progress.warning(remark)


def progress_for(console: Console) -> Progress:
    """Bars on a terminal, lines elsewhere."""
    return BarProgress(console) if console.is_terminal else LogProgress(sys.stderr)
