"""How exit waves are simulated."""

import math
from collections.abc import Iterable
from typing import Annotated, Literal

from ase.data import chemical_symbols
from pydantic import Field, field_validator, model_validator

from temshift.core.configuration import Configuration
from temshift.core.grids import Grid
from temshift.exitwaves.multislice import Multislice, Scheme
from temshift.exitwaves.projections import Projection

Displacement = Annotated[float, Field(ge=0, le=1)]
Tilt = Annotated[float, Field(ge=-20, le=20)]

# Bytes that a pixel takes at the peak of a simulation, from the resident size of whole runs (docs/accuracy.md).
PIXEL_BYTES = 130
STORED_PIXEL_BYTES = 40


class Phonons(Configuration):
    """Frozen phonons: how many configurations, and how far atoms move along each axis.

    ``rms_displacement_angstrom`` has one number for each element, such as ``Cd: 0.12``; ``CdSe.Cd: 0.12`` is that of
    cadmium in particles of CdSe, and goes before the element's.
    """

    configurations: Annotated[int, Field(ge=1, le=1000)] = 1
    rms_displacement_angstrom: dict[str, Displacement] = Field(default_factory=dict)

    @field_validator("rms_displacement_angstrom")
    @classmethod
    def _elements(cls, displacements: dict[str, float]) -> dict[str, float]:
        unknown = sorted(key for key in displacements if key.rpartition(".")[2] not in chemical_symbols[1:])
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no element has this symbol; write symbols such as Cd or CdSe.Cd")
        return displacements

    def displacement(self, symbol: str, crystal: str = "") -> float | None:
        """Root mean square displacement [A] of an element, in a crystal if one is named; None where it is not given."""
        table = self.rms_displacement_angstrom
        return table.get(f"{crystal}.{symbol}", table.get(symbol))

    def missing(self, sites: Iterable[tuple[str, str]]) -> list[str]:
        """Return those of (crystal, symbol) that have no displacement; none are missing where no atom moves."""
        if not self.rms_displacement_angstrom:
            return []
        return sorted({symbol for crystal, symbol in sites if self.displacement(symbol, crystal) is None})


class MaskDefinition(Configuration):
    """What counts as particle: the projected ``outline``, or a ``phase`` of the particles alone in vacuum."""

    definition: Literal["outline", "phase"] = "outline"
    atom_radius_angstrom: Annotated[float, Field(gt=0, le=10)] = 1.0
    closing_radius_angstrom: Annotated[float, Field(ge=0, le=20)] = 2.5
    phase_threshold_rad: Annotated[float, Field(gt=0, lt=3.14)] = 0.19634954084936207  # pi / 16
    blur_sigma_angstrom: Annotated[float, Field(ge=0, le=20)] = 1.6


class ExitWaveSettings(Configuration):
    """How exit waves are simulated, and on which pixels they are stored.

    ``focus`` is the plane that defocus counts from: the exit plane, or the plane of ``minimum_contrast`` of the
    particles alone, to which stored waves are propagated back. ``tilt_mrad`` tilts the specimen: its columns
    lean towards +x, +y downstream. ``memory_mb`` bounds what one worker takes; it changes no result.
    """

    energy_kev: Annotated[float, Field(ge=30, le=1500)]
    sampling_angstrom: Annotated[float, Field(gt=0.01, le=2)]
    stored_sampling_angstrom: Annotated[float, Field(gt=0.01, le=2)] | None = None
    slice_thickness_angstrom: Annotated[float, Field(gt=0.1, le=50)]
    projection: Projection = "shared"
    scheme: Scheme = "temshift"
    tilt_mrad: tuple[Tilt, Tilt] = (0.0, 0.0)
    focus: Literal["exit_plane", "minimum_contrast"] = "exit_plane"
    memory_mb: Annotated[int, Field(ge=64)] = 4096
    phonons: Phonons = Phonons()
    mask: MaskDefinition = MaskDefinition()

    @model_validator(mode="after")
    def _stored_no_finer(self) -> "ExitWaveSettings":
        if self.stored_sampling_angstrom is not None and self.stored_sampling_angstrom < self.sampling_angstrom:
            raise ValueError(
                f"stored_sampling_angstrom = {self.stored_sampling_angstrom:g} is finer than sampling_angstrom = "
                f"{self.sampling_angstrom:g}; give at least that, or leave it out"
            )
        if self.scheme == "abtem" and self.projection == "finite":
            raise ValueError("scheme abtem puts whole atoms into slices; leave projection out")
        return self

    @property
    def energy(self) -> float:
        """Electron energy [eV]."""
        return self.energy_kev * 1e3

    @property
    def method(self) -> Multislice:
        """The way through the specimen."""
        tilt = self.tilt_mrad[0] * 1e-3, self.tilt_mrad[1] * 1e-3
        return Multislice(self.energy, self.slice_thickness_angstrom, self.projection, tilt, self.scheme)

    def grid(self, extent: tuple[float, float]) -> Grid:
        """Return the grid that waves over ``extent`` (y, x) [A] are simulated on."""
        return Grid.covering(extent, self.sampling_angstrom)

    def stored_grid(self, extent: tuple[float, float]) -> Grid:
        """Return the grid that waves over ``extent`` (y, x) [A] are stored on, and images are formed on."""
        return Grid.covering(extent, self.stored_sampling_angstrom or self.sampling_angstrom)

    def peak_bytes(self, extent: tuple[float, float], configurations: int = 1) -> int:
        """Bytes that one specimen takes while ``configurations`` go through together and all its waves are kept."""
        passing = math.prod(self.grid(extent).shape) * PIXEL_BYTES * configurations
        return passing + math.prod(self.stored_grid(extent).shape) * STORED_PIXEL_BYTES * self.phonons.configurations

    def batch(self, extent: tuple[float, float]) -> int:
        """Phonon configurations that fit into ``memory_mb`` together: at least 1, and at most all."""
        fitting = [
            count
            for count in range(1, self.phonons.configurations + 1)
            if self.peak_bytes(extent, count) <= self.memory_mb * 1e6
        ]
        return max(fitting, default=1)

    def identity(self) -> dict[str, object]:
        """Return what results depend on, as plain values."""
        return self.model_dump(mode="json", exclude={"memory_mb"})
