"""Close-packed crystals as stacks of layers, in which planar faults keep every bond."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from temshift.specimens.crystals import Crystal, unit_cell

Family = Literal["fcc", "diamond", "zincblende", "wurtzite"]

_MATCH = 1e-3  # fractional coordinates nearer than this are alike
_CORNERS = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
_QUARTER = np.array([0.25, 0.25, 0.25])


@dataclass(frozen=True)
class Stack:
    """Layers along a normal, each shifted by a third of the layer's longer diagonal from the one below.

    Layer k holds a triangular lattice at height k d above `origin`, in place A, B or C (0, 1, 2); a basis of one
    atom, or of two atoms above one another, sits on each point. Bonds between neighbouring layers only ask that
    their letters differ, so that any sequence of letters keeps them.

    Attributes
    ----------
    family : str
        fcc, diamond, zincblende or wurtzite.
    origin : ndarray (3,)
        A point of layer 0 in place A, from the origin of the crystal [A].
    along : ndarray (2, 3)
        Lattice vectors within a layer [A].
    shift : ndarray (3,)
        From place A to place B [A].
    normal : ndarray (3,)
        Unit vector out of the layers.
    spacing : float
        Height d of a layer [A].
    numbers : ndarray (basis,)
        Atomic numbers of the basis.
    heights : ndarray (basis,)
        Heights of the basis above its point [A].
    """

    family: Family
    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    shift: NDArray[np.float64]
    normal: NDArray[np.float64]
    spacing: float
    numbers: NDArray[np.int64]
    heights: NDArray[np.float64]

    def steps(self, layers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Change of letter, +1 or -1, from each layer (layers,) to the next one in the perfect crystal."""
        return np.where(layers % 2 == 0, 1, -1) if self.family == "wurtzite" else np.ones_like(layers)

    def atoms(
        self, center: NDArray[np.float64], reach: float, turns: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Atoms of all layers around a point.

        Parameters
        ----------
        center : ndarray (3,)
            The point, from the origin of the crystal [A].
        reach : float
            All atoms within this distance of the point are given, and some beyond [A].
        turns : sequence of int
            Layers above which all steps turn their sign.

        Returns
        -------
        numbers : ndarray (atoms,)
            Atomic numbers.
        positions : ndarray (atoms, 3)
            x, y, z from `center` [A].
        """
        layers = self.layers(center, reach)
        letters = self._letters(layers, turns)
        starts = self.origin - center + np.outer(letters, self.shift) + np.outer(layers * self.spacing, self.normal)
        points = (starts[:, None] + self._points(starts, reach) @ self.along).reshape(-1, 3)
        points = points[np.einsum("ij,ij->i", points, points) <= (reach + self.heights.max()) ** 2]
        positions = points[:, None] + self.heights[:, None] * self.normal
        return np.tile(self.numbers, len(points)), positions.reshape(-1, 3)

    def layers(self, center: NDArray[np.float64], reach: float) -> NDArray[np.int64]:
        """Numbers of all layers with atoms within `reach` [A] of a point, in order."""
        height = float((center - self.origin) @ self.normal)
        low = math.ceil((height - reach - self.heights.max()) / self.spacing)
        return np.arange(low, math.floor((height + reach) / self.spacing) + 1)

    def _letters(self, layers: NDArray[np.int64], turns: Sequence[int]) -> NDArray[np.int64]:
        """Places 0, 1, 2 of consecutive layers; the lowest has that of the perfect crystal."""
        first = int(layers[0])
        start = first % 2 if self.family == "wurtzite" else first % 3
        below = (layers[:-1, None] >= np.asarray(turns, dtype=np.int64)).sum(axis=1)
        steps = self.steps(layers[:-1]) * np.where(below % 2 == 0, 1, -1)
        return (start + np.concatenate([[0], np.cumsum(steps)])) % 3

    def _points(self, starts: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
        """Whole coefficients (layers, points, 2) of the lattice points that may lie within reach of the axis."""
        middle = -np.round(starts @ np.linalg.pinv(self.along))
        count = math.ceil((reach + self.heights.max()) * np.linalg.norm(np.linalg.pinv(self.along), axis=0).max()) + 1
        window = np.arange(-count, count + 1)
        grid = np.stack(np.meshgrid(window, window, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.asarray(middle[:, None] + grid)


@lru_cache(maxsize=1024)
def stack_of(structure: Crystal) -> Stack | None:
    """Recognise fcc, diamond, zincblende and wurtzite by their atoms.

    Parameters
    ----------
    structure : Crystal
        In its conventional cell: cubic, or hexagonal with c along z.

    Returns
    -------
    Stack or None
        None of any other crystal. Cubic crystals are stacked along [111], wurtzite along [001].
    """
    cell = unit_cell(structure)
    a, b, c, *angles = cell.cell.cellpar()
    if np.allclose([b, c], a, rtol=1e-4) and np.allclose(angles, 90, atol=1e-2):
        return _cubic_stack(cell.get_scaled_positions(), cell.numbers, a)
    if np.isclose(a, b, rtol=1e-4) and np.allclose(angles, [90, 90, 120], atol=1e-2):
        return _wurtzite_stack(cell.get_scaled_positions(), cell.numbers, a, c)
    return None


def _cubic_stack(sites: NDArray[np.float64], numbers: NDArray[np.int64], a: float) -> Stack | None:
    first = sites[0]
    lower = first if len(sites) == 4 or _number_at(first + _QUARTER, sites, numbers) else first - _QUARTER
    basis = [lower] if len(sites) == 4 else [lower, lower + _QUARTER]
    occupants = [{_number_at(site + corner, sites, numbers) for corner in _CORNERS} for site in basis]
    if len(sites) != 4 * len(basis) or any(len(kinds) != 1 or 0 in kinds for kinds in occupants):
        return None
    kinds = np.array([kinds.pop() for kinds in occupants])
    return Stack(
        family="fcc" if len(basis) == 1 else "diamond" if kinds[0] == kinds[1] else "zincblende",
        origin=a * lower,
        along=a / 2 * np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]]),
        shift=a / 6 * np.array([-2.0, 1.0, 1.0]),  # (0, 1/2, 1/2), in the next layer, less its height
        normal=np.ones(3) / math.sqrt(3),
        spacing=a / math.sqrt(3),
        numbers=kinds,
        heights=a * math.sqrt(3) / 4 * np.arange(len(basis), dtype=np.float64),
    )


def _wurtzite_stack(sites: NDArray[np.float64], numbers: NDArray[np.int64], a: float, c: float) -> Stack | None:
    if len(sites) != 4 or np.unique(numbers, return_counts=True)[1].tolist() != [2, 2]:
        return None
    offsets = np.mod(sites - sites[0], 1.0)
    over = (np.abs(_folded(offsets[:, :2])).max(axis=1) < _MATCH) & (numbers != numbers[0])
    partner = int(over.argmax())
    lower, upper = (0, partner) if offsets[partner, 2] <= 0.5 else (partner, 0)
    bond = np.array([0.0, 0.0, np.mod(sites[upper, 2] - sites[lower, 2], 1.0)])
    steps = [np.array([third / 3, -third / 3, 0.5]) for third in (1, -1)]
    fits = [
        _number_at(sites[lower] + step, sites, numbers) == numbers[lower]
        and _number_at(sites[lower] + step + bond, sites, numbers) == numbers[upper]
        for step in steps
    ]
    if not over.any() or not any(fits):
        return None
    cell = np.array([[a, 0.0, 0.0], [-a / 2, a * math.sqrt(3) / 2, 0.0], [0.0, 0.0, c]])
    return Stack(
        family="wurtzite",
        origin=sites[lower] @ cell,
        along=cell[:2],
        shift=steps[fits.index(True)] @ (cell * [1, 1, 0]),
        normal=np.array([0.0, 0.0, 1.0]),
        spacing=c / 2,
        numbers=numbers[[lower, upper]],
        heights=bond[[0, 2]] * c,
    )


def _number_at(site: NDArray[np.float64], sites: NDArray[np.float64], numbers: NDArray[np.int64]) -> int:
    """Atomic number on a fractional site, 0 where it is empty."""
    near = np.abs(_folded(sites - site)).max(axis=1) < _MATCH
    return int(numbers[near.argmax()]) if near.any() else 0


def _folded(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(offset - np.round(offset))
