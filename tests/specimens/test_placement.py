import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.specimens.placement import find_places, periodic_distances


def nearest_image(first, second, cell):
    """By all nine images."""
    images = itertools.product((-1, 0, 1), repeat=2)
    return min(math.hypot(first[0] - second[0] + i * cell[0], first[1] - second[1] + j * cell[1]) for i, j in images)


@given(
    seed=st.integers(0, 2**32),
    cell=st.tuples(st.floats(100, 150), st.floats(100, 150)),
    radii=st.lists(st.floats(5, 14), min_size=1, max_size=5),
    gap=st.floats(0, 10),
)
@settings(max_examples=80)
def test_gaps_are_kept_across_the_border(seed, cell, radii, gap):
    centers = find_places(cell, radii, gap, np.random.default_rng(seed))
    assert centers.shape == (len(radii), 2)
    assert ((centers >= 0) & (centers < cell)).all()
    for i, j in itertools.combinations(range(len(radii)), 2):
        assert nearest_image(centers[i], centers[j], cell) >= radii[i] + radii[j] + gap - 1e-9


@given(points=st.lists(st.tuples(st.floats(0, 40), st.floats(0, 70)), min_size=2, max_size=2))
@settings(max_examples=100)
def test_periodic_distance_is_that_to_the_nearest_image(points):
    first, second = np.array(points)
    distance = periodic_distances(first[None], second[None], (40.0, 70.0))[0, 0]
    assert distance == pytest.approx(nearest_image(first, second, (40.0, 70.0)), abs=1e-9)


def test_places_are_uniform():
    centers = np.concatenate([find_places((40.0, 60.0), [5.0], 1.0, np.random.default_rng(s)) for s in range(2000)])
    counts, *_ = np.histogram2d(*centers.T, bins=(4, 4), range=((0, 40), (0, 60)))
    chi_squared = ((counts - 125) ** 2 / 125).sum()
    assert chi_squared < 37.7  # 15 degrees of freedom, probability 0.001


def test_a_disc_as_wide_as_the_cell_keeps_the_gap_to_its_own_image():
    assert find_places((60.0, 80.0), [25.0], 10.0, np.random.default_rng(0)) is not None
    assert find_places((60.0, 80.0), [26.0], 10.0, np.random.default_rng(0)) is None


def test_discs_that_have_no_room_get_no_places():
    """Two discs of equal size fit into a square that repeats up to a diameter of side / sqrt(2)."""
    for diameter, fits in ((0.68, True), (0.72, False)):
        found = find_places((100.0, 100.0), [50 * diameter] * 2, 0.0, np.random.default_rng(0))
        assert (found is not None) is fits
    assert find_places((60.0, 60.0), [10.0] * 9, 5.0, np.random.default_rng(0)) is None
