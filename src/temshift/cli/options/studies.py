"""The verbs about studies: their options."""

from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.common import AllowCode, Device, On, Output, StudyFile, StudyFolder, Workers, worker_count

Numbers = Annotated[
    str | None,
    typer.Option(
        "--networks",
        metavar="A:B",
        help="Make the networks A to B-1 alone, and their tables instead of the report.",
        show_default=False,
    ),
]


def run(
    study: StudyFile,
    output: Output = None,
    workers: Workers = None,
    device: On = Device.cpu,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            help="Dask cluster that works instead: tcp://HOST:PORT, or its scheduler file.",
            show_default=False,
        ),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="How often a task is done again whose worker died.")
    ] = 1,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try networks again that failed in an earlier run.")
    ] = False,
    networks: Numbers = None,
    allow_code: AllowCode = None,
) -> None:
    """Run a study, from atoms to report. The same command goes on after an interruption."""
    from temshift.cli.verbs import run
    from temshift.cli.verbs.shared import range_of

    who = run.Who(
        workers=worker_count(workers, device),
        device=device.value,
        scheduler=scheduler,
        retries=retries,
        retry_failed=retry_failed,
        networks=range_of("--networks", networks),
    )
    run.run(study, output, who, allow_code)


def status(
    folder: StudyFolder,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print changes, every two seconds, until the run ends.")
    ] = False,
) -> None:
    """Print how far a study is: networks done, running, failed, waiting, and the time left."""
    from temshift.cli.verbs import studies

    studies.status(folder, watch)


def runs(
    folder: StudyFolder,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed, each with its reason.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Each network, however many there are.")] = False,
) -> None:
    """List the networks of a study, each with its state; more than 100 are counted by training distribution."""
    from temshift.cli.verbs import studies

    studies.runs(folder, failed, every)


def results(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of studies, of parts of one study or of temshift score; they are merged.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the whole table: .csv, .parquet or .json; a folder for parts of a study.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print each row, however many there are.")] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="Round what is written to what repeats, as a small Parquet file.")
    ] = False,
) -> None:
    """Print a row for each network x test condition, or a summary of more than 60; write all columns to a file."""
    from temshift.cli.verbs import results

    results.results(folders, output, every, compact)


def check(
    file: Annotated[Path, typer.Argument(help="A file of any kind (YAML).", show_default=False)],
    device: On = Device.cpu,
    workers: Workers = None,
) -> None:
    """Say which kind a file is, validate it, print it resolved; estimate the cost of a study or a database."""
    from temshift.cli.verbs import run

    run.check(file, worker_count(workers, device), device.value)


def report(
    folder: Annotated[Path, typer.Argument(help="A finished study folder.", show_default=False)],
) -> None:
    """Draw report.html of a study folder again."""
    from temshift.cli.verbs import run

    run.report(folder)


def demo(output: Output = None, workers: Workers = None, device: On = Device.cpu) -> None:
    """Run the quick study: about three minutes on two cores."""
    from temshift.cli.verbs import run
    from temshift.storage import example

    who = run.Who(worker_count(workers, device), device.value)
    run.run(example("quick_study.yaml"), output, who)
