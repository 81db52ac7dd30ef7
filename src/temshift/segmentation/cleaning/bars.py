"""Bars, borders and texts that programs burn into a picture: found, because their pixels are all of one value."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ALIKE = 0.5  # share of a row that is of one value: a bar, whose letters leave most of it free
_TIMES = 3  # as often as in the middle row of the picture, which may be of eight bits
_GAP = 6  # rows: letters that fill a bar leave gaps of no more
_MOST_CUT = 0.4  # of a side: further in, it is no bar
_SMALLEST = 48  # pixels of a scale bar
_FILLED = 0.92  # share of the smallest rectangle around it that a scale bar fills
_LONG = 3  # times as long as high
_NEAR = 4  # heights of a scale bar: within these, its letters stand

Bool = NDArray[np.bool_]


def picture_without_bars(counts: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the part (y, x) of an image that no bar at its borders covers.

    Parameters
    ----------
    counts : ndarray (y, x)

    Returns
    -------
    tuple of slice
        All of it if there is none.
    """
    rows = _free(counts)
    return rows, _free(counts[rows].T)


def _free(counts: NDArray[np.float32]) -> slice:
    """The rows between the bars at either end."""
    shares = np.array([_share_of_one_value(row) for row in counts])
    burnt = shares > max(_ALIKE, _TIMES * float(np.median(shares)))
    return slice(_first_free(burnt), len(burnt) - _first_free(burnt[::-1]))


def _share_of_one_value(row: NDArray[np.float32]) -> float:
    _, numbers = np.unique(row, return_counts=True)
    return float(numbers.max() / row.size)


def _first_free(burnt: Bool) -> int:
    """The number of rows that a bar at the beginning covers; letters may interrupt it for a few rows."""
    end = 0
    for place in np.flatnonzero(burnt):
        if place - end > _GAP:
            break
        end = int(place) + 1
    return end if end <= _MOST_CUT * len(burnt) else 0


def scale_bars(counts: NDArray[np.float32]) -> Bool:
    """Return the pixels (y, x) of scale bars inside an image, with the letters near them.

    A bar is a filled rectangle of the highest or the lowest value, at least three times as long as high.
    """
    burnt = np.zeros(counts.shape, bool)
    for value in (counts.max(), counts.min()):
        alike = counts == value
        labels, number = ndimage.label(alike)
        if not number:
            continue
        sizes = np.bincount(labels.ravel())
        boxes = ndimage.find_objects(labels)
        for label in np.flatnonzero(sizes[1:] >= _SMALLEST) + 1:
            box = boxes[label - 1]
            height, width = (part.stop - part.start for part in box)
            if height >= 2 and width >= _LONG * height and sizes[label] >= _FILLED * height * width:
                around = _around(box, _NEAR * height)
                burnt[around] |= alike[around]
    return burnt


def _around(box: tuple[slice, ...], margin: int) -> tuple[slice, ...]:
    return tuple(slice(max(0, part.start - margin), part.stop + margin) for part in box)


def filled(counts: NDArray[np.float32], burnt: Bool) -> NDArray[np.float32]:
    """Return an image whose burnt pixels, with a rim of two, have the value of the nearest pixel outside."""
    spread = ndimage.binary_dilation(burnt, iterations=2)
    nearest = ndimage.distance_transform_edt(spread, return_distances=False, return_indices=True)
    mended: NDArray[np.float32] = counts[tuple(nearest)]
    return mended
