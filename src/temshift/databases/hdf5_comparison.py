"""Whether two HDF5 files have the same groups, attributes and layout, and arrays the same values to the bit."""

from typing import Any

import h5py
import numpy as np

_LAYOUT = ("shape", "dtype", "chunks", "compression", "compression_opts", "shuffle", "fletcher32")
_SMALL = ("specimens", "settings")  # datasets that describe the others


def same_description(file: h5py.File, other: h5py.File) -> bool:
    """Return whether two files are the same except for the values of their large datasets.

    Parameters
    ----------
    file, other : h5py.File
        Open files.

    Returns
    -------
    bool
    """
    nodes, others = _nodes(file), _nodes(other)
    return nodes.keys() == others.keys() and all(_alike(nodes[name], others[name]) for name in nodes)


def same_values(given: Any, expected: Any) -> bool:
    """Return whether an array that was read holds given values, to the bit; texts come as bytes."""
    array = np.asarray(given)
    if array.dtype == object:
        return [bytes(text) for text in array.ravel()] == [text.encode() for text in expected]
    return array.tobytes() == np.asarray(expected).tobytes()


def _nodes(file: h5py.File) -> dict[str, Any]:
    nodes: dict[str, Any] = {"/": file["/"]}
    file.visititems(nodes.__setitem__)
    return nodes


def _alike(node: Any, other: Any) -> bool:
    if type(node) is not type(other) or not _same_attributes(node, other):
        return False
    if not isinstance(node, h5py.Dataset):
        return True
    laid_out = all(getattr(node, name) == getattr(other, name) for name in _LAYOUT)
    small = node.name.rpartition("/")[2] in _SMALL
    return laid_out and (not small or np.array_equal(node[()], other[()]))


def _same_attributes(node: Any, other: Any) -> bool:
    return node.attrs.keys() == other.attrs.keys() and all(
        np.array_equal(node.attrs[name], other.attrs[name]) for name in node.attrs
    )
