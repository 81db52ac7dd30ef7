"""Pair distribution g(r) and structure factor S(q) of a film that repeats along x and y."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temshift.core import InputError

Array = NDArray[np.float64]


def pair_distribution(positions: Array, cell: tuple[float, float], reach: float, step: float) -> tuple[Array, Array]:
    """Measure g(r): atoms at distance r from an atom, relative to as many without any order.

    Atoms nearer than `reach` to the lowest or highest one count as neighbours only, so no surface enters.

    Parameters
    ----------
    positions : ndarray (atoms, 3)
        x, y, z [A].
    cell : tuple of float
        Sides along (x, y) [A], at least twice the reach.
    reach, step : float
        Greatest distance and width of a bin [A].

    Returns
    -------
    r, g : ndarray (bins,)
        Middles of the bins [A] and g.

    Raises
    ------
    InputError
        If the film is too small for that reach.
    """
    heights = positions[:, 2]
    low, high = float(heights.min()) + reach, float(heights.max()) - reach
    if low >= high or 2 * reach > min(cell):
        raise InputError(
            f"a film of {cell[0]:g} x {cell[1]:g} x {np.ptp(heights):.3g} A is too small to measure g(r) up to "
            f"{reach:g} A; give at most {min(*cell, np.ptp(heights)) / 2:.3g} A"
        )
    inner = positions[(heights >= low) & (heights <= high)]
    edges = np.arange(0, reach + step / 2, step)
    box = np.array([*cell, 0.0])
    counted = cKDTree(inner, boxsize=box).count_neighbors(cKDTree(positions, boxsize=box), edges)
    pairs = np.diff(counted)  # an atom's distance to itself, 0, lies on the first edge
    density = len(inner) / (cell[0] * cell[1] * (high - low))
    shells = np.diff(4 / 3 * math.pi * edges**3)
    return (edges[1:] + edges[:-1]) / 2, pairs / (len(inner) * density * shells)


def structure_factor(positions: Array, cell: tuple[float, float], highest: float, step: float) -> tuple[Array, Array]:
    """Measure S(q) = |sum_j exp(-2 pi i q r_j)|^2 / N in the plane across the beam, which a micrograph shows.

    Parameters
    ----------
    positions : ndarray (atoms, 3)
        x, y, z [A].
    cell : tuple of float
        Sides along (x, y) [A].
    highest, step : float
        Greatest spatial frequency and width of a ring [1/A].

    Returns
    -------
    q, s : ndarray (rings,)
        Mean |q| [1/A] and mean S of every ring that holds a frequency of the cell; q = 0 is left out.

    References
    ----------
    J.-P. Hansen and I. R. McDonald, Theory of Simple Liquids (1986), chapter 5
    """
    orders = [np.arange(-math.floor(highest * side), math.floor(highest * side) + 1) for side in cell]
    waves = [
        np.exp(-2j * math.pi / side * np.outer(positions[:, axis], order))
        for axis, (side, order) in enumerate(zip(cell, orders, strict=True))
    ]
    power = np.abs(waves[0].T @ waves[1]) ** 2 / len(positions)
    q = np.hypot(*np.meshgrid(*(order / side for order, side in zip(orders, cell, strict=True)), indexing="ij"))
    inside = (q > 0) & (q < highest)
    ring = (q[inside] / step).astype(int)
    sizes = np.bincount(ring)
    filled = sizes > 0
    means = [np.bincount(ring, weights=values[inside])[filled] / sizes[filled] for values in (q, power)]
    return means[0], means[1]
