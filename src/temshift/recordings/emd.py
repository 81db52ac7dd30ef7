"""EMD files, which are HDF5: those of Velox, and those of Berkeley Lab's NCEM."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.recordings.micrograph import Known
from temshift.recordings.recording import Axis, Recording, frames_of

_LONGEST_METADATA = 2**24
_MOST_GROUPS = 10_000
_KILO = 1e3
_VELOX, _BERKELEY = "Velox's metadata", "the dimensions in the file"


@contextmanager
def opened_emd(path: Path) -> Iterator[Recording]:
    """Open an EMD file; its planes are read when they are asked for."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path} can't be read as HDF5 ({error}); copy or export it again") from None
    with file:
        images, berkeley = file.get("Data/Image"), _berkeley_groups(file)
        if isinstance(images, h5py.Group) and len(images):
            yield _of_velox(images, path)
        elif berkeley:
            yield _of_berkeley(berkeley, file, path)
        elif "Data" in file and any("Spectr" in name for name in file["Data"]):
            raise InputError(f"{path} holds spectra and no image; give the image")
        else:
            raise InputError(f"{path} is HDF5, but no EMD with an image; export the image as EMD, MRC or TIFF")


def _of_velox(images: h5py.Group, path: Path) -> Recording:
    groups = [(group, _velox_metadata(group)) for group in images.values() if isinstance(group, h5py.Group)]
    usable = [pair for pair in groups if "Data" in pair[0]]
    if not usable:
        raise InputError(f"{path} lists an image whose data are missing; export it again")
    real = [pair for pair in usable if _is_image(*pair)] or usable
    group, metadata = real[0]
    data = group["Data"]
    remarks = (f"the first of {len(real)} images is taken",) if len(real) > 1 else ()
    _require_contained(data, path)
    frames = frames_of(_Reordered(data, [*range(2, data.ndim), *range(min(2, data.ndim))]), str(path))
    return Recording(frames, _velox_axes(metadata), _VELOX, _velox_facts(metadata), remarks)


def _velox_metadata(group: h5py.Group) -> dict[str, Any]:
    """The JSON of the first frame; empty if it is missing or damaged."""
    stored = group.get("Metadata")
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or stored.shape[0] > _LONGEST_METADATA:
        return {}
    text = stored[:, 0].astype(np.uint8).tobytes().rstrip(b"\0")
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _is_image(group: h5py.Group, metadata: dict[str, Any]) -> bool:
    """Whether numbers are real and pixels are lengths: files also keep Fourier transforms."""
    unit = str(_within(metadata, "BinaryResult", "PixelUnitX") or "m")
    return group["Data"].dtype.kind in "uif" and "1/" not in unit


def _within(metadata: Any, *keys: str) -> Any:
    for key in keys:
        metadata = metadata.get(key) if isinstance(metadata, dict) else None
    return metadata


def _velox_axes(metadata: dict[str, Any]) -> tuple[Axis, Axis] | None:
    result = _within(metadata, "BinaryResult")
    axes = []
    for side, axis in (("height", "Y"), ("width", "X")):
        size = _number(_within(result, "PixelSize", side))
        if size is None:
            return None
        axes.append(Axis(size, str(_within(result, f"PixelUnit{axis}") or "m")))
    return axes[0], axes[1]


def _velox_facts(metadata: dict[str, Any]) -> dict[str, Known[Any]]:
    facts: dict[str, Known[Any]] = {}
    camera = _within(metadata, "BinaryResult", "Detector")
    if volts := _number(_within(metadata, "Optics", "AccelerationVoltage")):
        facts["energy_kev"] = Known(volts / _KILO, _VELOX)
    if isinstance(camera, str) and camera:
        facts["camera"] = Known(camera, _VELOX)
        detectors = _within(metadata, "Detectors") or {}
        own = [each for each in detectors.values() if _within(each, "DetectorName") == camera]
        if own and (exposure := _number(_within(own[0], "ExposureTime"))):
            facts["exposure_s"] = Known(exposure, _VELOX)
    return facts


def _number(value: Any) -> float | None:
    """A positive number, which Velox writes as text; None if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _berkeley_groups(file: h5py.File) -> list[h5py.Group]:
    """Groups that the format marks, in the order of the file."""
    groups: list[h5py.Group] = []

    def visit(_name: str, node: Any) -> bool | None:
        if isinstance(node, h5py.Group) and "emd_group_type" in node.attrs and "data" in node:
            groups.append(node)
        return True if len(groups) >= _MOST_GROUPS else None

    file.visititems(visit)
    return groups


def _of_berkeley(groups: list[h5py.Group], file: h5py.File, path: Path) -> Recording:
    images = [group for group in groups if isinstance(group["data"], h5py.Dataset)]
    if not images:
        raise InputError(f"{path} marks a group of data without an array; export it again")
    group = images[0]
    data = group["data"]
    _require_contained(data, path)
    remarks = (f"the first of {len(images)} arrays, {group.name}, is taken",) if len(images) > 1 else ()
    order = _image_last(group, data.shape)
    frames = frames_of(_Reordered(data, order), str(path))
    long = [axis for axis in order if data.shape[axis] > 1]
    axes = [_berkeley_axis(group, axis, data.shape[axis]) for axis in long[-2:]]
    pixels = None if axes[0] is None or axes[1] is None else (axes[0], axes[1])
    return Recording(frames, pixels, _BERKELEY, _berkeley_facts(file), remarks)


def _image_last(group: h5py.Group, shape: tuple[int, ...]) -> list[int]:
    """Order the axes so that y and x come last, if they have these names: HyperSpy stores x first."""
    vectors = [_dimension(group, axis) for axis in range(len(shape))]
    names = ["" if vector is None else vector.attrs.get("name", "") for vector in vectors]
    plain = [_text(name).strip().lower() for name in names]
    if "x" not in plain or "y" not in plain:
        return list(range(len(shape)))
    image = [plain.index("y"), plain.index("x")]
    return [axis for axis in range(len(shape)) if axis not in image] + image


class _Reordered:
    """A dataset whose axes are in another order, read plane by plane."""

    def __init__(self, data: h5py.Dataset, order: list[int]) -> None:
        self._data, self._order, self.dtype = data, order, data.dtype
        self.shape = tuple(data.shape[axis] for axis in order)

    def __getitem__(self, place: tuple[Any, ...]) -> NDArray[Any]:
        stored = self._data[tuple(place[self._order.index(axis)] for axis in range(len(place)))]
        kept = [axis for axis in self._order if isinstance(place[self._order.index(axis)], slice)]
        plane: NDArray[Any] = stored.transpose(np.argsort(np.argsort(kept)))
        return plane


def _dimension(group: h5py.Group, axis: int) -> h5py.Dataset | None:
    vector = group.get(f"dim{axis + 1}")
    return vector if isinstance(vector, h5py.Dataset) else None


def _berkeley_axis(group: h5py.Group, axis: int, size: int) -> Axis | None:
    """The step of a vector of places along an axis; None if there is no such vector of numbers."""
    vector = _dimension(group, axis)
    if vector is None or vector.shape not in ((size,), (2,)) or vector.dtype.kind not in "uif":
        return None
    first, second = (float(place) for place in vector[:2])
    return Axis(abs(second - first), _text(vector.attrs.get("units", "")))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _berkeley_facts(file: h5py.File) -> dict[str, Known[Any]]:
    """The voltage, which programs write in V or kV."""
    microscope = file.get("microscope")
    volts = None if microscope is None else _number(microscope.attrs.get("voltage"))
    if volts is None:
        return {}
    return {"energy_kev": Known(volts / _KILO if volts > _KILO * 10 else volts, "the group microscope of the file")}


def _require_contained(data: h5py.Dataset, path: Path) -> None:
    """Refuse arrays in other files: an address of somebody's choice would be read."""
    if data.external or data.is_virtual:
        raise InputError(f"{path} keeps its image in another file; give a file that holds it")
