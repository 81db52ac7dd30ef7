"""Multislice against analytic truths and against abTEM."""

import math

import abtem
import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.core.electrons import POTENTIAL_FACTOR, interaction_constant, wavelength
from temshift.core.grids import Grid
from temshift.exitwaves.multislice import Multislice, band_mask, fresnel_propagator, propagate_through, transmission
from temshift.exitwaves.potentials import Slices, slice_phases
from temshift.exitwaves.scattering import scattering_factor
from temshift.specimens import SpecimenRecipe, build_specimen

ENERGY = 300e3
DOUBLE = {"dtype": torch.float64}
RECIPE = SpecimenRecipe.model_validate(
    {
        "cell_nm": (2.0, 2.0),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.0},
        "particles": {"crystal": "CdSe", "radius_nm": 0.6, "count": 1, "gap_nm": 0.2},
    }
)


def random_atoms(count: int = 60, height: float = 16.0) -> Atoms:
    """Atoms without any symmetry in a cell whose sides differ."""
    draws = np.random.default_rng(3)
    cell = np.array([12.8, 16.0, height])
    positions = draws.uniform(0, 1, (count, 3)) * cell * (0.7, 0.5, 1.0)
    return Atoms(draws.choice([6, 34, 48], count), positions, cell=cell, pbc=True)


def wave_of(atoms: Atoms, grid: Grid, thickness: float, **options: torch.dtype) -> torch.Tensor:
    height = float(atoms.cell.lengths()[2])
    return propagate_through(atoms.positions, atoms.numbers, height, grid, Multislice(ENERGY, thickness), **options)


def test_vacuum_leaves_a_plane_wave() -> None:
    empty = Atoms(cell=[8, 8, 20])
    assert torch.equal(wave_of(empty, Grid((16, 16), (0.5, 0.5)), 2.0), torch.ones(16, 16, dtype=torch.complex64))


def test_a_pure_phase_object_has_unit_modulus() -> None:
    """exp(i sigma V) before the band limit; the band limit alone takes from the modulus."""
    phases = slice_phases(
        np.array([[2.0, 3.0, 0.5]]),
        np.array([14]),
        Grid((32, 32), (0.2, 0.2)),
        Slices(1, 1.0),
        ENERGY,
        **DOUBLE,
    )
    everything = torch.ones(phases.shape[-2:], dtype=torch.float64)
    passed = transmission(phases, everything)
    assert torch.allclose(passed.abs(), torch.ones_like(phases), atol=1e-12)
    assert torch.allclose(torch.angle(passed), phases, atol=1e-12)


def test_energy_inside_the_band_is_conserved() -> None:
    """Propagation keeps the norm exactly; scattering loses only what leaves the band."""
    grid = Grid.covering((16.0, 12.8), 0.1)
    step = fresnel_propagator(grid, ENERGY, 10.0, dtype=torch.complex128)
    assert torch.allclose(step.abs(), torch.ones_like(step.abs()), atol=1e-12)
    wave = wave_of(random_atoms(), grid, 2.0, **DOUBLE)
    assert float(wave.abs().square().mean()) == pytest.approx(1, abs=1e-2)
    assert float(wave.abs().square().mean()) <= 1 + 1e-9


def test_the_wave_stays_inside_the_band() -> None:
    grid = Grid.covering((16.0, 12.8), 0.2)
    spectrum = torch.fft.fft2(wave_of(random_atoms(), grid, 2.0, **DOUBLE))
    outside = band_mask(grid) == 0
    assert float(spectrum[outside].abs().max()) < 1e-8 * float(spectrum.abs().max())


@settings(deadline=None, max_examples=20)
@given(st.floats(0.5, 50), st.floats(0.5, 50))
def test_propagations_add(one: float, other: float) -> None:
    grid = Grid((8, 12), (0.4, 0.3))
    steps = [fresnel_propagator(grid, ENERGY, distance, dtype=torch.complex128) for distance in (one, other)]
    both = fresnel_propagator(grid, ENERGY, one + other, dtype=torch.complex128)
    assert torch.allclose(steps[0] * steps[1], both, atol=1e-10)


def test_propagation_turns_phases_the_documented_way() -> None:
    """PROTOCOL: propagation by dz multiplies by exp(-i pi lambda dz q^2)."""
    grid = Grid((4, 10), (1.0, 1.0))
    step = fresnel_propagator(grid, ENERGY, 100.0, dtype=torch.complex128)
    expected = -math.pi * wavelength(ENERGY) * 100.0 * 0.1**2
    assert math.isclose(float(torch.angle(step[0, 1])), expected, rel_tol=1e-9)


def test_empty_slices_before_and_after_only_propagate() -> None:
    """An object at height h upstream of the exit plane equals the object at the plane, propagated by h."""
    grid = Grid((32, 32), (0.4, 0.4))
    atom = np.array([[5.0, 6.0, 10.5]])
    high = propagate_through(atom, np.array([14]), 31.0, grid, Multislice(ENERGY, 1.0), **DOUBLE)
    low = propagate_through(atom, np.array([14]), 11.0, grid, Multislice(ENERGY, 1.0), **DOUBLE)
    onward = fresnel_propagator(grid, ENERGY, 20.0, dtype=torch.complex128)
    assert torch.allclose(torch.fft.ifft2(torch.fft.fft2(low) * onward), high, atol=1e-10)


def test_blocks_of_slices_do_not_change_the_wave() -> None:
    grid, atoms = Grid.covering((16.0, 12.8), 0.4), random_atoms()
    whole, apart = (
        propagate_through(atoms.positions, atoms.numbers, 16.0, grid, Multislice(ENERGY, 1.0, block_bytes=size))
        for size in (2**30, 1)
    )
    assert torch.allclose(apart, whole, atol=1e-5)


@pytest.mark.parametrize(("sampling", "bound"), [(0.2, 1e-2), (0.1, 7e-3)])
def test_exit_wave_agrees_with_an_exact_deposit(sampling: float, bound: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a particle on carbon; sparse heavy atoms, which scatter farther, do worse by a factor of two."""
    atoms = build_specimen(RECIPE, 1, 0)
    grid = Grid.covering((20.0, 20.0), sampling)
    ours = wave_of(atoms, grid, 2.0, **DOUBLE).numpy()
    monkeypatch.setattr("temshift.exitwaves.multislice.slice_phases", exact_slice_phases)
    assert relative_error(ours, wave_of(atoms, grid, 2.0, **DOUBLE).numpy()) <= bound


def exact_slice_phases(
    positions: np.ndarray,
    numbers: np.ndarray,
    grid: Grid,
    slices: Slices,
    energy: float,
    *,
    window: tuple[int, int],
    **_options: object,
) -> torch.Tensor:
    """Slice phases by a direct Fourier sum over atoms."""
    qy, qx = map(torch.from_numpy, grid.frequencies())
    total = torch.zeros((window[1] - window[0], *grid.shape), dtype=torch.complex128)
    for (x, y, z), number in zip(positions, numbers, strict=True):
        layer = int(slices.holding(np.array([z]))[0]) - window[0]
        total[layer] += scattering_factor(int(number), qx**2 + qy**2) * torch.exp(-2j * math.pi * (qx * x + qy * y))
    return torch.fft.ifft2(total).real * interaction_constant(energy) * POTENTIAL_FACTOR / grid.pixel_area


@pytest.mark.parametrize(("sampling", "bound"), [(0.2, 0.12), (0.1, 0.07)])
def test_exit_wave_agrees_with_abtem(sampling: float, bound: float) -> None:
    """Axes, signs and sizes; what is left is abTEM's own deposit of atoms, as the test against an exact one shows."""
    atoms, thickness = random_atoms(), 1.0
    grid = Grid.covering((16.0, 12.8), sampling)
    ours = wave_of(atoms, grid, thickness, **DOUBLE).numpy()
    theirs = abtem_wave(atoms, grid, thickness)
    # abTEM's potential acts at the entrance of a slice, ours at its middle: half a slice further on.
    back = fresnel_propagator(grid, ENERGY, -thickness / 2, dtype=torch.complex128).numpy()
    theirs = np.fft.ifft2(np.fft.fft2(theirs) * back)
    assert relative_error(ours, theirs) <= bound
    for wrong in (ours[::-1], ours[:, ::-1], ours.conj()):
        assert relative_error(wrong, theirs) > 0.9


def abtem_wave(atoms: Atoms, grid: Grid, thickness: float) -> np.ndarray:
    """The exit wave of abTEM, as (y, x)."""
    with abtem.config.set({"precision": "float64"}):
        potential = abtem.Potential(
            atoms,
            gpts=grid.shape[::-1],
            slice_thickness=thickness,
            parametrization="lobato",
            projection="infinite",
        )
        wave = abtem.PlaneWave(energy=ENERGY).multislice(potential, lazy=False)
    return np.asarray(wave.array).T


def relative_error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(one - other) ** 2) / np.mean(np.abs(other - 1) ** 2)))
