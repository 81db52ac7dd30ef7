"""The command ``temshift``; heavy packages are imported by the verbs that need them."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from temshift.cli.options.compare import compare
from temshift.cli.options.conditions import ctf, predict
from temshift.cli.options.databases import export, images, inspect, simulate, specimens
from temshift.cli.options.design import design
from temshift.cli.options.networks import onnx, score, train
from temshift.cli.options.studies import check, demo, report, results, run, runs, status
from temshift.core.errors import TemshiftError

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
    *(images, export, onnx, score, predict, specimens, ctf, design, compare),
)
for verb in VERBS:
    app.command()(verb)


def main() -> None:
    """Run the command line: 0 done, 1 failed while running, 2 wrong input, 130 interrupted."""
    try:
        app(prog_name="temshift")
    except TemshiftError as error:
        typer.echo(f"temshift: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
