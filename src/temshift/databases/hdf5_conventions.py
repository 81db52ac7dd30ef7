"""The words in every HDF5 file for others: its kind, the sign conventions, the waves that it comes from."""

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from temshift.exitwaves import WaveSource
from temshift.storage.provenance import versions_of

CONVENTIONS = {
    "axes": "arrays are (..., y, x): x is the last axis, y points along increasing row number",
    "beam": "electrons run towards +z, through the substrate first unless particles lie on its entrance side; the exit "
    "plane lies behind the last atom",
    "propagation": "free space over dz multiplies the Fourier transform by exp(-i pi wavelength dz q^2), "
    "and a potential V by exp(+i sigma V)",
    "lens": "the lens multiplies the Fourier transform by exp(-i chi), "
    "chi = pi wavelength C10 q^2 + pi/2 C30 wavelength^3 q^4 + ..., with C10 = -defocus",
    "defocus": "positive is underfocus; an object at height h upstream of the plane is in focus at defocus = +h",
    "periodicity": "the plane is periodic along x and y",
}

_IMAGE_AXES = ("condition", "image", "y", "x")
EMD_VERSION = {"version_major": 0, "version_minor": 2}  # of Berkeley Lab's format


def write_emd(group: h5py.Group, images: h5py.Dataset, sampling: tuple[float, float]) -> None:
    """Add a group ``emd`` by which readers of Berkeley Lab's format find images with their axes; it holds no copy.

    Parameters
    ----------
    group : h5py.Group
        Of a set.
    images : h5py.Dataset (condition, image, y, x)
    sampling : (float, float)
        Pixel size along (y, x) [A].
    """
    emd = group.create_group("emd")
    emd.attrs["emd_group_type"] = 1
    emd["data"] = images
    steps, units = (1.0, 1.0, sampling[0] / 10, sampling[1] / 10), ("", "", "[n_m]", "[n_m]")
    for number, (name, size, step, unit) in enumerate(
        zip(_IMAGE_AXES, images.shape, steps, units, strict=True), start=1
    ):
        emd[f"dim{number}"] = np.arange(size) * step
        set_attributes(emd[f"dim{number}"], {"name": name, "units": unit})


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
