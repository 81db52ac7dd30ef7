"""Scattering factors and slice potentials against abTEM and against an exact sum over atoms."""

import math

import abtem
import numpy as np
import pytest
import torch
from abtem.parametrizations import LobatoParametrization
from ase import Atoms
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.core.electrons import POTENTIAL_FACTOR, interaction_constant
from temshift.core.grids import Grid
from temshift.exitwaves.deposits import BILINEAR, kaiser_bessel
from temshift.exitwaves.multislice import band_mask
from temshift.exitwaves.potentials import PointAtoms, SlicePhases
from temshift.exitwaves.projections import Projection, Slices, shared_part
from temshift.exitwaves.scattering import scattering_factor

ENERGY = 300e3


@pytest.mark.parametrize("number", range(1, 93))
def test_scattering_factor_agrees_with_abtem(number: int) -> None:
    q2 = np.linspace(0, 36, 50)
    theirs = LobatoParametrization().scattering_factor(chemical_symbols[number])(q2)
    ours = scattering_factor(number, torch.from_numpy(q2)).numpy()
    assert np.allclose(ours, theirs, rtol=2e-5)


def test_an_element_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="1 \\(H\\) to 92"):
        scattering_factor(93, torch.zeros(1))


def exact_phase(positions: np.ndarray, numbers: np.ndarray, grid: Grid) -> np.ndarray:
    """Sum exp(-2 pi i q r) f_e(q) over atoms directly, in float64; in Fourier space."""
    qy, qx = grid.frequencies()
    total = np.zeros(grid.shape, dtype=complex)
    for (x, y, _), number in zip(positions, numbers, strict=True):
        factor = scattering_factor(int(number), torch.from_numpy(qx**2 + qy**2)).numpy()
        total += factor * np.exp(-2j * math.pi * (qx * x + qy * y))
    return total * interaction_constant(ENERGY) * POTENTIAL_FACTOR / grid.pixel_area


def phases_of(
    positions: np.ndarray,
    numbers: np.ndarray,
    grid: Grid,
    slices: Slices,
    projection: Projection = "infinite",
) -> SlicePhases:
    point_atoms = PointAtoms(grid, ENERGY, dtype=torch.float64)
    return SlicePhases(positions[None], numbers, slices, point_atoms, projection)


@pytest.mark.parametrize(("sampling", "bound"), [(0.4, 5e-3), (0.2, 4e-3), (0.1, 3e-3)])
def test_deposit_approaches_the_exact_sum_inside_the_band(sampling: float, bound: float) -> None:
    draws = np.random.default_rng(0)
    positions = draws.uniform(0, 12.8, (40, 3))
    numbers = draws.choice([6, 34, 48], 40)
    grid = Grid.covering((12.8, 12.8), sampling)
    ours = phases_of(positions, numbers, grid, Slices(1, 12.8))(0)[0].numpy()
    band = band_mask(grid).numpy().astype(bool)
    ours, exact = np.fft.fft2(ours)[band], exact_phase(positions, numbers, grid)[band]
    assert np.linalg.norm(ours - exact) <= bound * np.linalg.norm(exact[1:])


@pytest.mark.parametrize("shape", [0.5, 10.0, 20.0])
def test_the_window_is_a_bessel_function_of_a_semicircle(shape: float) -> None:
    distance = torch.linspace(-3.5, 3.5, 101, dtype=torch.float64)
    inside = (1 - (distance / 3) ** 2).clamp(min=0)
    expected = torch.special.i0(shape * inside.sqrt())
    assert torch.allclose(kaiser_bessel(6, shape).weight(distance), expected, rtol=1e-13)


def test_atoms_fall_into_the_slice_that_holds_them() -> None:
    grid = Grid((16, 16), (0.5, 0.5))
    positions = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 3.5], [4.0, 4.0, 3.9]])
    phases = phases_of(positions, np.array([6, 6, 6]), grid, Slices(4, 1.0))
    assert phases.occupied == [0, 3]
    assert float(phases(1).abs().sum()) == 0
    assert float(phases(3).sum()) == pytest.approx(2 * float(phases(0).sum()), rel=1e-9)


@pytest.mark.parametrize("projection", ["shared", "infinite", "finite"])
def test_planes_add_up_to_the_whole_potential(projection: Projection) -> None:
    draws = np.random.default_rng(2)
    positions, numbers = draws.uniform(0, 8, (30, 3)), draws.choice([6, 79], 30)
    grid = Grid((16, 20), (0.5, 0.4))
    phases = phases_of(positions, numbers, grid, Slices(7, 8 / 7), projection)
    total = torch.stack([phases(plane) for plane in phases.occupied]).sum(dim=0)
    assert torch.allclose(total, phases_of(positions, numbers, grid, Slices(1, 8.0))(0), atol=1e-9)


@settings(max_examples=25)
@given(z=st.floats(0, 8), count=st.integers(1, 9))
def test_a_shared_atom_keeps_its_mean_height(z: float, count: int) -> None:
    grid, slices = Grid((8, 8), (0.5, 0.5)), Slices(count, 8 / count)
    phases = phases_of(np.array([[2.0, 2.0, z]]), np.array([14]), grid, slices, "shared")
    sums = {plane: float(phases(plane).sum()) for plane in phases.occupied}
    heights = slices.plane_heights("shared")
    mean = sum(heights[plane] * value for plane, value in sums.items()) / sum(sums.values())
    assert mean == pytest.approx(z, abs=1e-9)


@pytest.mark.parametrize("number", [1, 6, 48, 92])
def test_a_finite_part_equals_the_potential_integrated_along_the_beam(number: int) -> None:
    """Against a numerical transform of the three-dimensional scattering factor along qz."""
    q_squared, before, at, spacing = torch.tensor([0.0, 0.09, 1.0]), 0.3, 1.1, 0.8
    qz = torch.linspace(-60, 60, 400_001, dtype=torch.float64)
    factor = scattering_factor(number, q_squared.double()[:, None] + qz**2)
    hat = spacing * torch.sinc(qz * spacing) ** 2 * torch.cos(2 * math.pi * qz * at)
    expected = torch.trapezoid(factor * hat, qz, dim=-1)
    assert torch.allclose(shared_part(number, q_squared.double(), before, at, spacing), expected, rtol=2e-4, atol=1e-5)


@settings(max_examples=25)
@given(shift=st.tuples(st.integers(-20, 20), st.integers(-20, 20)))
def test_moving_atoms_by_whole_pixels_moves_the_phase(shift: tuple[int, int]) -> None:
    grid = Grid((12, 20), (0.5, 0.4))
    position = np.array([[3.13, 2.71, 0.0]])
    moved = position + (shift[1] * 0.4, shift[0] * 0.5, 0.0)
    still, then = (phases_of(at, np.array([48]), grid, Slices(1, 1.0))(0) for at in (position, moved))
    assert torch.allclose(then, torch.roll(still, shift, (1, 2)), atol=1e-9)


def test_arguments_are_left_alone() -> None:
    positions, numbers = np.full((3, 3), 1.5), np.full(3, 6)
    before = positions.copy()
    phases_of(positions, numbers, Grid((8, 8), (0.5, 0.5)), Slices(2, 1.0))(1)
    assert np.array_equal(positions, before)


def test_a_damped_potential_is_the_mean_over_many_displacements() -> None:
    """Two kinds of one element among others, 4,000 configurations: each frequency is fixed to some 1 / sqrt(4000)."""
    draws = np.random.default_rng(4)
    positions, numbers = draws.uniform(0, 6, (12, 3)), np.repeat([6, 48, 48], 4)
    rms, grid, slices = np.repeat([0.15, 0.1, 0.2], 4), Grid((24, 30), (0.25, 0.2)), Slices(1, 6.0)
    point_atoms = PointAtoms(grid, ENERGY, dtype=torch.float64)
    damped = SlicePhases(positions[None], numbers, slices, point_atoms, "infinite", rms)(0)[0]
    moved = positions + rms[:, None] * draws.standard_normal((4000, 12, 3))
    each = SlicePhases(moved, numbers, slices, point_atoms, "infinite")(0)
    still = SlicePhases(positions[None], numbers, slices, point_atoms, "infinite")(0)[0]
    noise = float(each.std(dim=0).square().mean().sqrt()) / math.sqrt(4000)
    assert float((each.mean(dim=0) - damped).square().mean().sqrt()) == pytest.approx(noise, rel=0.15)
    assert float((still - damped).square().mean().sqrt()) > 20 * noise


def test_a_damped_potential_is_that_of_the_debye_waller_factor_in_every_frequency() -> None:
    """B = 8 pi^2 u^2, and exp(-B s^2) with s = q / 2; an atom at the corner of a pixel has real spectra."""
    grid, rms = Grid((40, 40), (0.2, 0.2)), 0.12
    positions, numbers = np.zeros((1, 3)), np.array([79])
    point_atoms = PointAtoms(grid, ENERGY, dtype=torch.float64)
    still, damped = (
        np.fft.fft2(SlicePhases(positions[None], numbers, Slices(1, 1.0), point_atoms, "infinite", each)(0)[0].numpy())
        for each in (None, np.array([rms]))
    )
    qy, qx = grid.frequencies()
    b = 8 * math.pi**2 * rms**2
    inside = band_mask(grid).numpy().astype(bool)
    assert damped[inside] == pytest.approx((still * np.exp(-b * (qx**2 + qy**2) / 4))[inside], rel=1e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_damping_agrees_with_abtem() -> None:
    """The same factor of every frequency, from potentials that abTEM smooths by its own standard deviations."""
    atoms = Atoms("CdSeC", [[1, 1, 1], [3, 2.2, 1], [2, 4.1, 1]], cell=[5, 5, 2], pbc=True)
    sigmas = {"Cd": 0.12, "Se": 0.1, "C": 0.2}
    grid, slices = Grid((50, 50), (0.1, 0.1)), Slices(1, 2.0)
    point_atoms = PointAtoms(grid, ENERGY, BILINEAR, dtype=torch.float64)
    theirs, ours = [], []
    for moves in ({}, sigmas):
        parametrization = LobatoParametrization(sigmas=moves)
        potential = abtem.Potential(atoms, gpts=50, slice_thickness=2, parametrization=parametrization)
        theirs.append(potential.build(lazy=False).project().array.T)
        rms = np.array([moves.get(symbol, 0.0) for symbol in atoms.get_chemical_symbols()])
        phases = SlicePhases(atoms.positions[None], atoms.numbers, slices, point_atoms, "infinite", rms)(0)[0]
        ours.append(phases.numpy() / interaction_constant(ENERGY))
    changes = [pair[1] - pair[0] for pair in (theirs, ours)]
    assert np.abs(changes[1] - changes[0]).max() < 0.01 * np.abs(changes[0]).max()
