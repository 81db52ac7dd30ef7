"""Options on how micrographs are read and cleaned, which several verbs have."""

from typing import Annotated

import typer


def number(option: str, help: str) -> typer.models.OptionInfo:
    """Return an option that may be left out."""
    info: typer.models.OptionInfo = typer.Option(option, help=help, show_default=False)
    return info


def switch(option: str, help: str) -> typer.models.OptionInfo:
    """Return a switch."""
    info: typer.models.OptionInfo = typer.Option(option, help=help)
    return info


Pixel = Annotated[float | None, number("--pixel-angstrom", "Pixel size, in place of the file's.")]
Invert = Annotated[bool, switch("--invert", "Exchange bright and dark.")]
NoBars = Annotated[bool, switch("--no-bars", "Leave burnt-in bars and borders.")]
NoOutliers = Annotated[bool, switch("--no-outliers", "Leave hot and dead pixels.")]
NoStripes = Annotated[bool, switch("--no-stripes", "Leave the gain of columns and rows.")]
NoBackground = Annotated[bool, switch("--no-background", "Leave an uneven background.")]
