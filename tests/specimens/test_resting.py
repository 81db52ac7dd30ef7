import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.specimens.resting import resting_height

CELL = (20.0, 17.0)


def least_distance(particle, substrate):
    """By all pairs and all nine images."""
    images = [np.array([i * CELL[0], j * CELL[1], 0.0]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return min(np.linalg.norm(particle[:, None] - substrate[None] - image, axis=-1).min() for image in images)


def search(particle, substrate, distance):
    """Go down in steps of 0.01 A until the next one would come too near."""
    offsets = particle[:, None] - substrate[None]
    aside = np.abs(offsets[..., :2])
    across = np.hypot(*np.moveaxis(np.minimum(aside, CELL - aside), -1, 0))
    near = across < distance
    lowest = substrate[:, 2].min() - particle[:, 2].min()
    heights = np.arange(substrate[:, 2].max() - particle[:, 2].min() + distance, lowest, -0.01)
    apart = np.hypot(across[near], heights[:, None] + offsets[..., 2][near]).min(axis=1, initial=np.inf)
    return heights[(apart < distance).argmax()] if (apart < distance).any() else lowest


def rough(draws, atoms, relief):
    points = draws.random((atoms, 3)) * [*CELL, 8.0]
    points[:, 2] += relief * np.sin(2 * np.pi * points[:, 0] / CELL[0])
    return points


@given(seed=st.integers(0, 2**32), atoms=st.integers(1, 200), relief=st.floats(0, 12), distance=st.floats(1.0, 3.0))
@settings(max_examples=25)
def test_height_is_that_of_a_search(seed, atoms, relief, distance):
    draws = np.random.default_rng(seed)
    substrate = rough(draws, atoms, relief)
    particle = draws.normal(size=(20, 3)) * 2.5
    particle[:, :2] = np.mod(particle[:, :2] + draws.random(2) * CELL, CELL)
    height = resting_height(particle, substrate, CELL, distance)
    assert height == pytest.approx(search(particle, substrate, distance), abs=0.011)


def test_nothing_is_nearer_than_the_distance_and_something_is_at_it():
    draws = np.random.default_rng(0)
    substrate = rough(draws, 900, 5.0)
    particle = draws.normal(size=(60, 3)) * 3 + [1.0, 16.0, 0.0]
    height = resting_height(particle, substrate, CELL, 2.0)
    assert least_distance(particle + [0, 0, height], substrate) == pytest.approx(2.0, abs=1e-9)


def test_on_a_plane_the_lowest_atom_is_the_distance_above_it():
    grid = np.stack(np.meshgrid(np.arange(0, 20, 0.25), np.arange(0, 17, 0.25), [3.0]), axis=-1).reshape(-1, 3)
    particle = np.array([[5.0, 5.0, -1.5], [7.0, 6.0, 0.0]])
    assert resting_height(particle, grid, CELL, 2.0) == pytest.approx(3.0 + 2.0 + 1.5, abs=1e-9)


def test_a_particle_does_not_fall_through_a_hole():
    substrate = np.array([[0.0, 0.0, 4.0], [1.0, 0.0, 1.0]])
    assert resting_height(np.array([[10.0, 8.0, -2.0]]), substrate, CELL, 2.0) == pytest.approx(3.0)


def test_a_deep_pit_is_found_to_its_ground():
    ground = np.array([[10.0, 8.0, -60.0], [0.0, 0.0, 0.0]])
    assert resting_height(np.array([[10.0, 8.0, 0.0]]), ground, CELL, 2.0) == pytest.approx(-58.0)


def test_an_atom_below_the_first_layers_may_be_the_one_it_rests_on():
    substrate = np.array([[0.0, 0.0, 0.0], [10.0, 8.0, -6.0]])
    particle = np.array([[1.9, 0.0, 0.0], [10.0, 8.0, -4.7]])  # the first would stop it at 0.62
    assert resting_height(particle, substrate, CELL, 2.0) == pytest.approx(0.7)
