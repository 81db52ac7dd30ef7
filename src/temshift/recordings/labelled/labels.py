"""Masks that people drew: a plane of whole numbers, 0 outside particles, from any file that holds one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from temshift.core import InputError
from temshift.recordings.reading import guarded, opened_file
from temshift.recordings.recording import sized
from temshift.recordings.tiff import decoded

Labels = NDArray[np.int32]

_PICTURES = (".png", ".bmp", ".gif")
_LOSSY = (".jpg", ".jpeg", ".webp")
_MOST_NUMBER = 2**31 - 1
_COLOUR = "holds colours, no labels; save the mask as grey: 0 outside, another number on particles"


def read_labels(path: Path | str) -> Labels:
    """Read the labels of a micrograph.

    Parameters
    ----------
    path : path
        TIFF, also of one bit, PNG, BMP, GIF or ``.npy``, or any file that :func:`temshift.read_micrograph` reads.

    Returns
    -------
    ndarray (y, x) of int32
        0 outside particles; 1, or a number for each particle, on them.

    Raises
    ------
    InputError
        If it holds no plane of whole numbers with 0 among them.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "mask.png")
    >>> Image.fromarray(np.array([[0, 255], [0, 0]], np.uint8)).save(path)
    >>> read_labels(path).tolist()
    [[0, 255], [0, 0]]
    """
    path = Path(path)
    return labels_of(_plane(path), str(path))


def labels_of(plane: NDArray[Any], place: str) -> Labels:
    """Return a plane as labels.

    Parameters
    ----------
    plane : ndarray (y, x)
        Yes and no, or whole numbers of any type.
    place : str
        Its name in messages.

    Raises
    ------
    InputError
        If its numbers are no labels.
    """
    if plane.ndim != 2 or not plane.size or plane.dtype.kind not in "buif":
        raise InputError(f"{place} holds {sized(plane.shape)} numbers, no plane of labels; give one mask an image")
    if plane.dtype.kind == "f" and not (np.isfinite(plane).all() and (plane == np.rint(plane)).all()):
        raise InputError(f"{place} holds fractions; labels are whole numbers, 0 outside: save the mask, no probability")
    if plane.dtype.kind != "b" and (plane.min() < 0 or plane.max() > _MOST_NUMBER):
        ends = f"{plane.min():g} to {plane.max():g}"
        raise InputError(f"{place} holds {ends}; labels are 0 outside and above 0 on particles")
    if plane.dtype.kind != "b" and plane.min() > 0:
        raise InputError(f"{place} holds no 0, so that all of it would be particle; labels are 0 outside particles")
    return plane.astype(np.int32)


def labels_shape(path: Path) -> tuple[int, ...]:
    """Return the pixels (y, x) of a mask, without reading them where its format allows that.

    Raises
    ------
    InputError
        If it can't be read.
    """
    if path.suffix.lower() not in _PICTURES:
        return _plane(path).shape
    with guarded(path), Image.open(path) as picture:
        return picture.height, picture.width


def _plane(path: Path) -> NDArray[Any]:
    suffix = path.suffix.lower()
    if suffix in _LOSSY:
        raise InputError(f"{path} is a lossy picture, whose edges are no labels; save the mask as PNG or TIFF")
    if suffix in _READERS:
        with guarded(path):
            return _grey(_READERS[suffix](path), path)
    with opened_file(path) as recording:
        if recording.frames.count > 1:
            raise InputError(f"{path} holds {recording.frames.count} planes, no single mask; give one mask an image")
        return recording.frames.read(0)


def _of_picture(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def _of_tiff(path: Path) -> NDArray[Any]:
    with tifffile.TiffFile(path) as file:
        if len(file.pages) == 1:
            return decoded(file.pages.first, path)
        values: NDArray[Any] = file.asarray()
        return values


def _of_numpy(path: Path) -> NDArray[Any]:
    values: NDArray[Any] = np.load(path, allow_pickle=False)
    return values


def _grey(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return a plane as it is, and the one channel of colours (y, x, channels) that are grey."""
    values = values if values.ndim <= 2 else values.squeeze()
    if values.ndim != 3 or values.shape[-1] not in (2, 3, 4):
        return values
    channels = values[..., : 3 if values.shape[-1] > 2 else 1]
    if (channels != channels[..., :1]).any():
        raise InputError(f"{path} {_COLOUR}")
    return channels[..., 0]


_READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    ".npy": _of_numpy,
    **dict.fromkeys((".tif", ".tiff"), _of_tiff),
    **dict.fromkeys(_PICTURES, _of_picture),
}
