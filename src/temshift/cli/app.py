"""The command ``temshift``; heavy packages are imported by the verbs that need them."""

import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated

import typer

from temshift.cli import interrupts
from temshift.cli.interrupts import INTERRUPTED, end_during_imports, ignore_interrupts
from temshift.cli.options.compare import compare
from temshift.cli.options.conditions import ctf, predict
from temshift.cli.options.databases import export, images, inspect, simulate, specimens
from temshift.cli.options.design import design
from temshift.cli.options.networks import onnx, train
from temshift.cli.options.score import score
from temshift.cli.options.segment import segment
from temshift.cli.options.studies import check, demo, report, results, run, runs, status
from temshift.cli.streams import ClosedPipeError, PrintError, guarded_streams, path_fault
from temshift.configuration import printable
from temshift.core import TemshiftError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="How far can a segmentation network for HRTEM micrographs be trusted away from its training conditions?",
)


def _print_version(asked_for: bool) -> None:
    if asked_for:
        typer.echo(f"temshift {version('temshift')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    pass


VERBS = (
    *(run, status, runs, results, train, check, simulate, inspect, report, demo),
    *(images, export, onnx, score, predict, specimens, ctf, design, compare, segment),
)
for verb in VERBS:
    app.command()(verb)


def main() -> None:
    """Run the command line: 0 done, 1 failed while running, 2 wrong input, 130 interrupted."""
    try:
        end_during_imports()
        with guarded_streams():
            code = _call()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception:
        if not interrupts.came:
            raise
        code = INTERRUPTED
    sys.exit(code)


def _call() -> int:
    """Run a verb and print its faults; return the exit code, when an interrupt has nothing left to stop."""
    try:
        code = _exit_code()
        ignore_interrupts()
        sys.stdout.flush()
    except (TemshiftError, OSError) as error:
        ignore_interrupts()
        code = _print_fault(error)
        with suppress(PrintError):
            sys.stdout.flush()
    return code


def _exit_code() -> int:
    try:
        app(prog_name="temshift")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _print_fault(error: TemshiftError | OSError) -> int:
    """Print a fault of a user, unless nobody reads it; return the exit code."""
    fault = path_fault(error) if isinstance(error, OSError) else error
    if fault is None:
        raise error
    if not isinstance(fault, ClosedPipeError):
        typer.echo(f"temshift: {printable(str(fault))}", err=True)
    return fault.exit_code


if __name__ == "__main__":
    main()
