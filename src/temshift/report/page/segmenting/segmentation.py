"""One self-contained page of a segmented micrograph: the overlay, sizes, the spectrum, and how it was treated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from temshift.figures.encoding import data_uri, fitting
from temshift.figures.pictures import TENTHS, bar_rectangle, scale_bar
from temshift.report.page.markup import filled, piece
from temshift.report.page.segmenting.histogram import histogram
from temshift.storage import write_text

UNCHECKED = (
    "Nothing was checked on labelled images of a microscope: look at the outlines before you use a number. How far a "
    "network can be trusted under the conditions of this image, temshift score and temshift predict say for simulated "
    "images alone."
)
HEAD = ("particle", "diameter, nm", "area, nm2", "eccentricity", "probability", "confidence", "at a border")
_MOST_BYTES = 3_000_000  # of the micrograph in the page
_DIAMETER = "equivalent diameter, nm"
_FEW = 12  # particles: a table that needs no folding


@dataclass(frozen=True)
class ShownParticle:
    """A particle of the page: its outline in tenths of a pixel within a box, the box's corner, and its sizes."""

    number: int
    path: str
    left: float
    top: float
    x: float
    y: float
    diameter: float
    area: float
    eccentricity: float
    probability: float
    confidence: float
    on_border: bool

    @property
    def words(self) -> str:
        """Its size for people."""
        cut = ", cut by a border" if self.on_border else ""
        sizes = f"{self.diameter:.2f} nm, {self.area:.2f} nm2, confidence {self.confidence:.2f}"
        return f"particle {self.number}: {sizes}{cut}"

    @property
    def row(self) -> list[str]:
        """Its row of the table."""
        numbers = (self.diameter, self.area, self.eccentricity, self.probability, self.confidence)
        return [str(self.number), *(f"{value:.2f}" for value in numbers), "yes" if self.on_border else ""]


@dataclass(frozen=True)
class ShownSegmentation:
    """All that a page shows of one micrograph.

    Attributes
    ----------
    name, network : str
        Of the file and of the network.
    levels : ndarray (y, x) of uint8
        The micrograph, on the pixels that the page shows.
    pixel_nm : (float, float)
        Size of such a pixel along (y, x) [nm].
    binning : int
        Pixels of the network along the side of one of these; outlines are in the network's.
    particles : sequence of ShownParticle
    spectrum : ndarray (side, side) of uint8
        Its power spectrum, zero frequency in the middle.
    reach_per_nm : (float, float)
        Half the width of the spectrum along (y, x) [1/nm].
    spacings_angstrom : sequence of float
        Spacings of the lattice that were recognised.
    lattice : str
        The verdict on the pixel size; empty if no crystal was named.
    steps : sequence of (str, str, bool)
        Name, sentence, and whether it changed the image.
    facts : sequence of (str, str)
        Names, and values with their sources.
    warnings : sequence of str
    checked : str, optional
        How the network did on labelled images; None if there are none.
    truth : str
        The outline of the labels as an SVG path in tenths of the network's pixels, from one pixel outside the upper
        left corner; empty if there are none.
    """

    name: str
    network: str
    levels: NDArray[np.uint8]
    pixel_nm: tuple[float, float]
    binning: int
    particles: Sequence[ShownParticle]
    spectrum: NDArray[np.uint8]
    reach_per_nm: tuple[float, float]
    spacings_angstrom: Sequence[float]
    lattice: str
    steps: Sequence[tuple[str, str, bool]]
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str] = ()
    checked: str | None = None
    truth: str = ""


def write_segmentation_page(path: Path | str, shown: ShownSegmentation) -> None:
    """Write the page; it appears whole or not at all, and opens without a server or the net."""
    write_text(path, segmentation_html(shown))


def segmentation_html(shown: ShownSegmentation) -> str:
    """Return the page, a whole HTML document in which every text is escaped."""
    whole = [each.diameter for each in shown.particles if not each.on_border]
    parts = {**_assets(), **_overlay(shown), **_spectrum(shown), **_words(shown, whole)}
    parts["bars"] = histogram(whole, _DIAMETER)
    parts |= {"head": HEAD, "rows": [each.row for each in shown.particles], "few": len(shown.particles) <= _FEW}
    parts["steps"] = piece(
        "table", ("step", "result"), [(name, words) for name, words, _ in shown.steps], "steps narrow"
    )
    parts["facts"] = piece("facts", shown.facts)
    return filled("segmentation.html", **parts)


def segmentations_html(rows: Sequence[Mapping[str, Any]], diameters: Sequence[float], network: str) -> str:
    """Return the page of several micrographs: one table of them, and the sizes of all whole particles.

    Parameters
    ----------
    rows : sequence of mapping
        One a file: image, folder, particles, pixel_x_angstrom, median_diameter_nm and reason, each None if there is
        none.
    diameters : sequence of float
        Of whole particles [nm].
    network : str
        Its name.

    Returns
    -------
    str
        A whole HTML document in which every text is escaped; images link to the page in their folder.
    """
    failed = sum(row["reason"] is not None for row in rows)
    shown = [
        {
            "image": row["image"],
            "link": f"{quote(row['folder'])}/report.html" if row["folder"] else None,
            "cells": _cells(row),
        }
        for row in rows
    ]
    return filled(
        "segmentations.html",
        title=f"{len(rows) - failed} micrographs",
        network=network,
        verdict=UNCHECKED,
        failed=f"{failed} of {len(rows)} files have no mask; the table has the reasons." if failed else "",
        size_words=piece("paragraph", _size_words(diameters)),
        bars=histogram(diameters, _DIAMETER),
        head=("image", "particles", "pixel, A", "median diameter, nm", "reason"),
        rows=shown,
        style=page_style(),
        version=version("temshift"),
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    numbers = ((row["particles"], "d"), (row["pixel_x_angstrom"], ".4g"), (row["median_diameter_nm"], ".2f"))
    return ["-" if value is None else format(value, form) for value, form in numbers] + [row["reason"] or ""]


def _size_words(diameters: Sequence[float]) -> str:
    if not len(diameters):
        return "No whole particle is seen."
    low, middle, high = np.quantile(diameters, (0.25, 0.5, 0.75))
    if len(diameters) == 1:
        return f"One whole particle has a diameter of {middle:.2f} nm."
    return (
        f"{len(diameters)} whole particles have a median diameter of {middle:.2f} nm; half of them lie between "
        f"{low:.2f} and {high:.2f} nm."
    )


def page_style() -> Markup:
    """Return the style of pages of micrographs."""
    return _asset("page.css") + _asset("segmentation.css")


def _asset(name: str) -> Markup:
    return Markup(files("temshift.report").joinpath("assets", name).read_text(encoding="utf-8"))


def _assets() -> dict[str, Any]:
    return {"style": page_style(), "script": _asset("segmentation.js"), "version": version("temshift")}


def _overlay(shown: ShownSegmentation) -> dict[str, Any]:
    """The micrograph in pixels of equal sides, as wide as those that it has across."""
    rows, columns = shown.levels.shape
    ratio = shown.pixel_nm[0] / shown.pixel_nm[1]
    coding = fitting([shown.levels], 1, _MOST_BYTES)
    across, down = 1 / shown.binning, ratio / shown.binning
    outlines = [
        {
            **{name: getattr(each, name) for name in ("number", "path", "on_border", "words")},
            "left": round(each.left * across, 2),
            "top": round(each.top * down, 2),
            "x": round(each.x * across, 1),
            "y": round(each.y * down, 1),
        }
        for each in shown.particles
    ]
    height = round(rows * ratio, 2)
    return {
        "picture": data_uri(coding.encoded(shown.levels), coding.kind),
        "width": columns,
        "height": height,
        "outlines": outlines,
        "truth": shown.truth,
        "truth_place": f"translate({-across:.6g} {-down:.6g})",
        "scale": f"{across / TENTHS:.6g} {down / TENTHS:.6g}",
        "bar": bar_rectangle(columns, round(height), shown.pixel_nm[1] * 10),
        "bar_words": f"{scale_bar(columns * shown.pixel_nm[1]):g} nm",
    }


def _spectrum(shown: ShownSegmentation) -> dict[str, Any]:
    side = len(shown.spectrum)
    radii = [
        (10 / spacing / shown.reach_per_nm[1] * side / 2, 10 / spacing / shown.reach_per_nm[0] * side / 2, spacing)
        for spacing in shown.spacings_angstrom
    ]
    rings = [
        {
            "rx": round(rx, 1),
            "ry": round(ry, 1),
            "x": round(side / 2 + rx * 0.71, 1),
            "y": round(side / 2 - ry * 0.71, 1),
        }
        | {"words": f"{spacing:.2f} A"}
        for rx, ry, spacing in radii
    ]
    coding = fitting([shown.spectrum], 1, _MOST_BYTES / 10)
    picture = data_uri(coding.encoded(shown.spectrum), coding.kind)
    highest = shown.reach_per_nm[1]
    reach = f"The square reaches to {highest:.3g} 1/nm on either side, a spacing of {10 / highest:.2g} A."
    words = f"{shown.lattice[:1].upper()}{shown.lattice[1:]}. {reach}" if shown.lattice else reach
    spectrum = {"size": side, "middle": side / 2, "picture": picture, "rings": rings}
    return {"spectrum": spectrum, "spectrum_words": words}


def _words(shown: ShownSegmentation, whole: Sequence[float]) -> dict[str, Any]:
    cut = len(shown.particles) - len(whole)
    beyond = ["No particle is", "One particle is", f"{cut} particles are"][min(cut, 2)]
    sizes = f"{_size_words(whole)} {beyond} cut by a border."
    return {
        "name": shown.name,
        "network": shown.network,
        "title": f"{len(shown.particles)} particle{'s' * (len(shown.particles) != 1)} in a micrograph",
        "verdict": shown.checked or UNCHECKED,
        "warnings": shown.warnings,
        "size_words": piece("paragraph", sizes),
    }
