"""Micrographs as PNG or WebP, and outlines of masks as SVG paths."""

import io
from collections.abc import Sequence
from typing import Any

import contourpy
import numpy as np
from matplotlib.path import Path
from numpy.typing import ArrayLike, NDArray
from PIL import Image

GREY_WINDOW = 2.5  # black and white lie at mean -+ this many standard deviations
MOST_PIXELS = 256  # along the longer side of a picture
TENTHS = 10  # steps of a short outline in a pixel
_BAR_HEIGHT = 0.022  # of the picture's width
_BAR_INSET = 0.045
_SIMPLIFIED = 0.4  # distance from a line that matplotlib leaves points out within [pixel]
_EFFORT = 4  # of 6: more takes longer and hardly saves
SCALE_BARS_NM = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def grey_levels(image: ArrayLike) -> NDArray[np.uint8]:
    """Grey levels of a standardised image, 0 at -2.5 and 255 at +2.5 standard deviations.

    Examples
    --------
    >>> grey_levels([-9.0, -2.5, 0.0, 2.5]).tolist()
    [0, 0, 128, 255]
    """
    share = (np.asarray(image, dtype=np.float64) + GREY_WINDOW) / (2 * GREY_WINDOW)
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def png(levels: NDArray[np.uint8]) -> bytes:
    """Encode grey levels as an 8-bit greyscale PNG.

    Parameters
    ----------
    levels : ndarray (y, x) of uint8

    Returns
    -------
    bytes
        A whole PNG file.

    """
    return _saved(levels, "PNG", compress_level=9)


def webp(levels: NDArray[np.uint8], quality: int | None) -> bytes:
    """Encode grey levels as a WebP.

    Parameters
    ----------
    levels : ndarray (y, x) of uint8
    quality : int, optional
        0 (smallest) to 100; None loses nothing, in less bytes than a PNG.

    Returns
    -------
    bytes
        A whole WebP file.
    """
    effort = {"method": _EFFORT}
    return _saved(levels, "WEBP", **effort, **({"lossless": True} if quality is None else {"quality": quality}))


def _saved(levels: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, kind, **options)
    return buffer.getvalue()


def binning_of(shape: Sequence[int]) -> int:
    """Return the side of the blocks of pixels to average so that no side of a picture exceeds ``MOST_PIXELS``.

    Examples
    --------
    >>> binning_of((128, 256)), binning_of((512, 400)), binning_of((257, 100))
    (1, 2, 2)
    """
    return -(-max(shape) // MOST_PIXELS)


def binned(images: ArrayLike, factor: int) -> NDArray[Any]:
    """Average square blocks of pixels; rows and columns that fill no block are cut off.

    Parameters
    ----------
    images : array_like (..., y, x)
    factor : int
        Side of a block [pixel].

    Returns
    -------
    ndarray (..., y // factor, x // factor)

    Examples
    --------
    >>> binned([[0.0, 2.0, 9.0], [2.0, 4.0, 9.0]], 2).tolist()
    [[2.0]]
    """
    values = np.asarray(images)
    rows, columns = (size // factor for size in values.shape[-2:])
    kept = values[..., : rows * factor, : columns * factor]
    return np.asarray(kept.reshape(*values.shape[:-2], rows, factor, columns, factor).mean(axis=(-3, -1)))


def standardised_again(images: ArrayLike) -> NDArray[np.float64]:
    """Bring each image (..., y, x) to mean 0 and variance 1 again; one without contrast becomes 0."""
    values = np.asarray(images, dtype=np.float64)
    centred = values - values.mean(axis=(-2, -1), keepdims=True)
    deviation = centred.std(axis=(-2, -1), keepdims=True)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0))


def outline(field: ArrayLike, level: float = 0.5) -> str:
    """Outline of the region where a field exceeds a level.

    Parameters
    ----------
    field : array_like (y, x)
        A mask or a probability.
    level : float
        The level of the contour.

    Returns
    -------
    str
        The ``d`` of an SVG path in pixels, the centre of the first pixel at (0.5, 0.5); empty if there is
        no outline.
    """
    return "".join(map(_polyline, _contours(field, level)))


def _contours(field: ArrayLike, level: float) -> list[NDArray[np.float64]]:
    """Lines (point, x and y) [pixel] where a field crosses a level."""
    values = np.asarray(field, dtype=np.float64)
    if values.min() >= level or values.max() < level:
        return []
    lines = contourpy.contour_generator(z=values, name="serial").lines(level)
    return [np.asarray(line) + 0.5 for line in lines if len(line) > 1]


def _polyline(points: NDArray[np.float64]) -> str:
    closed = bool(np.allclose(points[0], points[-1]))
    kept = points[:-1] if closed else points
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept) + ("Z" if closed else "")


def short_outline(field: ArrayLike, level: float = 0.5) -> str:
    """Outline as :func:`outline`, in about a third of the letters.

    Points within about half a pixel of the line through their neighbours are left out, what remains is in whole tenths
    of a pixel, and each point stands relative to the one before.

    Parameters
    ----------
    field : array_like (y, x)
        A mask or a probability.
    level : float
        The level of the contour.

    Returns
    -------
    str
        The ``d`` of an SVG path in tenths of a pixel.
    """
    return "".join(_relative(_simplified(line)) for line in _contours(field, level))


def _simplified(line: NDArray[np.float64]) -> NDArray[np.float64]:
    path = Path(line)
    path.should_simplify = True
    path.simplify_threshold = _SIMPLIFIED
    cleaned = path.cleaned(simplify=True)
    kept = np.asarray(cleaned.codes) != Path.STOP
    return np.asarray(np.asarray(cleaned.vertices, dtype=np.float64)[kept])


def _relative(points: NDArray[np.float64]) -> str:
    """An SVG path through points; numbers are parted by their sign where they have one."""
    tenths = np.rint(TENTHS * points).astype(int)
    steps = np.diff(tenths, axis=0)
    steps = steps[np.any(steps != 0, axis=1)]
    moves = "".join(f"{x if x < 0 else f' {x}'}{y if y < 0 else f' {y}'}" for x, y in steps.tolist())
    end = "z" if np.array_equal(tenths[0], tenths[-1]) else ""
    return f"M{tenths[0, 0]} {tenths[0, 1]}l{moves.lstrip()}{end}" if len(steps) else ""


def scale_bar(width_nm: float) -> float:
    """Length of the scale bar [nm] for a picture of some width: the longest round one under two fifths of it.

    Examples
    --------
    >>> scale_bar(5.12), scale_bar(12.8), scale_bar(0.4)
    (2.0, 5.0, 0.5)
    """
    return max((bar for bar in SCALE_BARS_NM if bar <= 0.4 * width_nm), default=SCALE_BARS_NM[0])


def bar_rectangle(width: int, height: int, pixel: float) -> dict[str, float]:
    """Return the scale bar in the lower left corner of a picture, in its pixels, under the names that SVG gives them.

    Parameters
    ----------
    width, height : int
        Size of the picture in pixels.
    pixel : float
        Size of a pixel [A].

    Examples
    --------
    >>> bar_rectangle(128, 128, 0.4)
    {'x': 5.8, 'y': 119.4, 'width': 50.0, 'height': 2.8}
    """
    inset, thick = _BAR_INSET * width, _BAR_HEIGHT * width
    length = scale_bar(width * pixel / 10) * 10 / pixel
    corners = {"x": inset, "y": height - inset - thick, "width": length, "height": thick}
    return {name: round(value, 1) for name, value in corners.items()}


def intersection_over_union(truth: ArrayLike, predicted: ArrayLike) -> float | None:
    """Overlap of two masks over their union, or ``None`` if both are empty.

    Examples
    --------
    >>> intersection_over_union([1, 1, 0], [1, 0, 0]), intersection_over_union([0], [0])
    (0.5, None)
    """
    first, second = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else None
