"""Wave stores as sources of images and of files for others: what they hold and what their numbers mean."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
from pydantic import ValidationError

from temshift.core.electrons import largest_semiangle
from temshift.core.errors import InputError
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.store import StoreLayout, read_geometry, read_layout, read_settings, stores_in

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
ENDLESS = 10**9  # where a range of specimens has no end
PLANES = {
    "exit_plane": "defocus counts from the exit plane, the top of the cell",
    "minimum_contrast": "defocus counts from the plane where the particles alone have least contrast, "
    "focus_height_angstrom upstream of the exit plane; waves are propagated there",
}


@dataclass(frozen=True)
class WaveSource:
    """One wave store and what its waves mean.

    Attributes
    ----------
    name : str
        Name of the set, such as ``training``.
    store : Path
        Its folder.
    layout : StoreLayout
        Shape and shards.
    exit_waves : ExitWaveSettings
        How the waves were simulated.
    settings : dict
        All that the store depends on, plain values.
    """

    name: str
    store: Path
    layout: StoreLayout
    exit_waves: ExitWaveSettings
    settings: dict[str, Any]

    @property
    def widest_semiangle(self) -> float:
        """The widest aperture [rad] that waves on the stored grid can fill."""
        return largest_semiangle(self.layout.grid.nyquist, self.exit_waves.energy)

    @property
    def specimen_settings(self) -> dict[str, Any]:
        """What each single specimen and its waves depend on, however many there are and whatever the set is called."""
        return {key: value for key, value in self.settings.items() if key not in ("count", "per_shard")}

    def attributes(self) -> dict[str, Any]:
        """Return what a reader of waves or images has to know, under keys that name the units."""
        return {
            "energy_eV": self.exit_waves.energy,
            "sampling_angstrom": self.layout.grid.sampling,
            "focus_plane": PLANES[self.exit_waves.focus],
            "seed": self.settings["seed"],
        }

    def describe(self, group: h5py.Group) -> None:
        """Write the attributes and, as JSON, the settings of the set into its group of an HDF5 file."""
        set_attributes(group, self.attributes())
        group["settings"] = json.dumps(self.settings)  # attributes hold 64 kB at most


def wave_sources(folder: Path, wanted: str | None = None) -> tuple[WaveSource, ...]:
    """Find the finished wave stores of a database, a study folder, or the one that ``folder`` itself is.

    Parameters
    ----------
    folder : Path
        Where to look.
    wanted : str, optional
        Name of the only set to take; all by default.

    Returns
    -------
    tuple of WaveSource
        At least one.

    Raises
    ------
    InputError
        Where there is none, no set of that name, or one that is not finished.
    """
    found = stores_in(folder)
    if wanted is not None and wanted not in found:
        raise InputError(f"{folder} holds no set {wanted!r}; it has {', '.join(found)}")
    sources = tuple(_source(name, found[name]) for name in ([wanted] if wanted is not None else found))
    for source in sources:
        _require_finished(source)
    return sources


def refuse_inside_store(output: Path) -> None:
    """Refuse to write among the files of a wave store.

    Raises
    ------
    InputError
        Where a folder above the output is a store.
    """
    inside = [place for place in output.resolve().parents if (place / "zarr.json").exists()]
    if inside:
        raise InputError(f"{output} lies inside the wave store {inside[-1]}; name another place with --output")


def _source(name: str, store: Path) -> WaveSource:
    settings = read_settings(store)
    try:
        exit_waves, _ = ExitWaveSettings.model_validate(settings["exit_waves"]), settings["seed"]
    except (KeyError, ValidationError) as error:
        raise InputError(
            f"{store} does not tell how its waves were simulated; name a folder that temshift simulate has filled"
        ) from error
    return WaveSource(name, store, read_layout(store), exit_waves, settings)


def _require_finished(source: WaveSource) -> None:
    lacking = [shard for shard in range(source.layout.shards) if not _is_recorded(source.store, shard)]
    if lacking:
        raise InputError(
            f"{source.store} lacks {len(lacking)} of {source.layout.shards} shards, such as {lacking[0]}; "
            "run the command that makes it again, it goes on from there"
        )


def _is_recorded(store: Path, shard: int) -> bool:
    try:
        return bool(read_geometry(store, [shard]))
    except InputError:
        return False


def describe(group: h5py.Group, kind: str, file_version: int) -> None:
    """Write what a file is, which temshift wrote it, and the sign conventions in words."""
    facts = {"format": kind, "format_version": file_version, "temshift": version("temshift")}
    set_attributes(group, {**facts, **CONVENTIONS})


def set_attributes(node: h5py.Group | h5py.Dataset, values: Mapping[str, Any]) -> None:
    """Write attributes of a group or a dataset."""
    for key, value in values.items():
        node.attrs[key] = value
