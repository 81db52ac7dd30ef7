"""The page of a network that was held against labels: scores of all images together, and of each."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from temshift.figures.labels import MISSING, brief, fixed, number
from temshift.report.page.markup import filled, piece
from temshift.report.page.segmenting.histogram import histogram
from temshift.report.page.segmenting.segmentation import page_style

LIMITS = (
    "Labels are one person's: two people who draw the same particles typically differ at their edges, so that F1 has a "
    "ceiling below 1, the lower the smaller the particles are.",
    "The images are a sample. Under other conditions than theirs the network may fail; for simulated images, temshift "
    "score --conditions tells that.",
    "Scores are pooled over the network's pixels, on which labels are sampled by the nearest pixel; pixels under bars "
    "and scale bars are left out.",
)
_HEAD = ("images of", "images", "cross-entropy", "F1", "IoU", "calibration error", "missed", "invented")
_IMAGE_HEAD = (
    *("image", "F1", "IoU", "cross-entropy", "missed", "invented", "particles", "labelled", "median diameter, nm"),
    *("of the labelled, nm", "reason"),
)
_Row = Mapping[str, Any]


def labelled_html(
    conditions: Sequence[_Row], images: Sequence[_Row], network: str, facts: Sequence[tuple[str, str]]
) -> str:
    """Return the page, a whole HTML document in which every text is escaped.

    Parameters
    ----------
    conditions : sequence of mapping
        Rows of results, one for each group of images.
    images : sequence of mapping
        One row an image: scores, None if there are none, ``folder`` with its own page, and ``reason``.
    network : str
        Its name.
    facts : sequence of (str, str)
        Settings, names and values.

    Returns
    -------
    str
    """
    failed = sum(row["reason"] is not None for row in images)
    scores = [row["f1"] for row in images if row["f1"] is not None]
    return filled(
        "labelled.html",
        network=network,
        verdict=" ".join(verdict_of_labelled(conditions, images)),
        failed=f"{failed} of {len(images)} images could not be scored; the table has the reasons." if failed else "",
        conditions=piece("table", _HEAD, [_condition_cells(row) for row in conditions], "numbers"),
        bars=histogram(scores, "F1 of an image", "images"),
        head=_IMAGE_HEAD,
        rows=[_image_cells(row) for row in sorted(images, key=_worst_first)],
        facts=piece("facts", facts),
        limits=piece("points", LIMITS),
        style=page_style(),
        version=version("temshift"),
    )


def verdict_of_labelled(conditions: Sequence[_Row], images: Sequence[_Row]) -> list[str]:
    """Say in sentences how a network did on labelled images."""
    if not conditions:
        return ["No image could be held against its labels; the table below has the reasons."]
    sentences = [_scores(row, several=len(conditions) > 1) for row in conditions[:4]]
    if len(conditions) > 4:
        sentences.append(f"The table has {len(conditions) - 4} more.")
    return [*sentences, *_extremes(images), *_sizes(images)]


def _scores(row: _Row, *, several: bool) -> str:
    of = f" of “{row['test_name']}”" if several else ""
    spread = "" if row["f1_sd"] is None else f" (standard deviation over images {fixed(row['f1_sd'])})"
    images = "labelled image" if row["images"] == 1 else "labelled images"
    return (
        f"On {row['images']} {images}{of}, F1 is {fixed(row['f1'])}{spread}, IoU {fixed(row['iou'])}, the "
        f"cross-entropy {number(row['cross_entropy'])} nat a pixel and the calibration error "
        f"{fixed(row['calibration_error'])}; {_percent(row['missed'])} of the labelled pixels are missed, and "
        f"{_percent(row['invented'])} of the others are taken for particle."
    )


def _extremes(images: Sequence[_Row]) -> list[str]:
    scored = sorted((row for row in images if row["f1"] is not None), key=lambda row: float(row["f1"]))
    if len(scored) < 2:
        return []
    worst, best = scored[0], scored[-1]
    return [
        f"It does best on {best['image']} (F1 {fixed(best['f1'])}), worst on {worst['image']} ({fixed(worst['f1'])})."
    ]


def _sizes(images: Sequence[_Row]) -> list[str]:
    """How the numbers of particles compare."""
    scored = [row for row in images if row["particles"] is not None]
    seen, drawn = (sum(row[name] for row in scored) for name in ("particles", "labelled_particles"))
    return [f"It sees {seen} particles where the labels have {drawn}."]


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.2g} %"


def _condition_cells(row: _Row) -> list[str]:
    scores = [brief(row["cross_entropy"]), *(fixed(row[name]) for name in ("f1", "iou", "calibration_error"))]
    return [row["test_name"], str(row["images"]), *scores, _percent(row["missed"]), _percent(row["invented"])]


def _image_cells(row: _Row) -> dict[str, Any]:
    counts = [MISSING if row[name] is None else str(row[name]) for name in ("particles", "labelled_particles")]
    cells = [fixed(row["f1"]), fixed(row["iou"]), brief(row["cross_entropy"])]
    cells += [_percent(row["missed"]), _percent(row["invented"]), *counts]
    cells += [fixed(row[name]) for name in ("median_diameter_nm", "labelled_median_diameter_nm")]
    link = f"{quote(row['folder'])}/report.html" if row["folder"] else None
    return {"image": row["image"], "link": link, "cells": [*cells, row["reason"] or ""]}


def _worst_first(row: _Row) -> tuple[bool, float]:
    return row["reason"] is None, 2.0 if row["f1"] is None else float(row["f1"])
