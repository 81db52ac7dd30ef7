"""The verb ``score``: its options."""

from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.cleaning import Invert, NoBackground, NoBars, NoOutliers, NoStripes, Pixel
from temshift.cli.options.common import AllowCode, Device, On
from temshift.cli.options.networks import Gives


def _place(option: str, help: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(option, help=help, show_default=False)
    return info


Output = Annotated[Path, typer.Option("--output", "-o", help="A new folder.", show_default=False)]
Database = Annotated[Path | None, _place("--database", "A database, a study folder, or one wave store.")]
Conditions = Annotated[Path | None, _place("--conditions", "Conditions to test on (YAML).")]
Own = Annotated[
    Path | None, _place("--own-specimens", "A database of the specimens that it was trained on, if others.")
]
Images = Annotated[Path | None, _place("--images", "In their place: a micrograph, a folder of them, or HDF5.")]
Labels = Annotated[Path | None, _place("--labels", "Their masks: a file, a folder, or HDF5; 0 is no particle.")]
Onnx = Annotated[Path | None, _place("--onnx", "The network: images (n, 1, y, x) to logits, as ONNX.")]
Folder = Annotated[Path | None, _place("--network", "The network: a folder that temshift wrote.")]
OneSet = Annotated[str, typer.Option("--set", help="The specimens to test on.")]
Meaning = Annotated[Gives | None, _place("--gives", "The meaning of its output. Default: logits.")]
Channel = Annotated[
    int | None, typer.Option("--channel", min=0, help="The channel of the particle, from 0.", show_default=False)
]
Resample = Annotated[bool, typer.Option("--resample", help="Bring images to the pixels that it was trained on.")]
AnyPixel = Annotated[bool, typer.Option("--any-pixel", help="Score it on other pixels than it was trained on.")]


def score(
    output: Output,
    onnx: Onnx = None,
    network: Folder = None,
    database: Database = None,
    conditions: Conditions = None,
    images: Images = None,
    labels: Labels = None,
    one_set: OneSet = "test",
    own_specimens: Own = None,
    gives: Meaning = None,
    channel: Channel = None,
    resample: Resample = False,
    any_pixel: AnyPixel = False,
    pixel_angstrom: Pixel = None,
    invert: Invert = False,
    no_bars: NoBars = False,
    no_outliers: NoOutliers = False,
    no_stripes: NoStripes = False,
    no_background: NoBackground = False,
    device: On = Device.cpu,
    allow_code: AllowCode = None,
) -> None:
    """Score anyone's network, on a wave database or against hand labels: tables and a report."""
    from temshift.cli.verbs.networks import given, score

    meaning = None if gives is None else gives.value
    reading = {"gives": meaning, "channel": channel, "resample": resample, "any_pixel": any_pixel}
    steps = {"bars": not no_bars, "outliers": not no_outliers, "stripes": not no_stripes}
    cleaning = {**steps, "background": not no_background, "invert": invert}
    files = given.Files(onnx, network, allow_code)
    where = score.where((database, conditions, own_specimens), (images, labels, pixel_angstrom), one_set)
    score.score(files, where, output, device.value, reading, cleaning)
