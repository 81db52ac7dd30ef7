"""g(r) and S(q) against what is known: an ideal gas, a lattice, and each from the other."""

import math

import numpy as np
import pytest

from temshift.core.errors import InputError
from temshift.specimens.carbon import amorphous_carbon, number_density
from temshift.specimens.structure import pair_distribution, structure_factor

CELL = (50.0, 50.0)


def test_points_without_order_have_g_and_s_of_one():
    points = np.random.default_rng(0).random((12000, 3)) * [*CELL, 50.0]
    _, g = pair_distribution(points, CELL, 6.0, 0.5)
    _, s = structure_factor(points, CELL, 1.0, 0.1)
    assert g[2:] == pytest.approx(1.0, abs=0.05)
    assert s == pytest.approx(1.0, abs=0.25)
    assert s.mean() == pytest.approx(1.0, abs=0.06)


def test_a_cubic_lattice_has_its_shells_and_its_reflections():
    spacing, sides = 3.03, (30.3, 30.3)
    axes = [np.arange(10) * spacing + 0.1] * 3
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    r, g = pair_distribution(points, sides, 5.0, 0.1)
    first, second = (np.abs(r - distance).argmin() for distance in (spacing, spacing * math.sqrt(2)))
    neighbours = g * ((r + 0.05) ** 3 - (r - 0.05) ** 3)
    assert set(np.flatnonzero(g > 0)) == {first, second}
    assert neighbours[second] / neighbours[first] == pytest.approx(12 / 6)
    q, s = structure_factor(points, sides, 0.4, 1e-4)
    reflection = np.abs(q - 1 / spacing) < 1e-3
    assert s[reflection] == pytest.approx(1000 * 4 / 12)  # (6, 8) / 30.3 lies on the same ring as (10, 0)
    assert s[~reflection] == pytest.approx(0.0, abs=1e-9)


def test_carbon_starts_where_bonds_are_and_both_measures_agree():
    films = [amorphous_carbon(CELL, 50.0, 2.0, 1.4, np.random.default_rng(seed)) for seed in range(2)]
    r, g = np.mean([pair_distribution(film, CELL, 8.0, 0.1) for film in films], axis=0)
    assert (g[r < 1.4] == 0).all()
    assert 1.4 <= r[g.argmax()] <= 1.5
    assert g.max() > 1.2
    q, s = np.mean([structure_factor(film, CELL, 1.0, 0.1) for film in films], axis=0)
    kernel = np.sinc(2 * q[:, None] * r)  # S = 1 + 4 pi n int (g - 1) r^2 sinc(2 q r) dr
    expected = 1 + 4 * math.pi * number_density(2.0) * (kernel * (g - 1) * r**2).sum(axis=1) * 0.1
    assert s[1:] == pytest.approx(expected[1:], abs=0.12)  # near q = 0 the integral magnifies the noise of g
    assert s[0] < 0.45


def test_a_film_too_small_is_told():
    points = np.random.default_rng(0).random((50, 3)) * [20.0, 20.0, 8.0]
    with pytest.raises(InputError, match=r"20 x 20 x 7\.\d+ A is too small to measure g\(r\) up to 6 A; give at most"):
        pair_distribution(points, (20.0, 20.0), 6.0, 0.1)
