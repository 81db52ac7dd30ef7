"""Amorphous carbon by random sequential addition with a least distance between atoms."""

import math
from collections.abc import Callable

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temshift.core import InputError
from temshift.specimens.surfaces import Roughness, rough_surface

AVOGADRO = 6.02214076e23  # 1/mol, exact (SI 2019)
CARBON = atomic_numbers["C"]

# Random sequential addition of spheres jams at a packing fraction of about 0.38 (S. Torquato, O. U. Uche and
# F. H. Stillinger, Phys. Rev. E 74, 061308, 2006). Before that it slows down: an atom takes 4 attempts at
# 0.20, 27 at 0.30, 150 at 0.34 and 600 at 0.36 (measured), so the last part of the way is closed.
JAMMED_PACKING = 0.38
GREATEST_PACKING = 0.34

_FIRST_ATTEMPTS = 2.0  # candidates an atom in the first round: enough at common densities
_MOST_ATTEMPTS = 3000  # candidates an atom in all
_LARGEST_ROUND = 4.0  # candidates an atom in a later round
_SMALLEST_ROUND = 64
_LEAST_RATE = 1e-3

Positions = NDArray[np.float64]
Region = Callable[[Positions], NDArray[np.bool_]]


def number_density(density: float) -> float:
    """Convert a mass density of carbon to atoms per volume.

    Parameters
    ----------
    density : float
        Mass density [g/cm^3].

    Returns
    -------
    float
        Number density [1/A^3].

    Examples
    --------
    >>> round(number_density(2.0), 4)
    0.1003
    """
    return density * AVOGADRO / float(atomic_masses[CARBON]) * 1e-24


def packing_fraction(density: float, minimum_distance: float) -> float:
    """Share of the volume within spheres of diameter `minimum_distance` around the atoms, pi/6 n d^3.

    Parameters
    ----------
    density : float
        Mass density of carbon [g/cm^3].
    minimum_distance : float
        Least distance d between two atoms [A].

    Returns
    -------
    float

    Examples
    --------
    >>> round(packing_fraction(2.0, 1.4), 3)
    0.144
    """
    return math.pi / 6 * number_density(density) * minimum_distance**3


def require_reachable(density: float, minimum_distance: float) -> None:
    """Refuse carbon that random sequential addition cannot make.

    Parameters
    ----------
    density : float
        Mass density [g/cm^3].
    minimum_distance : float
        Least distance between two atoms [A].

    Raises
    ------
    InputError
        If the packing fraction exceeds `GREATEST_PACKING`.
    """
    packing = packing_fraction(density, minimum_distance)
    if packing > GREATEST_PACKING:
        excess = packing / GREATEST_PACKING
        raise InputError(
            f"carbon of {density:g} g/cm3 with {minimum_distance:g} A between atoms fills {packing:.2f} of "
            f"space; random addition jams near {JAMMED_PACKING} and is offered up to {GREATEST_PACKING}; "
            f"give a density of at most {_floor(density / excess)} g/cm3 or a distance of at most "
            f"{_floor(minimum_distance / excess ** (1 / 3))} A"
        )


def amorphous_carbon(
    cell: tuple[float, float],
    thickness: float,
    density: float,
    minimum_distance: float,
    generator: np.random.Generator,
    roughness: Roughness | None = None,
) -> Positions:
    """Place carbon atoms one after another at random, none nearer to another than a least distance.

    Parameters
    ----------
    cell : tuple of float
        Sides along (x, y) [A]; periodic.
    thickness : float
        Height of the slab [A], the mean one of a rough slab; not periodic.
    density : float
        Mass density [g/cm^3]; the number of atoms is the nearest whole one.
    minimum_distance : float
        Least distance between two atoms [A], periodic in x and y.
    generator : numpy.random.Generator
        Source of the positions.
    roughness : Roughness, optional
        Of the upper surface; flat if none is given.

    Returns
    -------
    ndarray (atoms, 3)
        x, y, z [A], 0 <= z < height of the surface there.

    Raises
    ------
    InputError
        If the density cannot be reached with that distance.

    Examples
    --------
    >>> amorphous_carbon((20.0, 20.0), 10.0, 2.0, 1.4, np.random.default_rng(0)).shape
    (401, 3)
    """
    require_reachable(density, minimum_distance)
    area = cell[0] * cell[1]
    if roughness is None:
        box, count = np.array([*cell, thickness]), round(area * thickness * number_density(density))
        return add_sequentially(box, count, minimum_distance, generator)
    surface = rough_surface(cell, thickness, roughness, generator)
    box = np.array([*cell, surface.heights.max()])
    count = round(area * float(surface.heights.mean()) * number_density(density))
    return add_sequentially(
        box, count, minimum_distance, generator, lambda points: points[:, 2] < surface.at(points[:, :2])
    )


def add_sequentially(
    box: NDArray[np.float64],
    count: int,
    minimum_distance: float,
    generator: np.random.Generator,
    region: Region | None = None,
) -> Positions:
    """Random sequential addition: candidates come one by one and stay unless too near an earlier one.

    The outcome is that of a plain loop over ``generator.random(3) * box``; how many candidates are judged
    at once does not matter.

    Parameters
    ----------
    box : ndarray (3,)
        Sides [A]; x and y periodic, z not.
    count : int
        Points to place.
    minimum_distance : float
        Least distance between two points [A], at most half of a periodic side.
    generator : numpy.random.Generator
        Source of the candidates.
    region : callable, optional
        Returns for points (points, 3) [A] whether each (points,) may stay; the whole box if none is given.

    Returns
    -------
    ndarray (count, 3)
        Positions [A] in the order of their placing.

    Raises
    ------
    InputError
        If the box jams first.
    """
    placed = np.empty((0, 3))
    attempts, batch = 0, _batch(count * _FIRST_ATTEMPTS, count)
    while len(placed) < count:
        if attempts > _MOST_ATTEMPTS * count:
            raise InputError(
                f"only {len(placed)} of {count} atoms found room in {_sides(box)} A with "
                f"{minimum_distance:g} A between them; lower the density or the least distance"
            )
        candidates = generator.random((batch, 3)) * box
        inside = candidates if region is None else candidates[region(candidates)]
        new = _accepted(placed, inside, box, minimum_distance)
        placed = np.concatenate([placed, new])[:count]
        attempts += batch
        batch = _batch((count - len(placed)) / max(len(new) / batch, _LEAST_RATE), count)
    return placed


def _batch(attempts: float, count: int) -> int:
    return math.ceil(min(max(attempts, _SMALLEST_ROUND), max(_LARGEST_ROUND * count, _SMALLEST_ROUND)))


def _accepted(placed: Positions, candidates: Positions, box: NDArray[np.float64], distance: float) -> Positions:
    if len(placed):
        nearest, _ = _tree(placed, box).query(candidates, distance_upper_bound=distance)
        candidates = candidates[np.isinf(nearest)]
    pairs = _tree(candidates, box).query_pairs(distance, output_type="ndarray")
    return candidates[_first_come(len(candidates), pairs)]


def _tree(points: Positions, box: NDArray[np.float64]) -> cKDTree:
    period = np.array([box[0], box[1], 0.0])  # 0: not periodic
    return cKDTree(points, boxsize=period, balanced_tree=False, compact_nodes=False)


def _first_come(count: int, pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which candidates stay, in order: one that conflicts with an earlier one that stays does not."""
    earlier, later = pairs.min(axis=1), pairs.max(axis=1)
    kept, undecided = np.zeros(count, dtype=bool), np.ones(count, dtype=bool)
    while undecided.any():
        waiting = np.zeros(count, dtype=bool)
        waiting[later] = True
        new = undecided & ~waiting
        kept |= new
        undecided &= ~new
        undecided[later[new[earlier]]] = False
        unsettled = undecided[earlier] & undecided[later]
        earlier, later = earlier[unsettled], later[unsettled]
    return kept


def _floor(value: float) -> float:
    return math.floor(value * 100) / 100


def _sides(box: NDArray[np.float64]) -> str:
    return " x ".join(f"{side:g}" for side in box)
