"""The verb ``results``: scores of studies, from one folder or several."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from temshift.cli.verbs.progress import progress_for
from temshift.cli.verbs.tables import WRITERS, number_text, say, table_console, text_table, write_flat
from temshift.core import InputError
from temshift.storage import require_writable, write_bytes
from temshift.studies import (
    PartTables,
    compact_bytes,
    is_part_of_study,
    part_words,
    read_parts,
    read_results,
    write_tables,
)

MOST_ROWS = 60  # that are printed without being asked for
NUMBERS = {
    "CE": "cross_entropy",
    "F1": "f1",
    "IoU": "iou",
    "ECE": "calibration_error",
    "G_ID": "g_id",
    "G_OOD": "g_ood",
}
SUMMARY = ("networks", "CE", "G_ID", "G_OOD", "worst")
EXPLAINED = "Means over networks: CE and G_ID in distribution; G_OOD, median and worst of the test conditions"
NUMBERS_WIDTH = 52  # characters that the numbers of a row take at most


def results(folders: Sequence[Path], output: Path | None, every: bool, compact: bool = False) -> None:
    """Print scores, row by row or, if they are many, in a line a training distribution; write all if asked to."""
    _require_output(output, compact)
    warn = progress_for(Console(stderr=True)).warning
    table = read_results(*folders, remark=warn)
    parts = compact or _is_folder(output) or any(map(is_part_of_study, folders))
    joined = read_parts(folders, warn) if parts else None
    console = table_console()
    whole = every or len(table) <= MOST_ROWS
    (_print_rows if whole else _print_summary)(_labelled(table), console)
    networks = table["network_id"].n_unique()
    hint = "" if whole else "; --all prints them"
    columns = "" if output else "; --output FILE.csv (.parquet, .json) writes them with all settings"
    say(console, f"{len(table)} rows of {networks} network{'s' if networks > 1 else ''}{hint}{columns}")
    for sentence in part_words(joined.networks, joined.count) if joined is not None else ():
        say(console, sentence)
    if output is not None:
        _write(output, table, joined, compact)
        say(console, f"{output}: {len(table)} rows, {len(table.columns)} columns")


def _require_output(output: Path | None, compact: bool) -> None:
    """Refuse a place that can't be written to, or not in the way that is asked for."""
    if compact and (output is None or output.suffix != ".parquet"):
        raise InputError("--compact writes a small Parquet file; name it with --output FILE.parquet")
    if output is None or _is_folder(output):
        return
    if output.suffix not in WRITERS:
        raise InputError(f"--output {output}: end the name in {', '.join(WRITERS)}, or name a folder, for parts")
    require_writable(output)


def _write(output: Path, table: pl.DataFrame, joined: PartTables | None, compact: bool) -> None:
    if joined is not None and compact:
        write_bytes(output, compact_bytes(joined))
    elif joined is not None and _is_folder(output):
        write_tables(output, joined)
    else:
        write_flat(output, table)


def _is_folder(output: Path | None) -> bool:
    return output is not None and not output.suffix


def _labelled(table: pl.DataFrame) -> pl.DataFrame:
    """Add names of trainings for people, which say if one is unknown or of an earlier version of the study."""
    name = pl.col("training_name").fill_null(pl.format("unknown conditions (network {})", "network_id"))
    version = pl.when("in_study").then(pl.lit("")).otherwise(pl.lit(", of an earlier version of the study"))
    return table.with_columns(label=name + version)


def _print_rows(table: pl.DataFrame, console: Console) -> None:
    titles = ("test condition", "seed", *NUMBERS)
    widest = max(map(len, [*table["test_name"], titles[0]]))
    for (label,), part in table.group_by("label", maintain_order=True):
        say(console, f"trained on {label}")
        shown = text_table(titles, map(_cells, part.iter_rows(named=True)), numbers=titles[1:], light=True)
        if console.width >= widest + NUMBERS_WIDTH:
            shown.columns[0].min_width = widest  # so that tables stand in line
        console.print(shown)
        console.print()


def _cells(row: dict[str, Any]) -> list[str]:
    seed = "-" if row["seed"] is None else str(row["seed"])
    return [row["test_name"], seed, *(number_text(row[column]) for column in NUMBERS.values())]


def _print_summary(table: pl.DataFrame, console: Console) -> None:
    titles = ("trained on", *SUMMARY, "under")
    rows = [_summary(str(label), part) for (label,), part in table.group_by("label", maintain_order=True)]
    say(console, EXPLAINED)
    console.print(text_table(titles, rows, numbers=SUMMARY, light=True))


def _summary(label: str, part: pl.DataFrame) -> list[str]:
    """A row of the summary: how networks of one training did, and where they did worst."""
    networks = part.unique("network_id")
    tests = part.group_by("test_name", maintain_order=True).agg(pl.col("g_ood").mean()).drop_nulls().sort("g_ood")
    inside = [networks[name].mean() for name in ("in_distribution_cross_entropy", "g_id")]
    worst = (tests["g_ood"][-1], tests["test_name"][-1]) if len(tests) else (None, "-")
    numbers = [*inside, tests["g_ood"].median(), worst[0]]
    return [label, str(len(networks)), *map(number_text, numbers), worst[1]]
