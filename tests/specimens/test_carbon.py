import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from temshift.core.errors import InputError
from temshift.specimens import SubstrateRecipe
from temshift.specimens.carbon import GREATEST_PACKING, add_sequentially, amorphous_carbon, packing_fraction

GRAMS_PER_ATOM = 12.011 * 1.66053906660e-24


def least_distance(points, box):
    """Periodic in x and y, by all pairs."""
    offsets = [np.abs(points[:, None, axis] - points[None, :, axis]) for axis in range(3)]
    for axis in (0, 1):
        offsets[axis] = np.minimum(offsets[axis], box[axis] - offsets[axis])
    squares = sum(offset**2 for offset in offsets)
    np.fill_diagonal(squares, np.inf)
    return math.sqrt(squares.min())


def one_after_another(box, count, distance, generator):
    """Random sequential addition as it is defined, without any shortcut."""
    placed = []
    while len(placed) < count:
        candidate = generator.random(3) * box
        if least_distance(np.array([*placed, candidate]), box) > distance or not placed:
            placed.append(candidate)
    return np.array(placed)


@given(
    seed=st.integers(0, 2**32),
    sides=st.tuples(st.floats(10, 30), st.floats(10, 30)),
    thickness=st.floats(5, 30),
    density=st.floats(1.0, 3.0),
)
@settings(max_examples=25)
def test_density_distance_and_bounds(seed, sides, thickness, density):
    positions = amorphous_carbon(sides, thickness, density, 1.4, np.random.default_rng(seed))
    box = np.array([*sides, thickness])
    mass = density * box.prod() * 1e-24
    assert abs(len(positions) * GRAMS_PER_ATOM - mass) <= 0.51 * GRAMS_PER_ATOM
    assert least_distance(positions, box) >= 1.4
    assert (positions >= 0).all()
    assert (positions < box).all()


def test_density_of_a_usual_film_is_met_within_half_a_percent():
    positions = amorphous_carbon((51.2, 51.2), 30.0, 2.0, 1.4, np.random.default_rng(0))
    density = len(positions) * GRAMS_PER_ATOM / (51.2 * 51.2 * 30.0 * 1e-24)
    assert density == pytest.approx(2.0, rel=0.005)


@pytest.mark.parametrize("density", [1.6, 2.0, 2.4])
@pytest.mark.parametrize("thickness", [20.0, 50.0, 80.0])
def test_density_is_met_within_two_percent_away_from_the_surfaces(thickness, density):
    positions = amorphous_carbon((60.0, 60.0), thickness, density, 1.4, np.random.default_rng(5))
    inner = (positions[:, 2] > 2.0) & (positions[:, 2] < thickness - 2.0)
    found = inner.sum() * GRAMS_PER_ATOM / (60.0 * 60.0 * (thickness - 4.0) * 1e-24)
    assert found == pytest.approx(density, rel=0.02)


def test_no_pair_of_a_whole_film_is_closer_across_its_borders_too():
    positions = amorphous_carbon((70.0, 60.0), 40.0, 2.0, 1.4, np.random.default_rng(2))
    shifts = [(i * 70.0, j * 60.0, 0.0) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    images = np.concatenate([positions + shift for shift in shifts])
    near = ((images[:, :2] > -2) & (images[:, :2] < [72.0, 62.0])).all(axis=1)
    nearest, _ = cKDTree(images[near]).query(positions, k=2)
    assert 1.4 <= nearest[:, 1].min() < 1.41


def test_the_default_is_two_grams_with_bonds_of_carbon():
    recipe = SubstrateRecipe.model_validate({"thickness_nm": 3})
    assert (recipe.density_g_per_cm3, recipe.minimum_distance_angstrom) == (2.0, 1.4)


@pytest.mark.parametrize(("seed", "count"), [(0, 1), (1, 40), (2, 40), (3, 230)])
def test_equals_a_plain_loop(seed, count):
    box, distance = np.array([11.0, 9.0, 12.0]), 1.4
    expected = one_after_another(box, count, distance, np.random.default_rng(seed))
    placed = add_sequentially(box, count, distance, np.random.default_rng(seed))
    np.testing.assert_array_equal(placed, expected)


def test_a_region_equals_a_plain_loop_that_skips_what_lies_outside():
    box = np.array([11.0, 9.0, 12.0])

    def region(points):
        return points[..., 2] < 6 + points[..., 0] / 3

    class Inside:
        """Gives only candidates in the region."""

        generator = np.random.default_rng(4)

        def random(self, size):
            while not region((point := self.generator.random(size)) * box):
                pass
            return point

    expected = one_after_another(box, 90, 1.4, Inside())
    placed = add_sequentially(box, 90, 1.4, np.random.default_rng(4), region)
    np.testing.assert_array_equal(placed, expected)


def test_the_film_is_even_along_the_beam_and_open_there():
    positions = amorphous_carbon((60.0, 60.0), 40.0, 2.0, 1.4, np.random.default_rng(1))
    layers, _ = np.histogram(positions[:, 2], bins=8, range=(0, 40))
    assert layers == pytest.approx(len(positions) / 8, rel=0.1)
    top, bottom = positions[positions[:, 2] > 39.3], positions[positions[:, 2] < 0.7]
    closest_across = np.hypot(*(top[:, None, :2] - bottom[None, :, :2]).transpose(2, 0, 1)).min()
    assert closest_across < 1.4  # z does not repeat


def test_distance_suppresses_low_frequencies():
    def structure_factor(distance):
        powers = []
        for seed in range(4):
            xy = amorphous_carbon((50.0, 50.0), 20.0, 2.0, distance, np.random.default_rng(seed))[:, :2]
            orders = [(h, k) for h in range(-3, 4) for k in range(-3, 4) if (h, k) > (0, 0)]
            waves = np.exp(2j * np.pi / 50 * xy @ np.array(orders).T)
            powers.append((np.abs(waves.sum(axis=0)) ** 2).mean() / len(xy))
        return np.mean(powers)

    assert structure_factor(1.4) < 0.55
    assert structure_factor(0.5) == pytest.approx(1.0, abs=0.3)


def test_points_fill_a_flat_box_to_the_distance_asked_for():
    points = add_sequentially(np.array([50.0, 50.0, 1e-6]), 200, 2.0, np.random.default_rng(0))
    assert pdist(points).min() >= 2.0


def test_carbon_too_dense_is_refused_with_a_remedy_that_works():
    with pytest.raises(InputError) as caught:
        amorphous_carbon((20.0, 20.0), 20.0, 3.0, 2.0, np.random.default_rng(0))
    assert str(caught.value) == (
        "carbon of 3 g/cm3 with 2 A between atoms fills 0.63 of space; "
        "random addition jams near 0.38 and is offered up to 0.34; "
        "give a density of at most 1.61 g/cm3 or a distance of at most 1.62 A"
    )
    assert GREATEST_PACKING * 0.97 < packing_fraction(1.61, 2.0) <= GREATEST_PACKING
    assert GREATEST_PACKING * 0.97 < packing_fraction(3.0, 1.62) <= GREATEST_PACKING


def test_the_densest_carbon_offered_is_reached():
    positions = amorphous_carbon((20.0, 20.0), 20.0, 3.0, 1.62, np.random.default_rng(0))
    assert least_distance(positions, np.array([20.0, 20.0, 20.0])) >= 1.62


def test_a_box_that_jams_is_told():
    with pytest.raises(InputError, match=r"only \d+ of 100 atoms found room in 10 x 10 x 10 A with 3 A"):
        add_sequentially(np.full(3, 10.0), 100, 3.0, np.random.default_rng(0))
