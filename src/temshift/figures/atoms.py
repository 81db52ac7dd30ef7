"""Atoms as shaded balls in a picture, the nearest in front."""

import math
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from numpy.typing import NDArray

PIXELS_ACROSS = 560
SUBSTRATE_PALENESS = 0.78  # share of white in the colour of substrate atoms
_BALL = 0.9  # radius of a ball in covalent radii
_RIM = 0.55  # brightness at the rim of a ball

Colours = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """One projection of a specimen.

    Attributes
    ----------
    picture : ndarray (row, column, 3)
        RGB from 0 to 1 on white; row 0 holds the least second coordinate.
    extent : tuple of float
        Width and height [A].
    """

    picture: Colours
    extent: tuple[float, float]


def colours_of(atoms: Atoms) -> Colours:
    """Colours (atoms, 3) of the elements as in Jmol, pale on the substrate."""
    colours: Colours = jmol_colors[atoms.numbers].astype(np.float64)
    pale = (atoms.arrays["particle"] < 0)[:, None]
    return np.where(pale, colours + (1 - colours) * SUBSTRATE_PALENESS, colours)


def along_beam(atoms: Atoms) -> View:
    """Draw a specimen along the beam: x to the right, y downwards as in micrographs, particles over the substrate.

    Parameters
    ----------
    atoms : ase.Atoms
        With ``arrays["particle"]``, periodic along x and y.

    Returns
    -------
    View
    """
    depth = atoms.positions[:, 2] + (atoms.arrays["particle"] >= 0) * atoms.cell[2, 2]
    return _drawn(atoms, (0, 1), depth)


def from_the_side(atoms: Atoms) -> View:
    """Draw a specimen from the side: x to the right, z from the entrance (row 0) to the exit.

    Parameters
    ----------
    atoms : ase.Atoms
        With ``arrays["particle"]``, periodic along x and y.

    Returns
    -------
    View
    """
    return _drawn(atoms, (0, 2), -atoms.positions[:, 1])


def _drawn(atoms: Atoms, axes: tuple[int, int], depth: NDArray[np.float64]) -> View:
    """Draw atoms in the plane of two axes; those of the greatest depth come in front."""
    sides = float(atoms.cell[axes[0], axes[0]]), float(atoms.cell[axes[1], axes[1]])
    scale = PIXELS_ACROSS / max(sides)  # pixels an angstrom
    shape = max(1, round(sides[1] * scale)), max(1, round(sides[0] * scale))
    order = np.argsort(depth, kind="stable")
    code, shades = _foremost(atoms[order], axes, scale, shape)
    shown = code >= 0
    picture = np.ones((*shape, 3))
    atom, pixel = np.divmod(code[shown], len(shades))
    picture[shown] = colours_of(atoms)[order][atom] * shades[pixel, None]
    return View(picture, sides)


def _foremost(
    atoms: Atoms, axes: tuple[int, int], scale: float, shape: tuple[int, int]
) -> tuple[NDArray[np.int64], Colours]:
    """Which atom and which part of its ball each pixel shows, as atom * shades + shade, -1 where none; the shades."""
    radii = np.maximum(covalent_radii[atoms.numbers] * _BALL * scale, 1.0)
    places = np.floor(atoms.positions[:, list(axes)] * scale).astype(np.int64)
    steps, distances = _disc(float(radii.max(initial=1.0)))
    code = np.full(shape[0] * shape[1], -1, dtype=np.int64)
    levels = 64
    for (right, down), distance in zip(steps, distances, strict=True):
        ball = np.flatnonzero(radii >= distance)
        column, row = (places[ball, 0] + right) % shape[1], places[ball, 1] + down
        row = row % shape[0] if axes[1] == 1 else row
        inside = (row >= 0) & (row < shape[0])
        shade = ((distance / radii[ball[inside]]) * (levels - 1)).astype(np.int64)
        np.maximum.at(code, row[inside] * shape[1] + column[inside], ball[inside] * levels + shade)
    height = np.sqrt(1 - np.linspace(0, 1, levels) ** 2)
    return code.reshape(shape), _RIM + (1 - _RIM) * height


def _disc(radius: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps (n, 2) from a pixel to those within a radius, and their distances (n,)."""
    reach = math.floor(radius)
    axis = np.arange(-reach, reach + 1)
    steps = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    distances = np.hypot(*steps.T)
    return steps[distances <= radius], distances[distances <= radius]
