"""Image sets on disk: TIFF and PNG files, or one HDF5 file that is gathered from parts."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

from temshift.core.files import discard_leftovers, replacing, write_bytes
from temshift.core.records import read_facts, write_record
from temshift.core.tables import CONDITION_COLUMNS
from temshift.execution import Progress
from temshift.report.pictures import grey_levels, png
from temshift.studies.image_sets import MASKS, ImageCondition, ImagePlan, Micrograph
from temshift.studies.wave_sources import WaveSource, describe, set_attributes

IMAGE_FILE_VERSION = 1  # raised whenever older readers would misread images.h5
CENTIMETRE = 1e8  # [A]
SUFFIXES = {"tiff": "tif", "png": "png"}
PARTS = ".parts"


@dataclass(frozen=True)
class ImageFolder:
    """Paths of an image set.

    Parameters
    ----------
    root : Path
        The folder itself.
    plan : ImagePlan
        What goes there.
    """

    root: Path
    plan: ImagePlan

    @property
    def marker(self) -> Path:
        """What the folder is for; written first."""
        return self.root / "image_set.json"

    @property
    def manifest(self) -> Path:
        """The record of completion; written last."""
        return self.root / "manifest.json"

    @property
    def table(self) -> Path:
        """One row an image; the same stands in ``table.csv``."""
        return self.root / "table.parquet"

    @property
    def single_file(self) -> Path:
        """The HDF5 file."""
        return self.root / "images.h5"

    @property
    def parts(self) -> Path:
        """What the parts of a single file wait in until all are there."""
        return self.root / PARTS

    def part(self, set_name: str, folder: str) -> Path:
        """Return the folder of the images of a set under one condition, or of its masks."""
        return (self.parts if self.plan.format == "hdf5" else self.root) / set_name / folder

    def record(self, set_name: str, folder: str, shard: int) -> Path:
        """Return the record of those that come from one shard."""
        return self.part(set_name, folder) / f"shard-{shard:05d}.json"

    def file_name(self, set_name: str, folder: str, kind: str, number: int) -> str:
        """Return the name of an image ("image") or a mask ("mask"), relative to the root."""
        if self.plan.format == "hdf5":
            return self.single_file.name
        return f"{set_name}/{folder}/{_loose_name(kind, number, self.plan.format)}"


def write_images_part(
    folder: ImageFolder, source: WaveSource, condition: ImageCondition, shard: int, images: Sequence[Micrograph]
) -> None:
    """Write the images of one shard under one condition and, last, their record with a row for each.

    Parameters
    ----------
    folder : ImageFolder
        Where they go.
    source : WaveSource
        The set.
    condition : ImageCondition
        What they were drawn from.
    shard : int
        Number of the shard.
    images : sequence of Micrograph
        All of them.
    """
    place = folder.part(source.name, condition.folder)
    if folder.plan.format == "hdf5":
        files = [_write_array(place / f"shard-{shard:05d}.npy", np.stack([image.pixels for image in images]))]
    else:
        encode = _tiff if folder.plan.format == "tiff" else _png
        files = [
            _write(
                place / _loose_name("image", image.facts["number"], folder.plan.format),
                encode(image.pixels, source, _told(folder, source, image)),
            )
            for image in images
        ]
    write_record(folder.record(source.name, condition.folder, shard), files, {"rows": [one.facts for one in images]})


def write_masks_part(folder: ImageFolder, source: WaveSource, shard: int, masks: NDArray[np.bool_]) -> None:
    """Write the masks (specimen, y, x) of one shard and, last, their record."""
    place, numbers = folder.part(source.name, MASKS), source.layout.specimens_of(shard)
    if folder.plan.format == "hdf5":
        files = [_write_array(place / f"shard-{shard:05d}.npy", masks.astype(np.uint8))]
    else:
        encode: Callable[[NDArray[np.bool_]], bytes] = (
            (lambda mask: _tiff(mask.astype(np.uint8), source, {"unit": "1 is particle, 0 is not"}))
            if folder.plan.format == "tiff"
            else (lambda mask: png(np.where(mask, 255, 0).astype(np.uint8)))
        )
        files = [
            _write(place / _loose_name("mask", number, folder.plan.format), encode(mask))
            for number, mask in zip(numbers, masks, strict=True)
        ]
    write_record(folder.record(source.name, MASKS, shard), files, {})


def part_rows(folder: ImageFolder, source: WaveSource, condition: ImageCondition) -> list[dict[str, Any]]:
    """Read what is known of every image of a set under one condition, in order of their numbers."""
    records = (folder.record(source.name, condition.folder, shard) for shard in range(source.layout.shards))
    return [row for record in records for row in read_facts(record)["rows"]]


def gather_parts(folder: ImageFolder, progress: Progress) -> None:
    """Write the one HDF5 file from its parts, part by part; it appears whole or not at all."""
    plan = folder.plan
    discard_leftovers(folder.root)
    with replacing(folder.single_file) as temporary, h5py.File(temporary, "w") as file:
        describe(file, "temshift images", IMAGE_FILE_VERSION)
        set_attributes(file, {"image_set": json.dumps(plan.identity()["image_set"]), "unit": plan.unit})
        for source in plan.sources:
            progress.start(f"{source.name} into one file", len(plan.conditions))
            _gather_set(file.create_group(source.name), folder, source, progress)
            progress.finish()


def _gather_set(group: h5py.Group, folder: ImageFolder, source: WaveSource, progress: Progress) -> None:
    plan, copies = folder.plan, folder.plan.images_per_specimen
    plane, count = source.layout.grid.shape, source.layout.count
    set_attributes(group, source.attributes())
    shape = (len(plan.conditions), count * copies, *plane)
    images = _dataset(group, "images", shape, plan.dtype, ["condition", "image", "y", "x"])
    images.attrs["unit"] = plan.unit
    masks = _dataset(group, MASKS, (count, *plane), np.dtype(np.uint8), ["specimen", "y", "x"])
    group["condition_names"] = [condition.name for condition in plan.conditions]
    group["specimen_of_image"] = np.repeat(np.arange(count), copies)
    for shard in range(source.layout.shards):
        numbers = source.layout.specimens_of(shard)
        masks[numbers.start : numbers.stop] = _part_array(folder, source, MASKS, shard)
    for place, condition in enumerate(plan.conditions):
        for shard in range(source.layout.shards):
            numbers = source.layout.specimens_of(shard)
            part = slice(numbers.start * copies, numbers.stop * copies)
            images[place, part] = _part_array(folder, source, condition.folder, shard)
        progress.advance()
    _write_drawn(group, [part_rows(folder, source, condition) for condition in plan.conditions])


def _write_drawn(group: h5py.Group, rows: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Write what was drawn for each image, (condition, image)."""
    for key in (*CONDITION_COLUMNS, "seed", "counts_mean", "counts_sd"):
        dataset = group.create_dataset(f"drawn/{key}", data=np.array([[row[key] for row in line] for line in rows]))
        dataset.attrs["axes"] = ["condition", "image"]


def _dataset(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], axes: list[str]
) -> h5py.Dataset:
    """Lay out planes, each a chunk of its own, compressed and with a checksum."""
    chunks = (*(1 for _ in shape[:-2]), *shape[-2:])
    layout = {"chunks": chunks, "compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
    dataset = group.create_dataset(name, shape=shape, dtype=dtype, **layout)
    dataset.attrs["axes"] = axes
    return dataset


def _part_array(folder: ImageFolder, source: WaveSource, part: str, shard: int) -> NDArray[Any]:
    array: NDArray[Any] = np.load(folder.record(source.name, part, shard).with_suffix(".npy"), allow_pickle=False)
    return array


def _write_array(path: Path, values: NDArray[Any]) -> Path:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return _write(path, buffer.getvalue())


def _write(path: Path, content: bytes) -> Path:
    write_bytes(path, content)
    return path


def _loose_name(kind: str, number: int, file_format: str) -> str:
    return f"{kind}-{number:05d}.{SUFFIXES[file_format]}"


def _told(folder: ImageFolder, source: WaveSource, image: Micrograph) -> dict[str, Any]:
    """What the description of an image says."""
    return {
        "unit": folder.plan.unit,
        "set": source.name,
        **image.facts,
        "focus_plane": source.attributes()["focus_plane"],
    }


def _tiff(pixels: NDArray[Any], source: WaveSource, facts: dict[str, Any]) -> bytes:
    """Encode a plane with its pixel size as resolution tags, and all that is known of it as JSON in its description."""
    sampling = source.layout.grid.sampling
    described = {"energy_kev": source.exit_waves.energy_kev, "sampling_angstrom": sampling, **facts}
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="minisblack",
        description=json.dumps(described),
        metadata=None,
        software=f"temshift {version('temshift')}",
        resolution=(CENTIMETRE / sampling[1], CENTIMETRE / sampling[0]),
        resolutionunit="CENTIMETER",
    )
    return buffer.getvalue()


def _png(pixels: NDArray[Any], source: WaveSource, facts: dict[str, Any]) -> bytes:
    """Encode a plane for the eye: grey from 2.5 standard deviations below its mean to as many above."""
    values = pixels.astype(np.float64)
    return png(grey_levels((values - values.mean()) / max(values.std(), np.finfo(float).tiny)))
