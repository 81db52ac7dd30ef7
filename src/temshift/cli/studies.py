"""The verbs of study folders: how far they are, which networks failed, what came out; and one network alone."""

import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from temshift.cli.options import going_on
from temshift.cli.progress import progress_for
from temshift.cli.verbs import require_device
from temshift.core.errors import InputError
from temshift.core.files import replacing
from temshift.execution import duration_text
from temshift.studies.results import read_results
from temshift.studies.single import load_single, train_single
from temshift.studies.status import Status, list_runs, read_status, require_study

SECONDS_BETWEEN_LOOKS = 2.0
STATES = ("done", "running", "failed", "waiting")
NUMBERS = {
    "CE": "cross_entropy",
    "F1": "f1",
    "IoU": "iou",
    "ECE": "calibration_error",
    "G_ID": "g_id",
    "G_OOD": "g_ood",
}
WRITERS = {".csv": "write_csv", ".parquet": "write_parquet", ".json": "write_json"}


def status(folder: Path, watch: bool) -> None:
    """Print how far a study is, once or until no run works there any more."""
    require_study(folder)
    console = Console()
    found = read_status(folder)
    _tell(found, console)
    while watch and found.at_work:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        found = read_status(folder)
        _tell(found, console)


def runs(folder: Path, failed: bool) -> None:
    """Print the networks of a study."""
    listed = [row for row in list_runs(folder) if not failed or row[1] == "failed"]
    table = Table("network", "trained on", "seed", "state", *(("reason",) if failed else ()))
    for run, state, failure in listed:
        reasons = (f"{failure.stage}: {failure.reason}",) if failed and failure else ()
        table.add_row(run.id, run.name, str(run.seed), state, *reasons)
    console = Console()
    console.print(table if listed else "no network failed" if failed else "no networks")


def results(folders: Sequence[Path], output: Path | None) -> None:
    """Print scores of every network and test condition; write all columns where a file is named."""
    found = read_results(*folders)
    if output is not None:
        _write(found, output)
    console = Console()
    table = Table("trained on", "seed", "test condition")
    for title in NUMBERS:
        table.add_column(title, no_wrap=True)
    for row in found.iter_rows(named=True):
        names = (row["training_name"], str(row["seed"]), _name(row))
        table.add_row(*names, *(_number(row[key]) for key in NUMBERS.values()))
    console.print(table)


def train(file: Path, output: Path, device: str) -> None:
    """Train one network and tell where it is."""
    single = load_single(file)
    require_device(device)
    with going_on(output):
        card = train_single(single, output, device=device, progress=progress_for(Console(stderr=True)))
    scores = card["scores"]["training"]
    Console().print(
        f"network {card['id']}: {card['parameters']} parameters, cross-entropy {scores['cross_entropy']:.4f} on what "
        f"it was trained on\n{output.resolve()}",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def _tell(found: Status, console: Console) -> None:
    numbers = ", ".join(f"{found.counts.get(state, 0)} {state}" for state in STATES)
    left = f", {duration_text(found.seconds_left)} left" if found.seconds_left is not None else ""
    work = (
        f"at work on {found.stage}"
        if found.at_work and found.stage
        else "at work"
        if found.at_work
        else "no run at work"
    )
    console.print(f"{numbers}; {work}{left}", highlight=False, soft_wrap=True)
    for label in found.running:
        console.print(f"  {label}", markup=False, highlight=False, soft_wrap=True)


def _name(row: dict[str, object]) -> str:
    return f"{row['test_name']}{'' if row['in_study'] else ' (of an earlier version)'}"


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-"


def _write(table: pl.DataFrame, output: Path) -> None:
    writer = WRITERS.get(output.suffix)
    if writer is None:
        raise InputError(f"--output {output}: end the name in {', '.join(WRITERS)}")
    with replacing(output) as temporary:
        getattr(table, writer)(temporary)
