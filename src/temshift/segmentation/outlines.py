"""Outlines of particles in the pixels of the micrograph, as Fiji and napari open them."""

import io
import zipfile
from typing import NamedTuple

import numpy as np
import polars as pl
import roifile
from numpy.typing import NDArray
from skimage.measure import find_contours, regionprops

from temshift.figures.pictures import short_outline
from temshift.segmentation.segment import Segmentation

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold: the same outlines are the same file
_NAPARI = {
    "index": pl.Int64,
    "shape-type": pl.String,
    "vertex-index": pl.Int64,
    "axis-0": pl.Float64,
    "axis-1": pl.Float64,
}

Outlines = dict[int, NDArray[np.float64]]


def outlines(segmentation: Segmentation) -> Outlines:
    """Return the outer outline of each particle.

    Parameters
    ----------
    segmentation : Segmentation

    Returns
    -------
    dict of int to ndarray (points, 2)
        By the number of the particle: (y, x) in pixels of the micrograph as it was read, 0 at the upper left corner of
        the first pixel; the first point is the last.
    """
    part, shape = segmentation.cleaned.part, segmentation.labels.shape
    factors = [side / size for side, size in zip(segmentation.cleaned.counts.shape, shape, strict=True)]
    corner = [place.start for place in part]
    drawn: Outlines = {}
    for region in regionprops(segmentation.labels):
        contours = find_contours(np.pad(region.image, 1).astype(np.float32), 0.5)
        longest = max(contours, key=len)
        inside = longest - 0.5 + np.array(region.bbox[:2])  # a margin of one, and corners in place of middles
        drawn[int(region.label)] = inside * factors + corner
    return drawn


class FramedOutline(NamedTuple):
    """An outline as an SVG path in tenths of a pixel, and the corner of its frame [pixel]."""

    path: str
    left: int
    top: int


def framed_outlines(labels: NDArray[np.int32]) -> dict[int, FramedOutline]:
    """Return the outline of each particle on the network's pixels, for a page."""
    return {
        int(region.label): FramedOutline(
            short_outline(np.pad(region.image, 1)), int(region.bbox[1]) - 1, int(region.bbox[0]) - 1
        )
        for region in regionprops(labels)
    }


def framed_outline(mask: NDArray[np.bool_]) -> FramedOutline:
    """Return the outline of a whole mask on the network's pixels, for a page."""
    return FramedOutline(short_outline(np.pad(mask, 1)), -1, -1)


def imagej_rois(drawn: Outlines) -> bytes:
    """Return outlines as the zip that Fiji's ROI manager opens, one ROI a particle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, points in drawn.items():
            name = f"particle-{number:04d}"
            roi = roifile.ImagejRoi.frompoints(points[:-1, ::-1].astype(np.float32), name=name)
            archive.writestr(zipfile.ZipInfo(f"{name}.roi", _DATE), roi.tobytes())
    return buffer.getvalue()


def napari_shapes(drawn: Outlines) -> pl.DataFrame:
    """Return outlines as the table that napari opens as a layer of shapes; middles of its pixels are whole."""
    tables = [
        pl.DataFrame(
            {
                "index": [number] * (len(points) - 1),
                "shape-type": ["polygon"] * (len(points) - 1),
                "vertex-index": range(len(points) - 1),
                "axis-0": points[:-1, 0] - 0.5,
                "axis-1": points[:-1, 1] - 0.5,
            },
            schema=_NAPARI,
        )
        for number, points in enumerate(drawn.values())
    ]
    return pl.concat(tables) if tables else pl.DataFrame(schema=_NAPARI)
