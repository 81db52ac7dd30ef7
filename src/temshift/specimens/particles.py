"""Spherical particles cut from randomly turned crystals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from temshift.specimens.crystals import unit_cell


@dataclass(frozen=True)
class Particle:
    """A particle around its centre.

    Attributes
    ----------
    numbers : ndarray (atoms,)
        Atomic numbers.
    positions : ndarray (atoms, 3)
        x, y, z from the centre of the sphere [A].
    radius : float
        Radius of the sphere [A].
    rotation : scipy.spatial.transform.Rotation
        Turns directions of the crystal into directions of the specimen.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    radius: float
    rotation: Rotation


def spherical_particle(crystal: str, radius: float, generator: np.random.Generator) -> Particle:
    """Cut a sphere from a crystal in uniformly random orientation.

    The centre lies uniformly at random within the unit cell, so particles of one radius differ.

    Parameters
    ----------
    crystal : str
        Name of the crystal.
    radius : float
        Radius of the sphere [A], > 0.
    generator : numpy.random.Generator
        Source of the orientation and the centre.

    Returns
    -------
    Particle
        All atoms whose centres lie within the radius.

    Raises
    ------
    InputError
        Where the crystal is not known.

    Examples
    --------
    >>> particle = spherical_particle("CdSe", 12.0, np.random.default_rng(0))
    >>> bool(np.linalg.norm(particle.positions, axis=1).max() <= 12.0)
    True
    """
    rotation = Rotation.random(None, generator)
    numbers, positions = _sphere(crystal, radius, generator.random(3))
    return Particle(numbers, rotation.apply(positions), radius, rotation)


def _sphere(crystal: str, radius: float, center: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms within `radius` [A] of a fractional `center`; positions (atoms, 3) [A] from there."""
    cell = unit_cell(crystal)
    lattice = np.asarray(cell.cell)
    points = _lattice_points(lattice, radius, center)
    positions = ((points - center) @ lattice)[:, None] + cell.positions
    positions = positions.reshape(-1, 3)
    inside = np.einsum("ij,ij->i", positions, positions) <= radius**2
    return np.tile(cell.numbers, len(points))[inside], positions[inside]


def _lattice_points(lattice: NDArray[np.float64], radius: float, center: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole lattice points (points, 3) of every cell that a sphere may reach into."""
    reach = radius * np.linalg.norm(np.linalg.inv(lattice), axis=0)  # in spacings of the lattice planes
    low, high = np.floor(center - reach), np.floor(center + reach)
    axes = [np.arange(first, last + 1) for first, last in zip(low - 1, high + 1, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
