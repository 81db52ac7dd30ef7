import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from temshift.specimens.crystals import CRYSTALS, unit_cell
from temshift.specimens.orientations import draw_rotation
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import draw_particle


def recipe_of(crystal, **settings):
    return ParticleRecipe.model_validate({"crystal": crystal, "radius_nm": 1.5, "count": 1, "gap_nm": 0.5, **settings})


def spherical_particle(crystal, radius, generator):
    return draw_particle(recipe_of(crystal), radius, generator)


@pytest.mark.parametrize("name", CRYSTALS)
def test_atoms_fill_the_volume_of_the_sphere(name):
    cell = unit_cell(name)
    expected = 4 / 3 * math.pi * 20**3 * len(cell) / cell.get_volume()
    counts = [len(spherical_particle(name, 20.0, np.random.default_rng(seed)).numbers) for seed in range(5)]
    assert np.mean(counts) == pytest.approx(expected, rel=0.01)
    assert counts == pytest.approx([expected] * 5, rel=0.04)


@pytest.mark.parametrize("name", ["CdSe", "ZnS"])
def test_compounds_keep_their_composition(name):
    particle = spherical_particle(name, 20.0, np.random.default_rng(0))
    _, counts = np.unique(particle.numbers, return_counts=True)
    assert counts[0] == pytest.approx(counts[1], rel=0.05)


@given(name=st.sampled_from(list(CRYSTALS)), radius=st.floats(3.0, 20.0), seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_a_particle_is_never_empty_and_stays_within_its_radius(name, radius, seed):
    particle = spherical_particle(name, radius, np.random.default_rng(seed))
    assert len(particle.numbers) == len(particle.positions) > 0
    assert np.linalg.norm(particle.positions, axis=1).max() <= radius + 1e-9


def fits(particle, block, atom):
    """Tell whether a particle, its first atom laid on one of a block, is all of the block in its radius."""
    turned_back = particle.rotation.inv().apply(particle.positions)
    center = block.positions[atom] - turned_back[0]
    tree = cKDTree(block.positions)
    gaps, found = tree.query(turned_back + center)
    same = gaps.max() < 1e-6 and (block.numbers[found] == particle.numbers).all()
    return same and len(tree.query_ball_point(center, particle.size)) == len(particle.positions)


@given(name=st.sampled_from(list(CRYSTALS)), seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_a_particle_turned_back_is_a_whole_sphere_of_its_crystal(name, seed):
    particle = spherical_particle(name, 8.0, np.random.default_rng(seed))
    cell = unit_cell(name)
    repeats = 15 if cell.cell[0, 0] < 5 else 9
    middle = ((repeats**3 - 1) // 2) * len(cell)
    block = cell.repeat((repeats, repeats, repeats))
    assert any(fits(particle, block, middle + atom) for atom in range(len(cell)))


def test_the_crystal_inside_keeps_its_bonds():
    particle = spherical_particle("CdSe", 12.0, np.random.default_rng(3))
    assert pdist(particle.positions).min() == pytest.approx(2.63, abs=0.01)
    inner = np.linalg.norm(particle.positions, axis=1) < 12.0 - 2.7
    neighbours = cKDTree(particle.positions).query_ball_point(particle.positions[inner], 2.8, return_length=True)
    assert set(neighbours) == {5}  # four and itself


def test_orientations_are_uniform():
    generator = np.random.default_rng(1)
    turned = np.array([draw_rotation("random", np.eye(3), generator).as_matrix() for _ in range(3000)])
    for axis in range(3):
        directions = turned[:, :, axis]
        assert np.abs(directions.mean(axis=0)).max() < 0.04  # sd 1 / sqrt(3 * 3000) = 0.011
        heights = np.sort(directions[:, 2])  # uniform on [-1, 1], as Archimedes found
        assert np.abs(heights - np.linspace(-1, 1, 3000)).max() < 0.08
    angles = np.arccos(np.clip((np.trace(turned, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert angles.mean() == pytest.approx(math.pi / 2 + 2 / math.pi, abs=0.05)  # density (1 - cos a) / pi


def test_centres_are_spread_over_the_unit_cell():
    counts = {len(spherical_particle("Fe", 6.0, np.random.default_rng(seed)).numbers) for seed in range(30)}
    assert len(counts) > 5


def test_rotations_are_proper():
    rotation = spherical_particle("CdSe", 5.0, np.random.default_rng(0)).rotation.as_matrix()
    assert np.linalg.det(rotation) == pytest.approx(1.0)
