"""Exit waves of a database as one HDF5 file that explains itself."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from temshift.core import InputError
from temshift.databases.hdf5_comparison import same_description, same_values
from temshift.databases.hdf5_conventions import describe, describe_source
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves import ENDLESS, StoreLayout, WaveSource, refuse_inside_store
from temshift.exitwaves.store import Shard, read_shards
from temshift.storage import replacing

WAVE_FILE_VERSION = 1  # raised whenever older readers would misread the file


def export_waves(
    sources: tuple[WaveSource, ...],
    output: Path | str,
    *,
    specimens: range | None = None,
    gzip: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write exit waves, masks and geometry to one HDF5 file, shard by shard; whole or not at all.

    A file that holds just that already stays: it is read and compared.

    Parameters
    ----------
    sources : tuple of WaveSource
        The sets to write, each under its name.
    output : path
        A new file, or one that an earlier call has written.
    specimens : range, optional
        Numbers of the specimens to write of each set; all by default.
    gzip : int
        Compression, 0 (none) to 9.
    progress : Progress, optional
        Reports every specimen; silent by default.

    Raises
    ------
    InputError
        If the file exists and holds something else, a specimen is asked for that is not there, or the disk has no room.
    DamagedError
        If a shard is damaged.
    """
    output = Path(output)
    chosen = {source.name: _chosen(source, specimens) for source in sources}
    progress = progress or SilentProgress()
    if output.exists():
        return _accept(output, sources, chosen, gzip, progress)
    refuse_inside_store(output)
    needed = sum(len(chosen[source.name]) * source.layout.specimen_bytes for source in sources)
    _require_room(output, needed, gzip)
    with replacing(output) as temporary, h5py.File(temporary, "w") as file:
        describe(file, "temshift exit waves", WAVE_FILE_VERSION)
        for source in sources:
            group = file.create_group(source.name)
            _describe_set(group, source, chosen[source.name], gzip)
            for shard, numbers in _shards(source, chosen[source.name], progress):
                progress.advance(_write_shard(group, shard, numbers, chosen[source.name]))
            progress.finish()
    return None


def _chosen(source: WaveSource, specimens: range | None) -> range:
    count = source.layout.count
    if specimens is None:
        return range(count)
    if specimens.start < count <= specimens.stop and specimens.stop >= ENDLESS:
        return range(specimens.start, count)
    if len(specimens) == 0 or specimens.start < 0 or specimens.stop > count:
        raise InputError(
            f"specimens {specimens.start}:{specimens.stop} of set {source.name}: it holds {count}; "
            f"give A:B with 0 <= A < B <= {count}, B not included"
        )
    return specimens


def _accept(
    output: Path, sources: tuple[WaveSource, ...], chosen: dict[str, range], gzip: int, progress: Progress
) -> None:
    """Leave a file that an equal call has written; refuse any other."""
    described = h5py.File(output.name, "w", driver="core", backing_store=False)  # in memory
    describe(described, "temshift exit waves", WAVE_FILE_VERSION)
    for source in sources:
        _describe_set(described.create_group(source.name), source, chosen[source.name], gzip)
    with described, suppress(OSError, KeyError, RuntimeError), h5py.File(output) as file:
        if same_description(file, described) and all(
            _holds(file[source.name], source, chosen[source.name], progress) for source in sources
        ):
            return progress.message("everything was there already")
    raise InputError(f"{output} exists and holds something else; name another file with --output, or remove it")


def _holds(group: h5py.Group, source: WaveSource, chosen: range, progress: Progress) -> bool:
    """Return whether the rows of a file are those of a set."""
    for shard, numbers in _shards(source, chosen, progress):
        rows, place = _rows_of(shard, numbers, chosen)
        if any(not same_values(group[name][place], values) for name, values in rows.items()):
            return False
        progress.advance(len(_common(numbers, chosen)))
    progress.finish()
    return True


def _require_room(output: Path, needed: int, gzip: int) -> None:
    place = next(parent for parent in output.resolve().parents if parent.exists())
    free = shutil.disk_usage(place).free
    if not gzip and needed > free:
        raise InputError(
            f"{output}: the waves take {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free; "
            "take fewer with --specimens, or name another disk with --output"
        )


def _describe_set(group: h5py.Group, source: WaveSource, chosen: range, gzip: int) -> None:
    describe_source(group, source)
    _lay_out(group, source.layout, len(chosen), gzip)
    group["specimens"] = np.array(chosen)


def _shards(source: WaveSource, chosen: range, progress: Progress) -> Iterator[tuple[Shard, range]]:
    """Yield the shards that hold some of the chosen specimens, each with the numbers of all its specimens."""
    layout = source.layout
    progress.start(f"{source.name} waves", len(chosen))
    shards = [shard for shard in range(layout.shards) if _common(layout.specimens_of(shard), chosen)]
    for shard, content in zip(shards, read_shards(source.store, shards), strict=True):
        yield content, layout.specimens_of(shard)


def _lay_out(group: h5py.Group, layout: StoreLayout, count: int, gzip: int) -> None:
    plane = layout.grid.shape
    rows = (("waves", np.complex64, (layout.phonons, *plane)), ("masks", np.uint8, plane))
    for name, dtype, axes in rows:
        group.create_dataset(
            name,
            shape=(count, *axes),
            dtype=dtype,
            chunks=(1, *(1 for _ in axes[:-2]), *plane),
            shuffle=gzip > 0,
            fletcher32=True,
            **({"compression": "gzip", "compression_opts": gzip} if gzip else {}),
        )
    group["waves"].attrs["axes"] = ["specimen", "phonon", "y", "x"]
    group["masks"].attrs["axes"] = ["specimen", "y", "x"]
    group.create_dataset("geometry", shape=(count,), dtype=h5py.string_dtype())


def _write_shard(group: h5py.Group, shard: Shard, numbers: range, chosen: range) -> int:
    """Write the chosen specimens of a shard to their rows; return how many they are."""
    rows, place = _rows_of(shard, numbers, chosen)
    for name, values in rows.items():
        group[name][place] = values
    return len(_common(numbers, chosen))


def _rows_of(shard: Shard, numbers: range, chosen: range) -> tuple[dict[str, Any], slice]:
    """Return the values of the chosen specimens of a shard, by dataset, and their rows."""
    common = _common(numbers, chosen)
    local, place = _rows(common, numbers.start), _rows(common, chosen.start)
    waves, masks = shard.waves.numpy()[local], shard.masks.numpy()[local].astype(np.uint8)
    return {"waves": waves, "masks": masks, "geometry": [json.dumps(row) for row in shard.geometry[local]]}, place


def _common(numbers: range, chosen: range) -> range:
    return range(max(numbers.start, chosen.start), min(numbers.stop, chosen.stop))


def _rows(numbers: range, first: int) -> slice:
    """Where specimens stand if the first row is that of specimen ``first``."""
    return slice(numbers.start - first, numbers.stop - first)
