"""MRC files: pixels from the header of the microscope or the size of the cell, and traps of their units."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

from temshift.core import InputError
from temshift.recordings.micrograph import Known
from temshift.recordings.recording import Axis, Recording, frames_of

_METRES = 1e-6  # A: a smaller pixel was written in metres
_NANOMETRES = 0.03  # A: a smaller pixel was written in nanometres; microscopes make none so fine
_PACKED = (b"\x1f\x8b", b"BZh")
_KILO = 1e3
_CELL, _EXTENDED = "the cell in the header", "the microscope's extended header"


@contextmanager
def opened_mrc(path: Path) -> Iterator[Recording]:
    """Open an MRC file, mapped into memory."""
    with path.open("rb") as file:
        if file.read(3).startswith(_PACKED):
            raise InputError(f"{path} is compressed; unpack it first")
    try:
        file = mrcfile.mmap(path, "r", permissive=True)  # many programs leave the marks of the format out
    except (ValueError, OSError) as error:
        raise InputError(f"{path} can't be read as MRC ({error}); copy or export it again") from None
    with file:
        if file.data is None:
            raise InputError(f"{path} can't be read as MRC: it ends before its image does; copy or export it again")
        header = _extended(file)
        axes, source, remarks = _pixels(file, header)
        yield Recording(frames_of(file.data, str(path)), axes, source, _facts(header), remarks)


def _extended(file: Any) -> dict[str, Any]:
    """Values of the first section of the extended header that FEI and Thermo Fisher write; empty if there is none."""
    if not bytes(file.header.exttyp).startswith(b"FEI"):
        return {}
    section = file.indexed_extended_header
    return {} if section is None or not len(section) else {name: section[name][0] for name in section.dtype.names}


def _pixels(file: Any, header: dict[str, Any]) -> tuple[tuple[Axis, Axis] | None, str, tuple[str, ...]]:
    metres = [float(header.get(f"Pixel size {axis}", 0)) for axis in "YX"]
    if min(metres) > 0:
        return (Axis(metres[0], "m"), Axis(metres[1], "m")), _EXTENDED, ()
    size = file.voxel_size
    down, across = float(size.y), float(size.x)
    if not (np.isfinite(down) and np.isfinite(across) and min(down, across) > 0):
        return None, "", ()
    unit, remark = _unit(max(down, across))
    return (Axis(down, unit), Axis(across, unit)), _CELL, remark


def _unit(pixel: float) -> tuple[str, tuple[str, ...]]:
    """The unit that a pixel was written in, judged by its size: the format asks for angstrom."""
    if pixel < _METRES:
        return "m", (f"the pixel of {pixel:.4g} in the header is taken for metres, not for angstrom",)
    if pixel < _NANOMETRES:
        return "nm", (f"the pixel of {pixel:.4g} in the header is taken for nanometres, not for angstrom",)
    if pixel == 1:
        return "A", ("the pixel is exactly 1 A, as programs write that don't know it: check it",)
    return "A", ()


def _facts(header: dict[str, Any]) -> dict[str, Known[Any]]:
    volts, exposure = float(header.get("HT", 0)), float(header.get("Integration time", 0))
    camera = bytes(header.get("Camera name", b"")).rstrip(b"\0").decode("latin-1").strip()
    facts: dict[str, Known[Any]] = {}
    if volts > 0:
        facts["energy_kev"] = Known(volts / _KILO, _EXTENDED)
    if exposure > 0:
        facts["exposure_s"] = Known(exposure, _EXTENDED)
    if camera:
        facts["camera"] = Known(camera, _EXTENDED)
    return facts
