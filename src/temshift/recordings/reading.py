"""Read a microscope's file: the format, the frame, the pixel size, and refusals with their remedies."""

import logging
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.core.regular_files import irregular_kind
from temshift.recordings.emd import opened_emd
from temshift.recordings.frames import one_image
from temshift.recordings.micrograph import Known, Micrograph
from temshift.recordings.mrc import opened_mrc
from temshift.recordings.recording import Recording
from temshift.recordings.rosetta import opened_other
from temshift.recordings.tiff import opened_tiff
from temshift.recordings.units import angstroms

MOST_LOST = 0.01  # share of pixels that may be no number
PIXELS = (0.001, 1000.0)  # A: outside these, no pixel of a micrograph is
_MOST_UNEQUAL = 4  # times: pixels of other sides have a wrong unit
_HDF5 = b"\x89HDF\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MRC_MARK = slice(208, 211)  # of the header
_HEADER = 212
_Opener = Callable[[Path], AbstractContextManager[Recording]]


def read_micrograph(
    path: Path | str,
    *,
    frame: int | None = None,
    pixel_angstrom: float | tuple[float, float] | None = None,
    energy_kev: float | None = None,
    exposure_s: float | None = None,
    camera: str | None = None,
    counts_per_electron: float | None = None,
) -> Micrograph:
    """Read a micrograph from the file of a microscope.

    TIFF, MRC and EMD need nothing else; DM3, DM4, SER and all else the extra ``formats``. The content of a file decides
    on its format, and its suffix if the content does not.

    Parameters
    ----------
    path : path
        The file.
    frame : int, optional
        Of a stack, the frame to take, from 0; all are summed by default, after alignment if they drifted.
    pixel_angstrom : float or (float, float), optional
        Pixel size, or that along (y, x) [A], in place of that of the file; likewise the other facts.
    energy_kev, exposure_s, counts_per_electron : float, optional
    camera : str, optional

    Returns
    -------
    Micrograph

    Raises
    ------
    InputError
        If the file is no image of grey numbers with a pixel size; the message names the remedy.

    Examples
    --------
    >>> import tempfile, tifffile
    >>> path = Path(tempfile.mkdtemp(), "image.tif")
    >>> tifffile.imwrite(path, np.arange(12, dtype="u2").reshape(3, 4), imagej=True, resolution=(20, 20),
    ...                  metadata={"unit": "nm"})
    >>> read_micrograph(path).pixel_angstrom
    Known(value=(0.5, 0.5), source="ImageJ's tags")
    """
    given = {"energy_kev": energy_kev, "exposure_s": exposure_s, "camera": camera}
    given["counts_per_electron"] = counts_per_electron
    path = Path(path)
    with opened_file(path) as recording:
        if recording.frames.count > 1:
            pixel_of(recording, pixel_angstrom, str(path))  # refused before a movie is read
        counts, remarks = one_image(recording.frames, frame, str(path))
        pixel = pixel_of(recording, pixel_angstrom, str(path))
    return micrograph_of(
        path.name, counts, pixel, {**recording.facts, **facts_given(given)}, recording.remarks + remarks
    )


def micrograph_of(
    name: str,
    counts: NDArray[np.float32],
    pixel: Known[tuple[float, float]],
    facts: dict[str, Known[Any]],
    remarks: tuple[str, ...] = (),
) -> Micrograph:
    """Return a micrograph of numbers that are sound; up to 1 % that are none become the median of the others.

    Raises
    ------
    InputError
        If more than 1 % are no numbers, or all are the same.
    """
    finite = np.isfinite(counts)
    lost = 1 - float(finite.mean())
    if lost > MOST_LOST:
        raise InputError(f"{name}: {lost:.0%} of its pixels are no finite numbers, allowed 1 %; export the image again")
    if not finite.all():
        counts = np.where(finite, counts, np.float32(np.median(counts[finite])))
        remarks = (*remarks, f"{int((~finite).sum())} pixels that were no numbers are set to the median")
    if counts.max() == counts.min():
        raise InputError(
            f"{name}: all pixels are {counts.flat[0]:g}, so that there is nothing to see; give another image"
        )
    return Micrograph(name, counts, pixel, **facts, remarks=remarks)


def facts_given(given: dict[str, Any]) -> dict[str, Known[Any]]:
    """Return facts that options give, those that are None left out.

    Raises
    ------
    InputError
        If a number is not positive.
    """
    for name, value in given.items():
        if isinstance(value, int | float) and not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value}; it must be a positive number")
    return {name: Known(value, f"--{name.replace('_', '-')}") for name, value in given.items() if value is not None}


def pixel_of(recording: Recording, given: float | tuple[float, float] | None, place: str) -> Known[tuple[float, float]]:
    """Return the pixel size (y, x) [A] that is given, or that of the file, with its source.

    Raises
    ------
    InputError
        If there is none, or it is no pixel of a micrograph.
    """
    if given is not None:
        down, across = (given, given) if isinstance(given, int | float) else given
        source = "--pixel-angstrom"
    else:
        down, across = _own_pixel(recording, place)
        source = recording.source
    for side in (down, across):
        if not PIXELS[0] < side < PIXELS[1]:
            raise InputError(
                f"{place}: a pixel of {side:g} A by {source}; allowed: {PIXELS[0]:g} to {PIXELS[1]:g}; give "
                "--pixel-angstrom"
            )
    if not 1 / _MOST_UNEQUAL < down / across < _MOST_UNEQUAL:
        raise InputError(
            f"{place}: pixels of {down:g} x {across:g} A by {source} can't be right; give --pixel-angstrom"
        )
    return Known((float(down), float(across)), source)


def _own_pixel(recording: Recording, place: str) -> tuple[float, float]:
    """The pixel that a file gives [A]; units may differ between the axes."""
    axes = recording.axes or ()
    sides = [angstroms(axis.pixel, axis.unit, place) for axis in axes]
    if not sides or None in sides:
        unit = f" (its unit is {axes[-1].unit!r})" if axes else ""
        raise InputError(f"{place} gives no pixel size{unit}; give it in angstrom: --pixel-angstrom 0.4")
    return sides[0], sides[1]  # type: ignore[return-value]


@contextmanager
def opened_file(path: Path) -> Iterator[Recording]:
    """Open a file by its format; its planes are read when they are asked for.

    Raises
    ------
    InputError
        If it can't be read, or changes while it is read; the message is one sentence.
    """
    with guarded(path):
        try:
            with path.open("rb") as file:
                opener = _opener(file.read(_HEADER), path.suffix.lower())
        except OSError as error:
            raise InputError(f"{path} can't be read: {error.strerror}; give another file") from None
        with opener(path) as recording:
            yield recording


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Refuse irregular files, and those that change while they are read; errors of readers become one sentence."""
    before = _state(path)
    try:
        with _quiet():
            yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{path} claims more data than memory holds; it is damaged, copy it again") from None
    except Exception as error:  # readers raise errors of every kind on a damaged file
        fault = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path} is damaged ({fault}); copy or export it again") from None
    if _state(path) != before:
        raise InputError(f"{path} changed while it was read; give it again when it is complete")


def _state(path: Path) -> tuple[int, int, int]:
    try:
        kind = irregular_kind(os.fspath(path))
        state = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the file of a micrograph") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read ({error}); give another file") from None
    if kind is not None:
        raise InputError(f"{path} is {kind}; give the file of a micrograph")
    if state.st_size == 0:
        raise InputError(f"{path} is empty; copy it again")
    return state.st_ino, state.st_size, state.st_mtime_ns


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the remarks of libraries on damaged files from the screen: what fails is said in one sentence."""
    loggers = [logging.getLogger(name) for name in ("tifffile", "rsciio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _opener(header: bytes, suffix: str) -> _Opener:
    if header.startswith(_TIFF):
        return opened_tiff
    if header.startswith(_HDF5) and suffix not in (".hspy", ".nxs", ".ziff"):
        return opened_emd
    if header[_MRC_MARK] == b"MAP" or suffix in (".mrc", ".mrcs", ".map", ".ali", ".rec", ".st"):
        return opened_mrc
    return opened_other
