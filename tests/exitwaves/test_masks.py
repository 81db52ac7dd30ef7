"""Masks against brute force, analytic silhouettes and known phases."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from temshift.core.grids import Grid
from temshift.exitwaves.masks import disc_coverage, outline_mask, phase_mask

GRID = Grid((40, 50), (0.5, 0.4))  # 20 A x 20 A
SMALL = Grid((14, 18), (0.5, 0.4))
EVERYWHERE = np.stack(np.meshgrid(np.arange(0, 20, 0.2), np.arange(0, 20, 0.2)), -1).reshape(-1, 2)

places = st.tuples(st.floats(-30, 30), st.floats(-30, 30))


def periodic_distance(grid: Grid, x: float, y: float) -> np.ndarray:
    """Distance (y, x) from a point to the nearest of its periodic images, over all of the nine nearest cells."""
    rows, columns = np.arange(grid.shape[0]) * grid.sampling[0], np.arange(grid.shape[1]) * grid.sampling[1]
    height, width = grid.extent
    x, y = x % width, y % height
    images = [(x + i * width, y + j * height) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return np.min([np.hypot(rows[:, None] - b, columns[None, :] - a) for a, b in images], axis=0)


def within(features: np.ndarray, grid: Grid, radius: float) -> np.ndarray:
    """Pixels no farther than ``radius`` from a feature, by looking at each feature in turn."""
    found = np.zeros(grid.shape, dtype=bool)
    for row, column in np.argwhere(features):
        found |= periodic_distance(grid, column * grid.sampling[1], row * grid.sampling[0]) <= radius
    return found


def disc(grid: Grid, x: float, y: float, radius: float) -> np.ndarray:
    return periodic_distance(grid, x, y) <= radius


def atoms_in_disc(center: tuple[float, float], radius: float, spacing: float) -> np.ndarray:
    steps = np.arange(-20, 20, spacing)
    offsets = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    return offsets[np.hypot(*offsets.T) <= radius] + center


def outline(xy: np.ndarray, grid: Grid = GRID, *, atom: float = 1.03, closing: float = 2.53) -> np.ndarray:
    return outline_mask(xy, grid, atom_radius=atom, closing_radius=closing)


def test_no_atoms_give_an_empty_mask() -> None:
    assert not outline(np.zeros((0, 2))).any()


def test_atoms_everywhere_give_a_full_mask() -> None:
    assert outline(EVERYWHERE).all()


@settings(max_examples=25)
@given(places, st.floats(3, 5.8))
def test_the_outline_of_a_filled_disc_is_the_disc_and_the_atoms_radius(
    center: tuple[float, float], radius: float
) -> None:
    """Within a pixel: half of one for rounding the atoms, half for the edge; periodic copies are too far to join."""
    mask = outline(atoms_in_disc(center, radius, 0.2))
    distance = periodic_distance(GRID, *center)
    pixel = math.hypot(*GRID.sampling)
    assert mask[distance < radius + 1.03 - pixel].all()
    assert not mask[distance > radius + 1.03 + pixel].any()


@settings(max_examples=25)
@given(st.lists(places, min_size=1, max_size=5), st.sampled_from([0.0, 0.83, 1.49]))
def test_the_outline_holds_the_atoms_discs_and_little_beyond(atoms: list[tuple[float, float]], closing: float) -> None:
    """A closing is extensive, and never reaches beyond the hull that grows by ``closing``."""
    xy = np.array(atoms)
    mask = outline(xy, SMALL, closing=closing)
    nearest = np.min([periodic_distance(SMALL, *one) for one in atoms], axis=0)
    pixel = math.hypot(*SMALL.sampling)
    assert mask[nearest < 1.03 - pixel / 2].all()
    assert not mask[nearest > 1.03 + closing + pixel].any()


@settings(max_examples=25)
@given(st.lists(places, min_size=1, max_size=5), st.sampled_from([0.83, 1.49, 30.0]))
def test_closing_agrees_with_brute_force(atoms: list[tuple[float, float]], closing: float) -> None:
    """Growing and shrinking pixel by pixel, all distances periodic."""
    height, width = SMALL.shape
    occupied = np.zeros(SMALL.shape, dtype=bool)
    for x, y in atoms:
        occupied[math.floor(y / 0.5 + 0.5) % height, math.floor(x / 0.4 + 0.5) % width] = True
    grown = within(within(occupied, SMALL, 1.03), SMALL, closing)
    expected = ~within(~grown, SMALL, closing)
    assert np.array_equal(outline(np.array(atoms), SMALL, closing=closing), expected)


@settings(max_examples=20)
@given(st.integers(-60, 60), st.integers(-60, 60))
def test_moving_atoms_by_whole_pixels_moves_the_outline(rows: int, columns: int) -> None:
    xy = np.array([[1.23, 2.34], [3.3, 5.6], [11.1, 17.9]])
    moved = outline(xy + (columns * 0.4, rows * 0.5))
    assert np.array_equal(moved, np.roll(outline(xy), (rows, columns), (0, 1)))


def test_a_long_row_of_atoms_lies_along_x() -> None:
    """x is the last axis."""
    mask = outline(np.stack([np.arange(4, 16, 0.4), np.full(30, 10.0)], -1), closing=0)
    rows, columns = np.nonzero(mask)
    assert np.ptp(columns) * 0.4 > 12
    assert np.ptp(rows) * 0.5 < 3


def test_closing_fills_the_gaps_between_columns_and_keeps_wide_holes() -> None:
    """Columns 3.5 A apart leave gaps that close; a bore of 6 A radius stays, since the closing reaches 2.53 A."""
    columns = atoms_in_disc((10.0, 10.0), 8.0, 3.5)
    assert ndimage.label(outline(columns, closing=0))[1] > 1
    closed = outline(columns)
    assert ndimage.label(closed)[1] == 1
    assert np.array_equal(ndimage.binary_fill_holes(closed), closed)
    ring = atoms_in_disc((10.0, 10.0), 8.0, 0.4)
    ring = ring[np.hypot(*(ring - 10.0).T) > 6]
    bore = disc(GRID, 10, 10, 4.5)
    assert not outline(ring)[bore].any()


def test_closing_leaves_the_area_of_a_disc() -> None:
    """A disc is its own closing; on pixels of 0.4 A it fills the corners of the stairs, a quarter of a pixel."""
    draws = np.random.default_rng(0)
    excess = []
    for radius in draws.uniform(4, 6, 20):
        mask = outline(atoms_in_disc(tuple(draws.uniform(8, 12, 2)), radius, 0.1))
        excess.append(math.sqrt(mask.sum() * GRID.pixel_area / math.pi) - (radius + 1.03))
    assert 0 <= float(np.mean(excess)) < 0.12


def wave_of_phase(phase: np.ndarray, modulus: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(modulus * np.exp(1j * phase))


def test_a_sharp_phase_is_thresholded_as_it_is() -> None:
    phase = np.random.default_rng(0).uniform(-1, 1, GRID.shape)
    mask = phase_mask(wave_of_phase(phase)[None], GRID, threshold=0.3, blur_sigma=0)
    assert np.array_equal(mask, phase > 0.3)


def test_a_blurred_gaussian_phase_shrinks_as_it_must() -> None:
    """exp(-r^2 / 2 s^2) blurred by b is s^2 / (s^2 + b^2) exp(-r^2 / 2 (s^2 + b^2)), periodic at the corner too."""
    s, b, threshold = 2.0, 1.5, 0.55
    for center in ((10.0, 10.0), (0.0, 0.0)):
        distance = periodic_distance(GRID, *center)
        mask = phase_mask(
            wave_of_phase(np.exp(-(distance**2) / (2 * s**2)))[None], GRID, threshold=threshold, blur_sigma=b
        )
        wide = s**2 + b**2
        radius = math.sqrt(2 * wide * math.log(s**2 / wide / threshold))
        assert mask[distance < radius - 0.1].all()
        assert not mask[distance > radius + 0.1].any()


def test_the_complex_wave_is_averaged_before_its_phase_is_taken() -> None:
    """3 + exp(i) has the phase atan(sin 1 / (3 + cos 1)) = 0.234, not the mean phase 0.5."""
    flat = np.ones(GRID.shape)
    waves = torch.stack([wave_of_phase(flat), wave_of_phase(0 * flat, 3.0)])
    phase = math.atan2(math.sin(1), 3 + math.cos(1))
    assert phase_mask(waves, GRID, threshold=phase - 1e-6, blur_sigma=1).all()
    assert not phase_mask(waves, GRID, threshold=phase + 1e-6, blur_sigma=1).any()


def test_coverage_is_the_share_of_the_disc() -> None:
    """A half plane of y covers half of a disc on its border, all of one inside, none of one outside."""
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[:20] = True  # y < 9.75 A, periodic: y > -0.25 A
    assert disc_coverage(mask, (3.0, 5.0), 3.0, GRID) == 1.0
    assert disc_coverage(mask, (3.0, 15.0), 3.0, GRID) == 0.0
    assert disc_coverage(mask, (3.0, 9.75), 4.0, GRID) == pytest.approx(0.5, abs=0.02)


def test_a_disc_between_pixels_has_no_coverage() -> None:
    assert disc_coverage(np.ones(GRID.shape, dtype=bool), (0.2, 0.25), 0.1, GRID) is None


@settings(max_examples=25)
@given(places, st.floats(1, 9))
def test_coverage_agrees_with_an_independent_disc(center: tuple[float, float], radius: float) -> None:
    mask = np.random.default_rng(1).random(GRID.shape) > 0.4
    expected = mask[disc(GRID, *center, radius)].mean()
    assert disc_coverage(mask, center, radius, GRID) == pytest.approx(expected, abs=0.03)
    assert disc_coverage(disc(GRID, *center, radius + 1e-6), center, radius, GRID) == 1.0


@pytest.mark.parametrize("phase", [2.0, 3.5, 4.5])
def test_a_thick_particle_has_no_hole_where_its_phase_exceeds_pi(phase: float) -> None:
    """Columns that advance the wave past pi, on a particle that advances it less."""
    phases = np.zeros(GRID.shape)
    phases[4:20, 4:20] = 1.0
    phases[8:16:2, 8:16:2] = phase
    mask = phase_mask(wave_of_phase(phases)[None], GRID, threshold=math.pi / 16, blur_sigma=0.5)
    assert mask[6:18, 6:18].all()
