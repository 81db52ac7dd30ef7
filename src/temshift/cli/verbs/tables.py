"""Tables in a terminal: names are never cut, numbers never broken, and texts are shown as people wrote them."""

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from temshift.storage import write_bytes

if TYPE_CHECKING:
    import polars

UNBROKEN = 10_000  # columns
WRITERS = {".csv": "write_csv", ".parquet": "write_parquet", ".json": "write_json"}


def table_console() -> Console:
    """Return a console as wide as its terminal, or, for other programs to read, wider than any table."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=UNBROKEN)


def text_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
    light: bool = False,
) -> Table:
    """Make a table of texts.

    Parameters
    ----------
    titles : sequence of str
        One a column.
    rows : iterable of sequence of str
        Cells, shown as they are.
    numbers : sequence of str
        Titles of columns that stand on the right and are never broken.
    light : bool
        Whether to leave out the frame, for long tables.

    Returns
    -------
    rich.table.Table
    """
    frame = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "show_edge": False} if light else {}
    table = Table(**frame)  # type: ignore[arg-type]
    for title in titles:
        number = title in numbers
        table.add_column(title, no_wrap=number, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def number_text(value: object, digits: int = 3) -> str:
    """Write a number for a table; a dash if there is none.

    Examples
    --------
    >>> number_text(0.12345), number_text(None)
    ('0.123', '-')
    """
    return f"{value:.{digits}f}" if isinstance(value, float) else "-"


def formula_text(prediction: Mapping[str, Any]) -> str:
    """Return the fitted line of a study's record of predictions, and whether nothing checks it; if none, why.

    Parameters
    ----------
    prediction : mapping
        Content of ``prediction.json``.

    Returns
    -------
    str
    """
    if prediction["formula"] is None:
        return str(prediction["why_not"])
    roles = ("test", "training", "both")
    if any(model[f"rmse_left_out_{role}"] is not None for model in prediction["models"] for role in roles):
        return str(prediction["formula"])
    return f"{prediction['formula']}, which nothing checks: there are too few conditions to leave any out"


def say(console: Console, text: str) -> None:
    """Print text as it is: no markup, no colours, lines left to the terminal to break."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def write_flat(path: Path, table: "polars.DataFrame") -> None:
    """Write a table for other programs, as the ending of its name says: one of ``WRITERS``."""
    buffer = io.BytesIO()  # polars raises errors of its own if a disk is full
    getattr(table, WRITERS[path.suffix])(buffer)
    write_bytes(path, buffer.getvalue())
