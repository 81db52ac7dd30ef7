"""Small DM3 and DM4 files, as DigitalMicrograph lays them out: a tree of tags, big-endian around little-endian data."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CODES = {"int16": 2, "int32": 3, "uint16": 4, "uint32": 5, "float32": 6, "float64": 7, "int8": 9, "int64": 11}
_DATA_TYPES = {"int16": 1, "float32": 2, "complex64": 3, "uint8": 6, "int32": 7, "uint16": 10, "uint32": 11}
_ARRAY, _STRUCT, _GROUP, _DATA = 20, 15, 20, 21


class Array:
    """Numbers that a tag holds as one array; ``code`` is that of their type."""

    def __init__(self, content: bytes, code: int, count: int) -> None:
        self.content, self.code, self.count = content, code, count


def write_dm(
    path: Path,
    image: NDArray[Any],
    pixel: tuple[float, ...] = (0.05, 0.05),
    units: tuple[str, ...] = ("nm", "nm"),
    version: int = 3,
    image_tags: Mapping[str, Any] | None = None,
    brightness: tuple[float, str] = (1.0, ""),
) -> None:
    """Write an image (..., y, x) with its calibration; pixel and units run as the axes of the array do."""
    kind = image.dtype.name
    content = np.ascontiguousarray(image).astype(image.dtype.newbyteorder("<")).tobytes()
    code = 10 if kind == "uint8" else _CODES.get(kind)
    array = Array(content, code or _STRUCT, image.size)
    dimensions = [
        {"Origin": 0.0, "Scale": float(side), "Units": unit} for side, unit in zip(pixel, units, strict=True)
    ][::-1]
    calibrations = {
        "Brightness": {"Origin": 0.0, "Scale": float(brightness[0]), "Units": brightness[1]},
        "Dimension": dimensions,
    }
    data = {
        "Calibrations": calibrations,
        "Data": array,
        "DataType": np.uint32(_DATA_TYPES[kind]),
        "Dimensions": [np.uint32(side) for side in image.shape[::-1]],
        "PixelDepth": np.uint32(image.dtype.itemsize),
    }
    one = {"ImageData": data, "ImageTags": dict(image_tags or {}), "Name": "image"}
    body = _group({"ImageList": [one]}, version, root=True)
    size = struct.pack(">Q" if version == 4 else ">I", len(body))
    path.write_bytes(struct.pack(">I", version) + size + struct.pack(">I", 1) + body + bytes(8))


def _long(value: int, version: int) -> bytes:
    return struct.pack(">q" if version == 4 else ">i", value)


def _group(tags: Mapping[str, Any] | list[Any], version: int, *, root: bool = False) -> bytes:
    named = [("", tag) for tag in tags] if isinstance(tags, list) else list(tags.items())
    entries = b"".join(_entry(name, tag, version) for name, tag in named)
    size = b"" if root or version == 3 else struct.pack(">q", len(entries) + 10)
    return bytes([1, 0]) + size + _long(len(named), version) + entries


def _entry(name: str, tag: Any, version: int) -> bytes:
    group = isinstance(tag, Mapping | list)
    content = _group(tag, version) if group else _value(tag, version)
    text = name.encode("latin-1")
    header = bytes([_GROUP if group else _DATA]) + struct.pack(">H", len(text)) + text
    if version == 4 and not group:
        header += struct.pack(">q", len(content))
    return header + content


def _value(tag: Any, version: int) -> bytes:
    if isinstance(tag, str):
        tag = Array(tag.encode("utf-16-le"), 4, len(tag))
    if isinstance(tag, Array):
        records = [_ARRAY, _STRUCT, 0, 2, 0, 6, 0, 6, tag.count]  # complex numbers: two floats each
        info = records if tag.code == _STRUCT else [_ARRAY, tag.code, tag.count]
        return _information(info, version) + tag.content
    number = np.float64(tag) if isinstance(tag, float) else np.asarray(tag)
    return _information([_CODES[number.dtype.name]], version) + number.astype(number.dtype.newbyteorder("<")).tobytes()


def _information(info: list[int], version: int) -> bytes:
    return b"%%%%" + b"".join(_long(value, version) for value in [len(info), *info])
