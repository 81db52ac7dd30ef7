"""Exit waves of a database as one HDF5 file that explains itself."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np

from temshift.core.errors import InputError
from temshift.databases.hdf5_conventions import describe, describe_source
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves.sources import ENDLESS, WaveSource, refuse_inside_store
from temshift.exitwaves.store import Shard, StoreLayout, read_shards
from temshift.storage.files import replacing

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

    Parameters
    ----------
    sources : tuple of WaveSource
        The sets to write, each under its name.
    output : path
        A new file.
    specimens : range, optional
        Numbers of the specimens to write of each set; all by default.
    gzip : int
        Compression, 0 (none) to 9.
    progress : Progress, optional
        Reports every specimen; silent by default.

    Raises
    ------
    InputError
        If the file exists, a specimen is asked for that is not there, or the disk has no room.
    DamagedError
        If a shard is damaged.
    """
    output = Path(output)
    chosen = {source.name: _chosen(source, specimens) for source in sources}
    _require_new(output)
    refuse_inside_store(output)
    _require_room(output, sum(len(chosen[one.name]) * one.layout.specimen_bytes for one in sources), gzip)
    progress = progress or SilentProgress()
    with replacing(output) as temporary, h5py.File(temporary, "w") as file:
        describe(file, "temshift exit waves", WAVE_FILE_VERSION)
        for source in sources:
            _write_set(file.create_group(source.name), source, chosen[source.name], gzip, progress)


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


def _require_new(output: Path) -> None:
    if output.exists():
        raise InputError(f"{output} exists; name another file with --output, or remove it")


def _require_room(output: Path, needed: int, gzip: int) -> None:
    place = next(parent for parent in output.resolve().parents if parent.exists())
    free = shutil.disk_usage(place).free
    if not gzip and needed > free:
        raise InputError(
            f"{output}: the waves take {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free; "
            "take fewer with --specimens, or name another disk with --output"
        )


def _write_set(group: h5py.Group, source: WaveSource, chosen: range, gzip: int, progress: Progress) -> None:
    describe_source(group, source)
    _lay_out(group, source.layout, len(chosen), gzip)
    group["specimens"] = np.array(chosen)
    progress.start(f"{source.name} waves", len(chosen))
    layout = source.layout
    shards = [shard for shard in range(layout.shards) if _common(layout.specimens_of(shard), chosen)]
    loaded = read_shards(source.store, shards)
    for shard in shards:
        progress.advance(_write_shard(group, next(loaded), layout.specimens_of(shard), chosen))
    progress.finish()


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
    common = _common(numbers, chosen)
    local, place = _rows(common, numbers.start), _rows(common, chosen.start)
    group["waves"][place] = shard.waves.numpy()[local]
    group["masks"][place] = shard.masks.numpy()[local].astype(np.uint8)
    group["geometry"][place] = [json.dumps(row) for row in shard.geometry[local]]
    return len(common)


def _common(numbers: range, chosen: range) -> range:
    return range(max(numbers.start, chosen.start), min(numbers.stop, chosen.stop))


def _rows(numbers: range, first: int) -> slice:
    """Where specimens stand if the first row is that of specimen ``first``."""
    return slice(numbers.start - first, numbers.stop - first)
