"""Whether atoms can be simulated: faults are named before anything is computed."""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temshift.core import InputError

HEAVIEST = 92  # the last element with scattering factors
SAME_SPOT = 0.3  # atoms nearer than this are one atom twice [A]
LEAST_SIDE, GREATEST_SIDE = 0.5, 10_000.0  # of a cell along x and y [A]
LEAST_SHARE = 0.03  # of the volume of a cell in that of a right-angled one of the same lengths
GREATEST_PLACE = 1e6  # of a coordinate in a file [A]
LEAST_BOND = 0.6  # of the sum of two covalent radii: the shortest bond known, Cr-Cr, has 0.63, H2 1.2, C-C 0.79


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


def require_measurable(atoms: Atoms, name: str) -> None:
    """Refuse atoms and cells of a file that are not numbers, or absurd ones, before anything is computed of them.

    Parameters
    ----------
    atoms : ase.Atoms
        As the file has them.
    name : str
        What the error calls them.

    Raises
    ------
    InputError
        If a coordinate or the cell is not finite, or far beyond what a specimen may measure.
    """
    positions, cell = np.asarray(atoms.positions), np.asarray(atoms.cell[:])
    _require(np.all(np.isfinite(positions), axis=1), name, "have positions that are not numbers; mend the file")
    within = np.all(np.abs(positions) <= GREATEST_PLACE, axis=1)
    _require(within, name, f"have coordinates beyond {GREATEST_PLACE:g} A; mend the file")
    if not (np.abs(cell) <= GREATEST_SIDE).all():
        raise InputError(
            f"{name}: the cell has components of {_most(cell):g} A; mend the file, up to {GREATEST_SIDE:g} A "
            "are allowed"
        )


def require_apart(atoms: Atoms, name: str) -> None:
    """Refuse atoms that lie nearer to each other than any bond is short.

    Parameters
    ----------
    atoms : ase.Atoms
        In an orthogonal cell that is periodic along x and y.
    name : str
        What the error calls them.

    Raises
    ------
    InputError
        If two atoms lie within `LEAST_BOND` of the sum of their covalent radii.
    """
    if len(atoms) < 2:
        return
    radii = LEAST_BOND * covalent_radii[atoms.numbers]
    reach = 2 * float(radii.max())
    sides = np.diag(np.asarray(atoms.cell[:]))
    box = np.array([sides[0], sides[1], np.ptp(atoms.positions[:, 2]) + 2 * reach + 1])  # z does not wrap
    places = np.mod(atoms.positions - [0, 0, atoms.positions[:, 2].min()], box)
    pairs = cKDTree(places, boxsize=box).query_pairs(min(reach, min(sides[:2]) / 2), output_type="ndarray")
    apart = places[pairs[:, 0]] - places[pairs[:, 1]]
    distances = np.linalg.norm(apart - box * np.round(apart / box), axis=1)
    near = np.flatnonzero(distances < radii[pairs].sum(axis=1))
    if len(near):
        first, second = sorted(pairs[near[0]].tolist())
        raise InputError(
            f"{name}: atoms {first} ({atoms.symbols[first]}) and {second} ({atoms.symbols[second]}) are "
            f"{distances[near[0]]:.2f} A apart, nearer than any bond of theirs ({len(near)} such pairs); give whole "
            "atoms, each once"
        )


def _most(cell: NDArray[np.float64]) -> float:
    wrong = cell[~(np.abs(cell) <= GREATEST_SIDE)]
    return float(wrong[0])


def _sides(atoms: Atoms, name: str) -> NDArray[np.float64]:
    cell = np.asarray(atoms.cell[:])
    sides = np.diag(cell).copy()
    if not np.isfinite(cell).all() or (sides <= 0).any():
        raise InputError(f"{name}: the cell has no volume; give three sides along x, y and z")
    if min(sides[:2]) < LEAST_SIDE or max(sides[:2]) > GREATEST_SIDE:
        raise InputError(
            f"{name}: the cell has sides of {sides[0]:g} and {sides[1]:g} A along x and y; {LEAST_SIDE:g} to "
            f"{GREATEST_SIDE:g} A are allowed"
        )
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
