"""Scattering factors and slice potentials against abTEM and against an exact sum over atoms."""

import math

import numpy as np
import pytest
import torch
from abtem.parametrizations import LobatoParametrization
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.core.electrons import POTENTIAL_FACTOR, interaction_constant
from temshift.core.grids import Grid
from temshift.exitwaves.multislice import band_mask
from temshift.exitwaves.potentials import Slices, slice_phases
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


@pytest.mark.parametrize(("sampling", "bound"), [(0.4, 3e-2), (0.2, 1e-2), (0.1, 5e-3)])
def test_deposit_approaches_the_exact_sum_inside_the_band(sampling: float, bound: float) -> None:
    draws = np.random.default_rng(0)
    positions = draws.uniform(0, 12.8, (40, 3))
    numbers = draws.choice([6, 34, 48], 40)
    grid = Grid.covering((12.8, 12.8), sampling)
    ours = slice_phases(positions, numbers, grid, Slices(1, 12.8), ENERGY, dtype=torch.float64)[0].numpy()
    band = band_mask(grid).numpy().astype(bool)
    ours, exact = np.fft.fft2(ours)[band], exact_phase(positions, numbers, grid)[band]
    assert np.linalg.norm(ours - exact) <= bound * np.linalg.norm(exact[1:])


def test_atoms_fall_into_the_slice_that_holds_them() -> None:
    grid = Grid((16, 16), (0.5, 0.5))
    positions = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 3.5], [4.0, 4.0, 3.9]])
    phases = slice_phases(positions, np.array([6, 6, 6]), grid, Slices(4, 1.0), ENERGY)
    sums = phases.sum(dim=(1, 2))
    assert float(sums[1]) == pytest.approx(0, abs=1e-4)
    assert float(sums[3]) == pytest.approx(2 * float(sums[0]), rel=1e-4)


def test_a_window_of_slices_equals_the_same_slices_of_the_whole() -> None:
    draws = np.random.default_rng(1)
    positions, numbers = draws.uniform(0, 8, (30, 3)), np.full(30, 6)
    grid, slices = Grid((16, 16), (0.5, 0.5)), Slices(5, 1.6)
    whole = slice_phases(positions, numbers, grid, slices, ENERGY)
    part = slice_phases(positions, numbers, grid, slices, ENERGY, window=(2, 4))
    assert torch.equal(part, whole[2:4])


@settings(deadline=None, max_examples=25)
@given(shift=st.tuples(st.integers(-20, 20), st.integers(-20, 20)))
def test_moving_atoms_by_whole_pixels_moves_the_phase(shift: tuple[int, int]) -> None:
    grid = Grid((12, 20), (0.5, 0.4))
    position = np.array([[3.13, 2.71, 0.0]])
    moved = position + (shift[1] * 0.4, shift[0] * 0.5, 0.0)
    args = (np.array([48]), grid, Slices(1, 1.0), ENERGY)
    still = slice_phases(position, *args, dtype=torch.float64)
    assert torch.allclose(slice_phases(moved, *args, dtype=torch.float64), torch.roll(still, shift, (1, 2)), atol=1e-9)


def test_arguments_are_left_alone() -> None:
    positions, numbers = np.full((3, 3), 1.5), np.full(3, 6)
    before = positions.copy()
    slice_phases(positions, numbers, Grid((8, 8), (0.5, 0.5)), Slices(2, 1.0), ENERGY)
    assert np.array_equal(positions, before)
