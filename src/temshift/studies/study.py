"""The study file: specimens, exit waves, conditions to train and test on, networks."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from temshift.core.configuration import Configuration
from temshift.core.electrons import largest_semiangle
from temshift.core.grids import Grid
from temshift.datasets.conditions import ConditionSets, imaging_faults, imaging_remarks
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.networks.compact import CompactUNetSettings
from temshift.networks.training import TrainingSettings
from temshift.optics.imaging import ImagingConditions
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import band_margin
from temshift.specimens import Recipe
from temshift.studies.waves import WaveSet, wave_faults, wave_sets

Count = Annotated[int, Field(ge=1, le=10_000_000)]


class SpecimenCounts(Configuration):
    """How many specimens the two databases hold."""

    training: Count
    test: Count
    per_shard: Annotated[int, Field(ge=1, le=4096)] = 16


class InformationSettings(Configuration):
    """How epsilon and sigma are computed."""

    specimens: Annotated[int, Field(ge=1)] = 48
    draws: Annotated[int, Field(ge=2, le=100_000)] = 256


class ExampleSettings(Configuration):
    """What the report shows: numbers of test specimens, names of test conditions and of training distributions."""

    specimens: Annotated[int, Field(ge=1, le=12)] = 3
    conditions: Annotated[tuple[str, ...], Field(max_length=12)] = ()
    networks: Annotated[tuple[str, ...], Field(max_length=6)] = ()


class Study(Configuration):
    """A whole study, as one YAML file."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    specimens: Recipe
    counts: SpecimenCounts
    exit_waves: ExitWaveSettings
    imaging: ImagingSettings = ImagingSettings()
    conditions: ConditionSets
    network: CompactUNetSettings = CompactUNetSettings()
    training: TrainingSettings = TrainingSettings()
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
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
        counts = {"training": self.counts.training, "test": self.counts.test}
        return wave_sets(self.specimens, self.exit_waves, counts, self.counts.per_shard, self.seed)

    @property
    def widest_semiangle(self) -> float:
        """The widest aperture of any condition, at most what the grid holds [rad]."""
        limit = largest_semiangle(self.grid.nyquist, self.exit_waves.energy)
        return min(limit, max(conditions.widest_semiangle for _, conditions in self._every))

    @property
    def band_margin(self) -> float:
        """How far the band reaches beyond the widest aperture, for tilts of the illumination [rad]."""
        return band_margin(max(conditions.highest("angular_spread_sigma") for _, conditions in self._every))

    @property
    def _every(self) -> list[tuple[str, ImagingConditions]]:
        return [*self.conditions.resolved("training"), *self.conditions.resolved("test")]

    @property
    def slug(self) -> str:
        """The name as a folder name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "study"

    def cross_faults(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Return faults that only show where several keys meet: path and message."""
        faults = list(wave_faults(self.wave_sets))
        if any("sampling" in str(path[-1]) for path, _ in faults):
            return faults
        faults += [(("imaging", "camera", "binning"), fault) for fault in self.imaging.faults(self.grid)]
        if any(path[0] == "imaging" for path, _ in faults):
            return faults
        return [*faults, *self._grid_faults(self.image_grid), *self._imaging_faults(), *self._name_faults()]

    def _grid_faults(self, grid: Grid) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if grid.shape[0] != grid.shape[1]:
            yield (
                ("specimens", "cell_nm"),
                f"gives {grid.shape} pixels; augmentation turns images: make the cell square",
            )
        if any(size % self.network.divisor for size in grid.shape):
            yield (
                ("exit_waves", "sampling_angstrom"),
                f"gives {grid.shape[1]} pixels a side; the network needs a multiple of {self.network.divisor} "
                f"(stem {self.network.stem}, {len(self.network.widths)} scales): change cell_nm, the sampling or the "
                "binning",
            )

    def _imaging_faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for role in ("training", "test"):
            named = self.conditions.resolved(role)
            for fault in imaging_faults(named, self.imaging, self.grid, self.exit_waves.energy):
                yield ("conditions", role), fault

    def remarks(self) -> list[str]:
        """Return what a person should know of the conditions before they are used, one sentence each."""
        return imaging_remarks(self._every, self.imaging, self.grid, self.exit_waves.energy)

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
        """Return the study as plain values with every default filled in."""
        return self.model_dump(mode="json", exclude_none=True)
