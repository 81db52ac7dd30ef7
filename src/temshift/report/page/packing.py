"""Grids of numbers, packed for the page: exact where they are few, in fine steps where they are many."""

import base64
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FEW = 50_000  # numbers of a grid that are kept as float32
STEPS = 4000  # between the lowest and the highest number of a larger grid
_FAR_APART = 5.0  # from this ratio on, steps are even in the logarithm
_COMPRESSION = 6


def pack(grid: Array, steps: int = STEPS) -> dict[str, Any]:
    """Pack a grid; a number that is missing stays so.

    Parameters
    ----------
    grid : ndarray (rows, columns)
        NaN where a number is missing.
    steps : int
        A large grid is stored in so many even steps, of the value or of its logarithm, so with an error of at most
        1/8000 of the range for 4000 steps; a small one as float32.

    Returns
    -------
    dict
        ``shape``, where a grid that is the same in all rows or columns has 1; ``kind``; and ``data``: base64 of
        deflated little-endian bytes, all first bytes of numbers before all second ones.

    Examples
    --------
    >>> pack(np.ones((300, 80)))["shape"]
    [1, 1]
    """
    small = _without_repeats(grid)
    if small.size <= _FEW:
        return {"shape": list(small.shape), "kind": "float", "data": _encoded(small.astype("<f4"))}
    return {"shape": list(small.shape), **_stepped(small, steps)}


def unpack(packed: Mapping[str, Any]) -> Array:
    """Return the grid of :func:`pack`, with as many rows and columns as were stored."""
    kind, width = ("<f4", 4) if packed["kind"] == "float" else ("<u2", 2)
    flat = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8)
    stored = np.ascontiguousarray(flat.reshape(width, -1).T).view(kind).reshape(packed["shape"]).astype(np.float64)
    if packed["kind"] == "float":
        return np.asarray(stored)
    values = packed["lowest"] + np.where(stored > 0, stored - 1, np.nan) * packed["step"]
    return np.asarray(np.exp(values) if packed["kind"] == "logarithm" else values)


def _without_repeats(grid: Array) -> Array:
    for axis in (0, 1):
        first = grid.take([0], axis=axis)
        if np.array_equal(np.broadcast_to(first, grid.shape), grid, equal_nan=True):
            grid = first
    return grid


def _stepped(grid: Array, steps: int) -> dict[str, Any]:
    present = grid[np.isfinite(grid)]
    lowest, highest = (float(present.min()), float(present.max())) if present.size else (0.0, 0.0)
    log = lowest > 0 and highest > _FAR_APART * lowest
    ends = (math.log(lowest), math.log(highest)) if log else (lowest, highest)
    step = (ends[1] - ends[0]) / steps or 1.0
    filled = np.where(np.isfinite(grid), grid, lowest)
    numbers = np.rint(((np.log(filled) if log else filled) - ends[0]) / step) + 1
    stored = np.where(np.isfinite(grid), numbers, 0).astype("<u2")
    kind = "logarithm" if log else "linear"
    return {"kind": kind, "lowest": ends[0], "step": step, "data": _encoded(stored)}


def _encoded(numbers: NDArray[Any]) -> str:
    """All first bytes, then all second ones: alike bytes side by side deflate better."""
    planes = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, numbers.itemsize).T
    return base64.b64encode(zlib.compress(planes.tobytes(), _COMPRESSION)).decode("ascii")


def pack_within(grids: Mapping[str, Array], most: int, steps: int = STEPS) -> tuple[dict[str, Any], list[str]]:
    """Pack grids in their order, but none that would take the page beyond ``most`` bytes for all of them.

    Returns
    -------
    packed : dict
        By name; a grid without any number is left out.
    dropped : list of str
        The names of those that did not fit.
    """
    packed, dropped, used = {}, [], 0
    for name, grid in grids.items():
        if not np.isfinite(grid).any():
            continue
        packed_grid = pack(grid, steps)
        if used + len(packed_grid["data"]) > most:
            dropped.append(name)
            continue
        packed[name] = packed_grid
        used += len(packed_grid["data"])
    return packed, dropped
