"""The wave store: exit waves and masks of a database in Zarr v3, one writer a shard, verified on reading.

A folder holds ``zarr.json``, the arrays ``waves`` and ``masks``, ``manifest.json`` (the resolved settings) and one
record of completion a shard, ``shard-00000.json`` and so on. A shard without an intact record does not count as
written, so that chunks which are missing are never read as zeros.
"""

import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from numpy.typing import NDArray
from torch import Tensor
from zarr.codecs import Crc32cCodec, ZstdCodec

from temshift.core import DamagedError, Grid, InputError, content_hash
from temshift.exitwaves.simulation import ExitWave
from temshift.storage import read_facts, record_state, write_bytes
from temshift.storage.files import LEFTOVER, flush
from temshift.storage.folders import link
from temshift.storage.records import RecordState, read_record, write_record

ARRAYS = ("waves", "masks")
STORE_VERSION = 1  # raised whenever older code would misread stores of newer code
COMPLEX64_BYTES, MASK_BYTES = 8, 1


@dataclass(frozen=True)
class StoreLayout:
    """Shape of a wave store: ``count`` specimens of ``phonons`` waves on ``grid``, ``per_shard`` to a shard."""

    count: int
    phonons: int
    grid: Grid
    per_shard: int

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.per_shard)

    @property
    def specimen_bytes(self) -> int:
        """Bytes of the waves and the mask of one specimen."""
        return math.prod(self.grid.shape) * (self.phonons * COMPLEX64_BYTES + MASK_BYTES)

    def specimens_of(self, shard: int) -> range:
        """Return the numbers of the specimens that a shard holds."""
        return range(shard * self.per_shard, min((shard + 1) * self.per_shard, self.count))


@dataclass(frozen=True)
class Shard:
    """The contents of one shard, verified.

    Attributes
    ----------
    waves : Tensor (specimen, phonon, y, x)
        Exit waves, complex64.
    masks : Tensor (specimen, y, x)
        Masks, bool.
    geometry : list of dict
        One row a specimen.
    """

    waves: Tensor
    masks: Tensor
    geometry: list[dict[str, Any]]


def create_store(folder: Path | str, layout: StoreLayout, settings: Mapping[str, Any]) -> None:
    """Lay out an empty store; nothing happens if an intact one is already there.

    Parameters
    ----------
    folder : path
        Folder of the store; intact shards stay, for each has a record of its own.
    layout : StoreLayout
        Shape and shards.
    settings : mapping
        JSON-able facts, enough to make the database again.

    Raises
    ------
    InputError
        If an intact store of other settings is there.
    """
    folder = Path(folder)
    manifest = folder / "manifest.json"
    facts = {"store_version": STORE_VERSION, "settings": dict(settings), "layout": _layout_facts(layout)}
    state = record_state(manifest)
    if state.state == "complete":
        if _store_id(_of_this_version(folder, state.facts)) != _store_id(facts):
            raise InputError(f"{folder} holds waves of other settings; name another folder with --output")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=LEFTOVER, dir=folder.parent) as empty:
        _lay_out(Path(empty), layout)
        for metadata in sorted(Path(empty).rglob("zarr.json")):
            write_bytes(folder / metadata.relative_to(empty), metadata.read_bytes())
    write_record(manifest, sorted(folder.glob("**/zarr.json")), facts)


def _store_id(facts: Mapping[str, Any]) -> str:
    """Hash of the settings and the shape of a store: a shard of other settings is none of its own."""
    return content_hash([facts["settings"], facts["layout"]])


def _lay_out(folder: Path, layout: StoreLayout) -> None:
    group = zarr.create_group(folder, zarr_format=3)
    plane, shard = layout.grid.shape, layout.per_shard
    for name, dtype, axes in (("waves", "complex64", (layout.phonons, *plane)), ("masks", "uint8", plane)):
        group.create_array(
            name,
            shape=(layout.count, *axes),
            dtype=dtype,
            chunks=(1, *axes),
            shards=(shard, *axes),
            compressors=[ZstdCodec(), Crc32cCodec()] if name == "masks" else [Crc32cCodec()],
        )


def write_shard(
    folder: Path | str, shard: int, exit_waves: Sequence[ExitWave], made_with: Mapping[str, str] | None = None
) -> None:
    """Write one shard and, last, its record of completion.

    Parameters
    ----------
    folder : path
        A store laid out by :func:`create_store`.
    shard : int
        Number of the shard; its only writer is the caller.
    exit_waves : sequence of ExitWave
        One for each specimen of the shard, in order.
    made_with : mapping, optional
        Versions and machine to keep with the shard.
    """
    folder = Path(folder)
    group: Any = zarr.open_group(folder, mode="r+")
    description = _manifest(folder)
    numbers = _layout(description).specimens_of(shard)
    part = _slice(numbers)
    group["waves"][part] = np.stack([exit_wave.waves.cpu().numpy() for exit_wave in exit_waves])
    group["masks"][part] = np.stack([exit_wave.mask.astype(np.uint8) for exit_wave in exit_waves])
    places = [_shard_files(folder, name, shard) for name in ARRAYS]
    paths = [path for place in places for path in sorted(place.rglob("*")) if path.is_file()]
    for path in paths:
        flush(path)
    rows = [{"specimen": number, **exit_wave.geometry} for number, exit_wave in zip(numbers, exit_waves, strict=True)]
    facts = {"shard": shard, "store": _store_id(description), "made_with": dict(made_with or {})}
    write_record(_shard_record(folder, shard), paths, {**facts, "geometry": rows})


def shard_state(folder: Path, shard: int) -> RecordState:
    """Return whether a shard is complete, absent or damaged; every byte is checked.

    A shard of other settings, which a lost description can leave behind, counts as damaged.
    """
    return _shard_state(folder, shard, _store_id(_manifest(folder)))


def _shard_state(folder: Path, shard: int, store: str) -> RecordState:
    record = _shard_record(folder, shard)
    state = record_state(record)
    if state.state == "complete" and state.facts.get("store") != store:
        return RecordState("damaged", f"{record} is of waves of other settings")
    return state


def shard_states(folder: Path) -> tuple[RecordState, ...]:
    """Look at every shard of a store, as `shard_state` does; the facts of a complete one are those of its record."""
    description = _manifest(folder)
    store = _store_id(description)
    return tuple(_shard_state(folder, shard, store) for shard in range(_layout(description).shards))


def finished_shards(folder: Path | str) -> set[int]:
    """Return the numbers of the shards that have a record of completion; their bytes are not checked."""
    folder = Path(folder)
    return {int(path.stem.removeprefix("shard-")) for path in folder.glob("shard-*.json")}


def discard_shard(folder: Path, shard: int) -> None:
    """Remove a shard and, first, its record, so that it is made again: Zarr would read a damaged one to update it."""
    _shard_record(folder, shard).unlink(missing_ok=True)
    for name in ARRAYS:
        shutil.rmtree(_shard_files(folder, name, shard), ignore_errors=True)


def adopt_shard(folder: Path, shard: int, other: Path) -> bool:
    """Take a shard over from a store of more or fewer specimens, if it is intact there and holds the same ones.

    Its files are linked, or copied if the disk knows no links; both stores verify them by records of their own.
    """
    state, description = shard_state(other, shard), _manifest(folder)
    layouts = (_layout(description), read_layout(other))
    if state.state != "complete" or len({str(layout.specimens_of(shard)) for layout in layouts}) > 1:
        return False
    for name in ARRAYS:
        shutil.copytree(_shard_files(other, name, shard), _shard_files(folder, name, shard), copy_function=link)
    paths = [path for name in ARRAYS for path in sorted(_shard_files(folder, name, shard).rglob("*")) if path.is_file()]
    write_record(_shard_record(folder, shard), paths, {**state.facts, "store": _store_id(description)})
    return True


def stores_in(folder: Path | str) -> dict[str, Path]:
    """Find the wave stores of a database or a study folder by name, or the one that ``folder`` itself is.

    Raises
    ------
    InputError
        If there is none, or one of them has lost its description.
    """
    folder = Path(folder)
    inside = folder / "waves" if (folder / "waves").is_dir() and not (folder / "zarr.json").exists() else folder
    names = ("zarr.json", "manifest.json")
    below = {path.parent for name in names for path in inside.glob(f"*/{name}")}
    places = [folder] if (folder / "zarr.json").exists() else sorted(below)
    lost = [place for place in places if not all((place / name).exists() for name in names)]
    if lost:
        raise InputError(f"{lost[0]} has lost its description; run the command that made it again")
    if not places:
        raise InputError(f"{folder} holds no exit waves; name one that temshift simulate or temshift run has filled")
    return {place.name: place for place in places}


def read_layout(folder: Path | str) -> StoreLayout:
    """Read the shape of a store."""
    return read_description(folder)[0]


def read_settings(folder: Path | str) -> dict[str, Any]:
    """Read the settings that :func:`create_store` was given."""
    return read_description(folder)[1]


def read_description(folder: Path | str) -> tuple[StoreLayout, dict[str, Any]]:
    """Read the shape of a store and the settings that :func:`create_store` was given."""
    folder = Path(folder)
    facts = _manifest(folder)
    return _layout(facts), dict(facts["settings"])


def read_shards(folder: Path, shards: Iterable[int]) -> Iterator[Shard]:
    """Yield shards one by one, each verified once, right before it is read.

    Parameters
    ----------
    folder : Path
        The store.
    shards : iterable of int
        Numbers of the shards.

    Yields
    ------
    Shard

    Raises
    ------
    DamagedError
        If a shard or the description of the store is missing, truncated or altered.
    """
    description = _verified_description(folder)
    for shard in shards:
        yield _shard(folder, shard, description)  # of which no name here keeps a reference: memory holds it once


def read_shard(folder: Path, shard: int) -> Shard:
    """Read one shard; see `read_shards`."""
    return _shard(folder, shard, _verified_description(folder))


def _shard(folder: Path, shard: int, description: Mapping[str, Any]) -> Shard:
    facts = _verified_facts(folder, shard, _store_id(description))
    part = _slice(_layout(description).specimens_of(shard))
    waves, masks = (torch.from_numpy(_values(folder, name, part)) for name in ARRAYS)
    return Shard(waves, masks.bool(), facts["geometry"])


def read_waves(folder: Path | str, shard: int | None = None) -> Tensor:
    """Read exit waves (specimen, phonon, y, x), complex64, of one shard or of a whole store; both verified first."""
    folder = Path(folder)
    return torch.from_numpy(_read(folder, "waves", shard))


def read_masks(folder: Path | str, shard: int | None = None) -> Tensor:
    """Read masks (specimen, y, x), bool, of one shard or of a whole store; both verified first."""
    folder = Path(folder)
    return torch.from_numpy(_read(folder, "masks", shard)).bool()


def read_geometry(folder: Path | str, shards: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """Read the geometry of every specimen, or of those of some finished shards, in order."""
    folder = Path(folder)
    numbers = range(read_layout(folder).shards) if shards is None else shards
    records = [read_facts(_shard_record(folder, shard)) for shard in numbers]
    return [row for record in records for row in record["geometry"]]


def geometry_of(folder: Path | str, specimens: Iterable[int]) -> list[dict[str, Any]]:
    """Read the geometry of some specimens, in their order, from the records of their shards alone."""
    numbers, layout = list(specimens), read_layout(folder)
    rows = read_geometry(folder, sorted({number // layout.per_shard for number in numbers}))
    by_number = {row["specimen"]: row for row in rows}
    return [by_number[number] for number in numbers]


def verify_store(folder: Path, shards: Iterable[int] | None = None) -> StoreLayout:
    """Check every byte of a store, or of some shards of it, against its records; return its shape.

    Raises
    ------
    DamagedError
        If a shard or the description of the store is missing, truncated or altered.
    """
    description = _verified_description(folder)
    layout, store = _layout(description), _store_id(description)
    for shard in range(layout.shards) if shards is None else shards:
        _verified_facts(folder, shard, store)
    return layout


def _verified_facts(folder: Path, shard: int, store: str) -> dict[str, Any]:
    """Check every byte of a shard of the store of some id; return the facts of its record."""
    state = _shard_state(folder, shard, store)
    if state.state != "complete":
        raise DamagedError(
            f"shard {shard} of {folder} is {state.state}: {state.reason}; run the command that made it again"
        )
    return state.facts


def _verified_description(folder: Path) -> dict[str, Any]:
    """Facts of a store whose description is intact, that of its arrays too."""
    return _of_this_version(folder, read_record(folder / "manifest.json").facts)


def _manifest(folder: Path) -> dict[str, Any]:
    return _of_this_version(folder, read_facts(folder / "manifest.json"))


def _of_this_version(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    version = facts.get("store_version", 0)
    if version != STORE_VERSION:
        raise InputError(
            f"{folder} is a wave store of version {version}; this temshift reads version {STORE_VERSION}: "
            "simulate it again, or take the temshift that wrote it"
        )
    return facts


def _layout(description: Mapping[str, Any]) -> StoreLayout:
    facts = description["layout"]
    grid = Grid(tuple(facts["shape"]), tuple(facts["sampling_angstrom"]))
    return StoreLayout(facts["count"], facts["phonons"], grid, facts["per_shard"])


def _read(folder: Path, name: str, shard: int | None) -> NDArray[Any]:
    layout = verify_store(folder, None if shard is None else [shard])
    return _values(folder, name, slice(None) if shard is None else _slice(layout.specimens_of(shard)))


def _values(folder: Path, name: str, part: slice) -> NDArray[Any]:
    try:
        group: Any = zarr.open_group(folder, mode="r")
        values: NDArray[Any] = np.asarray(group[name][part])
    except (ValueError, OSError, KeyError, RuntimeError) as error:
        raise DamagedError(f"{folder / name} can't be read ({error}); run the command that made it again") from error
    return values


def _slice(numbers: range) -> slice:
    return slice(numbers.start, numbers.stop)


def _layout_facts(layout: StoreLayout) -> dict[str, Any]:
    return {
        "count": layout.count,
        "phonons": layout.phonons,
        "per_shard": layout.per_shard,
        "shape": list(layout.grid.shape),
        "sampling_angstrom": list(layout.grid.sampling),
    }


def _shard_record(folder: Path, shard: int) -> Path:
    return folder / f"shard-{shard:05d}.json"


def _shard_files(folder: Path, name: str, shard: int) -> Path:
    """Folder of an array's one chunk file of a shard: every axis but the first is a single chunk."""
    return folder / name / "c" / str(shard)
