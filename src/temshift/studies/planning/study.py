"""The study file: specimens, exit waves, conditions to train and test on, networks."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from temshift.configuration.model import Configuration, ConfigurationError, parse_configuration
from temshift.core.electrons import largest_semiangle
from temshift.core.grids import Grid
from temshift.databases.wave_sets import WaveSet, wave_faults, wave_sets
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.networks import (
    CompactUNetSettings,
    NetworkSettings,
    TrainingSettings,
    batch_faults,
    network_faults,
    padding_remarks,
    phonon_fault,
)
from temshift.optics.feasibility import imaging_remarks, role_faults
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import band_margin
from temshift.specimens import Recipe
from temshift.studies.planning.specimen_sets import SpecimenSet, StudyConditions, choice_faults, patched, set_faults
from temshift.studies.planning.sweep import plain_values, sweep_faults

Count = Annotated[int, Field(ge=1, le=10_000_000)]
_Path = tuple[str | int, ...]


class SpecimenCounts(Configuration):
    """How many specimens the databases hold; training stops by ``validation``, or keeps the best weights by it."""

    training: Count
    test: Count
    validation: Count | None = None
    per_shard: Annotated[int, Field(ge=1, le=4096)] = 16


class ImageFeatureSettings(Configuration):
    """Measurements on micrographs of ``specimens`` specimens of the training set, and of others for tests.

    ``distance`` is d_image; ``probe`` needs masks, and looks at ``patches`` windows under each condition.
    """

    specimens: Annotated[int, Field(ge=2, le=100_000)] = 64
    distance: bool = True
    probe: bool = False
    patches: Annotated[int, Field(ge=100, le=1_000_000)] = 4096


class InformationSettings(Configuration):
    """How epsilon, sigma, d_image and the probe are computed, and whether observers are."""

    specimens: Annotated[int, Field(ge=1)] = 48
    draws: Annotated[int, Field(ge=2, le=100_000)] = 256
    observers: bool = True
    images: ImageFeatureSettings = ImageFeatureSettings()


class ExampleSettings(Configuration):
    """Contents of the report: numbers of test specimens, names of test conditions and of training distributions."""

    specimens: Annotated[int, Field(ge=1, le=12)] = 3
    conditions: Annotated[tuple[str, ...], Field(max_length=12)] = ()
    networks: Annotated[tuple[str, ...], Field(max_length=6)] = ()


class _Sections(Configuration):
    """What a set of specimens may have in another way than its study."""

    specimens: Recipe
    counts: SpecimenCounts


class Study(Configuration):
    """A whole study, as one YAML file.

    ``sweep`` holds lists of values by dotted key, such as ``training.learning_rate``; every combination is trained.
    ``cohort`` networks in a row share the images that they are scored on; on a GPU those of one kind train together.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    specimens: Recipe
    counts: SpecimenCounts
    specimen_sets: Annotated[tuple[SpecimenSet, ...], Field(min_length=1)] | None = None
    exit_waves: ExitWaveSettings
    imaging: ImagingSettings = ImagingSettings()
    conditions: StudyConditions
    network: NetworkSettings = CompactUNetSettings()
    training: TrainingSettings = TrainingSettings()
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 1
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    cohort: Annotated[int, Field(ge=1, le=4096)] = 8
    information: InformationSettings = InformationSettings()
    examples: ExampleSettings = ExampleSettings()

    @property
    def grid(self) -> Grid:
        """The (y, x) plane of waves."""
        width, depth = self.specimens.cell
        return self.exit_waves.stored_grid((depth, width))

    @property
    def image_grid(self) -> Grid:
        """The (y, x) plane of images."""
        return self.imaging.image_grid(self.grid)

    @property
    def wave_sets(self) -> dict[str, WaveSet]:
        """The sets of specimens with their waves, by role."""
        counts = {role: count for role, count in self.counts if role != "per_shard" and count is not None}
        return wave_sets(self.specimens, self.exit_waves, counts, self.counts.per_shard, self.seed)

    @property
    def widest_semiangle(self) -> float:
        """The widest aperture of any condition, at most what the grid holds [rad]."""
        limit = largest_semiangle(self.grid.nyquist, self.exit_waves.energy)
        return min(limit, self.conditions.widest_semiangle)

    @property
    def band_margin(self) -> float:
        """How far the band reaches beyond the widest aperture, for tilts of the illumination [rad]."""
        return band_margin(self.conditions.widest_angular_spread)

    @property
    def slug(self) -> str:
        """The name as a folder name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "study"

    def cross_faults(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Return faults that only show where several keys meet: path and message."""
        faults = [*wave_faults(self.wave_sets), *self._set_faults()]
        if any("sampling" in str(path[-1]) for path, _ in faults):
            return faults
        faults += [(("imaging", "camera", "binning"), fault) for fault in self.imaging.faults(self.grid)]
        if any(path[0] in ("imaging", "specimen_sets") for path, _ in faults):
            return faults
        faults += [*self._grid_faults(self.image_grid), *self._imaging_faults(), *self._name_faults()]
        return [*faults, *self._training_faults(), *sweep_faults(self)]

    def _set_faults(self) -> Iterator[tuple[_Path, str]]:
        sets = self.specimen_sets or ()
        for role, number, fault in choice_faults(self.conditions, sets):
            yield ("conditions", role, number, "specimens"), fault
        faults = list(set_faults(sets)) if sets else []
        yield from ((("specimen_sets", number), fault) for number, fault in faults or self._section_faults())

    def _section_faults(self) -> Iterator[tuple[int, str]]:
        """Faults of the recipes of sets, and where they meet the rest: number of the item, and a message."""
        places = {name: number for number, one in enumerate(self.specimen_sets or ()) for name, _ in one.expanded()}
        recipes: dict[str, str] = {}
        for name, section in _sections(self).items():
            try:
                parse_configuration(json.dumps(section), _Sections, name)
            except ConfigurationError as error:
                yield from ((places[name], f"{name}: {fault.key}: {fault.message}") for fault in error.faults)
                continue
            same = recipes.setdefault(json.dumps(section["specimens"]), name)
            if same != name:
                yield places[name], f"{name!r} has the same specimens as {same!r}; let them differ, or leave one out"
        if len(recipes) == len(places):
            for name, member in members_of(self).items():
                yield from ((places[name], f"{name}: {fault}") for fault in member._member_faults(self))

    def _member_faults(self, study: "Study") -> Iterator[str]:
        """Yield why the specimens of a set can't be simulated, imaged or segmented as those of its study are."""
        for path, fault in wave_faults(self.wave_sets):
            yield f"{'.'.join(map(str, path))} {fault}"
        if self.grid.shape != study.grid.shape:
            own = [*self._grid_faults(self.image_grid), *self._imaging_faults(), *self._training_faults()]
            yield from (f"{'.'.join(map(str, path))} {fault}" for path, fault in own)

    def _grid_faults(self, grid: Grid) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if grid.shape[0] != grid.shape[1]:
            yield (
                ("specimens", "cell_nm"),
                f"gives {grid.shape} pixels; augmentation turns images: make the cell square",
            )

    def _training_faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.training.needs_validation and self.counts.validation is None:
            yield (
                ("counts",),
                "lacks validation: specimens that training keeps the best weights by, or stops early by; "
                "give counts.validation, or take training.keep: last and no early_stopping_epochs",
            )
        if fault := phonon_fault(self.training, self.exit_waves.phonons.configurations):
            yield ("training", "phonons"), fault
        for fault in network_faults(self.network, self.training.batch, self.image_grid.shape):
            yield ("network",), fault
        for fault in batch_faults(self.network, self.training.batch, self.image_grid.shape):
            yield ("training", "batch"), fault

    def _imaging_faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        named = {role: self.conditions.resolved(role) for role in ("training", "test")}
        for role, fault in role_faults(named, self.imaging, self.grid, self.exit_waves.energy):
            yield ("conditions", role), str(fault)

    def remarks(self) -> list[str]:
        """Return remarks for a person to read before conditions and network are used, one sentence each."""
        every = [*self.conditions.written("training"), *self.conditions.written("test")]
        remarks = imaging_remarks(every, self.imaging, self.grid, self.exit_waves.energy)
        return [*remarks, *padding_remarks(self.network, self.image_grid.shape)]

    def _name_faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for key, role in (("conditions", "test"), ("networks", "training")):
            known = [name for name, _ in self.conditions.resolved(role)]
            for number, name in enumerate(getattr(self.examples, key)):
                if name not in known:
                    yield (
                        ("examples", key, number),
                        f"{name!r} is no {role} distribution; allowed: {', '.join(known)}",
                    )

    def resolved(self) -> dict[str, Any]:
        """Return the study as plain values with defaults filled in, and the hash of initial weights.

        Values that depend on swept settings, such as a default or the hash of initial weights, stay open.
        """
        swept = any(key.startswith("training.initial") for key in self.sweep)
        training = self.training if swept else self.training.resolved()
        return plain_values(self.model_copy(update={"training": training}))


def members_of(study: Study) -> dict[str, Study]:
    """Return the same study with the specimens of one set alone, by the name of the set; none if it has no sets."""
    made = {name: _Sections.model_validate(section) for name, section in _sections(study).items()}
    alone: dict[str, Any] = {"specimen_sets": None, "sweep": {}}
    return {
        name: study.model_copy(update={"specimens": own.specimens, "counts": own.counts, **alone})
        for name, own in made.items()
    }


def _sections(study: Study) -> dict[str, dict[str, Any]]:
    specimens, counts = (getattr(study, name).model_dump(mode="json") for name in ("specimens", "counts"))
    return patched(specimens, counts, study.specimen_sets or ())
