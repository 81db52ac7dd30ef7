"""TIFF: pixel sizes of DigitalMicrograph, OME, ImageJ and temshift, and those that resolution tags give."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from temshift.core import InputError
from temshift.recordings.micrograph import Known
from temshift.recordings.recording import Axis, Frames, Recording, frames_of, require_planes

_DM = {"x": (65003, 65009), "y": (65004, 65010)}  # unit and size of pixels, as DigitalMicrograph writes them
_DM_COUNTS = (65022, 65025)  # unit of the numbers, and how many of it one count is
_ELECTRONS = ("e-", "e", "electrons")
_PRINTED = 1e-6  # m: coarser pixels are those of paper, such as the 72 dpi of DigitalMicrograph
_METRES = {2: 0.0254, 3: 0.01}  # of the units of resolution tags
_LONGEST_XML = 2**26
_PALETTE, _WHITE_IS_ZERO = 3, 0
_Calibration = tuple[tuple[Axis, Axis], str]


@contextmanager
def opened_tiff(path: Path) -> Iterator[Recording]:
    """Open a TIFF: its largest series of images, with the pixel size that the best of its tags gives."""
    with tifffile.TiffFile(path) as file:
        if not file.series:
            raise InputError(f"{path} holds no image; give a micrograph")
        series = max(file.series, key=lambda each: math.prod(each.shape))
        remarks = []
        if len(file.series) > 1:
            remarks.append(f"the largest of {len(file.series)} images of different shapes is taken")
        page = series.keyframe  # a thumbnail may come first, with tags of its own
        calibration = _calibration(file, page)
        if calibration is None and _unit_of_resolution(page) is not None and _resolution(page) is not None:
            remarks.append("the resolution in the file is that of a printed page and no pixel size")
        axes, source = calibration or (None, "")
        yield Recording(_frames(file, series, path), axes, source, _facts(page), tuple(remarks))


def _frames(file: tifffile.TiffFile, series: Any, path: Path) -> Frames:
    shape = dict(zip(series.axes, series.shape, strict=True))
    samples = shape.get("S", 1)
    planar = tuple(side for axis, side in zip(series.axes, series.shape, strict=True) if axis != "S")
    require_planes(planar, np.dtype(series.dtype), str(path))
    page = series.keyframe
    if samples > 1:
        read = _reader(file, series, path, planar)
        colours = frames_of(np.broadcast_to(np.zeros((), series.dtype), planar), str(path), read)
        return Frames(colours.count, colours.shape, colours.dtype, lambda number: _grey(read(number), path))
    frames = frames_of(np.broadcast_to(np.zeros((), series.dtype), planar), str(path))
    read = _reader(file, series, path, planar)
    if page.photometric == _PALETTE and page.colormap is not None:
        grey = _grey(np.moveaxis(page.colormap, 0, -1), path)
        return Frames(frames.count, frames.shape, grey.dtype, lambda number: grey[read(number)])
    if page.photometric == _WHITE_IS_ZERO and frames.dtype.kind == "u":
        most = np.iinfo(frames.dtype).max
        return Frames(frames.count, frames.shape, frames.dtype, lambda number: most - read(number))
    return Frames(frames.count, frames.shape, frames.dtype, read)


def _reader(file: tifffile.TiffFile, series: Any, path: Path, planar: tuple[int, ...]) -> Any:
    """Return the function from the number of a frame to its plane (y, x) or (y, x, samples)."""
    long = [side for side in planar if side > 1]
    count = long[0] if len(long) == 3 else 1
    if series.dataoffset is None and len(series.pages) == count:

        def page(number: int) -> NDArray[Any]:
            plane = decoded(series.pages[number].aspage(), path)
            return _samples_last(plane.squeeze(), long)

        return page
    if series.dataoffset is None:
        raise InputError(
            f"{path} keeps its frames in {len(series.pages)} pages, not one each; save them as a plain stack"
        )
    size = math.prod(series.shape) * series.dtype.itemsize
    if series.dataoffset + size > file.filehandle.size:
        raise InputError(f"{path} ends before its image does; copy it again")
    order = np.dtype(series.dtype).newbyteorder(file.byteorder)
    mapped = np.memmap(path, order, "r", series.dataoffset, series.shape)

    def part(number: int) -> NDArray[Any]:
        whole = mapped.reshape(count, -1)[number]
        sides = [side for side in series.shape if side > 1]
        return _samples_last(np.array(whole).reshape(sides[1:] if count > 1 else sides), long)

    return part


def decoded(page: tifffile.TiffPage, path: Path) -> NDArray[Any]:
    """Decode a page; compressions that tifffile leaves to a further package, such as LZW, by Pillow.

    Raises
    ------
    InputError
        If neither knows the compression.
    """
    try:
        plane: NDArray[Any] = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _of_pillow(page, path)
    return plane


def _of_pillow(page: tifffile.TiffPage, path: Path) -> NDArray[Any]:
    try:
        with Image.open(path) as picture:
            picture.seek(page.index)
            plane = np.asarray(picture)
    except (OSError, ValueError, EOFError):
        plane = np.zeros(0)
    if plane.shape[:2] != (page.imagelength, page.imagewidth) or page.dtype is None:
        kind = getattr(page.compression, "name", page.compression)
        raise InputError(f"{path} is compressed as {kind}, which can't be read; save it without compression")
    return plane.astype(page.dtype, copy=False)


def _samples_last(plane: NDArray[Any], long: list[int]) -> NDArray[Any]:
    """Bring the samples of a plane, if it has several, to its last axis."""
    first = plane.ndim == 3 and list(plane.shape[1:]) == long[-2:]
    return np.moveaxis(plane, 0, -1) if first and plane.shape[0] <= 4 else plane


def _grey(colours: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return the one channel of colours (..., channels) that are grey; an opacity of all pixels is left out."""
    channels = colours[..., : 3 if colours.shape[-1] > 2 else 1]
    if (channels != channels[..., :1]).any():
        raise InputError(f"{path} is a picture in colour, no micrograph; give the file of the microscope")
    grey: NDArray[Any] = channels[..., 0]
    return grey


def _calibration(file: tifffile.TiffFile, page: tifffile.TiffPage) -> _Calibration | None:
    for read in (_of_temshift, _of_digital_micrograph, _of_ome, _of_microscope, _of_imagej, _of_resolution):
        calibration = read(file, page)
        if calibration is not None:
            return calibration
    return None


def _of_digital_micrograph(_file: tifffile.TiffFile, page: tifffile.TiffPage) -> _Calibration | None:
    tags = page.tags
    units, sizes = ([tags.valueof(_DM[axis][part]) for axis in "yx"] for part in (0, 1))
    if None in sizes or None in units:
        return None
    axes = [Axis(float(np.ravel(size)[0]), str(unit)) for size, unit in zip(sizes, units, strict=True)]
    return (axes[0], axes[1]), "DigitalMicrograph's tags"


def _of_temshift(_file: tifffile.TiffFile, page: tifffile.TiffPage) -> _Calibration | None:
    sampling = _description(page).get("sampling_angstrom")
    if not isinstance(sampling, list) or len(sampling) != 2:
        return None
    down, across = (Axis(float(side), "A") for side in sampling)
    return (down, across), "the description that temshift wrote"


def _description(page: tifffile.TiffPage) -> dict[str, Any]:
    """The JSON object of the description; empty if it is none."""
    text = page.description
    try:
        read = json.loads(text) if text.startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _of_ome(file: tifffile.TiffFile, _page: tifffile.TiffPage) -> _Calibration | None:
    text = file.ome_metadata
    if not text or len(text) > _LONGEST_XML or "<!" in text.replace("<!--", ""):
        return None
    pixels = ElementTree.fromstring(text).find(".//{*}Pixels")
    if pixels is None or "PhysicalSizeX" not in pixels.attrib:
        return None
    across = Axis(float(pixels.attrib["PhysicalSizeX"]), pixels.attrib.get("PhysicalSizeXUnit", "\u00b5m"))
    if "PhysicalSizeY" not in pixels.attrib:
        return (across, across), "OME's description"
    down = Axis(float(pixels.attrib["PhysicalSizeY"]), pixels.attrib.get("PhysicalSizeYUnit", "\u00b5m"))
    return (down, across), "OME's description"


def _of_microscope(file: tifffile.TiffFile, _page: tifffile.TiffPage) -> _Calibration | None:
    """The tags of FEI and Thermo Fisher, in metres, or of TVIPS, in nanometres."""
    scan = (file.fei_metadata or {}).get("Scan")
    tvips = file.tvips_metadata or {}
    for facts, names, unit, maker in (
        (scan if isinstance(scan, dict) else {}, ("PixelHeight", "PixelWidth"), "m", "FEI's tags"),
        (tvips, ("PixelSizeY", "PixelSizeX"), "nm", "TVIPS's tags"),
    ):
        sizes = [facts.get(name) for name in names]
        if all(isinstance(size, int | float) and size > 0 for size in sizes):
            return (Axis(float(sizes[0]), unit), Axis(float(sizes[1]), unit)), maker  # type: ignore[arg-type]
    return None


def _of_imagej(file: tifffile.TiffFile, page: tifffile.TiffPage) -> _Calibration | None:
    facts = file.imagej_metadata or {}
    unit, sizes = facts.get("unit"), _resolution(page)
    if not isinstance(unit, str) or sizes is None or unit == "inch":
        return None
    down, across = sizes
    return (Axis(down, str(facts.get("yunit", unit))), Axis(across, unit)), "ImageJ's tags"


def _of_resolution(_file: tifffile.TiffFile, page: tifffile.TiffPage) -> _Calibration | None:
    metre, sizes = _unit_of_resolution(page), _resolution(page)
    if metre is None or sizes is None or max(sizes) * metre >= _PRINTED:
        return None
    down, across = (Axis(size * metre, "m") for size in sizes)
    return (down, across), "the resolution tags"


def _unit_of_resolution(page: tifffile.TiffPage) -> float | None:
    """Metres of the unit of the resolution tags; None if they have none."""
    return _METRES.get(int(page.tags.valueof("ResolutionUnit", default=2)))


def _resolution(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Pixels (y, x) in the unit of the resolution tags; None if there are none."""
    sizes = []
    for name in ("YResolution", "XResolution"):
        above, below = page.tags.valueof(name, default=(0, 1))
        if not (above and below):
            return None
        sizes.append(below / above)
    return sizes[0], sizes[1]


def _facts(page: tifffile.TiffPage) -> dict[str, Known[Any]]:
    unit, scale = (page.tags.valueof(code) for code in _DM_COUNTS)
    facts: dict[str, Known[Any]] = {}
    if scale and str(unit).strip("\x00 ").lower() in _ELECTRONS:
        facts["counts_per_electron"] = Known(1 / float(np.ravel(scale)[0]), "DigitalMicrograph's tags")
    energy = _description(page).get("energy_kev")
    if isinstance(energy, int | float):
        facts["energy_kev"] = Known(float(energy), "the description that temshift wrote")
    return facts
