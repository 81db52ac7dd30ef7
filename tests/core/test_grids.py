"""Grids and radial averages against hand-made truths."""

import numpy as np
import pytest

from temshift.core.grids import Grid, radial_average


def test_frequencies_follow_the_axes() -> None:
    grid = Grid((4, 8), (0.5, 0.25))
    qy, qx = grid.frequencies()
    assert qy[1, 0] == pytest.approx(1 / 2.0)
    assert qx[0, 1] == pytest.approx(1 / 2.0)
    assert grid.nyquist == 1.0
    assert grid.pixel_area == 0.125


def test_covering_takes_the_nearest_whole_number_of_pixels() -> None:
    grid = Grid.covering((10.0, 20.1), 0.3)
    assert grid.shape == (33, 67)
    assert grid.extent == pytest.approx((10.0, 20.1))


def test_covering_refuses_a_sampling_that_leaves_no_image() -> None:
    with pytest.raises(ValueError, match="finer sampling"):
        Grid.covering((10.0, 10.0), 8.0)


def test_radial_average_of_a_radial_function_is_the_function() -> None:
    grid = Grid((64, 64), (0.5, 0.5))
    q = np.hypot(*grid.frequencies())
    edges = (np.arange(20) + 0.5) * grid.frequency_step
    averaged = radial_average(np.stack([q, 2 * q]), grid, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    assert np.allclose(averaged[0], middles, atol=0.25 * grid.frequency_step)
    assert np.allclose(averaged[1], 2 * averaged[0])


def test_an_empty_ring_is_missing_and_not_zero() -> None:
    grid = Grid((8, 8), (1.0, 1.0))
    averaged = radial_average(np.ones(grid.shape), grid, np.array([0.01, 0.02, 1.0]))
    assert np.isnan(averaged[0])
    assert averaged[1] == 1.0
