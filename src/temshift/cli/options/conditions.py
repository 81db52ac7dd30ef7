"""The verbs about new conditions: their options."""

from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.common import CONDITIONS, Device, Workers, worker_count


def predict(
    study: Annotated[Path, typer.Argument(help="A finished study folder.", show_default=False)],
    test: Annotated[Path | None, typer.Option("--test", help=CONDITIONS, show_default=False)] = None,
    specimens: Annotated[
        str | None,
        typer.Option(
            "--specimens",
            help="New specimens: a recipe, database or crystal. Default: the study's.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the table: .csv or .parquet.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print each row, however many there are.")] = False,
    workers: Workers = None,
) -> None:
    """Predict loss and F1 of a study's networks under new conditions or on new specimens, with intervals and limits."""
    from temshift.cli.verbs import predict

    count = worker_count(workers, Device.cpu)
    predict.predict(study, predict.New(test, specimens), as_json=as_json, output=output, every=every, workers=count)


def ctf(
    conditions: Annotated[Path, typer.Argument(help=CONDITIONS, show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write to. Default: ctf/NAME.", show_default=False),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--condition", "-c", help="Name of a condition; may be repeated. Default: all.", show_default=False
        ),
    ] = None,
    energy_kev: Annotated[
        float | None,
        typer.Option("--energy-kev", min=30, max=1500, help="Electron energy, if the file gives none."),
    ] = None,
    sampling_angstrom: Annotated[
        float | None,
        typer.Option(
            "--sampling-angstrom", min=0.01, max=100, help="Size of a camera's pixel, if the file gives none."
        ),
    ] = None,
    height_nm: Annotated[
        float,
        typer.Option("--height-nm", min=-1e4, max=1e4, help="Height of the object upstream of the plane of focus 0."),
    ] = 0.0,
    signed: Annotated[bool, typer.Option("--signed/--unsigned", help="Draw T, or |T|.")] = True,
) -> None:
    """Draw contrast transfer functions of conditions, with their envelopes and limits, and write them as tables."""
    from temshift.cli.verbs import ctf

    asked = ctf.Asked(
        energy_kev=energy_kev,
        sampling_angstrom=sampling_angstrom,
        height_nm=height_nm,
        names=condition or (),
        signed=signed,
    )
    ctf.ctf(conditions, output, asked)
