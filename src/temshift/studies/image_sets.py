"""Image sets: which micrographs to form of a wave database, under which conditions, each from its own seed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from temshift.core.configuration import Configuration
from temshift.core.errors import InputError, TemshiftError
from temshift.core.hashes import content_hash
from temshift.datasets.micrographs import (
    DATASETS_VERSION,
    MicrographSource,
    Stream,
    count_electrons,
    drawn_conditions,
    noise_seeds,
)
from temshift.exitwaves.store import read_masks, read_waves
from temshift.optics.counting import standardised
from temshift.optics.images import OPTICS_VERSION, wave_spectra
from temshift.optics.imaging import ImagingConditions, PartialConditions
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import widest_tilt
from temshift.studies.conditions import Items, imaging_faults, resolved
from temshift.studies.wave_sources import WaveSource

IMAGES_VERSION = 1  # raised whenever the same settings would give other files
MASKS = "masks"  # folder of the masks, beside those of the conditions
BRIGHTEST = 16  # how far above the mean of an image its brightest pixel is expected at most
ANGSTROM_PER_CM = 1e8
FINEST_TIFF = ANGSTROM_PER_CM / (2**32 - 1)  # smallest pixel that the resolution tags of TIFF can tell [A]

ImageFormat = Literal["tiff", "png", "hdf5"]


class ImageSet(Configuration):
    """Micrographs to form of every specimen of a database, as one YAML file.

    ``standardise`` shifts and scales each image to mean 0 and variance 1; else pixels count electrons. ``energy_kev``
    serves transfer functions without a database, and must be that of the database where there is one.
    """

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    images_per_specimen: Annotated[int, Field(ge=1, le=10_000)] = 1
    standardise: bool = False
    energy_kev: Annotated[float, Field(ge=30, le=1500)] | None = None
    imaging: ImagingSettings = ImagingSettings()
    default: PartialConditions = PartialConditions()
    conditions: Items

    @model_validator(mode="after")
    def _distinct(self) -> "ImageSet":
        named = self.resolved()
        folders, contents = {MASKS: "the masks"}, dict[str, str]()
        for name, conditions in named:
            twin = folders.setdefault(folder_name(name).casefold(), name)
            if twin != name:
                raise ValueError(f"conditions: {name!r} and {twin!r} give the same folder; change one name")
            other = contents.setdefault(content_hash(conditions), name)
            if other != name:
                raise ValueError(
                    f"conditions: {name!r} and {other!r} are the same, and would give the same images; "
                    "remove one, and raise images_per_specimen if more are wanted"
                )
        return self

    def resolved(self) -> list[tuple[str, ImagingConditions]]:
        """Return name and whole conditions of each distribution, series expanded."""
        return resolved(self.conditions, self.default, "conditions")


def folder_name(name: str) -> str:
    """Return the name of a condition as a name that every file system takes.

    Examples
    --------
    >>> folder_name("dose 30 e/A2"), folder_name("defocus +5 nm")
    ('dose_30_e_A2', 'defocus_+5_nm')
    """
    return re.sub(r"[^A-Za-z0-9+.-]+", "_", name).strip("._") or "condition"


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
        return _key(self.conditions)


@dataclass(frozen=True)
class Micrograph:
    """One image and what is known of it.

    Attributes
    ----------
    pixels : ndarray (y, x)
        Electrons in each pixel, or float32 of mean 0 and variance 1.
    facts : dict
        Its specimen, its number, the conditions drawn, the seed of its noise, mean and deviation of the counts.
    """

    pixels: NDArray[Any]
    facts: dict[str, Any]


@dataclass(frozen=True)
class ImagePlan:
    """Everything that an image set makes of some wave stores.

    Parameters
    ----------
    image_set : ImageSet
        What is wanted.
    sources : tuple of WaveSource
        The sets of specimens.
    format : "tiff", "png" or "hdf5"
        How images are written.

    Raises
    ------
    InputError
        Where an image would alias on a stored grid, a pixel may count more electrons than files hold, or TIFF can't
        tell the size of its pixels.
    """

    image_set: ImageSet
    sources: tuple[WaveSource, ...]
    format: ImageFormat

    def __post_init__(self) -> None:
        checks = (self._aperture_faults, self._sampling_faults)
        faults = [fault for source in self.sources for check in checks for fault in check(source)]
        if not self.image_set.standardise and self._brightest > np.iinfo(np.uint32).max:
            faults.append(
                f"a pixel may count {self._brightest:.2g} electrons, more than a file of whole numbers holds; lower "
                "dose_e_per_A2, or give standardise: true"
            )
        if faults:
            raise InputError("\n  ".join(["these images can't be formed:", *faults]))

    @cached_property
    def conditions(self) -> tuple[ImageCondition, ...]:
        """All conditions, series expanded."""
        return tuple(ImageCondition(name, conditions) for name, conditions in self.image_set.resolved())

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, the same for all: uint16 unless the highest dose may give more, float32 if standardised.

        A pixel is expected to hold at most :data:`BRIGHTEST` times the mean of its image.
        """
        if self.image_set.standardise:
            return np.dtype(np.float32)
        return np.dtype(np.uint16 if self._brightest <= np.iinfo(np.uint16).max else np.uint32)

    @cached_property
    def _brightest(self) -> float:
        """Electrons that a pixel holds at most under the highest dose."""
        doses = [one.conditions.highest("dose") for one in self.conditions]
        return BRIGHTEST * max(doses) * max(source.layout.grid.pixel_area for source in self.sources)

    @property
    def unit(self) -> str:
        """What a pixel's number means."""
        return "standard deviations from the mean" if self.image_set.standardise else "electrons per pixel"

    @property
    def images_per_specimen(self) -> int:
        """Images of one specimen under one condition."""
        return self.image_set.images_per_specimen

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

    def _aperture_faults(self, source: WaveSource) -> Iterator[str]:
        named, imaging = self.image_set.resolved(), self.image_set.imaging
        for fault in imaging_faults(named, imaging, source.layout.grid, source.exit_waves.energy):
            yield f"set {source.name}, {fault}"

    def _sampling_faults(self, source: WaveSource) -> Iterator[str]:
        finest = min(source.layout.grid.sampling)
        if self.format == "tiff" and finest < FINEST_TIFF:
            yield (
                f"set {source.name}: TIFF can't tell that a pixel measures {finest:.3g} A, {FINEST_TIFF:.3g} A at "
                "least; take --format hdf5"
            )


def source_of(plan: ImagePlan, source: WaveSource, shard: int, device: str) -> MicrographSource:
    """Load one shard, ready to form the images of a plan."""
    waves = read_waves(source.store, shard).to(device)
    tilt = widest_tilt(max(one.conditions.highest("angular_spread_sigma") for one in plan.conditions))
    spectra = wave_spectra(waves, source.layout.grid, source.exit_waves.energy, source.widest_semiangle, tilt)
    return MicrographSource(spectra, read_masks(source.store, shard).to(device), plan.image_set.imaging)


def form_images(
    plan: ImagePlan, source: WaveSource, shard: int, loaded: MicrographSource, condition: ImageCondition
) -> list[Micrograph]:
    """Form all images of a shard under one condition, one by one: the size of a batch changes the last bits.

    Parameters
    ----------
    plan : ImagePlan
        What is wanted.
    source : WaveSource
        The set.
    shard : int
        Number of the shard.
    loaded : MicrographSource
        The shard's waves, from :func:`source_of`.
    condition : ImageCondition
        What to draw from.

    Returns
    -------
    list of Micrograph
        Specimen by specimen, ``images_per_specimen`` of each.

    Raises
    ------
    TemshiftError
        Where a pixel counts more electrons than the type of the pixels holds.
    """
    specimens = source.layout.specimens_of(shard)
    return [
        _formed(plan, source, loaded, condition, (place, specimen, copy))
        for place, specimen in enumerate(specimens)
        for copy in range(plan.images_per_specimen)
    ]


def _formed(
    plan: ImagePlan,
    source: WaveSource,
    loaded: MicrographSource,
    condition: ImageCondition,
    which: tuple[int, int, int],
) -> Micrograph:
    place, specimen, copy = which
    stream = Stream(plan.image_set.seed, (_key(source.name), condition.key, copy))
    drawn, seeds = drawn_conditions(condition.conditions, [specimen], stream), noise_seeds([specimen], stream)
    counts = count_electrons(loaded, drawn, np.array([place]), seeds)
    facts = {
        "condition": condition.name,
        "specimen": specimen,
        "image": copy,
        "number": specimen * plan.images_per_specimen + copy,
        **{key: values[0] for key, values in drawn.in_file_units().items()},
        "seed": seeds[0],
        "counts_mean": float(counts.double().mean()),
        "counts_sd": float(counts.double().std(correction=0)),
    }
    return Micrograph(_typed(counts, plan.dtype, condition.name), facts)


def _typed(counts: torch.Tensor, dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    if dtype == np.float32:
        return np.asarray(standardised(counts)[0].cpu().numpy(), dtype=dtype)
    pixels: NDArray[Any] = counts[0].double().cpu().numpy()
    if pixels.max() > np.iinfo(dtype).max:
        raise TemshiftError(
            f"{name!r}: a pixel counts {pixels.max():.3g} electrons, more than {dtype.name} holds; "
            "lower dose_e_per_A2, or set standardise: true"
        )
    return pixels.astype(dtype)


def _key(content: Any) -> int:
    return int(content_hash(content)[:8], 16)
