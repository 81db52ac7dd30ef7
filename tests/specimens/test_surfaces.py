"""Rough films: heights with the spread and correlation asked for, density kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.configuration.model import ConfigurationError
from temshift.specimens import build_specimen
from temshift.specimens.carbon import amorphous_carbon, number_density
from temshift.specimens.surfaces import Roughness, Surface, rough_surface

CELL = (60.0, 50.0)


@given(
    seed=st.integers(0, 2**32),
    cell=st.tuples(st.floats(40, 120), st.floats(40, 120)),
    rms=st.floats(0.1, 4),
    correlation=st.floats(5, 20),
)
@settings(max_examples=25)
def test_heights_have_the_mean_and_the_rms_asked_for(seed, cell, rms, correlation):
    surface = rough_surface(cell, 30.0, Roughness(rms, correlation), np.random.default_rng(seed))
    assert surface.heights.mean() == pytest.approx(30.0, abs=1e-6)
    assert surface.heights.std() == pytest.approx(rms, rel=1e-6)


@pytest.mark.parametrize("correlation", [8.0, 16.0])
def test_the_autocorrelation_is_gaussian(correlation):
    cell = (400.0, 300.0)
    found, lags = [], np.array([0.5, 1.0, 1.5])
    generator = np.random.default_rng(1)
    for seed in range(4):
        surface = rough_surface(cell, 30.0, Roughness(2.0, correlation), np.random.default_rng(seed))
        points = generator.random((20000, 2)) * cell
        angle = generator.random(len(points)) * 2 * np.pi
        direction = np.column_stack([np.cos(angle), np.sin(angle)])
        here = surface.at(points) - 30.0
        there = [surface.at(np.mod(points + lag * correlation * direction, cell)) - 30.0 for lag in lags]
        found.append([(here * other).mean() / 4.0 for other in there])
    assert np.mean(found, axis=0) == pytest.approx(np.exp(-(lags**2)), abs=0.06)


def test_heights_are_linear_between_points_and_go_on_across_the_border():
    surface = Surface(np.array([[0.0, 1.0], [4.0, 5.0]]), (10.0, 20.0))  # x steps by 5, y by 10
    points = np.array([[0, 0], [5, 0], [0, 10], [2.5, 0], [2.5, 5], [7.5, 15], [9.99999, 0]])
    assert surface.at(points) == pytest.approx([0, 1, 4, 0.5, 2.5, 2.5, 0.0], abs=1e-4)


@given(seed=st.integers(0, 2**32), thickness=st.floats(15, 40), density=st.floats(1.2, 2.6))
@settings(max_examples=15)
def test_a_rough_film_keeps_density_and_stays_below_its_surface(seed, thickness, density):
    roughness = Roughness(2.5, 12.0)
    film = amorphous_carbon(CELL, thickness, density, 1.3, np.random.default_rng(seed), roughness)
    surface = rough_surface(CELL, thickness, roughness, np.random.default_rng(seed))
    assert (film[:, 2] < surface.at(film[:, :2])).all()
    whole = CELL[0] * CELL[1] * thickness * number_density(density)
    assert len(film) == pytest.approx(whole, abs=1)
    low = film[:, 2] < thickness - 10  # below every valley
    assert low.sum() == pytest.approx(whole * (thickness - 10) / thickness, rel=0.1)


def test_the_top_of_a_rough_film_follows_the_surface():
    roughness = Roughness(4.0, 20.0)
    film = amorphous_carbon(CELL, 40.0, 2.0, 1.4, np.random.default_rng(3), roughness)
    surface = rough_surface(CELL, 40.0, roughness, np.random.default_rng(3))
    tiles = (film[:, :2] // 5).astype(int)
    tops, expected = [], []
    for tile in np.unique(tiles, axis=0):
        inside = (tiles == tile).all(axis=1)
        tops.append(film[inside, 2].max())
        expected.append(surface.at((tile[None] + 0.5) * 5)[0])
    assert np.corrcoef(tops, expected)[0, 1] > 0.95


def test_a_flat_film_is_what_it_was_without_the_setting(recipe_with):
    flat = build_specimen(recipe_with(substrate={"roughness_rms_nm": 0}), 1, 0)
    assert np.array_equal(flat.positions, build_specimen(recipe_with(), 1, 0).positions)


def test_a_rough_specimen_is_drawn_from_its_recipe(recipe_with):
    settings = {"thickness_nm": 2.0, "roughness_rms_nm": 0.3, "roughness_correlation_nm": 1.0}
    rough, flat = (build_specimen(recipe_with(substrate=s), 1, 0) for s in (settings, {"thickness_nm": 2.0}))
    carbon = [atoms.positions[atoms.arrays["particle"] == -1] for atoms in (rough, flat)]
    assert len(carbon[0]) == pytest.approx(len(carbon[1]), abs=1)
    assert np.ptp(carbon[0][:, 2]) > np.ptp(carbon[1][:, 2]) + 3
    assert rough.info["substrate_thickness_angstrom"] == 20.0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"thickness_nm": 1.0, "roughness_rms_nm": 0.3}, "may open holes in a film of 1 nm; give at most 0.2"),
        (
            {"thickness_nm": 3.0, "roughness_rms_nm": 0.3, "roughness_correlation_nm": 1.5},
            "roughness_correlation_nm = 1.5 exceeds half of the cell's shorter side; give at most 1.4",
        ),
        ({"thickness_nm": 3.0, "roughness_rms_nm": -0.3}, "greater than or equal to 0"),
    ],
)
def test_roughness_that_cannot_be_is_refused(recipe_with, given, told):
    with pytest.raises(ConfigurationError, match=told):
        recipe_with(substrate=given)
