"""What ``predict --atlas`` and ``design --atlas`` print."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import typer
from rich.console import Console

from temshift.cli.verbs.tables import number_text, say, table_console, text_table, write_flat
from temshift.core import InputError
from temshift.information import Objective
from temshift.storage import require_writable
from temshift.workflows import (
    AtlasDesign,
    AtlasForecast,
    design_from_atlas,
    predict_from_atlas,
    require_output,
    write_atlas_design,
)

MOST_RANKED = 10  # training distributions that a design prints


def predict(
    training: Path, test: Path, specimens: str, folder: Path | None, *, as_json: bool, output: Path | None
) -> None:
    """Print predicted scores of networks trained on one file of conditions under another, and the nearest networks."""
    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise InputError(f"--output {output}: end the name in .csv or .parquet")
    if output is not None:
        require_writable(output)
    forecast = predict_from_atlas(training, test, specimens=specimens, folder=folder)
    if output is not None:
        write_flat(output, forecast.table.with_columns(pl.col("reasons").list.join("; ")))
    if as_json:
        typer.echo(json.dumps(forecast.as_dict(), indent=1, allow_nan=False))
        return
    _print_forecast(forecast, table_console())


def _print_forecast(forecast: AtlasForecast, console: Console) -> None:
    titles = ("trained on", "tested on", "CE", "CE, interval", "F1", "F1, interval", "atlas")
    rows = [[row["training_name"], row["test_name"], *_scores(row), _place(row)] for row in _rows(forecast.table)]
    console.print(text_table(titles, rows, numbers=titles[2:6], light=True))
    for row in _rows(forecast.table.filter(~pl.col("inside"))):
        say(console, f"{row['training_name']} to {row['test_name']} is outside: {'; '.join(row['reasons'])}")
    say(console, "nearest networks, and what they scored under the nearest test condition of the atlas:")
    near = ("for", "to", "network", "distance", "under", "distance of that", "CE", "F1")
    console.print(text_table(near, map(_neighbour, _rows(forecast.nearest)), numbers=(near[3], *near[5:]), light=True))
    say(console, f"{forecast.specimens}; intervals are to hold {forecast.level:.0%} of scores of new conditions")
    for line in forecast.remarks:
        say(console, line)


def _rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.to_dicts()


def _scores(row: dict[str, Any]) -> list[str]:
    return [text for name in ("cross_entropy", "f1") for text in (number_text(row[name]), _ends(row, name))]


def _ends(row: dict[str, Any], name: str) -> str:
    ends = [row[f"{name}_{end}"] for end in ("lower", "upper")]
    return "-" if None in ends else " to ".join(map(number_text, ends))


def _place(row: dict[str, Any]) -> str:
    return "inside" if row["inside"] else "outside"


def _neighbour(row: dict[str, Any]) -> list[str]:
    numbers = "" if row["numbers"] is None else f" ({', '.join(map(str, row['numbers']))})"
    first = [row["training_name"], row["test_name"], row["neighbour"] + numbers, number_text(row["distance"], 2)]
    last = [number_text(row[name]) for name in ("cross_entropy", "f1")]
    return [*first, row["neighbour_test"], number_text(row["test_distance"], 2), *last]


def design(
    targets: Path, objective: Objective, specimens: str, folder: Path | None, *, output: Path | None, as_json: bool
) -> None:
    """Print the training distributions of the atlas that serve some conditions best, and write the first."""
    if output is not None:
        require_output(output)
    chosen = design_from_atlas(targets, objective=objective, specimens=specimens, folder=folder)
    written = None if output is None else write_atlas_design(chosen, targets, output)
    if as_json:
        typer.echo(json.dumps(chosen.as_dict(), indent=1, allow_nan=False))
        return
    _print_design(chosen, table_console())
    if written is not None:
        say(table_console(), f"train on {written} (conditions of a study)")


def _print_design(chosen: AtlasDesign, console: Console) -> None:
    titles = ("training", "regret", "worst CE", "mean CE", "CE in distribution, measured")
    names = ("regret", "worst", "mean", "in_distribution")
    ranking = chosen.ranking.head(MOST_RANKED)
    rows = [[row["training_name"], *(number_text(row[name]) for name in names)] for row in _rows(ranking)]
    console.print(text_table(titles, rows, numbers=titles[1:], light=True))
    say(console, f"{chosen.ranking['training_name'][0]}, the least {chosen.objective}, as predicted under each target:")
    titles = ("target", "CE", "CE, interval", "F1", "F1, interval")
    rows = [[row["test_name"], *_scores(row)] for row in _rows(chosen.predicted)]
    console.print(text_table(titles, rows, numbers=titles[1:], light=True))
    for key, value in chosen.conditions.model_dump(mode="json", exclude_none=True).items():
        say(console, f"    {key}: {json.dumps(value)}")
    for line in (
        f"{len(chosen.ranking)} distributions of the atlas were compared, on {chosen.specimens}.",
        *chosen.remarks,
    ):
        say(console, line)
