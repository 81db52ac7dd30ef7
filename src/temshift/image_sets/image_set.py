"""Image sets: which micrographs to form of a wave database, under which conditions, each from its own seed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from temshift.conditions import ImagingConditions, Items, PartialConditions
from temshift.conditions.named import resolved
from temshift.configuration import Configuration, KeyPath
from temshift.core import Grid, InputError, content_hash
from temshift.exitwaves import WaveSource
from temshift.micrographs import DATASETS_VERSION
from temshift.optics import OPTICS_VERSION, ImagingSettings, imaging_remarks
from temshift.optics.feasibility import condition_faults

IMAGES_VERSION = 2  # raised whenever the same settings would give other files
MASKS = "masks"  # folder of the masks, next to those of the conditions
MOST_16_BIT = np.iinfo(np.uint16).max
BRIGHTEST_LIT = 5  # how many of its standard deviations an uneven illumination rises above its mean at most
BRIGHTEST = 16  # how far above the mean of an image its brightest pixel is expected at most
ANGSTROM_PER_CM = 1e8
FINEST_TIFF = ANGSTROM_PER_CM / (2**32 - 1)  # smallest pixel that the resolution tags of TIFF can hold [A]

ImageFormat = Literal["tiff", "png", "hdf5"]


class ImageSet(Configuration):
    """Micrographs to form of every specimen of a database, as one YAML file.

    ``standardise`` shifts and scales each image to mean 0 and variance 1; else pixels are counts of the camera.
    ``energy_kev`` serves transfer functions without a database, and must be that of the database if there is one.
    """

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    images_per_specimen: Annotated[int, Field(ge=1, le=10_000)] = 1
    standardise: bool = False
    energy_kev: Annotated[float, Field(ge=30, le=1500)] | None = None
    imaging: ImagingSettings = ImagingSettings()
    default: PartialConditions = PartialConditions()
    conditions: Items

    def cross_faults(self) -> list[tuple[KeyPath, str]]:
        """Return faults that show only if several keys meet: path and message."""
        return [*self._unresolved()] or [*self._twins()]

    def _unresolved(self) -> Iterator[tuple[KeyPath, str]]:
        for number, item in enumerate(self.conditions):
            try:
                resolved((item,), self.default, "conditions")
            except ValueError as error:
                yield ("conditions", number), str(error).removeprefix("conditions, ").removeprefix("conditions: ")

    def _twins(self) -> Iterator[tuple[KeyPath, str]]:
        """Names that give one folder, and conditions that give the same images."""
        folders, contents = {MASKS: "the masks"}, dict[str, str]()
        for number, item in enumerate(self.conditions):
            for name, conditions in resolved((item,), self.default, "conditions"):
                folder, content = folder_name(name).casefold(), content_hash(conditions)
                if folder in folders:
                    twin = folders[folder]
                    alike = "is used twice" if name == twin else f"and {twin!r} give the same folder"
                    yield ("conditions", number), f"the name {name!r} {alike}; change one name"
                elif content in contents:
                    yield (
                        ("conditions", number),
                        f"{name!r} and {contents[content]!r} are the same, and would give the same images; remove one, "
                        "and raise images_per_specimen if more are wanted",
                    )
                folders.setdefault(folder, name)
                contents.setdefault(content, name)

    def resolved(self) -> list[tuple[str, ImagingConditions]]:
        """Return name and whole conditions of each distribution, series expanded."""
        return resolved(self.conditions, self.default, "conditions")

    def places(self) -> dict[str, KeyPath]:
        """Return the place of each distribution in the file, by name."""
        items = enumerate(self.conditions)
        return {name: ("conditions", number) for number, item in items for name, _ in item.expanded()}


def folder_name(name: str) -> str:
    """Return the name of a condition as a name that every file system takes.

    Examples
    --------
    >>> folder_name("dose 30 e/A2"), folder_name("defocus +5 nm")
    ('dose_30_e_A2', 'defocus_+5_nm')
    """
    return re.sub(r"[^A-Za-z0-9+.-]+", "_", name).strip("._") or "condition"


def stream_key(content: Any) -> int:
    """Return a number for a random stream that belongs to some content."""
    return int(content_hash(content)[:8], 16)


@dataclass(frozen=True)
class ImageCondition:
    """One named distribution of conditions; ``key`` numbers its random stream, by content."""

    name: str
    conditions: ImagingConditions

    @property
    def folder(self) -> str:
        """Name of the folder of its images."""
        return folder_name(self.name)

    @property
    def key(self) -> int:
        """Number of its random stream."""
        return stream_key(self.conditions)


@dataclass(frozen=True)
class ImagePlan:
    """Everything that an image set makes of some wave stores.

    Parameters
    ----------
    image_set : ImageSet
        The image set.
    sources : tuple of WaveSource
        The sets of specimens.
    format : "tiff", "png" or "hdf5"
        How images are written.

    Raises
    ------
    InputError
        If :func:`image_faults` finds any.
    """

    image_set: ImageSet
    sources: tuple[WaveSource, ...]
    format: ImageFormat

    def __post_init__(self) -> None:
        faults = [message for _, message in image_faults(self.image_set, self.sources, self.format)]
        if faults:
            raise InputError("\n  ".join(["these images can't be formed:", *faults]))

    @cached_property
    def conditions(self) -> tuple[ImageCondition, ...]:
        """All conditions, series expanded."""
        return tuple(ImageCondition(name, conditions) for name, conditions in self.image_set.resolved())

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, the same for all.

        If pixels hold whole numbers of electrons, uint16 unless the highest dose may give more: a pixel is expected
        to hold at most :data:`BRIGHTEST` times the mean of its image. Grey levels of 8 bits are uint8. Else float32.
        """
        if self.image_set.standardise:
            return np.dtype(np.float32)
        if self.image_set.imaging.camera.bits is not None:
            return np.dtype(np.uint8)
        if not counts_whole(self.image_set):
            return np.dtype(np.float32)
        return np.dtype(np.uint16 if brightest(self.image_set, self.sources) <= MOST_16_BIT else np.uint32)

    @cached_property
    def unit(self) -> str:
        """The unit of a pixel's number."""
        if self.image_set.standardise:
            return "standard deviations from the mean"
        if self.image_set.imaging.camera.bits is not None:
            return "grey levels of each image"
        return "electrons per pixel" if counts_whole(self.image_set) else "counts per pixel"

    @property
    def images_per_specimen(self) -> int:
        """Images of one specimen under one condition."""
        return self.image_set.images_per_specimen

    @cached_property
    def masks_differ(self) -> bool:
        """Whether images of one specimen have masks of their own: their pixels differ in size."""
        ends = [
            end("pixel_size_error")
            for one in self.conditions
            for end in (one.conditions.lowest, one.conditions.highest)
        ]
        return any(ends)

    def grid(self, source: WaveSource) -> Grid:
        """Return the (y, x) plane of the images of a set, binned; an error of the pixel size is not in it."""
        return self.image_set.imaging.image_grid(source.layout.grid)

    def remarks(self) -> list[str]:
        """Return remarks on the conditions for a person to know before they are used, one sentence each."""
        named, imaging = self.image_set.resolved(), self.image_set.imaging
        by_source = [imaging_remarks(named, imaging, one.layout.grid, one.exit_waves.energy) for one in self.sources]
        return list(dict.fromkeys(remark for remarks in by_source for remark in remarks))

    def identity(self) -> dict[str, Any]:
        """Return all that the files depend on, as plain values."""
        return {
            "image_set": self.image_set.model_dump(mode="json", exclude_none=True),
            "format": self.format,
            "sets": {one.name: content_hash([one.settings, one.layout.per_shard]) for one in self.sources},
            "versions": [IMAGES_VERSION, OPTICS_VERSION, DATASETS_VERSION],
        }

    def source(self, name: str) -> WaveSource:
        """Return the set of some name."""
        return next(source for source in self.sources if source.name == name)

    def parts(self) -> list[str]:
        """Return the names of the folders of a set: one for each condition and, if they are shared, the masks'."""
        return [*([] if self.masks_differ else [MASKS]), *(condition.folder for condition in self.conditions)]


def counts_whole(image_set: ImageSet) -> bool:
    """Return whether all pixels hold whole numbers of electrons: no gain, no read noise, no spread after counting."""
    camera = image_set.imaging.camera
    if camera.ntf_table is not None:
        return False
    share = 0.0 if camera.kind == "scintillator" else 1.0
    return all(
        conditions.lowest("gain", default=1.0) == conditions.highest("gain", default=1.0) == 1
        and conditions.highest("read_noise") == 0
        and not any(conditions.highest(field) for field in ("gain_residue_sd", "hot_pixels", "xray_hits"))
        and conditions.lowest("scattering_share", default=share) >= 1
        and "ntf_half_frequency" not in conditions.fields_given()
        for _, conditions in image_set.resolved()
    )


def brightest(image_set: ImageSet, sources: Iterable[WaveSource]) -> float:
    """Return how many electrons a pixel holds at most, under the highest dose on the largest pixels."""
    rates = [
        one.highest("dose")
        * one.highest("dqe_zero", default=1.0)
        * (1 + one.highest("pixel_size_error")) ** 2
        * (1 + BRIGHTEST_LIT * one.highest("illumination_sd"))
        for _, one in image_set.resolved()
    ]
    areas = [image_set.imaging.image_grid(source.layout.grid).pixel_area for source in sources]
    return BRIGHTEST * max(rates) * max(areas)


def image_faults(
    image_set: ImageSet, sources: Sequence[WaveSource], written_as: ImageFormat
) -> list[tuple[KeyPath, str]]:
    """Return why the images of an image set can't be formed of some waves.

    Parameters
    ----------
    image_set : ImageSet
        The image set.
    sources : sequence of WaveSource
        The sets of specimens.
    written_as : "tiff", "png" or "hdf5"
        How images are written.

    Returns
    -------
    list of (path, str)
        The place of each fault in the file, and its text: those of the image set itself
        (:meth:`ImageSet.cross_faults`), another energy than the waves', a binning that does not divide the plane,
        conditions that stored waves can't serve (:func:`temshift.optics.feasibility.condition_faults`),
        counts or pixel sizes that files can't hold. A fault of several sets is listed once.
    """
    affected: dict[tuple[KeyPath, str], list[str]] = {}
    unclear = image_set.cross_faults()
    if unclear:
        return unclear
    for source in sources:
        for fault in _source_faults(image_set, source, written_as):
            affected.setdefault(fault, []).append(source.name)
    faults = [
        (path, f"set{'s' if len(names) > 1 else ''} {', '.join(names)}: {message}")
        for (path, message), names in affected.items()
    ]
    return [*faults, *([] if faults else _count_faults(image_set, sources))]


def _source_faults(image_set: ImageSet, source: WaveSource, written_as: ImageFormat) -> Iterator[tuple[KeyPath, str]]:
    energy, grid, imaging = source.exit_waves.energy_kev, source.layout.grid, image_set.imaging
    if image_set.energy_kev not in (None, energy):
        yield (
            ("energy_kev",),
            f"given {image_set.energy_kev:g}, but its waves were simulated at {energy:g} keV; give {energy:g}, or "
            "leave energy_kev out",
        )
    unbinned = [(("imaging", "camera", "binning"), fault) for fault in imaging.faults(grid)]
    yield from unbinned
    finest = min(imaging.image_grid(grid).sampling)
    if not unbinned and written_as == "tiff" and finest < FINEST_TIFF:
        yield (
            (),
            f"TIFF can't hold pixels of {finest:.3g} A, {FINEST_TIFF:.3g} A at least; take --format hdf5",
        )
    places = image_set.places()
    for fault in condition_faults(image_set.resolved(), imaging, grid, source.exit_waves.energy):
        yield places[fault.names[0]], str(fault)


def _count_faults(image_set: ImageSet, sources: Sequence[WaveSource]) -> Iterator[tuple[KeyPath, str]]:
    if image_set.standardise or image_set.imaging.camera.bits is not None or not counts_whole(image_set):
        return
    most = brightest(image_set, sources)
    if most > np.iinfo(np.uint32).max:
        yield (
            (),
            f"a pixel may count {most:.2g} electrons, more than a file of whole numbers holds; lower "
            "dose_e_per_A2, or give standardise: true",
        )
