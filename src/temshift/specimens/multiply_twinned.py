"""Decahedra and icosahedra: five or twenty fcc tetrahedra around one axis or one point, slightly strained to fit."""

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import numpy as np
from ase.cluster import Decahedron, Icosahedron
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from temshift.core import InputError
from temshift.specimens.crystals import Crystal, unit_cell
from temshift.specimens.stacking import stack_of

# Six directions of bonds a tetrahedron. ASE gives those from the axis or the centre the length of the bulk and
# stretches the one (decahedron) or three (icosahedron) that go round; here the mean of the six is the bulk's.
_MEAN_BOND = {
    "decahedron": (5 + math.sqrt(3) * math.sin(math.pi / 5)) / 6,
    "icosahedron": (3 + 3 / math.sin(2 * math.pi / 5)) / 6,  # edge over radius of an icosahedron
}
_SMALL_DECAHEDRA = ((2, 1, 0), (2, 2, 0), (3, 1, 0), (3, 2, 0), (3, 3, 0))
_FIVEFOLD = np.array([0.0, 1.0, (1 + math.sqrt(5)) / 2])  # an axis of ASE's icosahedron
_UPRIGHT, _ = Rotation.align_vectors([[0.0, 0.0, 1.0]], [_FIVEFOLD / np.linalg.norm(_FIVEFOLD)])

_Decahedron = tuple[int, int, int]
_Size = TypeVar("_Size")


def require_fcc(structure: Crystal, shape: str) -> None:
    """Refuse a decahedron or an icosahedron of anything but an fcc element.

    Parameters
    ----------
    structure : Crystal
        The crystal.
    shape : str
        Name of the shape.

    Raises
    ------
    InputError
        If the crystal is not fcc.
    """
    stack = stack_of(structure)
    if stack is None or stack.family != "fcc":
        raise InputError(
            f"shape {shape!r} is made of fcc elements only, such as 'Cu' and 'Ag'; {structure.name} is none: use "
            "'sphere' or 'wulff', another crystal, or its conventional cell"
        )


def multiply_twinned(shape: str, structure: Crystal, radius: float) -> NDArray[np.float64]:
    """Build the closed-shell decahedron or icosahedron whose volume comes nearest to that of a sphere.

    Decahedra are those of Marks, with a re-entrance of one row and (100) facets that are square or one row longer than
    wide; below 75 atoms they have no re-entrance. A fivefold axis lies along z.

    Parameters
    ----------
    shape : "decahedron" or "icosahedron"
        The shape.
    structure : Crystal
        An fcc element.
    radius : float
        Radius of the sphere [A].

    Returns
    -------
    ndarray (atoms, 3)
        x, y, z from the centre [A]; the mean bond is that of the bulk.

    References
    ----------
    L. D. Marks, Philos. Mag. A 49, 81 (1984); A. L. Mackay, Acta Cryst. 15, 916 (1962)
    """
    cell = unit_cell(structure)
    atoms = 4 / 3 * math.pi * radius**3 / cell.get_volume() * len(cell)
    a = float(cell.cell.cellpar()[0]) / _MEAN_BOND[shape]
    if shape == "icosahedron":
        return a * _icosahedron(_nearest(_icosahedra(), atoms))
    return a * _decahedron(_nearest(_decahedra(), atoms))


@lru_cache(maxsize=64)
def _icosahedron(shells: int) -> NDArray[np.float64]:
    """Positions in lattice constants."""
    return np.asarray(_UPRIGHT.apply(Icosahedron("X", shells, latticeconstant=1.0).positions))


@lru_cache(maxsize=64)
def _decahedron(size: _Decahedron) -> NDArray[np.float64]:
    """Positions in lattice constants."""
    return np.asarray(Decahedron("X", *size, latticeconstant=1.0).positions)


def _nearest(sizes: Iterator[tuple[_Size, int]], atoms: float) -> _Size:
    """Parameters of the cluster whose cube root of the number of atoms comes nearest, from growing ones."""
    smaller, count = next(sizes)
    for larger, more in sizes:
        if more >= atoms:
            nearer = atoms ** (1 / 3) - count ** (1 / 3) < more ** (1 / 3) - atoms ** (1 / 3)
            return smaller if nearer else larger
        smaller, count = larger, more
    raise AssertionError("sizes end nowhere")


def _icosahedra() -> Iterator[tuple[int, int]]:
    """Number of shells, the central atom being one, and atoms of every icosahedron from 13 atoms on."""
    return ((n + 1, (10 * n**3 + 15 * n**2 + 11 * n + 3) // 3) for n in itertools.count(1))


def _decahedra() -> Iterator[tuple[_Decahedron, int]]:
    """p, q and r of ASE's decahedra, and atoms of each; the smallest have no row to spare at their corners."""
    marks = ((p, q, 1) for p in itertools.count(2) for q in (p, p + 1))
    return ((size, _decahedron_atoms(*size)) for size in itertools.chain(_SMALL_DECAHEDRA, marks))


def _decahedron_atoms(p: int, q: int, r: int) -> int:
    """Count atoms: on the axis, then five times those of ring n, in columns that get shorter outwards."""
    rings, height = p + 2 * r, p + q + 2 * r - 1
    columns = [sum(n - i < rings - r and i < rings - r for i in range(n)) for n in range(1, rings)]
    return height + 5 * sum(number * (height - n) for n, number in enumerate(columns, start=1))
