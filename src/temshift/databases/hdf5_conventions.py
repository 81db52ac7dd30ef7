"""The words in every HDF5 file for others: its kind, the sign conventions, the waves that it comes from."""

import json
from collections.abc import Mapping
from typing import Any

import h5py

from temshift.exitwaves import WaveSource
from temshift.storage.provenance import versions_of

CONVENTIONS = {
    "axes": "arrays are (..., y, x): x is the last axis, y points along increasing row number",
    "beam": "electrons run towards +z, through the substrate first; the exit plane lies behind the last atom",
    "propagation": "free space over dz multiplies the Fourier transform by exp(-i pi wavelength dz q^2), "
    "and a potential V by exp(+i sigma V)",
    "lens": "the lens multiplies the Fourier transform by exp(-i chi), "
    "chi = pi wavelength C10 q^2 + pi/2 C30 wavelength^3 q^4 + ..., with C10 = -defocus",
    "defocus": "positive is underfocus; an object at height h upstream of the plane is in focus at defocus = +h",
    "periodicity": "the plane is periodic along x and y",
}


def describe(group: h5py.Group, kind: str, file_version: int) -> None:
    """Write the kind of a file, the version of temshift, and the sign conventions in words."""
    facts = {"format": kind, "format_version": file_version, **versions_of()}
    set_attributes(group, {**facts, **CONVENTIONS})


def set_attributes(node: h5py.Group | h5py.Dataset, values: Mapping[str, Any]) -> None:
    """Write attributes of a group or a dataset."""
    for key, value in values.items():
        node.attrs[key] = value


def describe_source(group: h5py.Group, source: WaveSource) -> None:
    """Write the attributes and, as JSON, the settings of a set of waves into its group."""
    set_attributes(group, source.attributes())
    group["settings"] = json.dumps(source.settings)  # attributes hold 64 kB at most
