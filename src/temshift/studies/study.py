"""The study file: specimens, exit waves, conditions to train and test on, networks."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from temshift.core.configuration import Configuration
from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.networks.compact import CompactUNetSettings
from temshift.networks.training import TrainingSettings
from temshift.specimens import SpecimenRecipe
from temshift.studies.conditions import ConditionSets
from temshift.studies.waves import exit_wave_faults

LEAST_FREQUENCIES = 3  # steps of spatial frequency that an aperture must pass
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
    specimens: SpecimenRecipe
    counts: SpecimenCounts
    exit_waves: ExitWaveSettings
    conditions: ConditionSets
    network: CompactUNetSettings = CompactUNetSettings()
    training: TrainingSettings = TrainingSettings()
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    information: InformationSettings = InformationSettings()
    examples: ExampleSettings = ExampleSettings()

    @property
    def grid(self) -> Grid:
        """The (y, x) plane of waves and images."""
        width, depth = self.specimens.cell
        return self.exit_waves.stored_grid((depth, width))

    @property
    def widest_semiangle(self) -> float:
        """The widest aperture of any condition [rad]."""
        every = [*self.conditions.resolved("training"), *self.conditions.resolved("test")]
        return max(conditions.widest_semiangle for _, conditions in every)

    @property
    def slug(self) -> str:
        """The name as a folder name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "study"

    def cross_faults(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Return faults that only show where several keys meet: path and message."""
        per_shard = self.counts.per_shard
        faults = list(exit_wave_faults(self.specimens, self.exit_waves, per_shard))
        if any("sampling" in str(path[-1]) for path, _ in faults):
            return faults
        return [*faults, *self._grid_faults(self.grid), *self._aperture_faults(self.grid), *self._name_faults()]

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
                f"(stem {self.network.stem}, {len(self.network.widths)} scales): change cell_nm or the sampling",
            )

    def _aperture_faults(self, grid: Grid) -> Iterator[tuple[tuple[str | int, ...], str]]:
        limit = grid.nyquist * wavelength(self.exit_waves.energy) / 2 * 1e3
        lowest = LEAST_FREQUENCIES * grid.frequency_step * wavelength(self.exit_waves.energy) * 1e3
        for role in ("training", "test"):
            for name, conditions in self.conditions.resolved(role):
                widest, least = conditions.widest_semiangle * 1e3, conditions.semiangle_cutoff_mrad.lowest
                if least < lowest:
                    yield (
                        ("conditions", role),
                        f"{name!r}: semiangle_cutoff_mrad = {least:g} passes hardly a spatial frequency of this cell; "
                        f"at least {lowest:.2f} mrad, or a larger cell_nm",
                    )
                if widest > limit:
                    yield (
                        ("conditions", role),
                        f"{name!r}: semiangle_cutoff_mrad reaches {widest:.2f}; |psi|^2 would alias on "
                        f"{max(grid.sampling):.3g} A pixels: at most {limit:.2f} mrad, or sample finer",
                    )

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
