"""Micrographs, masks and predictions as inline SVG tiles; each picture is embedded once and used again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from temshift.core import spread_out
from temshift.figures.encoding import SAMPLES, Coding, data_uri, fitting
from temshift.figures.labels import fixed
from temshift.figures.pictures import (
    TENTHS,
    binned,
    binning_of,
    grey_levels,
    intersection_over_union,
    scale_bar,
    short_outline,
    standardised_again,
)
from temshift.report.data.study_tables import Examples
from temshift.report.page.markup import escape

MOST_SPECIMENS = 6
MOST_BYTES = 800_000  # of the page, for micrographs of the contact sheet
_BAR_HEIGHT = 0.022  # of the picture's width
_BAR_INSET = 0.045


def picture_definitions(examples: Examples) -> str:
    """Return the hidden SVG that holds every micrograph once.

    Parameters
    ----------
    examples : Examples

    Returns
    -------
    str
        HTML; tiles refer to its pictures by their number of specimen and condition.
    """
    places = [(s, c) for s in range(_shown(examples)) for c in range(len(examples.conditions))]
    coding = fitting([_levels(examples, *place) for place in spread_out(places, SAMPLES)], len(places), MOST_BYTES)
    pictures = "".join(_picture(examples, *place, coding) for place in places)
    return f'<svg width="0" height="0" class="definitions" aria-hidden="true"><defs>{pictures}</defs></svg>'


def _shown(examples: Examples) -> int:
    return min(MOST_SPECIMENS, len(examples.specimens))


def _levels(examples: Examples, specimen: int, condition: int) -> NDArray[np.uint8]:
    image = examples.images[specimen, condition]
    factor = binning_of(image.shape)
    return grey_levels(standardised_again(binned(image, factor)) if factor > 1 else image)


def _picture(examples: Examples, specimen: int, condition: int, coding: Coding) -> str:
    height, width = examples.masks.shape[2:]
    content = data_uri(coding.encoded(_levels(examples, specimen, condition)), coding.kind)
    name = f"micrograph-{specimen}-{condition}"
    return f'<image id="{name}" width="{width}" height="{height}" href="{content}"/>'


def contact_sheet(examples: Examples) -> str:
    """Return specimens (rows) under conditions (columns), with the outlines of their masks and scale bars.

    Parameters
    ----------
    examples : Examples

    Returns
    -------
    str
        HTML.
    """
    rows = [
        _line(examples.specimens[specimen], [_sheet_tile(examples, specimen, c) for c in _columns(examples)])
        for specimen in range(_shown(examples))
    ]
    return _sheet("specimen", examples.conditions, rows)


def _columns(examples: Examples) -> range:
    return range(len(examples.conditions))


def _sheet_tile(examples: Examples, specimen: int, condition: int) -> str:
    title = f"{examples.specimens[specimen]}, {examples.conditions[condition]}"
    mask = _path("truth", short_outline(examples.masks[specimen, condition]))
    return _tile(examples, specimen, condition, title, mask)


def prediction_sheets(examples: Examples) -> str:
    """Return, for each specimen, networks (rows) under conditions (columns): true and predicted outlines.

    Parameters
    ----------
    examples : Examples

    Returns
    -------
    str
        HTML, one block a specimen; a menu of the page shows one of them at a time.
    """
    return "".join(_prediction_sheet(examples, specimen) for specimen in range(_shown(examples)))


def _prediction_sheet(examples: Examples, specimen: int) -> str:
    rows = [
        _line(name, [_prediction_tile(examples, network, specimen, c) for c in _columns(examples)])
        for network, name in enumerate(examples.networks)
    ]
    sheet = _sheet("network", examples.conditions, rows)
    heading = f'<h3 class="plain">{escape(examples.specimens[specimen])}</h3>'
    return f'<div class="prediction" data-specimen="{specimen}">{heading}{sheet}</div>'


def _prediction_tile(examples: Examples, network: int, specimen: int, condition: int) -> str:
    probability, mask = examples.probabilities[network, specimen, condition], examples.masks[specimen, condition]
    overlap = f"IoU {fixed(intersection_over_union(mask, probability > np.float32(0.5)))}"
    names = examples.networks[network], examples.specimens[specimen], examples.conditions[condition]
    paths = _path("truth", short_outline(mask)) + _path("predicted", short_outline(probability))
    tile = _tile(examples, specimen, condition, ", ".join((*names, overlap)), paths)
    return f'{tile}<span class="note">{overlap}</span>'


def _path(kind: str, path: str) -> str:
    return f'<path class="outline {kind}" transform="scale({1 / TENTHS})" d="{path}"/>' if path else ""


def _tile(examples: Examples, specimen: int, condition: int, title: str, overlay: str) -> str:
    height, width = examples.masks.shape[2:]
    return (
        f'<svg class="tile" viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>'
        f'<use href="#micrograph-{specimen}-{condition}"/>{overlay}{_bar(examples)}</svg>'
    )


def _bar(examples: Examples) -> str:
    height, width = examples.masks.shape[2:]
    length = scale_bar(width * examples.sampling / 10) * 10 / examples.sampling
    inset, thick = _BAR_INSET * width, _BAR_HEIGHT * width
    place = f'x="{inset:.1f}" y="{height - inset - thick:.1f}" width="{length:.1f}" height="{thick:.1f}"'
    return f'<rect class="bar" {place}/>'


def bar_length(examples: Examples) -> str:
    """Return the length of the scale bars in words."""
    return f"{scale_bar(examples.masks.shape[3] * examples.sampling / 10):g} nm"


def _line(name: str, tiles: Sequence[str]) -> str:
    cells = "".join(f"<td>{tile}</td>" for tile in tiles)
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'


def _sheet(corner: str, conditions: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in conditions)
    top = f'<thead><tr><th scope="col">{escape(corner)}</th>{head}</tr></thead>'
    return f'<div class="scroll"><table class="sheet">{top}<tbody>{"".join(rows)}</tbody></table></div>'
