"""Stacks and movies: one frame of them, or their sum, after alignment if the specimen drifted."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from temshift.core import InputError
from temshift.recordings.recording import Frames, sized

DRIFT = 1  # pixels: frames that moved by no more are summed as they are
_MAD = 0.6745  # of a normal distribution, in standard deviations
_CLIPPED = 5  # standard deviations: hot pixels, which stay in their places, count for no more
_BLUR = 2  # pixels: finer than this is noise of the camera
_BACKGROUND = 32  # pixels: coarser than this is the beam, which does not move with the specimen
_MOST_SHIFT = 0.25  # of a side: further on, frames are not of the same place
_Shift = tuple[int, int]


def one_image(frames: Frames, frame: int | None, place: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the chosen frame, or the sum of all, and the remarks on it.

    Parameters
    ----------
    frames : Frames
        One or more.
    frame : int, optional
        The number of a frame, from 0.
    place : str
        Name of the file in messages.

    Returns
    -------
    ndarray (y, x) of float32, tuple of str
        A sum after alignment shows what all frames show, so that it is smaller than they are.

    Raises
    ------
    InputError
        If there is no such frame, or frames moved by over a quarter of a side.
    """
    if frame is not None and not 0 <= frame < frames.count:
        raise InputError(f"{place}: --frame {frame} is given, and its frames are 0 to {frames.count - 1}")
    if frames.count == 1:
        return plane(frames, 0), ()
    if frame is not None:
        return plane(frames, frame), (f"frame {frame} of {frames.count} is taken",)
    return _summed(frames, place)


def plane(frames: Frames, number: int) -> NDArray[np.float32]:
    """Read a frame; infinite numbers are left for later steps.

    Raises
    ------
    InputError
        If it has another shape than the file says.
    """
    values = frames.read(number)
    if values.shape != frames.shape:
        raise InputError(
            f"a frame has {sized(values.shape)} pixels in place of {sized(frames.shape)}; copy the file again"
        )
    with np.errstate(over="ignore"):
        return np.array(values, dtype=np.float32)


def _summed(frames: Frames, place: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Sum all frames twice, as they are and aligned, so that each is read once, and keep the sum that is right."""
    plain, aligned = (np.zeros(frames.shape, np.float64) for _ in range(2))
    shifts: list[_Shift] = []
    for image in _each(frames):
        shift = _shift(aligned, image, place) if shifts else (0, 0)
        shifts.append(shift)
        plain += image
        aligned += np.roll(image, shift, (0, 1))
    drift = max(float(np.hypot(*shift)) for shift in shifts)
    if drift <= DRIFT:
        return plain.astype(np.float32), (f"{frames.count} frames are summed; they drifted by a pixel or less",)
    common = tuple(_common([shift[axis] for shift in shifts], frames.shape[axis]) for axis in (0, 1))
    remark = f"{frames.count} frames are summed after alignment: they drifted by up to {drift:.0f} pixels"
    return aligned[common].astype(np.float32), (remark,)


def _each(frames: Frames) -> Iterator[NDArray[np.float32]]:
    for number in range(frames.count):
        yield plane(frames, number)


def _shift(reference: NDArray[np.float64], image: NDArray[np.float32], place: str) -> _Shift:
    """Whole pixels (y, x) that bring an image onto the sum of those before it."""
    both = (_prepared(reference), _prepared(image))
    shift, _, _ = phase_cross_correlation(*both, normalization=None)
    down, across = (round(float(step)) for step in shift)
    if abs(down) > _MOST_SHIFT * image.shape[0] or abs(across) > _MOST_SHIFT * image.shape[1]:
        raise InputError(
            f"{place}: its frames move by {down} x {across} pixels and show no common place; choose one: --frame N"
        )
    return down, across


def _prepared(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """The structure of an image at the scale of the specimen, faded out to its borders."""
    values = np.nan_to_num(image.astype(np.float64), posinf=0.0, neginf=0.0)
    middle = float(np.median(values))
    spread = float(np.median(np.abs(values - middle))) / _MAD
    if spread == 0:  # over half of all pixels counted nothing: few electrons fell, and each is to count
        spread = float(values.std())
    values = np.clip(values, middle - _CLIPPED * spread, middle + _CLIPPED * spread)
    values = gaussian_filter(values, _BLUR) - gaussian_filter(values, _BACKGROUND)
    window = np.hanning(values.shape[0])[:, None] * np.hanning(values.shape[1])
    faded: NDArray[np.float64] = values * window
    return faded


def _common(shifts: list[int], size: int) -> slice:
    """The pixels along an axis that every shifted frame covers."""
    return slice(max(0, max(shifts)), size + min(0, min(shifts)))
