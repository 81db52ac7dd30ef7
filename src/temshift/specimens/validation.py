"""Whether atoms can be simulated: faults are named before anything is computed."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temshift.core.errors import InputError

HEAVIEST = 92  # the last element with scattering factors
SAME_SPOT = 0.3  # atoms nearer than this are one atom twice [A]


def require_sound(atoms: Atoms, name: str) -> None:
    """Refuse atoms that multislice would misread.

    Parameters
    ----------
    atoms : ase.Atoms
        In a cell that is periodic along x and y, the beam along +z.
    name : str
        What the error calls them.

    Raises
    ------
    InputError
        If the cell is not orthogonal, a position is not a number or outside the cell, an element is unknown, or two
        atoms share a spot.
    """
    sides = _sides(atoms, name)
    positions = np.asarray(atoms.positions)
    _require(np.all(np.isfinite(positions), axis=1), name, "have positions that are not numbers; mend the file")
    known = (atoms.numbers >= 1) & (atoms.numbers <= HEAVIEST)
    _require(known, name, f"are of an unknown element; elements 1 (H) to {HEAVIEST} (U) have scattering factors")
    within = (positions >= 0) & (positions <= sides)
    inside = np.all(within, axis=1) & np.all(positions[:, :2] < sides[:2], axis=1)
    _require(inside, name, "lie outside the cell; wrap them along x and y, and enlarge the cell along z")
    _require(_alone(positions, sides), name, f"lie within {SAME_SPOT} A of another atom; remove one of each two")


def _sides(atoms: Atoms, name: str) -> NDArray[np.float64]:
    cell = np.asarray(atoms.cell[:])
    sides = np.diag(cell).copy()
    if not np.isfinite(cell).all() or (sides <= 0).any():
        raise InputError(f"{name}: the cell has no volume; give three sides along x, y and z")
    if np.abs(cell - np.diag(sides)).max() > 1e-6 * sides.max():
        raise InputError(
            f"{name}: the cell is not orthogonal along x, y and z; cut an orthogonal cell (ase.build.make_supercell)"
        )
    return sides


def _alone(positions: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each atom (atoms,) is the only one on its spot; periodic along x and y."""
    apart = np.ones(len(positions), dtype=bool)
    if len(positions) > 1:
        box = [sides[0], sides[1], sides[2] + 2 * SAME_SPOT]  # room above, so that z does not wrap
        pairs = cKDTree(np.mod(positions, box), boxsize=box).query_pairs(SAME_SPOT, output_type="ndarray")
        apart[pairs.ravel()] = False
    return apart


def _require(fine: NDArray[np.bool_], name: str, fault: str) -> None:
    wrong = np.flatnonzero(~fine)
    if len(wrong):
        shown = ", ".join(map(str, wrong[:3])) + (" ..." if len(wrong) > 3 else "")
        raise InputError(f"{name}: {len(wrong)} of {len(fine)} atoms ({shown}) {fault}")
