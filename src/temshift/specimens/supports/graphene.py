"""Graphene in a rectangular cell that repeats: the orientation is drawn, and the lattice strained a little to fit."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

# Of graphite at room temperature: P. Trucano and R. Chen, Nature 258, 136 (1975), a = 2.464 A, c = 6.711 A for two
# layers; the paper was not at hand.
LATTICE, SPACING = 2.464, 3.3555  # [A]
SIXFOLD = 60.0  # degrees after which a layer looks the same
SLIGHT_STRAIN, GREATEST_STRAIN = 0.02, 0.03  # that any orientation may have; that is allowed if none has less
_TRIALS = 1000  # orientations drawn to find one that fits

Stacking: TypeAlias = Literal["bernal", "twisted"]
_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]

_VECTORS = LATTICE * np.array([[1.0, 0.5], [0.0, np.sqrt(0.75)]])  # columns
_CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
_THIRD = np.array([1 / 3, 1 / 3])  # from one atom of the cell to the other, and between layers of graphite


@dataclass(frozen=True)
class Fits:
    """Orientations of a lattice, each strained so that it repeats with a cell.

    Attributes
    ----------
    counts : ndarray (n, 2, 2)
        Whole coefficients, as columns, of the cell's sides in lattice vectors.
    angles : ndarray (n,)
        From x to a lattice vector, after straining [degree].
    strains : ndarray (n,)
        Greatest relative change of any length.
    """

    counts: _Ints
    angles: _Floats
    strains: _Floats


def fitted(cell: tuple[float, float], angles: _Floats) -> Fits:
    """Strain a honeycomb lattice to a cell, for each of some orientations.

    Parameters
    ----------
    cell : tuple of float
        Sides along (x, y) [A].
    angles : ndarray (n,)
        From x to a lattice vector [degree].

    Returns
    -------
    Fits

    Examples
    --------
    >>> fits = fitted((2.464 * 10, 2.464 * 3**0.5 * 6), np.array([0.0]))
    >>> bool(fits.strains[0] < 1e-12), int(np.linalg.det(fits.counts[0]).round())
    (True, 120)
    """
    turned = _rotations(angles) @ _VECTORS
    sides = np.diag(cell)
    exact = np.linalg.solve(turned, np.broadcast_to(sides, turned.shape))  # (n, 2, 2), a column a side
    near = np.floor(exact)[:, None] + _CORNERS[:, :, None]  # (n, corner, 2, 2)
    misses = np.linalg.norm(turned[:, None] @ near - sides, axis=2)  # (n, corner, side)
    chosen = misses.argmin(axis=1)[:, None, None]
    counts = np.take_along_axis(near, chosen, axis=1)[:, 0]
    singular = np.abs(np.linalg.det(counts)) < 0.5
    counts[singular] = np.eye(2)
    strain = sides @ np.linalg.inv(turned @ counts)
    first = (strain @ turned)[:, :, 0]
    changes = np.abs(np.linalg.svd(strain, compute_uv=False) - 1).max(axis=1)
    return Fits(
        np.round(counts).astype(np.int64),
        np.mod(np.degrees(np.arctan2(first[:, 1], first[:, 0])), SIXFOLD),
        np.where(singular, np.inf, changes),
    )


def least_strain(cell: tuple[float, float], angles: tuple[float, float]) -> float:
    """Return the least strain with which graphene fits a cell in a range of orientations [degree]."""
    return float(fitted(cell, np.linspace(*angles, _TRIALS)).strains.min())


def graphene(
    cell: tuple[float, float],
    layers: int,
    angles: tuple[float, float],
    stacking: Stacking,
    generator: np.random.Generator,
) -> tuple[_Floats, list[float], float]:
    """Make layers of graphene that repeat along x and y.

    Of a thousand orientations drawn the first that fits with a strain of `SLIGHT_STRAIN` is taken, or else the one
    that fits best.

    Parameters
    ----------
    cell : tuple of float
        Sides along (x, y) [A].
    layers : int
        How many, each `SPACING` above the last.
    angles : tuple of float
        Range of orientations [degree].
    stacking : {"bernal", "twisted"}
        All layers alike, every other one shifted by a bond as in graphite; or each with an orientation of its own.
    generator : numpy.random.Generator
        Source of orientations and places.

    Returns
    -------
    positions : ndarray (atoms, 3)
        x, y in the cell, z from the lowest layer [A].
    angles : list of float
        Of each layer, after straining [degree].
    strain : float
        The greatest of any layer.
    """
    sheets: list[_Floats] = []
    turns: list[float] = []
    strains: list[float] = []
    for layer in range(layers):
        if layer == 0 or stacking == "twisted":
            counts, angle, strain = _drawn(cell, angles, generator)
            origin = generator.random(2)
        shift = _THIRD * (layer % 2) if stacking == "bernal" else 0.0
        flat = np.mod(_sheet(counts, shift) + origin, 1.0) * cell
        sheets.append(np.column_stack([flat, np.full(len(flat), layer * SPACING)]))
        turns.append(angle)
        strains.append(strain)
    return np.concatenate(sheets), turns, max(strains)


def _drawn(
    cell: tuple[float, float], angles: tuple[float, float], generator: np.random.Generator
) -> tuple[_Ints, float, float]:
    """Whole coefficients, angle [degree] and strain of an orientation that fits."""
    fits = fitted(cell, generator.uniform(*angles, _TRIALS))
    slight = fits.strains <= SLIGHT_STRAIN
    chosen = int(slight.argmax() if slight.any() else fits.strains.argmin())
    return fits.counts[chosen], float(fits.angles[chosen]), float(fits.strains[chosen])


def _sheet(counts: _Ints, shift: _Floats | float) -> _Floats:
    """Atoms (n, 2) of a layer as shares of the cell's sides; both atoms of each lattice point."""
    determinant = int(counts[0, 0] * counts[1, 1] - counts[0, 1] * counts[1, 0])
    adjugate = np.array([[counts[1, 1], -counts[0, 1]], [-counts[1, 0], counts[0, 0]]])
    reach = np.abs(counts).sum(axis=1)
    axes = [np.arange(-most, most + 1) for most in reach]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    shares = points @ adjugate.T * np.sign(determinant)  # whole, from 0 to below the determinant within the cell
    inside = points[((shares >= 0) & (shares < abs(determinant))).all(axis=1)]
    both = np.concatenate([inside + shift, inside + _THIRD + shift])
    return np.asarray(both @ adjugate.T / determinant)


def _rotations(angles: _Floats) -> _Floats:
    """Matrices (n, 2, 2) of rotations from x towards y by some angles [degree]."""
    cosine, sine = np.cos(np.radians(angles)), np.sin(np.radians(angles))
    return np.moveaxis(np.array([[cosine, -sine], [sine, cosine]]), -1, 0)
