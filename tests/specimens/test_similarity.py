"""Similarity of crystals: peaks of known lattices, angles of known shells, and crystals that share a lattice."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from temshift.specimens import CRYSTALS, angle_distribution, lattice_similarity, pair_structure_factor, unit_cell
from temshift.specimens.similarity import REACH

COSINES = np.linspace(-1, 1, 41)


def test_two_atoms_scatter_as_debye_says() -> None:
    distance, numbers = 3.0, np.array([6.0, 14.0])
    pair = Atoms(numbers=numbers.astype(int), positions=[[0, 0, 0], [distance, 0, 0]], cell=[60] * 3, pbc=True)
    q = np.linspace(0.1, 1.5, 30)
    window = np.sin(np.pi * distance / REACH) / (np.pi * distance / REACH)
    phase = 2 * np.pi * q * distance
    expected = 1 + 2 * numbers.prod() / np.sum(numbers**2) * np.sin(phase) / phase * window
    np.testing.assert_allclose(pair_structure_factor(pair, q), expected, rtol=1e-9)


@pytest.mark.parametrize(("name", "side", "order"), [("Ag", 4.0853, 3), ("Fe", 2.8665, 2), ("Si", 5.431, 8)])
def test_the_strongest_peak_is_at_a_reflection(name: str, side: float, order: int) -> None:
    q = np.linspace(0.15, 1.0, 1701)
    factor = pair_structure_factor(bulk(name, a=side), q)
    near = np.abs(q - np.sqrt(order) / side) < 0.03
    assert q[near][factor[near].argmax()] == pytest.approx(np.sqrt(order) / side, abs=0.01)
    assert factor[near].max() > 2 * np.median(factor)


@pytest.mark.parametrize(
    ("crystal", "angles"),
    [
        (bulk("Ag"), {0.5: 24, 0.0: 12, -0.5: 24, -1.0: 6}),  # of the 66 pairs of 12 neighbours
        (bulk("Si"), {-1 / 3: 6}),
    ],
)
def test_angles_of_first_neighbours(crystal: Atoms, angles: dict[float, int]) -> None:
    measured = angle_distribution(crystal)
    assert measured.sum() == pytest.approx(1)
    spread = sum(count * np.exp(-((COSINES - cosine) ** 2) / (2 * 0.08**2)) for cosine, count in angles.items())
    np.testing.assert_allclose(measured, spread / spread.sum(), atol=1e-6)


def test_crystals_of_one_lattice_are_alike() -> None:
    cells = {name: unit_cell(name) for name in CRYSTALS}
    same, other = lattice_similarity(cells["Ag"], cells["Au"]), lattice_similarity(cells["Ag"], cells["CdSe"])
    assert same[0] > 0.99 > 0.5 > other[0] and same[1] > 0.99 > 0.5 > other[1]
    assert lattice_similarity(cells["CdSe"], cells["CdSe"]) == pytest.approx((1.0, 1.0))
    assert lattice_similarity(cells["Ag"], cells["Fe"]) == pytest.approx(lattice_similarity(cells["Fe"], cells["Ag"]))
