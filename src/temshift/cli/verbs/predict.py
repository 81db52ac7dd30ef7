"""The verb ``predict``: scores under new conditions, foretold from a finished study."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import typer
from rich.console import Console

from temshift.cli.verbs.progress import progress_for
from temshift.cli.verbs.shared import going_on
from temshift.cli.verbs.tables import number_text, say, table_console, text_table, write_flat
from temshift.core import InputError
from temshift.storage import require_writable
from temshift.workflows import Forecast, predict_scores

MOST_ROWS = 60  # that are printed without being asked for
SUMMARY = ("CE, best", "F1, best", "CE, worst", "inside")


class New(NamedTuple):
    """What is new: a file of conditions, specimens, or both."""

    conditions: Path | None
    specimens: str | None


def predict(folder: Path, new: New, *, as_json: bool, output: Path | None, every: bool, workers: int) -> None:
    """Print predicted scores, a row a training x new condition or, if they are many, a line a condition."""
    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise InputError(f"--output {output}: end the name in .csv or .parquet")
    if output is not None:
        require_writable(output)
    with going_on(folder):
        progress = progress_for(Console(stderr=True))
        forecast = predict_scores(folder, new.conditions, specimens=new.specimens, workers=workers, progress=progress)
    if output is not None:
        _write(forecast.table, output)
    if as_json:
        typer.echo(json.dumps(forecast.as_dict(), indent=1, allow_nan=False))
        return
    _print(forecast, table_console(), every=every)


def _print(forecast: Forecast, console: Console, *, every: bool) -> None:
    if forecast.verdict is not None:
        say(console, forecast.verdict)
    whole = every or len(forecast.table) <= MOST_ROWS
    (_print_rows if whole else _print_summary)(forecast.table, console)
    outside = forecast.table.filter(~pl.col("inside"))
    _print_reasons(outside, console)
    hint = "" if whole else "; --all prints each, --output FILE.csv writes them"
    say(console, f"{len(forecast.table)} predictions, {len(outside)} of them outside what this study can predict{hint}")
    if forecast.table["cross_entropy_lower"].count():
        say(console, f"intervals are to hold {forecast.level:.0%} of scores under new conditions")
    for line in [*forecast.formulas.values(), *forecast.remarks]:
        say(console, line)


def _print_rows(table: pl.DataFrame, console: Console) -> None:
    titles = ("trained on", "CE", "CE, interval", "F1", "F1, interval", "study's reach")
    for (name,), part in table.group_by("test_name", maintain_order=True):
        known = part["known_as"][0]
        say(console, f"under {name}{f', which the study has as {known}' if known and known != name else ''}")
        rows = [_cells(row) for row in part.iter_rows(named=True)]
        console.print(text_table(titles, rows, numbers=titles[1:5], light=True))


def _cells(row: dict[str, Any]) -> list[str]:
    scores = [(number_text(row[name]), _ends(row, name)) for name in ("cross_entropy", "f1")]
    return [row["training_name"], *scores[0], *scores[1], "inside" if row["inside"] else "outside"]


def _ends(row: dict[str, Any], name: str) -> str:
    ends = [row[f"{name}_{end}"] for end in ("lower", "upper")]
    return "-" if None in ends else " to ".join(map(number_text, ends))


def _print_summary(table: pl.DataFrame, console: Console) -> None:
    titles = ("test condition", *SUMMARY, "best trained on")
    rows = [_summary(str(name), part) for (name,), part in table.group_by("test_name", maintain_order=True)]
    console.print(text_table(titles, rows, numbers=SUMMARY, light=True))


def _summary(name: str, part: pl.DataFrame) -> list[str]:
    ranked = part.drop_nulls("cross_entropy").sort("cross_entropy")
    inside = f"{part['inside'].sum()} of {len(part)}"
    if ranked.is_empty():
        return [name, "-", "-", "-", inside, "-"]
    numbers = [ranked["cross_entropy"][0], ranked["f1"][0], ranked["cross_entropy"][-1]]
    return [name, *map(number_text, numbers), inside, ranked["training_name"][0]]


def _print_reasons(outside: pl.DataFrame, console: Console) -> None:
    """Say why predictions are outside, the reasons of a condition together."""
    for (name,), part in outside.group_by("test_name", maintain_order=True):
        say(console, f"{name}: outside for {len(part)} training distributions")
        for line in _reasons(part):
            say(console, f"    {line}")


def _reasons(part: pl.DataFrame) -> Sequence[str]:
    """The first few reasons, each with the training that it is of."""
    reasons = [f"{row['training_name']}: {'; '.join(row['reasons'])}" for row in part.iter_rows(named=True)]
    return reasons if len(reasons) <= 3 else [*reasons[:2], f"and {len(reasons) - 2} more"]


def _write(table: pl.DataFrame, output: Path) -> None:
    flat = table.with_columns(pl.col("reasons").list.join("; "))
    write_flat(output, flat)
