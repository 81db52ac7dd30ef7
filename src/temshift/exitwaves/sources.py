"""Wave stores as sources of images and of files, with the meaning of their numbers."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from temshift.core import DamagedError, InputError, TemshiftError, content_hash, largest_semiangle
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.store import StoreLayout, read_description, read_geometry, stores_in
from temshift.storage import read_json
from temshift.storage.vouching import verify_named

_VAGUE = ("minimum", "maximum", "mean", "sd", "value", "configurations")  # keys that say little by themselves
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
    geometry : list of dict
        One row a specimen, read when the store was opened. It stays in this process: tasks are sent without it.
    label : str
        Role and settings of the set, such as ``test, crystal Ag``; empty if only its folder's name is known.
    """

    name: str
    store: Path
    layout: StoreLayout
    exit_waves: ExitWaveSettings
    settings: dict[str, Any]
    geometry: list[dict[str, Any]] = field(repr=False, compare=False)
    label: str = ""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "geometry"}

    @property
    def words(self) -> str:
        """The set in words for people."""
        return self.label or self.name

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


def wave_sources(
    folder: Path | str, set_name: str | None = None, *, remark: Callable[[str], None] = lambda _: None
) -> tuple[WaveSource, ...]:
    """Find the finished wave stores of a database, a study folder, or the one that ``folder`` itself is.

    Parameters
    ----------
    folder : path
        The folder to look in.
    set_name : str, optional
        Name of the only set to take; all by default. In the folder of a finished study sets are named by their role,
        "test" or, if several specimens are swept, "test, crystal Ag".
    remark : callable
        Takes one sentence if the sets of a study can't be named so.

    Returns
    -------
    tuple of WaveSource
        At least one.

    Raises
    ------
    InputError
        If there is none, no set of that name, several that it may mean, or one that is not finished.
    DamagedError
        If the manifest of a study is damaged, and a set is to be found by its role.
    """
    root = Path(folder)
    stores = stores_in(root)
    names = list(stores) if set_name is None else [_known_name(root, set_name, stores)]
    labels = {} if names == [set_name] else set_labels(root, stores, remark)
    return tuple(_source(name, stores[name], labels.get(name, "")) for name in names)


def _known_name(folder: Path, set_name: str, stores: Mapping[str, Path]) -> str:
    """The name of a store that is there, also for one that a study names by its role."""
    if set_name in stores:
        return set_name
    roles = _roles(folder)
    labels = _labels(roles, stores)
    meant = [name for name in stores if set_name in (labels.get(name), _role(roles.get(name, "")))]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise InputError(
            f"{folder} holds several sets {set_name!r}; name one: {listed(labels[name] for name in meant)}"
        )
    raise InputError(f"{folder} holds no set {set_name!r}; it has {listed(labels.get(name, name) for name in stores)}")


def listed(labels: Iterable[str]) -> str:
    """List names of sets, each in quotes if one of them holds a comma.

    Examples
    --------
    >>> listed(["training", "test"]), listed(["test, crystal Ag", "test, crystal Au"])
    ('training, test', "'test, crystal Ag', 'test, crystal Au'")
    """
    every = list(labels)
    return ", ".join(map(repr, every) if any("," in label for label in every) else every)


def set_labels(
    folder: Path, stores: Mapping[str, Path], remark: Callable[[str], None] = lambda _: None
) -> dict[str, str]:
    """Return the labels of the stores of a finished study, by name; ``remark`` hears why there are none."""
    try:
        labels = _labels(_roles(folder), stores)
    except TemshiftError as error:
        remark(f"sets are named by their ids: {error}")
        return {}
    if (folder / "study.yaml").exists() and not labels:
        remark(f"sets are named by their ids until temshift run has written {folder / 'manifest.json'}")
    return labels


def _labels(roles: Mapping[str, str], stores: Mapping[str, Path]) -> dict[str, str]:
    known = {name: _role(roles[name]) for name in stores if name in roles}
    return set_names(known, {name: read_description(stores[name])[1] for name in known})


def _role(name: str) -> str:
    """The role of a set that a manifest names "test", "test, crystal Ag" or, in an earlier version, "test 2"."""
    return re.sub(r",.*| \d+$", "", name)


def _roles(folder: Path) -> dict[str, str]:
    """Names that the manifest of a finished study has for its sets, by the names of their stores."""
    manifest = folder / "manifest.json"
    try:
        with suppress(InputError):  # there is no record before the end, and that of a database has another name
            verify_named(folder / "report.json", [manifest.name])
        sets = read_json(manifest)["database"]
        return {facts["id"]: role for role, facts in sets.items() if isinstance(facts, dict) and "id" in facts}
    except DamagedError as error:
        raise DamagedError(f"{error}; temshift run makes it again") from error
    except (InputError, KeyError, TypeError, AttributeError):
        return {}


def set_names(roles: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name sets by their role and, if several share it, the settings that set them apart.

    Parameters
    ----------
    roles : mapping of str to str
        Role of each set, such as "test", by its id.
    settings : mapping of str to mapping
        All that each set depends on, by its id.

    Returns
    -------
    dict of str to str
        Names by id.

    Examples
    --------
    >>> settings = {"a": {"crystal": "Ag", "count": 4}, "b": {"crystal": "Au", "count": 4}, "c": {}}
    >>> set_names({"a": "test", "b": "test", "c": "training"}, settings)
    {'a': 'test, crystal Ag', 'b': 'test, crystal Au', 'c': 'training'}
    """
    names: dict[str, str] = {}
    for role in dict.fromkeys(roles.values()):
        leaves = {id_: dict(_leaves(settings[id_])) for id_, own in roles.items() if own == role}
        keys = dict.fromkeys(key for own in leaves.values() for key in own)
        apart = [key for key in keys if len({str(own.get(key)) for own in leaves.values()}) > 1]
        names |= {
            id_: ", ".join([role, *(_setting(key, own.get(key)) for key in apart)]) for id_, own in leaves.items()
        }
    return names


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and the value of everything in a tree of mappings."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    else:
        yield path, value


def _setting(path: tuple[str, ...], value: Any) -> str:
    """A setting by the last part of its key, or the last two if that says little."""
    name = " ".join(path[-2:] if path[-1] in _VAGUE else path[-1:])
    return f"{name} {f'{value:g}' if isinstance(value, float) else value}"


def refuse_inside_store(output: Path | str) -> None:
    """Refuse to write among the files of a wave store.

    Raises
    ------
    InputError
        If a folder above the output is a store.
    """
    output = Path(output)
    inside = [place for place in output.resolve().parents if (place / "zarr.json").exists()]
    if inside:
        raise InputError(f"{output} lies inside the wave store {inside[-1]}; name another place with --output")


def _source(name: str, store: Path, label: str) -> WaveSource:
    layout, settings = read_description(store)
    try:
        exit_waves, _ = ExitWaveSettings.model_validate(settings["exit_waves"]), settings["seed"]
    except (KeyError, ValidationError) as error:
        raise InputError(
            f"{store} does not say how its waves were simulated; name a folder that temshift simulate has filled"
        ) from error
    return WaveSource(
        name=name,
        store=store,
        layout=layout,
        exit_waves=exit_waves,
        settings=settings,
        geometry=_whole_geometry(store, layout),
        label=label,
    )


def _whole_geometry(store: Path, layout: StoreLayout) -> list[dict[str, Any]]:
    """Read the geometry of a store, every shard of which has to be there."""
    rows = [_geometry(store, shard) for shard in range(layout.shards)]
    lacking = [shard for shard, some in enumerate(rows) if not some]
    if lacking:
        raise InputError(
            f"{store} lacks {len(lacking)} of {layout.shards} shards, such as {lacking[0]}; "
            "run the command that makes it again, it goes on from there"
        )
    return [row for some in rows for row in some]


def _geometry(store: Path, shard: int) -> list[dict[str, Any]]:
    try:
        return read_geometry(store, [shard])
    except InputError:
        return []
