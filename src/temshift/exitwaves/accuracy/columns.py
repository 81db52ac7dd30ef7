"""Columns through the thickest places of a specimen, small enough to be simulated on many samplings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

RADIUS = 6.0  # of a column: some thirty rows of atoms of a metal [A]
SIDE = 16.0  # of the cell that it stands in, with vacuum around it [A]


@dataclass(frozen=True)
class Column:
    """Atoms around one line along the beam, in the middle of a cell of their own.

    Attributes
    ----------
    positions : ndarray (atoms, 3)
        x, y in a cell of sides `SIDE`, z from its entrance plane [A].
    numbers : ndarray (atoms,)
        Atomic numbers.
    height : float
        Distance from the entrance plane to the exit plane of the whole specimen [A].
    """

    positions: NDArray[np.float64]
    numbers: NDArray[np.int64]
    height: float


def columns_of(atoms: Atoms) -> list[Column]:
    """Cut a column out of each particle, around its middle; out of the substrate if there is no particle.

    Parameters
    ----------
    atoms : ase.Atoms
        A specimen, as `build_specimen` returns it.

    Returns
    -------
    list of Column
        One for each particle, without the substrate below it; none of a specimen without atoms.
    """
    belongs, particles = atoms.arrays["particle"], atoms.info["particles"]
    if not particles:
        return [_column(atoms, belongs < 0, atoms.cell.lengths()[:2] / 2)] if len(atoms) else []
    return [_column(atoms, belongs == number, _middle(particle)) for number, particle in enumerate(particles)]


def _middle(particle: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.array(particle["center_xy_angstrom"], dtype=float)


def _column(atoms: Atoms, chosen: NDArray[np.bool_], middle: NDArray[np.float64]) -> Column:
    """Cut the chosen atoms around a point (x, y) out of the periodic cell."""
    sides = atoms.cell.lengths()[:2]
    offsets = atoms.positions[chosen, :2] - middle
    offsets -= sides * np.round(offsets / sides)
    distances = np.hypot(*offsets.T)
    if distances.size and distances.min() >= RADIUS:  # of a hollow particle
        return _column(atoms, chosen, atoms.positions[chosen, :2][distances.argmin()])
    near = distances < RADIUS
    z = atoms.positions[chosen, 2][near]
    entrance = float(z.min()) if len(z) else 0.0
    positions = np.column_stack([offsets[near] + SIDE / 2, z - entrance])
    return Column(positions, atoms.numbers[chosen][near], float(atoms.cell.lengths()[2]) - entrance)
