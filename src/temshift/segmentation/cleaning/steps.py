"""The steps in their order, each with a sentence on its effect."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from temshift.core import InputError
from temshift.segmentation.cleaning.background import without_background
from temshift.segmentation.cleaning.bars import filled, picture_without_bars, scale_bars
from temshift.segmentation.cleaning.outliers import without_outliers
from temshift.segmentation.cleaning.stripes import without_stripes

CLIPPED = 0.01  # share of clipped pixels that is worth a warning
_SHOWN = 1e-4  # share of pixels at either end: fewer are chance


@dataclass(frozen=True)
class Cleaning:
    """The steps to take.

    Attributes
    ----------
    bars, outliers, stripes, background : bool
        Bars and borders that are burnt in, hot and dead pixels, columns and rows of another gain, and an uneven
        background; each is looked for, and taken away if it is there.
    invert : bool
        Exchange bright and dark, for a network that knows particles of the other kind.
    """

    bars: bool = True
    outliers: bool = True
    stripes: bool = True
    background: bool = True
    invert: bool = False


@dataclass(frozen=True)
class Step:
    """One step: its name as an option has it, a sentence, and whether it changed the image or asks for attention."""

    name: str
    sentence: str
    changed: bool


@dataclass(frozen=True)
class Cleaned:
    """A cleaned image.

    Attributes
    ----------
    counts : ndarray (y, x) of float32
        Without the bars at its borders.
    part : (slice, slice)
        Its place in the image that was given.
    hidden : ndarray (y, x) of bool
        Pixels under a scale bar and its letters, of which nothing is known.
    steps : tuple of Step
        In their order.
    """

    counts: NDArray[np.float32]
    part: tuple[slice, slice]
    hidden: NDArray[np.bool_]
    steps: tuple[Step, ...]


def cleaned(counts: NDArray[np.float32], cleaning: Cleaning, name: str = "the image") -> Cleaned:
    """Clean a micrograph.

    Parameters
    ----------
    counts : ndarray (y, x) of float32
        Left alone.
    cleaning : Cleaning
        The steps.
    name : str
        Name in messages.

    Returns
    -------
    Cleaned

    Raises
    ------
    InputError
        If nothing but one value is left.
    """
    steps = []
    part, hidden = (slice(0, counts.shape[0]), slice(0, counts.shape[1])), np.zeros(counts.shape, bool)
    if cleaning.bars:
        part, hidden, step = _without_bars(counts)
        steps.append(step)
    counts = np.where(hidden, filled(counts, hidden), counts)[part] if hidden.any() else counts[part]
    steps.append(_clipping(counts))
    for chosen, take in (
        (cleaning.outliers, _outliers),
        (cleaning.stripes, _stripes),
        (cleaning.background, _background),
        (cleaning.invert, _inverted),
    ):
        if chosen:
            counts, step = take(counts)
            steps.append(step)
    if counts.max() == counts.min():
        raise InputError(f"{name}: nothing but one value is left after cleaning; give another image")
    return Cleaned(np.ascontiguousarray(counts), part, hidden[part], tuple(steps))


def _clipping(counts: NDArray[np.float32]) -> Step:
    """Say how many pixels lie at the ends of the range, which a detector or a program may have cut."""
    shares = [float((counts == end).mean()) for end in (counts.min(), counts.max())]
    low, high = (share if share > _SHOWN else 0.0 for share in shares)
    sentence = f"{low:.2%} of all pixels have the lowest value and {high:.2%} the highest"
    return Step("clipped", sentence, max(low, high) > CLIPPED)


def _without_bars(counts: NDArray[np.float32]) -> tuple[tuple[slice, slice], NDArray[np.bool_], Step]:
    part = picture_without_bars(counts)
    inner = counts[part]
    hidden = np.zeros(counts.shape, bool)
    if min(inner.shape) > 0:
        hidden[part] = binary_dilation(scale_bars(inner), iterations=2)
    cut = inner.shape != counts.shape
    words = []
    if cut:
        words.append(f"bars at the borders are cut off: {inner.shape[0]} x {inner.shape[1]} pixels are left")
    if hidden.any():
        words.append(f"{int(hidden.sum())} pixels under a scale bar are hidden")
    return part, hidden, Step("bars", "; ".join(words) or "no bars or borders are burnt in", bool(words))


def _outliers(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], Step]:
    mended, number = without_outliers(counts)
    sentence = (
        f"{number} hot or dead pixels are replaced by the median around them" if number else "no pixel is hot or dead"
    )
    return mended, Step("outliers", sentence, number > 0)


def _stripes(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], Step]:
    levelled, columns, rows = without_stripes(counts)
    sentence = f"{columns} columns and {rows} rows of another gain are brought to the level of their neighbours"
    return levelled, Step(
        "stripes", sentence if columns + rows else "no column or row has another gain", columns + rows > 0
    )


def _background(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], Step]:
    flat, rise = without_background(counts)
    if rise is None:
        return flat, Step("background", "no uneven background is found, and nothing is taken away", False)
    return flat, Step("background", f"an uneven background that varies by {rise:.1%} is taken away", True)


def _inverted(counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], Step]:
    return counts.max() + counts.min() - counts, Step("invert", "bright and dark are exchanged", True)
