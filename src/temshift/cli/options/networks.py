"""The verbs about single networks: their options."""

from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.common import Device, On


def train(
    file: Annotated[Path, typer.Argument(help="One network to train (YAML).", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the network.", show_default=False)],
    device: On = Device.cpu,
) -> None:
    """Train one network on a wave database, and keep its weights with a card that describes it."""
    from temshift.cli.verbs import studies

    studies.train(file, output, device.value)


def onnx(
    network: Annotated[
        Path, typer.Argument(help="Folder of one network, or weights in it (safetensors).", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.", show_default=False)],
) -> None:
    """Write a trained network as ONNX, checked to give the same logits. Needs the extra onnx."""
    from temshift.cli.verbs import onnx

    onnx.onnx(network, output)


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
    device: On = Device.cpu,
) -> None:
    """Score anyone's network on a wave database: the tables and the report that a study has."""
    from temshift.cli.verbs import score

    score.score(onnx, network, score.Where(database, one_set, conditions), output, device.value)
