"""From a specimen to its exit waves, mask and geometry."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from temshift.core import Grid, InputError, Stage, generator
from temshift.exitwaves.accuracy.prediction import Choice, choose_rung
from temshift.exitwaves.downsampling import downsampled
from temshift.exitwaves.focus import minimum_contrast_height
from temshift.exitwaves.masks import Mask, disc_coverage, outline_mask, phase_mask
from temshift.exitwaves.multislice import fresnel_propagator, propagate_through
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.thermal import displaced, displacements_of
from temshift.specimens import require_sound

PHYSICS_VERSION = 2  # raised whenever the same settings would give other waves
LEAST_COVERAGE = 0.05  # of a particle's disc by the mask, below which there is a warning
FOCUS_MARGIN = 10.0  # how far above and below the particles the plane of least contrast is sought [A]


@dataclass(frozen=True)
class ExitWave:
    """Exit waves of one specimen.

    Attributes
    ----------
    waves : Tensor (phonon, y, x)
        Complex wave at the plane that defocus counts from, one for each phonon configuration.
    mask : ndarray (y, x) of bool
        True where a particle is.
    geometry : dict
        Heights upstream of that plane and of the exit plane [A], area fraction, coverage of each particle's disc by the
        mask, warnings; with an accuracy also the pixels and slices that were chosen [A] and the error of the image that
        is expected of them, as a share of its standard deviation.
    """

    waves: Tensor
    mask: Mask
    geometry: dict[str, object]

    def on_cpu(self) -> "ExitWave":
        """Return the same with its waves in main memory."""
        return replace(self, waves=self.waves.cpu())


def simulate(
    atoms: Atoms, settings: ExitWaveSettings, root: int, index: int, *, device: torch.device | str = "cpu"
) -> ExitWave:
    """Simulate the exit waves of a specimen.

    The particles alone, which a phase mask and the plane of least contrast need, are simulated on the stored grid: both
    look at spatial frequencies far below its Nyquist frequency.

    Parameters
    ----------
    atoms : ase.Atoms
        Orthogonal cell; ``arrays["particle"]`` is -1 on the substrate and the particle's number elsewhere.
    settings : ExitWaveSettings
        Energy, sampling, slices, phonons, focus and mask.
    root, index : int
        Seed of the database and number of the specimen: phonon configuration k draws from (root, index, k).
    device
        Where to compute.

    Returns
    -------
    ExitWave
        Waves on the grid that :func:`grid_of` gives, mask and geometry.

    Raises
    ------
    InputError
        If atoms lie outside the cell or upon each other, are not numbers, or have no scattering factor, where the
        cell is not orthogonal, an element lacks a displacement, or nothing says which atoms are particles.
    """
    require_sound(atoms, f"specimen {index}")
    _require_labelled(atoms, f"specimen {index}")
    simulation = _Simulation(atoms, settings, root, index, device)
    waves, focus_height = simulation.waves(), simulation.focus_height
    if focus_height:
        back = fresnel_propagator(simulation.stored, settings.energy, -focus_height, dtype=waves.dtype)
        waves = torch.fft.ifft2(torch.fft.fft2(waves) * back.to(waves.device))
    return ExitWave(waves, simulation.mask, simulation.geometry())


def focus_height_of(atoms: Atoms, settings: ExitWaveSettings, root: int, index: int) -> float:
    """Height of the plane that defocus counts from, upstream of the exit plane [A]: what `simulate` finds."""
    return 0.0 if settings.focus == "exit_plane" else _Simulation(atoms, settings, root, index, "cpu").focus_height


def _require_labelled(atoms: Atoms, name: str) -> None:
    if "particle" not in atoms.arrays or not {"particles", "substrate_thickness_angstrom"} <= set(atoms.info):
        raise InputError(
            f"{name}: the atoms do not tell which of them are particles; take what build_specimen gives, from a "
            "SpecimenRecipe or, for files of your own, from a FileRecipe"
        )


def grid_of(atoms: Atoms, settings: ExitWaveSettings) -> Grid:
    """Return the grid that a specimen's waves are stored on."""
    return settings.stored_grid(_extent(atoms))


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


def mean_height(atoms: Atoms, plane: float) -> float | None:
    """Mean distance of atoms upstream of a plane at a height of the cell [A]; None without atoms."""
    return float(plane - atoms.positions[:, 2].mean()) if len(atoms) else None


class _Simulation:
    """One specimen under one set of settings: its waves, its mask and the plane that defocus counts from."""

    def __init__(
        self, atoms: Atoms, settings: ExitWaveSettings, root: int, index: int, device: torch.device | str
    ) -> None:
        self._atoms, self._settings, self._device = atoms, settings, device
        self._exit_plane = float(atoms.cell.lengths()[2])
        self._rms = displacements_of(atoms, settings.phonons)
        self._positions = self._configurations(root, index)
        self.stored = grid_of(atoms, settings)
        needs_alone = settings.mask.definition == "phase" or settings.focus == "minimum_contrast"
        alone = self._through(self.stored, atoms.arrays["particle"] >= 0, settings) if needs_alone else None
        self._outline = outline_of(atoms, self.stored, settings)
        self.mask = self._mask(alone)
        self.focus_height = self._focus_height(alone)

    def _configurations(self, root: int, index: int) -> NDArray[np.float64]:
        """Positions (phonon, atoms, 3) [A]; each configuration has its own seed; one, at rest, if motion damps."""
        phonons = self._settings.phonons
        positions: NDArray[np.float64] = self._atoms.positions
        if phonons.treatment == "damped":
            return positions[None]
        draws = (generator(root, Stage.PHONON, index, number) for number in range(phonons.configurations))
        return np.stack([displaced(positions, self._rms, draw) for draw in draws])

    @cached_property
    def _choice(self) -> Choice | None:
        """Pixels and slices of this specimen; None if they are the same for all."""
        settings = self._settings
        if settings.accuracy is None:
            return None
        return choose_rung(self._atoms, settings.method, settings.rungs, settings.accuracy)

    def waves(self) -> Tensor:
        """Waves (phonon, y, x) of the whole specimen at the exit plane, on the stored grid."""
        settings = self._settings.on(self._choice.rung) if self._choice else self._settings
        grid, every = settings.grid(_extent(self._atoms)), np.ones(len(self._atoms), dtype=bool)
        return downsampled(self._through(grid, every, settings), self.stored.shape)

    def _through(self, grid: Grid, chosen: NDArray[np.bool_], settings: ExitWaveSettings) -> Tensor:
        """Waves (phonon, y, x) of some atoms, which move as they do in the whole specimen."""
        return propagate_through(
            self._positions[:, chosen],
            self._atoms.numbers[chosen],
            self._exit_plane,
            grid,
            settings.method,
            rms=self._rms[chosen] if settings.phonons.treatment == "damped" else None,
            batch=1 if str(self._device) == "cpu" else settings.batch(grid.extent),
            device=self._device,
        )

    def _mask(self, alone: Tensor | None) -> Mask:
        rules = self._settings.mask
        if rules.definition == "outline" or alone is None:
            return self._outline
        alone = self._behind_particles(alone)
        return phase_mask(alone, self.stored, threshold=rules.phase_threshold_rad, blur_sigma=rules.blur_sigma_angstrom)

    def _behind_particles(self, alone: Tensor) -> Tensor:
        """Waves of the particles alone where they leave the last of them, which the film may follow."""
        if self._atoms.info.get("particle_side") != "entrance":
            return alone
        way = self._exit_plane - float(particles_of(self._atoms).positions[:, 2].max())
        back = fresnel_propagator(self.stored, self._settings.energy, -way, dtype=alone.dtype)
        behind: Tensor = torch.fft.ifft2(torch.fft.fft2(alone) * back.to(alone.device))
        return behind

    def _focus_height(self, alone: Tensor | None) -> float:
        """Height of the plane that defocus counts from, upstream of the exit plane [A]."""
        particles = particles_of(self._atoms)
        if self._settings.focus == "exit_plane" or alone is None or len(particles) == 0:
            return 0.0
        heights = self._exit_plane - particles.positions[:, 2]
        sought = float(heights.min()) - FOCUS_MARGIN, float(heights.max()) + FOCUS_MARGIN
        return minimum_contrast_height(alone, self.stored, self._settings.energy, sought)

    def geometry(self) -> dict[str, object]:
        """Heights, fractions, coverage and warnings."""
        atoms, focus_plane = self._atoms, self._exit_plane - self.focus_height
        coverage = [
            disc_coverage(self.mask, particle["center_xy_angstrom"], particle["radius_angstrom"], self.stored)
            for particle in atoms.info["particles"]
        ]
        return {
            "exit_plane_angstrom": self._exit_plane,
            "focus_height_angstrom": self.focus_height,
            "particle_height_angstrom": mean_height(particles_of(atoms), focus_plane),
            "substrate_height_angstrom": mean_height(substrate_of(atoms), focus_plane),
            "substrate_thickness_angstrom": float(atoms.info["substrate_thickness_angstrom"]),
            "area_fraction": float(self._outline.mean()),
            "mask_fraction": float(self.mask.mean()),
            "coverage": coverage,
            "warnings": [
                f"particle {number} has {'hardly a' if share else 'no'} mask"
                for number, share in enumerate(coverage)
                if not share or share < LEAST_COVERAGE
            ],
            **({} if self._choice is None else _chosen_facts(self._choice)),
        }


def _chosen_facts(choice: Choice) -> dict[str, object]:
    return {
        "sampling_angstrom": choice.rung.sampling,
        "slice_thickness_angstrom": choice.rung.slice_thickness,
        "expected_image_error": choice.expected_error,
    }


def _extent(atoms: Atoms) -> tuple[float, float]:
    """Length of a specimen along (y, x) [A]."""
    width, depth, _ = atoms.cell.lengths()
    return float(depth), float(width)
