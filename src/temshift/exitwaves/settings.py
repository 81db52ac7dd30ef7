"""How exit waves are simulated."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from ase.data import chemical_symbols
from pydantic import Field, field_validator, model_validator

from temshift.configuration import Configuration
from temshift.configuration.model import as_tuples
from temshift.core import Grid, largest_semiangle
from temshift.exitwaves.accuracy.prediction import COARSEST, Rung, ladder
from temshift.exitwaves.accuracy.settings import Accuracy
from temshift.exitwaves.multislice import Multislice, Scheme
from temshift.exitwaves.projections import REACH, SUBLAYERS, Projection

Displacement = Annotated[float, Field(ge=0, le=1)]
Tilt = Annotated[float, Field(ge=-20, le=20)]

# What a simulation takes at its peak, from the resident size of whole runs (docs/accuracy.md).
PROCESS_BYTES = 400_000_000  # the program itself, most of it torch
PIXEL_BYTES = 110  # a pixel of each configuration on its way through the specimen
KEPT_PIXEL_BYTES = 24  # a pixel of each configuration that has left it, before it comes to the stored grid
STORED_PIXEL_BYTES = 28  # a stored pixel of each configuration
ATOM_BYTES = 60  # an atom of each configuration
PASSING_ATOM_BYTES = 500  # an atom on its way, beyond the usual number
USUAL_ATOMS = 10.0  # over each A^2
FINITE_PIXEL_BYTES = 30  # a pixel of each layer of atoms that a finite projection looks at, up to three elements


class Phonons(Configuration):
    """Thermal motion: how it is treated, in how many configurations, and how far atoms move along each axis.

    If ``treatment`` is ``frozen``, atoms are displaced at random in each configuration; if it is ``damped``, they stay
    in place, and their potentials are damped to the mean over their motion (Debye-Waller): there is one wave.
    ``rms_displacement_angstrom`` has one number for each element, such as ``Cd: 0.12``; ``CdSe.Cd: 0.12`` is that of
    cadmium in particles of CdSe, and goes before the element's.
    """

    treatment: Literal["frozen", "damped"] = "frozen"
    configurations: Annotated[int, Field(ge=1, le=1000)] = 1
    rms_displacement_angstrom: dict[str, Displacement] = Field(default_factory=dict)

    @field_validator("rms_displacement_angstrom")
    @classmethod
    def _elements(cls, displacements: dict[str, float]) -> dict[str, float]:
        unknown = sorted(key for key in displacements if key.rpartition(".")[2] not in chemical_symbols[1:])
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)}: no element has this symbol; write Cd, or CdSe.Cd for that of a crystal"
            )
        return displacements

    @model_validator(mode="after")
    def _damped_once(self) -> "Phonons":
        if self.treatment == "damped" and (self.configurations > 1 or not self.rms_displacement_angstrom):
            raise ValueError(
                f"treatment damped, {self.configurations} configurations and {len(self.rms_displacement_angstrom)} "
                "displacements given; if potentials are damped, give rms_displacement_angstrom, and leave "
                "configurations out: there is one wave"
            )
        return self

    def identity(self) -> dict[str, object]:
        """Return all that waves depend on, as plain values; without the treatment if it is frozen, once the only."""
        return self.model_dump(mode="json", exclude={"treatment"} if self.treatment == "frozen" else None)

    def displacement(self, symbol: str, crystal: str = "") -> float | None:
        """Root mean square displacement [A] of an element, in a crystal if one is named; None if it is not given."""
        table = self.rms_displacement_angstrom
        return table.get(f"{crystal}.{symbol}", table.get(symbol))

    def missing(self, sites: Iterable[tuple[str, str]]) -> list[str]:
        """Return those of (crystal, symbol) that have no displacement; none are missing if no atom moves."""
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

    ``focus`` is the plane that defocus counts from; waves are propagated back to that of ``minimum_contrast`` of the
    particles alone. ``tilt_mrad`` makes columns lean towards +x, +y downstream. ``memory_mb`` bounds a worker (on a GPU
    it may change last bits). ``accuracy`` chooses pixels and slices of each specimen, no coarser than the sampling.
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
    accuracy: Accuracy | None = None
    phonons: Phonons = Phonons()
    mask: MaskDefinition = MaskDefinition()

    @model_validator(mode="before")
    @classmethod
    def _coarsest_if_chosen(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("accuracy") is not None:
            return {"sampling_angstrom": COARSEST, **value}
        return value

    @field_validator("tilt_mrad", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return as_tuples(value)

    @model_validator(mode="after")
    def _stored_no_finer(self) -> "ExitWaveSettings":
        if self.stored_sampling_angstrom is not None and self.stored_sampling_angstrom < self.sampling_angstrom:
            raise ValueError(
                f"stored_sampling_angstrom = {self.stored_sampling_angstrom:g} is finer than sampling_angstrom = "
                f"{self.sampling_angstrom:g}; give at least that, or leave it out"
            )
        if self.scheme == "abtem" and self.projection == "finite":
            raise ValueError("scheme abtem puts whole atoms into slices; leave projection out")
        if self.phonons.treatment == "damped" and self.projection == "finite":
            raise ValueError(
                "finite projections have no damped potentials; if phonons.treatment is damped, leave projection out"
            )
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

    @property
    def rungs(self) -> list[Rung]:
        """Samplings with their slices that a specimen may be simulated on, from the coarsest: one, or a ladder."""
        coarsest = Rung(self.sampling_angstrom, self.slice_thickness_angstrom)
        return [coarsest] if self.accuracy is None else ladder(coarsest.sampling, coarsest.slice_thickness)

    def on(self, rung: Rung) -> "ExitWaveSettings":
        """Return the settings that simulate on a rung of the ladder and store on the same pixels as these."""
        fixed = {"sampling_angstrom": rung.sampling, "slice_thickness_angstrom": rung.slice_thickness, "accuracy": None}
        stored = self.stored_sampling_angstrom or self.sampling_angstrom
        return self.model_copy(update={**fixed, "stored_sampling_angstrom": stored})

    def grid(self, extent: tuple[float, float]) -> Grid:
        """Return the grid that waves over ``extent`` (y, x) [A] are simulated on."""
        return Grid.covering(extent, self.sampling_angstrom)

    def stored_grid(self, extent: tuple[float, float]) -> Grid:
        """Return the grid that waves over ``extent`` (y, x) [A] are stored on, and images are formed on."""
        return Grid.covering(extent, self.stored_sampling_angstrom or self.sampling_angstrom)

    def largest_semiangle(self, extent: tuple[float, float]) -> float:
        """Return the widest aperture [rad] that waves over ``extent`` (y, x) [A] fill.

        That is the Nyquist frequency of the stored grid, or the band limit of multislice where that is lower, times
        the wavelength.
        """
        filled = self.method.band_limit * self.grid(extent).nyquist
        return largest_semiangle(min(self.stored_grid(extent).nyquist, filled), self.energy)

    def peak_bytes(
        self, extent: tuple[float, float], configurations: int = 1, atoms_per_area: float = USUAL_ATOMS
    ) -> int:
        """Upper bound of the bytes that one specimen takes, with the program, while its waves are simulated.

        Parameters
        ----------
        extent : tuple of float
            Length along (y, x) [A].
        configurations : int
            Phonon configurations that go through together; the waves of all of them are kept.
        atoms_per_area : float
            Atoms over each A^2 [1/A^2], at most.

        Returns
        -------
        int
            Bytes of main memory, or of the main and the device's memory together.
        """
        finest = Grid.covering(extent, self.rungs[-1].sampling)
        simulated, stored = (math.prod(grid.shape) for grid in (finest, self.stored_grid(extent)))
        usual, atoms = (math.prod(extent) * density for density in (USUAL_ATOMS, max(atoms_per_area, USUAL_ATOMS)))
        passing = simulated * (PIXEL_BYTES + self._layers * FINITE_PIXEL_BYTES) + (atoms - usual) * PASSING_ATOM_BYTES
        kept = simulated * KEPT_PIXEL_BYTES + stored * STORED_PIXEL_BYTES + atoms * ATOM_BYTES
        return PROCESS_BYTES + math.ceil(passing * configurations + kept * self.phonons.configurations)

    @property
    def _layers(self) -> int:
        """Layers of atoms that are looked at for one plane of a finite projection."""
        if self.projection != "finite":
            return 0
        return SUBLAYERS * 2 * (math.ceil(REACH / self.slice_thickness_angstrom) + 1)

    def batch(self, extent: tuple[float, float]) -> int:
        """Phonon configurations that fit into ``memory_mb`` together: at least 1, and at most all."""
        fitting = [
            count
            for count in range(1, self.phonons.configurations + 1)
            if self.peak_bytes(extent, count) <= self.memory_mb * 1e6
        ]
        return max(fitting, default=1)

    def identity(self) -> dict[str, object]:
        """Return what results depend on, as plain values; an accuracy that is not asked for leaves no trace."""
        unused = {"memory_mb"} if self.accuracy else {"memory_mb", "accuracy"}
        return {**self.model_dump(mode="json", exclude=unused), "phonons": self.phonons.identity()}
