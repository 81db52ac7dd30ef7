"""Particles of simulated specimens, measured one by one."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from temshift.core import Grid
from temshift.exitwaves import ExitWaveSettings, grid_of
from temshift.exitwaves.simulation import outline_of, substrate_of
from temshift.information.objects.library import ObjectLibrary
from temshift.information.objects.specimen_spectra import mean_height_of, phase_power, ring_edges, wave_powers

Array = NDArray[np.float64]


def measure_instances(
    atoms: Atoms, settings: ExitWaveSettings, highest: float, focus_height: float = 0.0
) -> ObjectLibrary:
    """Measure each particle of a specimen by itself, up to ``highest`` [1/A].

    Parameters
    ----------
    atoms : ase.Atoms
        A specimen with ``arrays["particle"]``.
    settings : ExitWaveSettings
        Energy, sampling and outline.
    highest : float
        Upper end of the band [1/A].
    focus_height : float
        Height of the plane that defocus counts from, upstream of the exit plane [A].

    Returns
    -------
    ObjectLibrary
        Of the particles of this specimen, of atoms at rest. The thickness of the film is the one that the specimen
        was built with, and where it doesn't tell, the extent of its atoms along the beam.

    Raises
    ------
    ValueError
        If the specimen has no particle, or its pixels do not reach the end of the band.
    """
    grid, belongs = grid_of(atoms, settings), atoms.arrays["particle"]
    numbers, film = np.unique(belongs[belongs >= 0]), substrate_of(atoms)
    if len(numbers) == 0:
        raise ValueError("a specimen without particle has no spectrum; mark the atoms of one as a particle")
    edges, cell = _edges(grid, highest), grid.extent[0] * grid.extent[1]
    particles = [atoms[belongs == number] for number in numbers]
    shares = np.array([float(outline_of(one, grid, settings).mean()) for one in particles])
    powers = np.array([wave_powers(one, grid, settings, edges) for one in particles]) / shares[:, None, None]
    particle, amplitude, cross = powers.transpose(1, 0, 2)
    heights = np.array([mean_height_of(one, atoms, focus_height) for one in particles])
    thickness = _thickness(atoms, film)
    below = np.full(len(particles), mean_height_of(film, atoms, focus_height)) if len(film) else heights
    film_power = phase_power(film, grid, settings, edges) / thickness if thickness > 0 else np.zeros(len(edges) - 1)
    return ObjectLibrary(
        (edges[1:] + edges[:-1]) / 2,
        particle,
        amplitude,
        cross,
        shares * cell,
        heights,
        film_power,
        np.full(len(particles), thickness),
        below,
        float(shares.sum()),
    )


def _edges(grid: Grid, highest: float) -> Array:
    if highest > grid.nyquist * (1 + 1e-9):
        raise ValueError(
            f"highest = {highest:g} 1/A lies beyond the Nyquist frequency, {grid.nyquist:g}; take a finer "
            "sampling_angstrom or a lower end of the band"
        )
    return ring_edges(grid, highest)


def _thickness(atoms: Atoms, film: Atoms) -> float:
    """Thickness of a specimen's film [A], 0 without one; roughness does not add to it."""
    if len(film) == 0:
        return 0.0
    return float(atoms.info.get("substrate_thickness_angstrom", np.ptp(film.positions[:, 2])))
