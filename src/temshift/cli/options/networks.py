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
