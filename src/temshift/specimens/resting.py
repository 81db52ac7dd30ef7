"""How high a particle rests on the atoms beneath it."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temshift.specimens.cells import wrapped

_FIRST_DEPTH = 5.0  # of the substrate looked at before all that could matter is [A]

Positions = NDArray[np.float64]


def resting_height(particle: Positions, substrate: Positions, cell: tuple[float, float], distance: float) -> float:
    """Lower a particle until one of its atoms comes as near to one of the substrate as is allowed.

    The particle atom i passes the substrate atom j at the height z_j - z_i + sqrt(distance^2 - rho_ij^2), rho their
    distance in projection; the greatest of these heights is where it comes to rest.

    Parameters
    ----------
    particle : ndarray (atoms, 3)
        x, y in the cell, z from the particle's centre [A].
    substrate : ndarray (atoms, 3)
        x, y, z [A].
    cell : tuple of float
        Sides along (x, y) [A]; periodic.
    distance : float
        Least distance between an atom of the particle and one of the substrate [A].

    Returns
    -------
    float
        Height of the centre [A]. Where the particle meets nothing, its lowest atom is level with the substrate's.

    Examples
    --------
    >>> floor = np.array([[1.0, 1.0, 4.0]])
    >>> resting_height(np.array([[1.0, 9.5, -3.0]]), floor, (10.0, 10.0), 2.0) # 1.5 A aside, across the border
    8.322875655532295
    """
    top, lowest = float(substrate[:, 2].max()), float(particle[:, 2].min())
    height, depth = float(substrate[:, 2].min()) - lowest, _FIRST_DEPTH
    while True:
        near = substrate[substrate[:, 2] >= top - depth]
        height = max(height, _highest_contact(particle, near, cell, distance))
        missing = top - height - lowest + distance  # atoms that lie deeper than this stay out of reach
        if depth >= missing or len(near) == len(substrate):
            return height
        depth = min(2 * depth, missing)


def _highest_contact(particle: Positions, substrate: Positions, cell: tuple[float, float], distance: float) -> float:
    sides = np.array(cell)
    trees = [cKDTree(wrapped(points[:, :2], cell), boxsize=sides) for points in (particle, substrate)]
    pairs = trees[0].sparse_distance_matrix(trees[1], distance, output_type="ndarray")
    if not len(pairs):
        return -np.inf
    above = np.sqrt(np.maximum(distance**2 - pairs["v"] ** 2, 0.0))
    return float((substrate[pairs["j"], 2] - particle[pairs["i"], 2] + above).max())
