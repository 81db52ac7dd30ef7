"""The content of a microscope's file before a frame is chosen: planes that are read when asked for, and facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.recordings.micrograph import Known

MOST_PIXELS = 2**27  # of a plane: 8k x 8k is 2^26; in double precision these take a GiB
MOST_FRAMES = 10_000
FACTS = ("energy_kev", "exposure_s", "camera", "counts_per_electron")


class Axis(NamedTuple):
    """The size of a pixel along one axis, and its unit as the file writes it."""

    pixel: float
    unit: str


@dataclass(frozen=True)
class Frames:
    """Planes of one shape.

    Attributes
    ----------
    count : int
        How many.
    shape : (int, int)
        Pixels (y, x) of each.
    dtype : dtype
        Of the numbers in the file.
    read : callable
        From a number to the plane (y, x).
    """

    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    read: Callable[[int], NDArray[Any]]


@dataclass(frozen=True)
class Recording:
    """What a file holds.

    Attributes
    ----------
    frames : Frames
        Its planes.
    axes : (Axis, Axis), optional
        Pixels along (y, x); None if the file gives none.
    source : str
        Who gives the pixel size.
    facts : mapping
        Some of ``FACTS``, each `Known`.
    remarks : tuple of str
        What was noticed.
    """

    frames: Frames
    axes: tuple[Axis, Axis] | None
    source: str
    facts: Mapping[str, Known[Any]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def frames_of(array: Any, place: str, read: Callable[[int], NDArray[Any]] | None = None) -> Frames:
    """Return the planes of an array (y, x) or (frame, y, x), axes of one pixel left out of account.

    Parameters
    ----------
    array : array-like
        Anything with ``shape`` and ``dtype``; it is indexed when a plane is read.
    place : str
        Name in messages.
    read : callable, optional
        From the number of a frame to the plane; by default the array is indexed.

    Raises
    ------
    InputError
        If it is a spectrum, has four axes or more, holds complex numbers or no numbers, or is too large.
    """
    shape, dtype = tuple(int(side) for side in array.shape), np.dtype(array.dtype)
    require_planes(shape, dtype, place)
    *frame_axis, down, across = (axis for axis, side in enumerate(shape) if side > 1)
    whole = [slice(None) if axis in (down, across) else 0 for axis in range(len(shape))]

    def indexed(number: int) -> NDArray[Any]:
        return np.asarray(array[tuple(number if axis in frame_axis else at for axis, at in enumerate(whole))])

    count = shape[frame_axis[0]] if frame_axis else 1
    return Frames(count, (shape[down], shape[across]), dtype, read or indexed)


def require_planes(shape: tuple[int, ...], dtype: np.dtype[Any], place: str) -> None:
    """Refuse what is no image or stack of images of real numbers, or is larger than memory should be asked for."""
    long = [side for side in shape if side > 1]
    if min(shape, default=0) < 1 or len(long) < 2:
        raise InputError(f"{place} holds {sized(shape)} numbers: a spectrum or a profile, no image; give the image")
    if len(long) > 3:
        raise InputError(
            f"{place} holds data of {len(long)} axes ({sized(shape)}), such as 4D-STEM; give one image, or a stack"
        )
    if dtype.kind == "c":
        raise InputError(
            f"{place} holds complex numbers: a wave or a Fourier transform; give the image, such as the squared modulus"
        )
    if dtype.kind not in "uif":
        raise InputError(f"{place} holds {_kind(dtype)} in place of counts; give the micrograph as grey numbers")
    if long[-2] * long[-1] > MOST_PIXELS or (len(long) == 3 and long[0] > MOST_FRAMES):
        raise InputError(
            f"{place} has {sized(shape)} pixels; allowed: {MOST_PIXELS} a frame and {MOST_FRAMES} frames; give a part"
        )


def _kind(dtype: np.dtype[Any]) -> str:
    return "a mask of yes and no" if dtype.kind == "b" else "colours or records" if dtype.names else "no numbers"


def sized(shape: tuple[int, ...]) -> str:
    """Write a shape for people."""
    return " x ".join(map(str, shape)) if shape else "no"
