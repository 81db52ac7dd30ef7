"""The verb ``segment``: its options."""

from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.cleaning import (
    Invert,
    NoBackground,
    NoBars,
    NoOutliers,
    NoStripes,
    Pixel,
    number,
    switch,
)
from temshift.cli.options.common import AllowCode, Device, On
from temshift.cli.options.networks import Gives

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="[NETWORK] FILE...",
        help="A network's folder, its weights, or its id in --study; then micrographs. With --onnx micrographs alone.",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="A new folder.", show_default=False)]
Onnx = Annotated[Path | None, number("--onnx", "The network as ONNX.")]
InStudy = Annotated[Path | None, number("--study", "The study that the network's id lies in.")]
Frame = Annotated[
    int | None,
    typer.Option("--frame", min=0, help="The frame of a stack, from 0. Default: the sum.", show_default=False),
]
Energy = Annotated[float | None, number("--energy-kev", "Energy of the electrons.")]
Exposure = Annotated[float | None, number("--exposure-s", "Exposure.")]
Camera = Annotated[str | None, number("--camera", "Name of the camera.")]
Counts = Annotated[float | None, number("--counts-per-electron", "Counts that an electron makes.")]
OfCrystal = Annotated[str | None, number("--crystal", "What the particles are, such as Au: checks the pixel size.")]
NoSplit = Annotated[bool, switch("--no-split", "Leave touching particles as one.")]
Smallest = Annotated[float, typer.Option("--smallest-nm", min=0, help="Diameter of the least particle.")]
Meaning = Annotated[Gives | None, number("--gives", "The meaning of the network's output. Default: logits.")]
Channel = Annotated[
    int | None, typer.Option("--channel", min=0, help="The channel of the particle, from 0.", show_default=False)
]
AnyPixel = Annotated[bool, switch("--any-pixel", "Segment on the image's own pixels, not on the network's.")]


def segment(
    paths: Paths,
    output: Output,
    onnx: Onnx = None,
    study: InStudy = None,
    frame: Frame = None,
    pixel_angstrom: Pixel = None,
    energy_kev: Energy = None,
    exposure_s: Exposure = None,
    camera: Camera = None,
    counts_per_electron: Counts = None,
    crystal: OfCrystal = None,
    invert: Invert = False,
    no_bars: NoBars = False,
    no_outliers: NoOutliers = False,
    no_stripes: NoStripes = False,
    no_background: NoBackground = False,
    no_split: NoSplit = False,
    smallest_nm: Smallest = 1.0,
    gives: Meaning = None,
    channel: Channel = None,
    any_pixel: AnyPixel = False,
    device: On = Device.cpu,
    allow_code: AllowCode = None,
) -> None:
    """Segment micrographs from the files of a microscope, and measure their particles."""
    from temshift.cli.verbs.networks import segment

    facts = {"energy_kev": energy_kev, "exposure_s": exposure_s, "counts_per_electron": counts_per_electron}
    settings = segment.settings(
        {"frame": frame, "pixel_angstrom": pixel_angstrom, "camera": camera, **facts},
        {"bars": not no_bars, "outliers": not no_outliers, "stripes": not no_stripes, "background": not no_background},
        {"gives": None if gives is None else gives.value, "channel": channel, "any_pixel": any_pixel},
        invert=invert,
        particles={"crystal": crystal, "split": not no_split, "smallest_nm": smallest_nm},
    )
    segment.segment(segment.Given(paths, onnx, study, allow_code), output, device.value, settings)
