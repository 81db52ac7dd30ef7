"""Small SER files, as FEI's TIA lays them out: series of images, little-endian, version 0x0210."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_UINT16 = 2


def write_ser(path: Path, images: NDArray[np.uint16], pixel_m: tuple[float, float]) -> None:
    """Write images (n, y, x) whose pixels (y, x) are given in metres."""
    count, height, width = images.shape
    description, unit = b"Number", b""
    dimension = struct.pack("<iddi", count, 0.0, 1.0, 0)
    dimension += struct.pack("<i", len(description)) + description + struct.pack("<i", len(unit)) + unit
    header = struct.pack("<HHH", 0x4949, 0x0197, 0x0210) + struct.pack("<IIII", 0x4122, 0x4152, count, count)
    place = len(header) + 8 + len(dimension)
    header += struct.pack("<II", place, 1) + dimension
    calibration = struct.pack("<ddiddi", 0.0, pixel_m[1], 0, 0.0, pixel_m[0], 0)
    element = calibration + struct.pack("<Hii", _UINT16, width, height)
    size = len(element) + images[0].nbytes
    first = place + 8 * count
    data = [first + number * size for number in range(count)]
    tags = [first + count * size + number * 8 for number in range(count)]
    body = b"".join(element + image[::-1].astype("<u2").tobytes() for image in images)  # rows run upwards
    times = struct.pack("<HHi", 0x4152, 0, 0) * count
    path.write_bytes(header + struct.pack(f"<{2 * count}I", *data, *tags) + body + times)
