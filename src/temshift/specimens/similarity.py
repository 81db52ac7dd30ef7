"""How alike two crystals are: structure factors of two and of three bodies, averaged over orientations."""

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

Array = NDArray[np.float64]

REACH = 12.0  # distances of pairs that count [A]
NEIGHBOURS = 1.25  # times the distance to an atom's nearest neighbour: neighbours of the first shell
_Q = np.linspace(0.15, 1.0, 86)  # [1/A]; below lies the peak of the mean density
_COSINES = np.linspace(-1, 1, 41)
_SMOOTHING = 0.08  # of cosines, so that nearly equal angles are nearly alike


def pair_structure_factor(crystal: Atoms, q: Array = _Q) -> Array:
    """Return S(q) of a crystal averaged over orientations, of two bodies and weighted by atomic numbers, without unit.

    1 + sum of Z Z' sin(2 pi q r) / (2 pi q r) w(r) over all pairs up to :data:`REACH`, over the sum of Z^2 (P. Debye,
    Ann. Phys. 351, 809 (1915)), where the window w = sin(pi r / R) / (pi r / R) of E. Lorch, J. Phys. C 2, 229 (1969),
    ends the sum softly.

    Parameters
    ----------
    crystal : ase.Atoms
        A periodic cell.
    q : ndarray (n,)
        Spatial frequencies [1/A].

    Returns
    -------
    ndarray (n,)
    """
    first, second, distances = neighbor_list("ijd", crystal, REACH)
    numbers = crystal.numbers.astype(np.float64)
    weights = numbers[first] * numbers[second] * np.sinc(distances / REACH) / np.sum(numbers**2)
    return np.asarray(1 + np.sinc(2 * q[:, None] * distances) @ weights)


def angle_distribution(crystal: Atoms) -> Array:
    """Return how often bonds to first neighbours meet at an angle, by its cosine from -1 to 1; the sum is 1.

    Parameters
    ----------
    crystal : ase.Atoms
        A periodic cell.

    Returns
    -------
    ndarray (41,)
    """
    centres, distances, vectors = neighbor_list("idD", crystal, REACH / 2)
    nearest = np.full(len(crystal), np.inf)
    np.minimum.at(nearest, centres, distances)
    close = distances < NEIGHBOURS * nearest[centres]
    units = vectors[close] / distances[close, None]
    weights = np.zeros_like(_COSINES)
    for atom in np.unique(centres[close]):
        bonds = units[centres[close] == atom]
        cosines = (bonds @ bonds.T)[np.triu_indices(len(bonds), 1)]
        spread = np.exp(-((_COSINES[:, None] - cosines) ** 2) / (2 * _SMOOTHING**2))
        weights += spread.sum(axis=1) / max(len(cosines), 1)
    total = weights.sum()
    return weights / total if total > 0 else weights


def lattice_similarity(ours: Atoms, theirs: Atoms) -> tuple[float, float]:
    """Return how alike two crystals are in structure factors of two bodies and of three, each 1 for equal ones.

    The first is the correlation of :func:`pair_structure_factor`, -1 to 1, the second the overlap of
    :func:`angle_distribution`, 0 to 1.

    Examples
    --------
    >>> from ase.build import bulk
    >>> two, three = lattice_similarity(bulk("Ag"), bulk("Au"))
    >>> two > 0.99 and three > 0.999
    True
    """
    correlation = np.corrcoef(pair_structure_factor(ours), pair_structure_factor(theirs))[0, 1]
    return float(correlation), float(np.minimum(angle_distribution(ours), angle_distribution(theirs)).sum())
