"""All other formats of microscopes, by RosettaSciIO, which is imported when such a file is read (extra ``formats``)."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from temshift.core import InputError
from temshift.recordings.micrograph import Known
from temshift.recordings.recording import FACTS, Axis, Recording, frames_of

_ENERGY, _EXPOSURE = ("TEM", "beam_energy"), ("TEM", "Camera", "exposure")
_SPECTRA = ("EELS", "EDS", "CL", "XRF")
_DM_EXPOSURE = (("DataBar", "Exposure Time (s)"), ("Acquisition", "Parameters", "High Level", "Exposure (s)"))
_DM_CAMERA = (("Acquisition", "Device", "Name"), ("DataBar", "Device Name"))
_ELECTRONS = ("e-", "e", "electrons")
_COLOURS = ("B", "G", "R")


@contextmanager
def opened_other(path: Path) -> Iterator[Recording]:
    """Open a file by the reader that RosettaSciIO has for its suffix; its first image is taken."""
    faults: list[Exception] = []
    for reader in _readers(path):
        try:
            signals = _read(reader, path)
        except MemoryError:
            raise InputError(f"{path} claims more data than memory holds; it is damaged, copy it again") from None
        except Exception as error:  # readers raise errors of every kind on a damaged file, or on one of another kind
            faults.append(error)
        else:
            yield recording_of(signals, str(path))
            return
    raise InputError(
        f"{path} can't be read ({type(faults[0]).__name__}: {faults[0]}); is it whole? Else export it as TIFF or MRC"
    )


def _readers(path: Path) -> list[Any]:
    """The readers of files of a suffix, of which several formats may have the same."""
    try:
        from rsciio import IO_PLUGINS
    except ImportError:
        raise InputError(
            f'{path}: files {path.suffix or "without a suffix"} need the extra formats: pip install "temshift[formats]"'
        ) from None
    suffix = path.suffix.lower().lstrip(".")
    plugins = [each for each in IO_PLUGINS if suffix and suffix in map(str.lower, each["file_extensions"])]
    if not plugins:
        raise InputError(
            f"{path}: nothing reads files {path.suffix or 'without a suffix'}; give TIFF, MRC, EMD, DM3, DM4 or SER, "
            "or export the image as one of them"
        )
    return [importlib.import_module(each["api"]) for each in plugins]


def _read(reader: Any, path: Path) -> list[dict[str, Any]]:
    """Read a file without its planes, if the reader is able to, so that sizes are checked before memory is taken."""
    try:
        return list(reader.file_reader(str(path), lazy=True))
    except (TypeError, NotImplementedError, ValueError):
        return list(reader.file_reader(str(path)))


def recording_of(signals: list[dict[str, Any]], place: str, source: str = "the file, by RosettaSciIO") -> Recording:
    """Choose the image among signals in the form of RosettaSciIO, each a mapping of data, axes and metadata.

    Raises
    ------
    InputError
        If none is an image.
    """
    images = [signal for signal in signals if _sides(signal) >= 2 and not _is_spectrum(signal)]
    if not images:
        raise InputError(f"{place} holds {'spectra' if signals else 'nothing'} and no image; give the image")
    signal = images[0]
    remarks = (f"the first of {len(images)} images is taken",) if len(images) > 1 else ()
    data = _without_colour(signal["data"], place)
    axes = [_axis(each) for each in signal["axes"] if each.get("size", 0) > 1][-2:]
    frames = frames_of(_Computed(data), place)
    pixels = None if len(axes) < 2 or None in axes else (axes[0], axes[1])
    return Recording(frames, pixels, source, _facts(signal, source), remarks)  # type: ignore[arg-type]


class _Computed:
    """An array of numpy or Dask, of which a plane is computed when it is indexed."""

    def __init__(self, data: Any) -> None:
        self._data, self.shape, self.dtype = data, data.shape, data.dtype

    def __getitem__(self, place: tuple[Any, ...]) -> Any:
        return np.asarray(self._data[place])


def _sides(signal: Mapping[str, Any]) -> int:
    return sum(side > 1 for side in signal["data"].shape)


def _is_spectrum(signal: Mapping[str, Any]) -> bool:
    kind = str(_within(signal.get("metadata"), "Signal", "signal_type") or "")
    units = [str(axis.get("units")).lower() for axis in signal["axes"]]
    return kind.startswith(_SPECTRA) or any(unit in ("ev", "kev") for unit in units)


def _without_colour(data: Any, place: str) -> Any:
    """Return grey data as they are, and the one channel of colours that are all grey."""
    if not data.dtype.names:
        return data
    channels = [np.asarray(data[name]) for name in data.dtype.names if name in _COLOURS]
    if len(channels) < 3 or any((channel != channels[0]).any() for channel in channels):
        raise InputError(f"{place} is a picture in colour, no micrograph; give the file of the microscope")
    return channels[0]


def _axis(axis: Mapping[str, Any]) -> Axis | None:
    scale, units = axis.get("scale"), axis.get("units")
    known = isinstance(units, str) and isinstance(scale, int | float | np.number)
    return Axis(abs(float(scale)), units) if known else None  # type: ignore[arg-type]


def _within(metadata: Any, *keys: str) -> Any:
    for key in keys:
        metadata = metadata.get(key) if isinstance(metadata, Mapping) else None
    return metadata


def _facts(signal: Mapping[str, Any], source: str) -> dict[str, Known[Any]]:
    instrument = _within(signal.get("metadata"), "Acquisition_instrument")
    tags = _dm_tags(signal.get("original_metadata"))
    energy, exposure = (_mapped(signal, ending) for ending in (_ENERGY[-1], _EXPOSURE[-1]))
    values = {
        "energy_kev": _positive(_within(instrument, *_ENERGY)) or energy,
        "exposure_s": _positive(_within(instrument, *_EXPOSURE)) or exposure or _first(tags, _DM_EXPOSURE, _positive),
        "camera": _first(tags, _DM_CAMERA, _text),
        "counts_per_electron": _counts_per_electron(tags),
    }
    return {name: Known(values[name], source) for name in FACTS if values[name]}


def _mapped(signal: Mapping[str, Any], ending: str) -> float | None:
    """A number of the original metadata that the reader maps to a place of this ending, in the unit of that place."""
    for source, (target, convert) in (signal.get("mapping") or {}).items():
        if not str(target).startswith("Acquisition_instrument.TEM.") or not str(target).endswith(f".{ending}"):
            continue
        value = _within(signal.get("original_metadata"), *source.split("."))
        with suppress(TypeError, ValueError, AttributeError, KeyError):
            number = _positive(convert(value) if convert else value)
            if number is not None:
                return number
    return None


def _dm_tags(original: Any) -> Any:
    """The tags of the image of a DM3 or DM4."""
    images = _within(original, "ImageList")
    return next(iter(images.values()), None) if isinstance(images, Mapping) else None


def _first(tags: Any, places: tuple[tuple[str, ...], ...], read: Any) -> Any:
    return next((value for place in places if (value := read(_within(tags, "ImageTags", *place)))), None)


def _counts_per_electron(tags: Any) -> float | None:
    """Of images that are calibrated in electrons, the counts that one makes."""
    brightness = _within(tags, "ImageData", "Calibrations", "Brightness")
    electrons = _positive(_within(brightness, "Scale"))
    calibrated = str(_within(brightness, "Units")).strip().lower() in _ELECTRONS
    return 1 / electrons if electrons and calibrated else None


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
