"""Options that several verbs have."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from temshift.core import InputError


class ImageFormat(StrEnum):
    """How images are written."""

    tiff = "tiff"
    png = "png"
    hdf5 = "hdf5"


class Device(StrEnum):
    """The device that holds arrays."""

    cpu = "cpu"
    cuda = "cuda"


CONDITIONS = "An image set, conditions to score under, a study, or a set of parameters (YAML)."
StudyFile = Annotated[Path, typer.Argument(help="A study file (YAML).", show_default=False)]


Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Study folder. Default: studies/NAME.", show_default=False),
]


StudyFolder = Annotated[Path, typer.Argument(help="A study folder.", show_default=False)]


Workers = Annotated[
    int | None,
    typer.Option("--workers", "-w", min=0, help="Processes of one thread each; 0: none. Default: one a core."),
]


Waves = Annotated[Path, typer.Argument(help="A database, a study folder, or one wave store in it.", show_default=False)]


OneSet = Annotated[
    str | None, typer.Option("--set", help="The only set to take, such as training. Default: all.", show_default=False)
]


AllowCode = Annotated[
    Path | None,
    typer.Option(
        "--allow-code", metavar="FOLDER", help="Run code from FOLDER that makes the network.", show_default=False
    ),
]


On = Annotated[Device, typer.Option("--device", help="Where to compute.")]


def worker_count(workers: int | None, device: Device) -> int:
    """Return the number of worker processes: as asked for, or one a core, or 1 with a GPU."""
    if workers is not None:
        return workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if device is Device.cpu else 1


InAtlas = Annotated[bool, typer.Option("--atlas", help="Ask the atlas of trained networks; no study is needed.")]


AtlasData = Annotated[
    Path | None,
    typer.Option(
        "--atlas-data", metavar="FOLDER", help="Tables of an atlas. Default: the package's.", show_default=False
    ),
]


def refuse_without_atlas(given: Mapping[str, object]) -> None:
    """Refuse options that only ``--atlas`` has."""
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise InputError(f"{names[0]} belongs to --atlas; give that, too, or leave it out")
