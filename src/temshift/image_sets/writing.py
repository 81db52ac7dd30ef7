"""Make an image set: its missing parts one by one, then its table and its record."""

import functools
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from temshift.core.errors import DamagedError, InputError
from temshift.execution import Progress, SilentProgress, Task, make_executor
from temshift.execution.stages import Work
from temshift.exitwaves.sources import WaveSource, refuse_inside_store
from temshift.exitwaves.store import read_masks
from temshift.image_sets.files import ImageFolder, gather_parts, part_rows, write_images_part, write_masks_part
from temshift.image_sets.formation import form_images, ready_sources
from temshift.image_sets.image_set import MASKS, ImageCondition, ImagePlan
from temshift.micrographs.formation import camera_masks
from temshift.micrographs.threads import one_thread
from temshift.storage.files import discard_leftovers, read_json, write_bytes, write_json, write_table
from temshift.storage.folders import claim, making
from temshift.storage.provenance import provenance
from temshift.storage.records import record_state, write_record
from temshift.vocabulary.columns import IMAGES

CONDITIONS_PER_TASK = 4
PACKAGES = ("temshift", "torch", "numpy", "h5py", "tifffile")


def write_images(
    plan: ImagePlan, output: Path | str, *, workers: int = 1, device: str = "cpu", progress: Progress | None = None
) -> ImageFolder:
    """Write the micrographs and masks of an image set; finished parts in ``output`` are kept.

    Parameters
    ----------
    plan : ImagePlan
        The plan.
    output : path
        A new or empty folder, or one of an earlier call with the same plan.
    workers : int
        Processes of one thread each; 0 works in this process. Images do not depend on it.
    device : str
        "cpu" or "cuda".
    progress : Progress, optional
        Reports every stage; silent by default.

    Returns
    -------
    ImageFolder
        With its table and manifest.

    Raises
    ------
    InputError
        If the folder holds something else, or another call works there.
    TemshiftError
        If a part of the work fails, such as on a damaged shard of waves; finished parts are kept.
    """
    output = Path(output)
    folder = ImageFolder(output, plan)
    refuse_inside_store(output / "images")
    refuse = functools.partial(_refuse_another, folder)
    with claim(output, folder.marker, "images of temshift", refuse), make_executor(workers) as executor:
        _mark(folder)
        work = Work(executor, device, progress or SilentProgress())
        if plan.format == "hdf5" and record_state(folder.manifest).state == "complete":
            work.progress.message("everything was there already")
        else:
            made = sum(_make(work, folder, source) for source in plan.sources)
            _conclude(work, folder, made)
        shutil.rmtree(folder.parts, ignore_errors=True)
    return folder


def _refuse_another(folder: ImageFolder) -> None:
    """Refuse a folder that is marked as that of other images."""
    if not folder.marker.exists():
        return
    try:
        marked = dict(read_json(folder.marker))
    except (DamagedError, TypeError, ValueError) as error:
        raise InputError(f"{folder.marker} is damaged; name another folder with --output") from error
    identity = folder.plan.identity()
    if marked != identity:
        keys = ", ".join(key for key in identity if marked.get(key) != identity[key])
        raise InputError(f"{folder.root} holds other images: {keys or 'its settings'} differ; name another folder")


def _mark(folder: ImageFolder) -> None:
    """Write down which images a new folder is for."""
    if folder.marker.exists():
        return
    shutil.rmtree(folder.parts, ignore_errors=True)  # of an image set whose other files were removed
    with making(folder.root):
        write_json(folder.marker, folder.plan.identity())


def _make(work: Work, folder: ImageFolder, source: WaveSource) -> int:
    """Make the masks and images that a set lacks; return how many parts were made."""
    for name in folder.plan.parts():
        discard_leftovers(folder.part(source.name, name))
    unmasked = 0 if folder.plan.masks_differ else _make_masks(work, folder, source)
    shards = range(source.layout.shards)
    parts = [(shard, condition) for shard in shards for condition in folder.plan.conditions]
    lacking = work.missing(parts, lambda part: record_state(folder.record(source.name, part[1].folder, part[0])))
    groups = list(_grouped(lacking))
    tasks = [
        Task(make_images, (folder, source.name, shard, conditions, work.device), f"{source.name} images, shard {shard}")
        for shard, conditions in groups
    ]
    sizes = [_images_of(folder, source, shard) * len(conditions) for shard, conditions in groups]
    every = source.layout.count * folder.plan.images_per_specimen * len(folder.plan.conditions)
    work.perform(f"{source.name} images", tasks, sizes, every - sum(sizes))
    return unmasked + len(lacking)


def _make_masks(work: Work, folder: ImageFolder, source: WaveSource) -> int:
    """Make the masks that a set lacks; return how many parts were made."""
    shards = range(source.layout.shards)
    lacking = work.missing(shards, lambda shard: record_state(folder.record(source.name, MASKS, shard)))
    tasks = [Task(make_masks, (folder, source.name, shard), f"{source.name} masks, shard {shard}") for shard in lacking]
    sizes = [len(source.layout.specimens_of(shard)) for shard in lacking]
    work.perform(f"{source.name} masks", tasks, sizes, source.layout.count - sum(sizes))
    return len(lacking)


def _images_of(folder: ImageFolder, source: WaveSource, shard: int) -> int:
    return len(source.layout.specimens_of(shard)) * folder.plan.images_per_specimen


def _grouped(parts: Iterable[tuple[int, ImageCondition]]) -> Iterator[tuple[int, list[ImageCondition]]]:
    """Yield a shard and some conditions: enough to pay for its loading, few enough to share out."""
    of_shard: dict[int, list[ImageCondition]] = {}
    for shard, condition in parts:
        of_shard.setdefault(shard, []).append(condition)
    for shard, conditions in of_shard.items():
        for start in range(0, len(conditions), CONDITIONS_PER_TASK):
            yield shard, conditions[start : start + CONDITIONS_PER_TASK]


def make_masks(folder: ImageFolder, set_name: str, shard: int) -> None:
    """Write the masks of one shard with their record."""
    source = folder.plan.source(set_name)
    masks = camera_masks(read_masks(source.store, shard), source.layout.grid, folder.plan.image_set.imaging)
    write_masks_part(folder, source, shard, masks.numpy())


def make_images(folder: ImageFolder, set_name: str, shard: int, conditions: list[ImageCondition], device: str) -> None:
    """Form the images of one shard under some conditions; write each condition's with their record."""
    one_thread()
    source = folder.plan.source(set_name)
    for condition, loaded in ready_sources(folder.plan, source, shard, conditions, device):
        write_images_part(folder, source, condition, shard, form_images(folder.plan, source, shard, loaded, condition))


def _conclude(work: Work, folder: ImageFolder, made: int) -> None:
    """Gather the file, the table and, last, the manifest, unless all of it stands as it is."""
    if made == 0 and record_state(folder.manifest).state == "complete":
        work.progress.message("everything was there already")
        return
    if folder.plan.format == "hdf5":
        gather_parts(folder, work.progress)
    table = _table(folder)
    write_table(folder.table, table)
    write_bytes(folder.table.with_suffix(".csv"), table.write_csv().encode())
    write_record(folder.manifest, _sealed_files(folder), _facts(work, folder, len(table)))


def _sealed_files(folder: ImageFolder) -> list[Path]:
    """The files that the manifest vouches for; loose images are vouched for by the records of their parts."""
    common = [folder.marker, folder.table, folder.table.with_suffix(".csv")]
    if folder.plan.format == "hdf5":
        return [*common, folder.single_file]
    return common + [
        folder.record(source.name, name, shard)
        for source in folder.plan.sources
        for name in folder.plan.parts()
        for shard in range(source.layout.shards)
    ]


def _table(folder: ImageFolder) -> pl.DataFrame:
    rows = [
        {**_particle_facts(source.geometry[row["specimen"]]), **row, **_names(folder, source, condition, row)}
        for source in folder.plan.sources
        for condition in folder.plan.conditions
        for row in part_rows(folder, source, condition)
    ]
    return pl.DataFrame(rows, schema=IMAGES)


def _names(folder: ImageFolder, source: WaveSource, condition: ImageCondition, row: dict[str, Any]) -> dict[str, str]:
    return {
        "set": source.name,
        "file": folder.file_name(source.name, condition.folder, "image", row["number"]),
        "mask_file": folder.mask_name(source.name, condition, row),
    }


def _particle_facts(geometry: dict[str, Any]) -> dict[str, Any]:
    """How well the mask of a specimen covers its particles, and the plane that its defocus counts from."""
    shares = [share for share in geometry["coverage"] if share is not None]
    return {
        "particles": len(geometry["coverage"]),
        "coverage_mean": float(np.mean(shares)) if shares else None,
        "coverage_min": min(shares, default=None),
        "focus_height_angstrom": geometry["focus_height_angstrom"],
    }


def _facts(work: Work, folder: ImageFolder, images: int) -> dict[str, Any]:
    plan = folder.plan
    return {
        **provenance(PACKAGES),
        "device": work.device,
        "stages": [vars(stage) for stage in work.stages],
        "images": images,
        "pixels": {"type": plan.dtype.name, "unit": plan.unit, "binning": plan.image_set.imaging.camera.binning},
        "identity": plan.identity(),
        "sets": {source.name: source.settings for source in plan.sources},
    }
