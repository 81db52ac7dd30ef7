"""The verbs about single networks: their options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.common import AllowCode, Device, On


class Gives(StrEnum):
    """The meaning of a network's output."""

    logits = "logits"
    probability = "probability"
    two_class = "two-class"


def train(
    file: Annotated[Path, typer.Argument(help="One network to train (YAML).", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the network.", show_default=False)],
    device: On = Device.cpu,
    allow_code: AllowCode = None,
) -> None:
    """Train one network on a wave database, and keep its weights with a card that describes it."""
    from temshift.cli.verbs import studies

    studies.train(file, output, device.value, allow_code)


def onnx(
    network: Annotated[
        Path, typer.Argument(help="Folder of one network, or weights in it (safetensors).", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.", show_default=False)],
    allow_code: AllowCode = None,
) -> None:
    """Write a trained network as ONNX, checked to give the same logits. Needs the extra onnx."""
    from temshift.cli.verbs.networks import onnx

    onnx.onnx(network, output, allow_code)


def score(
    database: Annotated[
        Path, typer.Option("--database", help="A database, a study folder, or one wave store.", show_default=False)
    ],
    conditions: Annotated[Path, typer.Option("--conditions", help="Conditions to test on (YAML).", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder.", show_default=False)],
    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", help="The network: images (n, 1, y, x) to logits, as ONNX.", show_default=False),
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option("--network", help="The network: a folder that temshift wrote.", show_default=False),
    ] = None,
    one_set: Annotated[str, typer.Option("--set", help="The specimens to test on.")] = "test",
    own_specimens: Annotated[
        Path | None,
        typer.Option(
            "--own-specimens", help="A database of those that it was trained on, if others.", show_default=False
        ),
    ] = None,
    gives: Annotated[
        Gives | None,
        typer.Option("--gives", help="The meaning of its output. Default: logits.", show_default=False),
    ] = None,
    channel: Annotated[
        int | None,
        typer.Option("--channel", min=0, help="The channel of the particle, from 0.", show_default=False),
    ] = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Bring images to the pixels that it was trained on.")
    ] = False,
    any_pixel: Annotated[
        bool, typer.Option("--any-pixel", help="Score it on other pixels than it was trained on.")
    ] = False,
    device: On = Device.cpu,
    allow_code: AllowCode = None,
) -> None:
    """Score anyone's network on a wave database: the tables and the report that a study has."""
    from temshift.cli.verbs.networks import score

    meaning = None if gives is None else gives.value
    reading = {"gives": meaning, "channel": channel, "resample": resample, "any_pixel": any_pixel}
    given = score.Files(onnx, network, allow_code)
    score.score(given, score.Where(database, one_set, conditions, own_specimens), output, device.value, reading)
