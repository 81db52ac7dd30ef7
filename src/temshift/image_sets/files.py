"""Image sets on disk: TIFF and PNG files, or one HDF5 file that is gathered from parts."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

from temshift.core import Grid
from temshift.databases.hdf5_conventions import EMD_VERSION, describe, describe_source, set_attributes, write_emd
from temshift.execution import Progress
from temshift.exitwaves import WaveSource
from temshift.figures.pictures import grey_levels, png
from temshift.image_sets.formation import Micrograph
from temshift.image_sets.image_set import ANGSTROM_PER_CM, MASKS, ImageCondition, ImagePlan
from temshift.storage import read_facts, replacing, write_bytes
from temshift.storage.files import discard_leftovers
from temshift.storage.provenance import versions_of
from temshift.storage.records import write_record
from temshift.vocabulary.columns import CONDITION_COLUMNS

IMAGE_FILE_VERSION = 2  # raised whenever older readers would misread images.h5
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
        Its images.
    """

    root: Path
    plan: ImagePlan

    @property
    def marker(self) -> Path:
        """The identity of the images; written first."""
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
        """The folder in which parts of a single file wait until all are there."""
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

    def mask_name(self, set_name: str, condition: ImageCondition, row: dict[str, Any]) -> str:
        """Return the name of the mask of the image of a row, relative to the root."""
        if self.plan.masks_differ:
            return self.file_name(set_name, condition.folder, "mask", row["number"])
        return self.file_name(set_name, MASKS, "mask", row["specimen"])


def write_images_part(
    folder: ImageFolder, source: WaveSource, condition: ImageCondition, shard: int, images: Sequence[Micrograph]
) -> None:
    """Write the images of one shard under one condition and, last, their record with a row for each.

    Masks are written next to them if those of a specimen differ between its images.

    Parameters
    ----------
    folder : ImageFolder
        The folder.
    source : WaveSource
        The set.
    condition : ImageCondition
        The condition that they were drawn from.
    shard : int
        Number of the shard.
    images : sequence of Micrograph
        All of them.
    """
    place = folder.part(source.name, condition.folder)
    numbers = [image.facts["number"] for image in images]
    if folder.plan.format == "hdf5":
        files = [_write_array(place / f"shard-{shard:05d}.npy", np.stack([image.pixels for image in images]))]
    else:
        encode = _tiff if folder.plan.format == "tiff" else _png
        files = [
            _write(
                place / _loose_name("image", number, folder.plan.format),
                encode(image.pixels, folder.plan.grid(source), _description(folder, source, image)),
            )
            for number, image in zip(numbers, images, strict=True)
        ]
    if folder.plan.masks_differ:
        files += _write_masks(folder, source, place / f"masks-{shard:05d}.npy", numbers, [one.mask for one in images])
    write_record(folder.record(source.name, condition.folder, shard), files, {"rows": [one.facts for one in images]})


def write_masks_part(folder: ImageFolder, source: WaveSource, shard: int, masks: NDArray[np.bool_]) -> None:
    """Write the masks (specimen, y, x) of one shard and, last, their record."""
    array = folder.part(source.name, MASKS) / f"shard-{shard:05d}.npy"
    files = _write_masks(folder, source, array, source.layout.specimens_of(shard), masks)
    write_record(folder.record(source.name, MASKS, shard), files, {})


def _write_masks(
    folder: ImageFolder, source: WaveSource, array: Path, numbers: Iterable[int], masks: Iterable[NDArray[np.bool_]]
) -> list[Path]:
    """Write masks as one array, or in its folder as a file each, numbered."""
    plan = folder.plan
    if plan.format == "hdf5":
        return [_write_array(array, np.stack(list(masks)).astype(np.uint8))]
    facts = {**_wave_facts(source), "unit": "1 is particle, 0 is not"}
    return [
        _write(
            array.parent / _loose_name("mask", number, plan.format),
            _tiff(mask.astype(np.uint8), plan.grid(source), facts)
            if plan.format == "tiff"
            else png(np.where(mask, 255, 0).astype(np.uint8)),
        )
        for number, mask in zip(numbers, masks, strict=True)
    ]


def part_rows(folder: ImageFolder, source: WaveSource, condition: ImageCondition) -> list[dict[str, Any]]:
    """Read the facts of every image of a set under one condition, in order of their numbers."""
    records = (folder.record(source.name, condition.folder, shard) for shard in range(source.layout.shards))
    return [row for record in records for row in read_facts(record)["rows"]]


def gather_parts(folder: ImageFolder, progress: Progress) -> None:
    """Write the one HDF5 file from its parts, part by part; it appears whole or not at all."""
    plan = folder.plan
    discard_leftovers(folder.root)
    with replacing(folder.single_file) as temporary, h5py.File(temporary, "w") as file:
        describe(file, "temshift images", IMAGE_FILE_VERSION)
        set_attributes(file, EMD_VERSION)
        file["image_set"] = json.dumps(plan.identity()["image_set"])
        for source in plan.sources:
            progress.start(f"{source.name} into one file", len(plan.conditions))
            _gather_set(file.create_group(source.name), folder, source, progress)
            progress.finish()


def _gather_set(group: h5py.Group, folder: ImageFolder, source: WaveSource, progress: Progress) -> None:
    plan, copies = folder.plan, folder.plan.images_per_specimen
    plane, count = plan.grid(source).shape, source.layout.count
    describe_source(group, source)
    group.attrs["sampling_angstrom"] = plan.grid(source).sampling
    shape = (len(plan.conditions), count * copies, *plane)
    images = _dataset(group, "images", shape, plan.dtype, ["condition", "image", "y", "x"])
    images.attrs["unit"] = plan.unit
    write_emd(group, images, plan.grid(source).sampling)
    group["condition_names"] = [condition.name for condition in plan.conditions]
    group["specimen_of_image"] = np.repeat(np.arange(count), copies)
    for place, condition in enumerate(plan.conditions):
        for shard in range(source.layout.shards):
            numbers = source.layout.specimens_of(shard)
            part = slice(numbers.start * copies, numbers.stop * copies)
            images[place, part] = _part_array(folder, source, condition.folder, shard)
        progress.advance()
    _gather_masks(group, folder, source)
    _write_drawn(group, [part_rows(folder, source, condition) for condition in plan.conditions])


def _gather_masks(group: h5py.Group, folder: ImageFolder, source: WaveSource) -> None:
    """Write the masks (mask, y, x), and which of them belongs to each image (condition, image)."""
    plan, copies, count = folder.plan, folder.plan.images_per_specimen, source.layout.count
    if plan.masks_differ:
        parts, of_each = [(condition.folder, "masks") for condition in plan.conditions], count * copies
        mask_of_image = np.arange(len(parts) * of_each).reshape(len(parts), -1)
    else:
        parts, of_each = [(MASKS, "shard")], count
        mask_of_image = np.tile(np.repeat(np.arange(count), copies), (len(plan.conditions), 1))
    shape = (len(parts) * of_each, *plan.grid(source).shape)
    masks, start = _dataset(group, MASKS, shape, np.dtype(np.uint8), ["mask", "y", "x"]), 0
    for name, kind in parts:
        for shard in range(source.layout.shards):
            part = _part_array(folder, source, name, shard, kind)
            masks[start : start + len(part)] = part
            start += len(part)
    group.create_dataset("mask_of_image", data=mask_of_image).attrs["axes"] = ["condition", "image"]


def _write_drawn(group: h5py.Group, rows: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Write the parameters drawn for each image, (condition, image); NaN if there is no aperture, or no blur."""
    for key in (*CONDITION_COLUMNS, "seed", "counts_mean", "counts_sd", "mask_fraction"):
        kind = np.int64 if key == "seed" else np.float64
        drawn = np.array([[row[key] for row in line] for line in rows], dtype=kind)
        group.create_dataset(f"drawn/{key}", data=drawn).attrs["axes"] = ["condition", "image"]


def _dataset(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], axes: list[str]
) -> h5py.Dataset:
    """Lay out planes, each a chunk of its own, compressed and with a checksum."""
    chunks = (*(1 for _ in shape[:-2]), *shape[-2:])
    layout = {"chunks": chunks, "compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
    dataset = group.create_dataset(name, shape=shape, dtype=dtype, **layout)
    dataset.attrs["axes"] = axes
    return dataset


def _part_array(folder: ImageFolder, source: WaveSource, part: str, shard: int, kind: str = "shard") -> NDArray[Any]:
    path = folder.part(source.name, part) / f"{kind}-{shard:05d}.npy"
    array: NDArray[Any] = np.load(path, allow_pickle=False)
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


def _description(folder: ImageFolder, source: WaveSource, image: Micrograph) -> dict[str, Any]:
    """Facts in the description of an image."""
    focus_plane = source.attributes()["focus_plane"]
    unit = folder.plan.unit
    return {**_wave_facts(source), "unit": unit, "set": source.name, **image.facts, "focus_plane": focus_plane}


def _wave_facts(source: WaveSource) -> dict[str, Any]:
    return {"energy_kev": source.exit_waves.energy_kev}


def _tiff(pixels: NDArray[Any], grid: Grid, facts: dict[str, Any]) -> bytes:
    """Encode a plane with its pixel size as resolution tags, and all that is known of it as JSON in its description."""
    sampling = grid.sampling
    described = {"sampling_angstrom": sampling, **facts}
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="minisblack",
        description=json.dumps(described),
        metadata=None,
        software=f"temshift {versions_of()['temshift']}",
        resolution=(ANGSTROM_PER_CM / sampling[1], ANGSTROM_PER_CM / sampling[0]),
        resolutionunit="CENTIMETER",
        extratags=_calibration(sampling),
    )
    return buffer.getvalue()


def _calibration(sampling: tuple[float, float]) -> list[tuple[Any, ...]]:
    """Tags of DigitalMicrograph, by which RosettaSciIO and HyperSpy know the size of a pixel along x and y."""
    units = [(code, "s", 0, "nm", True) for code in (65003, 65004)]
    return [*units, (65009, "d", 1, sampling[1] / 10, True), (65010, "d", 1, sampling[0] / 10, True)]


def _png(pixels: NDArray[Any], grid: Grid, facts: dict[str, Any]) -> bytes:
    """Encode a plane for the eye: grey from 2.5 standard deviations below its mean to as many above."""
    values = pixels.astype(np.float64)
    return png(grey_levels((values - values.mean()) / max(values.std(), np.finfo(float).tiny)))
