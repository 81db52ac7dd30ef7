import numpy as np
import pytest

from temshift.information.observers.overlaps import STEP, overlaps
from temshift.information.transfer.window_spectra import WINDOW, hann_window

RADII = np.array([3.0, 9.0, 30.0])


def test_discs_cover_nothing_far_away_and_everything_where_they_are_large():
    table = overlaps(RADII).table
    assert table[2, 0] == pytest.approx(1)
    assert (table[:, -1] == 0).all()
    assert (np.diff(table, axis=1) <= 1e-12).all()
    assert (np.diff(table, axis=0) >= -1e-12).all()


def test_overlaps_are_those_of_a_fine_sum():
    size = 256
    side = (np.arange(size) + 0.5) * WINDOW / size - WINDOW / 2
    weight = hann_window(size) ** 2 / size**2
    found = overlaps(RADII)
    for disc, radius in enumerate(RADII):
        for distance in (0.0, 4.3, 10.1):
            angles = np.arange(8) * np.pi / 16
            exact = np.mean(
                [
                    weight[np.hypot(side[:, None] + distance * np.sin(a), side + distance * np.cos(a)) <= radius].sum()
                    for a in angles
                ]
            )
            assert found.at(np.array(disc), np.array(distance)) == pytest.approx(exact, abs=0.01)


def test_images_that_are_not_displaced_interfere_wherever_they_are():
    found, places = overlaps(RADII), np.array([2.0 + 1j, 8j, 25.0])
    seen = found.views(np.random.default_rng(0), np.arange(3), places, np.zeros((3, 32, 5), complex))
    expected = found.at(np.arange(3), np.abs(places))[:, None] * np.ones(5)
    np.testing.assert_allclose(seen.either, expected)
    np.testing.assert_allclose(seen.both, expected)


def test_images_displaced_by_more_than_the_disc_do_not_interfere():
    direction = np.exp(2j * np.pi * np.arange(32) / 32)
    displaced = np.tile((40 * direction)[None, :, None], (1, 1, 2))
    found = overlaps(np.array([9.0]))
    seen = found.views(np.random.default_rng(0), np.array([0]), np.array([0j]), displaced)
    assert seen.both.max() == 0
    assert seen.either.max() == 0
    beside = found.views(np.random.default_rng(0), np.array([0]), np.array([-40.0 + 0j]), displaced)
    assert beside.either.max() > 0.05
    assert beside.both.max() == 0


def test_a_shift_that_all_frequencies_share_moves_the_disc_as_a_whole():
    found, shift = overlaps(np.array([9.0])), 5 + 2j
    seen = found.views(np.random.default_rng(3), np.array([0]), np.array([0j]), np.full((1, 32, 2), shift))
    np.testing.assert_allclose(seen.both, seen.either)
    np.testing.assert_allclose(seen.either, found.at(np.array(0), np.array(abs(shift))))
    assert abs(shift) > STEP
