"""Phase power spectra of particles and substrate, measured from simulated atoms."""

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from temshift.core import Grid
from temshift.core.grids import radial_average
from temshift.exitwaves import ExitWaveSettings, grid_of, projected_phase
from temshift.exitwaves.simulation import mean_height, outline_of, particles_of, substrate_of
from temshift.information.objects.object_spectra import ObjectSpectra


def ring_edges(grid: Grid, highest: float) -> NDArray[np.float64]:
    """Borders of rings one frequency step wide around 1, 2, ... steps, up to ``highest`` [1/A] at least."""
    step = grid.frequency_step
    rings = int(np.ceil(highest / step - 0.5))
    return (np.arange(rings + 1, dtype=np.float64) + 0.5) * step


def measure_specimen(
    atoms: Atoms, settings: ExitWaveSettings, highest: float, focus_height: float = 0.0
) -> ObjectSpectra:
    """Measure one specimen's spectra |FT(sigma V)|^2 / area up to ``highest`` [1/A].

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
    ObjectSpectra
        Of this specimen, of atoms at rest: thermal motion would damp P and C by exp(-4 pi^2 u^2 q^2).

    Raises
    ------
    ValueError
        If the specimen has no particle.
    """
    grid = grid_of(atoms, settings)
    fraction = float(outline_of(atoms, grid, settings).mean())
    parts = particles_of(atoms), substrate_of(atoms)
    if len(parts[0]) == 0 or fraction == 0:
        raise ValueError("a specimen without particle has no spectrum; mark the atoms of one as a particle")
    edges = ring_edges(grid, highest)
    particle, substrate = (phase_power(part, grid, settings, edges) for part in parts)
    above = mean_height_of(parts[0], atoms, focus_height)
    below = mean_height_of(parts[1], atoms, focus_height) if len(parts[1]) else above
    return ObjectSpectra((edges[1:] + edges[:-1]) / 2, particle / fraction, substrate, above, below, fraction)


def average_spectra(spectra: Iterable[ObjectSpectra]) -> ObjectSpectra:
    """Average the spectra of specimens; particles count by their area, so P stays a power per particle area."""
    each = list(spectra)
    if not each:
        raise ValueError("no spectra given; measure at least one specimen")
    fractions = np.array([one.area_fraction for one in each])
    return ObjectSpectra(
        each[0].q,
        np.average([one.particle for one in each], axis=0, weights=fractions),
        np.mean([one.substrate for one in each], axis=0),
        float(np.average([one.particle_height for one in each], weights=fractions)),
        float(np.mean([one.substrate_height for one in each])),
        float(fractions.mean()),
    )


def mean_height_of(part: Atoms, specimen: Atoms, focus_height: float) -> float:
    """Mean height of some atoms of a specimen upstream of the plane that defocus counts from [A]; 0 without atoms."""
    return mean_height(part, float(specimen.cell.lengths()[2]) - focus_height) or 0.0


def phase_power(
    atoms: Atoms, grid: Grid, settings: ExitWaveSettings, edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """|FT(phase)|^2 per cell area [rad^2 A^2] in rings; the phase is that of all atoms in one projection."""
    spectrum = np.abs(_transform(_phase(atoms, grid, settings), grid)) ** 2
    return radial_average(spectrum, grid, edges)


def wave_powers(
    atoms: Atoms, grid: Grid, settings: ExitWaveSettings, edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Powers of the wave psi behind atoms in vacuum, seen through an aperture that ends with the last ring.

    Returns
    -------
    ndarray (3, rings)
        |FT p|^2 of the phase part p = Im psi, |FT a|^2 of the amplitude part a = (1 - |psi|^2) / 2, which is what the
        image lacks in focus, and Re(FT p conj FT a), per cell area [rad^2 A^2].
    """
    qy, qx = grid.frequencies()
    passed = np.hypot(qy, qx) <= edges[-1]
    wave = np.fft.ifft2(np.fft.fft2(np.exp(1j * _phase(atoms, grid, settings))) * passed)
    along, across = _transform(wave.imag, grid), _transform((1 - np.abs(wave) ** 2) / 2, grid)
    powers = np.stack([np.abs(along) ** 2, np.abs(across) ** 2, (along * across.conj()).real])
    return radial_average(powers, grid, edges)


def _phase(atoms: Atoms, grid: Grid, settings: ExitWaveSettings) -> NDArray[np.float64]:
    return projected_phase(atoms.positions, atoms.numbers, grid, settings.energy).numpy().astype(np.float64)


def _transform(values: NDArray[np.float64], grid: Grid) -> NDArray[np.complex128]:
    """Fourier transform, scaled so that its square is a power per cell area."""
    return np.asarray(np.fft.fft2(values) * grid.pixel_area / np.sqrt(grid.extent[0] * grid.extent[1]))
