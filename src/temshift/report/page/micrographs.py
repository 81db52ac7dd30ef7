"""Micrographs, masks and predictions as inline SVG tiles; each picture is embedded once and used again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from temshift.core.selection import spread_out
from temshift.figures.encoding import SAMPLES, data_uri, fitting
from temshift.figures.labels import fixed
from temshift.figures.pictures import (
    bar_rectangle,
    binned,
    binning_of,
    grey_levels,
    intersection_over_union,
    scale_bar,
    short_outline,
    standardised_again,
)
from temshift.report.data.study_tables import Examples
from temshift.report.page.markup import piece

MOST_SPECIMENS = 6
MOST_BYTES = 800_000  # of the page, for micrographs of the contact sheet
_Outlines = Sequence[tuple[str, str]]  # kinds and SVG paths in tenths of a pixel


@dataclass(frozen=True)
class _Tile:
    """A micrograph of a sheet: the picture that it uses, outlines over it, its scale bar and a note below."""

    title: str
    picture: str
    width: int
    height: int
    outlines: _Outlines
    bar: dict[str, float]
    note: str


def picture_definitions(examples: Examples) -> Markup:
    """Return the hidden SVG that holds every micrograph once.

    Parameters
    ----------
    examples : Examples

    Returns
    -------
    Markup
        HTML; tiles refer to its pictures by their number of specimen and condition.
    """
    places = [(s, c) for s in range(_shown(examples)) for c in range(len(examples.conditions))]
    coding = fitting([_levels(examples, *place) for place in spread_out(places, SAMPLES)], len(places), MOST_BYTES)
    height, width = examples.masks.shape[2:]
    pictures = [(_name(*place), data_uri(coding.encoded(_levels(examples, *place)), coding.kind)) for place in places]
    return piece("definitions", width, height, pictures)


def _shown(examples: Examples) -> int:
    return min(MOST_SPECIMENS, len(examples.specimens))


def _levels(examples: Examples, specimen: int, condition: int) -> NDArray[np.uint8]:
    image = examples.images[specimen, condition]
    factor = binning_of(image.shape)
    return grey_levels(standardised_again(binned(image, factor)) if factor > 1 else image)


def _name(specimen: int, condition: int) -> str:
    return f"micrograph-{specimen}-{condition}"


def contact_sheet(examples: Examples) -> Markup:
    """Return specimens (rows) under conditions (columns), with the outlines of their masks and scale bars.

    Parameters
    ----------
    examples : Examples

    Returns
    -------
    Markup
        HTML.
    """
    rows = [
        (examples.specimens[specimen], [_sheet_tile(examples, specimen, c) for c in _columns(examples)])
        for specimen in range(_shown(examples))
    ]
    return piece("sheet", "specimen", list(examples.conditions), rows)


def _columns(examples: Examples) -> range:
    return range(len(examples.conditions))


def _sheet_tile(examples: Examples, specimen: int, condition: int) -> _Tile:
    title = f"{examples.specimens[specimen]}, {examples.conditions[condition]}"
    outlines = (("truth", short_outline(examples.masks[specimen, condition])),)
    return _tile(examples, specimen, condition, title, outlines)


def prediction_sheets(examples: Examples) -> Markup:
    """Return, for each specimen, networks (rows) under conditions (columns): true and predicted outlines.

    Parameters
    ----------
    examples : Examples

    Returns
    -------
    Markup
        HTML, one block a specimen; a menu of the page shows one of them at a time.
    """
    return Markup("").join(_prediction_sheet(examples, specimen) for specimen in range(_shown(examples)))


def _prediction_sheet(examples: Examples, specimen: int) -> Markup:
    rows = [
        (name, [_prediction_tile(examples, network, specimen, c) for c in _columns(examples)])
        for network, name in enumerate(examples.networks)
    ]
    sheet = piece("sheet", "network", list(examples.conditions), rows)
    return piece("prediction", specimen, examples.specimens[specimen], sheet)


def _prediction_tile(examples: Examples, network: int, specimen: int, condition: int) -> _Tile:
    probability, mask = examples.probabilities[network, specimen, condition], examples.masks[specimen, condition]
    overlap = f"IoU {fixed(intersection_over_union(mask, probability > np.float32(0.5)))}"
    names = examples.networks[network], examples.specimens[specimen], examples.conditions[condition]
    outlines = ("truth", short_outline(mask)), ("predicted", short_outline(probability))
    return _tile(examples, specimen, condition, ", ".join((*names, overlap)), outlines, overlap)


def _tile(examples: Examples, specimen: int, condition: int, title: str, outlines: _Outlines, note: str = "") -> _Tile:
    height, width = examples.masks.shape[2:]
    bar = bar_rectangle(width, height, examples.sampling)
    return _Tile(title, _name(specimen, condition), width, height, outlines, bar, note)


def bar_length(examples: Examples) -> str:
    """Return the length of the scale bars in words."""
    return f"{scale_bar(examples.masks.shape[3] * examples.sampling / 10):g} nm"
