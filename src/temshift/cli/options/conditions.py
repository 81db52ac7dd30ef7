"""The verbs about new conditions: their options."""

from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.common import (
    CONDITIONS,
    AtlasData,
    Device,
    InAtlas,
    Workers,
    refuse_without_atlas,
    worker_count,
)
from temshift.core import InputError


def predict(
    study: Annotated[
        Path | None, typer.Argument(help="A finished study folder; none with --atlas.", show_default=False)
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help=CONDITIONS, show_default=False)] = None,
    specimens: Annotated[
        str | None,
        typer.Option(
            "--specimens",
            help="New specimens: a recipe, database or crystal; with --atlas CdSe, Ag, Au, Fe3O4, Si or mixed. "
            "Default: the study's, CdSe of the atlas.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the table: .csv or .parquet.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print each row, however many there are.")] = False,
    workers: Workers = None,
    in_atlas: InAtlas = False,
    train: Annotated[
        Path | None, typer.Option("--train", help="Conditions to train on, with --atlas.", show_default=False)
    ] = None,
    atlas_data: AtlasData = None,
) -> None:
    """Predict loss and F1 under new conditions, with intervals: of a study's networks, or of any with --atlas."""
    if in_atlas:
        from temshift.cli.verbs import atlas

        if study is not None or train is None or test is None:
            raise InputError("--atlas needs no study; give --train TRAIN.yaml and --test TEST.yaml")
        atlas.predict(train, test, specimens or "CdSe", atlas_data, as_json=as_json, output=output)
        return
    from temshift.cli.verbs import predict

    if study is None:
        raise InputError("give a study folder, or --atlas and --train TRAIN.yaml")
    refuse_without_atlas({"--train": train, "--atlas-data": atlas_data})
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
