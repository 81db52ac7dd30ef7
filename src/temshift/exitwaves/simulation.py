"""From a specimen to its exit waves, mask and geometry."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor

from temshift.core.configuration import Configuration
from temshift.core.grids import Grid
from temshift.core.seeds import Stage, generator
from temshift.exitwaves.masks import Mask, disc_coverage, outline_mask, phase_mask
from temshift.exitwaves.multislice import Multislice, propagate_through
from temshift.exitwaves.thermal import displaced

PHYSICS_VERSION = 1  # raised whenever the same settings would give other waves


class Phonons(Configuration):
    """Frozen phonons: how many configurations, and how far atoms move (one number for each element present)."""

    configurations: Annotated[int, Field(ge=1, le=1000)] = 1
    rms_displacement_angstrom: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)

    @field_validator("rms_displacement_angstrom")
    @classmethod
    def _elements(cls, displacements: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(displacements) - set(chemical_symbols[1:]))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no element has this symbol; write symbols such as Cd")
        return displacements


class MaskDefinition(Configuration):
    """What counts as particle: the projected ``outline``, or a ``phase`` of the particles alone in vacuum."""

    definition: Literal["outline", "phase"] = "outline"
    atom_radius_angstrom: Annotated[float, Field(gt=0, le=10)] = 1.0
    closing_radius_angstrom: Annotated[float, Field(ge=0, le=20)] = 2.5
    phase_threshold_rad: Annotated[float, Field(gt=0, lt=3.14)] = 0.19634954084936207  # pi / 16
    blur_sigma_angstrom: Annotated[float, Field(ge=0, le=20)] = 1.6


class ExitWaveSettings(Configuration):
    """How exit waves are simulated."""

    energy_kev: Annotated[float, Field(ge=30, le=1500)]
    sampling_angstrom: Annotated[float, Field(gt=0.01, le=2)]
    slice_thickness_angstrom: Annotated[float, Field(gt=0.1, le=50)]
    phonons: Phonons = Phonons()
    mask: MaskDefinition = MaskDefinition()

    @property
    def energy(self) -> float:
        """Electron energy [eV]."""
        return self.energy_kev * 1e3

    @property
    def method(self) -> Multislice:
        """The way through the specimen."""
        return Multislice(self.energy, self.slice_thickness_angstrom)


@dataclass(frozen=True)
class ExitWave:
    """Exit waves of one specimen.

    Attributes
    ----------
    waves : Tensor (phonon, y, x)
        Complex wave at the exit plane, one for each phonon configuration.
    mask : ndarray (y, x) of bool
        True where a particle is.
    geometry : dict
        Heights upstream of the exit plane [A], area fraction, coverage of each particle's disc by the mask.
    """

    waves: Tensor
    mask: Mask
    geometry: dict[str, object]


def simulate(
    atoms: Atoms, settings: ExitWaveSettings, root: int, index: int, *, device: torch.device | str = "cpu"
) -> ExitWave:
    """Simulate the exit waves of a specimen; the plane that defocus counts from is the exit plane (z = cell height).

    Parameters
    ----------
    atoms : ase.Atoms
        Orthogonal cell; ``arrays["particle"]`` is -1 on the substrate and the particle's number elsewhere.
    settings : ExitWaveSettings
        Energy, sampling, slices, phonons and mask.
    root, index : int
        Seed of the database and number of the specimen: phonon configuration k draws from (root, index, k).
    device
        Where to compute.

    Returns
    -------
    ExitWave
        Waves on the grid that :func:`grid_of` gives, mask and geometry.
    """
    grid = grid_of(atoms, settings)
    waves = _waves(atoms, grid, settings, root, index, device)
    outline = outline_of(atoms, grid, settings)
    mask = outline if settings.mask.definition == "outline" else _phase_mask(atoms, grid, settings, root, index, device)
    return ExitWave(waves, mask, _geometry(atoms, grid, outline, mask))


def grid_of(atoms: Atoms, settings: ExitWaveSettings) -> Grid:
    """Return the grid that covers a specimen's cell with pixels nearest to the sampling asked for."""
    width, depth, _ = atoms.cell.lengths()
    return Grid.covering((float(depth), float(width)), settings.sampling_angstrom)


def particles_of(atoms: Atoms) -> Atoms:
    """Return the particles alone, in the same cell."""
    return atoms[atoms.arrays["particle"] >= 0]


def substrate_of(atoms: Atoms) -> Atoms:
    """Return the substrate alone, in the same cell."""
    return atoms[atoms.arrays["particle"] < 0]


def outline_of(atoms: Atoms, grid: Grid, settings: ExitWaveSettings) -> Mask:
    """Projected silhouette (y, x) of the particles of a specimen, each closed by itself."""
    belongs = atoms.arrays["particle"]
    outlines = [
        outline_mask(
            atoms.positions[belongs == number, :2],
            grid,
            atom_radius=settings.mask.atom_radius_angstrom,
            closing_radius=settings.mask.closing_radius_angstrom,
        )
        for number in np.unique(belongs[belongs >= 0])
    ]
    return np.logical_or.reduce(outlines) if outlines else np.zeros(grid.shape, dtype=bool)


def _waves(
    atoms: Atoms,
    grid: Grid,
    settings: ExitWaveSettings,
    root: int,
    index: int,
    device: torch.device | str,
    selected: NDArray[np.bool_] | None = None,
) -> Tensor:
    """Waves (phonon, y, x); the selected atoms move in each configuration as they do in the whole specimen."""
    selected = np.ones(len(atoms), dtype=bool) if selected is None else selected
    waves = []
    for configuration in range(settings.phonons.configurations):
        positions = _positions(atoms, settings, root, index, configuration)[selected]
        wave = propagate_through(
            positions,
            atoms.numbers[selected],
            float(atoms.cell.lengths()[2]),
            grid,
            settings.method,
            device=device,
        )
        waves.append(wave)
    return torch.stack(waves)


def _positions(
    atoms: Atoms, settings: ExitWaveSettings, root: int, index: int, configuration: int
) -> NDArray[np.float64]:
    displacements = settings.phonons.rms_displacement_angstrom
    if not displacements:
        return np.asarray(atoms.positions)
    draws = generator(root, Stage.PHONON, index, configuration)
    return displaced(atoms.positions, atoms.numbers, displacements, draws)


def _phase_mask(
    atoms: Atoms,
    grid: Grid,
    settings: ExitWaveSettings,
    root: int,
    index: int,
    device: torch.device | str,
) -> Mask:
    alone = _waves(atoms, grid, settings, root, index, device, selected=atoms.arrays["particle"] >= 0)
    return phase_mask(
        alone,
        grid,
        threshold=settings.mask.phase_threshold_rad,
        blur_sigma=settings.mask.blur_sigma_angstrom,
    )


def _geometry(atoms: Atoms, grid: Grid, outline: Mask, mask: Mask) -> dict[str, object]:
    exit_plane = float(atoms.cell.lengths()[2])
    return {
        "exit_plane_angstrom": exit_plane,
        "particle_height_angstrom": _mean_height(particles_of(atoms), exit_plane),
        "substrate_height_angstrom": _mean_height(substrate_of(atoms), exit_plane),
        "substrate_thickness_angstrom": float(atoms.info["substrate_thickness_angstrom"]),
        "area_fraction": float(outline.mean()),
        "mask_fraction": float(mask.mean()),
        "coverage": [
            disc_coverage(mask, particle["center_xy_angstrom"], particle["radius_angstrom"], grid)
            for particle in atoms.info["particles"]
        ],
    }


def _mean_height(atoms: Atoms, exit_plane: float) -> float | None:
    """Mean distance of atoms upstream of the exit plane [A]; None without atoms."""
    return float(exit_plane - atoms.positions[:, 2].mean()) if len(atoms) else None
