"""Micrographs as PNG and outlines of masks as SVG paths."""

import struct
import zlib

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

GREY_WINDOW = 2.5  # black and white lie at mean -+ this many standard deviations
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

    References
    ----------
    W3C, Portable Network Graphics (PNG) Specification (2003), sections 5.3 and 11.2.
    """
    height, width = levels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), levels], axis=1)  # filter type 0 before each row
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


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
        The ``d`` of an SVG path in pixels, the centre of the first pixel at (0.5, 0.5); empty where there is
        no outline.
    """
    values = np.asarray(field, dtype=np.float64)
    if values.min() >= level or values.max() < level:
        return ""
    segments = Figure().add_subplot().contour(values, levels=[level]).allsegs[0]
    return "".join(_polyline(np.asarray(segment) + 0.5) for segment in segments if len(segment) > 1)


def _polyline(points: NDArray[np.float64]) -> str:
    closed = bool(np.allclose(points[0], points[-1]))
    kept = points[:-1] if closed else points
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept) + ("Z" if closed else "")


def scale_bar(width_nm: float) -> float:
    """Length of the scale bar [nm] for a picture of some width: the longest round one under two fifths of it.

    Examples
    --------
    >>> scale_bar(5.12), scale_bar(12.8), scale_bar(0.4)
    (2.0, 5.0, 0.5)
    """
    return max((bar for bar in SCALE_BARS_NM if bar <= 0.4 * width_nm), default=SCALE_BARS_NM[0])


def intersection_over_union(truth: ArrayLike, predicted: ArrayLike) -> float | None:
    """Overlap of two masks over their union, or ``None`` where both are empty.

    Examples
    --------
    >>> intersection_over_union([1, 1, 0], [1, 0, 0]), intersection_over_union([0], [0])
    (0.5, None)
    """
    true, found = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    union = int(np.count_nonzero(true | found))
    return int(np.count_nonzero(true & found)) / union if union else None
