"""Wave stores as sources of images and of files, with the meaning of their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from temshift.core.electrons import largest_semiangle
from temshift.core.errors import InputError, TemshiftError
from temshift.core.hashes import content_hash
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.store import StoreLayout, read_description, read_geometry, stores_in
from temshift.storage.files import read_json

ENDLESS = 10**9  # stop of a range of specimens without an end
PLANES = {
    "exit_plane": "defocus counts from the exit plane, the top of the cell",
    "minimum_contrast": "defocus counts from the plane where the particles alone have least contrast, "
    "focus_height_angstrom upstream of the exit plane; waves are propagated there",
}


@dataclass(frozen=True, kw_only=True)
class WaveSource:
    """One wave store and the meaning of its waves.

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
    def id(self) -> str:
        """Hash of all that the store depends on."""
        return content_hash(self.settings)

    @property
    def specimen_settings(self) -> dict[str, Any]:
        """All that a single specimen and its waves depend on: neither their number nor the name of the set."""
        return {key: value for key, value in self.settings.items() if key not in ("count", "per_shard")}

    def attributes(self) -> dict[str, Any]:
        """Return the facts that a reader of waves or images has to know, under keys that name the units."""
        return {
            "energy_eV": self.exit_waves.energy,
            "sampling_angstrom": self.layout.grid.sampling,
            "focus_plane": PLANES[self.exit_waves.focus],
            "seed": self.settings["seed"],
        }


def wave_sources(folder: Path, set_name: str | None = None) -> tuple[WaveSource, ...]:
    """Find the finished wave stores of a database, a study folder, or the one that ``folder`` itself is.

    Parameters
    ----------
    folder : Path
        The folder to look in.
    set_name : str, optional
        Name of the only set to take, in the folder of a finished study also "training" or "test"; all by default.

    Returns
    -------
    tuple of WaveSource
        At least one.

    Raises
    ------
    InputError
        If there is none, no set of that name, or one that is not finished.
    """
    stores = stores_in(folder)
    names = list(stores) if set_name is None else [_known_name(folder, set_name, list(stores))]
    sources = tuple(_source(name, stores[name]) for name in names)
    for source in sources:
        _require_finished(source)
    return sources


def _known_name(folder: Path, set_name: str, names: Sequence[str]) -> str:
    """The name of a store that is there, also for one that a study uses for training or test."""
    if set_name in names:
        return set_name
    studied = _studied(folder)
    if studied.get(set_name) in names:
        return studied[set_name]
    roles = {id_: role for role, id_ in studied.items()}
    raise InputError(f"{folder} holds no set {set_name!r}; it has {', '.join(roles.get(name, name) for name in names)}")


def _studied(folder: Path) -> dict[str, str]:
    """Names of the sets of a finished study by their roles."""
    try:
        sets = read_json(folder / "manifest.json")["database"]
        return {role: facts["id"] for role, facts in sets.items() if isinstance(facts, dict) and "id" in facts}
    except (OSError, TemshiftError, KeyError, TypeError, AttributeError):
        return {}


def refuse_inside_store(output: Path) -> None:
    """Refuse to write among the files of a wave store.

    Raises
    ------
    InputError
        If a folder above the output is a store.
    """
    inside = [place for place in output.resolve().parents if (place / "zarr.json").exists()]
    if inside:
        raise InputError(f"{output} lies inside the wave store {inside[-1]}; name another place with --output")


def _source(name: str, store: Path) -> WaveSource:
    layout, settings = read_description(store)
    try:
        exit_waves, _ = ExitWaveSettings.model_validate(settings["exit_waves"]), settings["seed"]
    except (KeyError, ValidationError) as error:
        raise InputError(
            f"{store} does not say how its waves were simulated; name a folder that temshift simulate has filled"
        ) from error
    return WaveSource(name=name, store=store, layout=layout, exit_waves=exit_waves, settings=settings)


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
