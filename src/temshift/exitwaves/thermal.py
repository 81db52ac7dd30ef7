"""Thermal motion as frozen phonons: independent Gaussian displacements of the atoms."""

from collections.abc import Mapping

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray


def displaced(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    rms_displacements: Mapping[str, float],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Displace atoms by normal deviates (Einstein model).

    Parameters
    ----------
    positions : ndarray (atoms, 3)
        x, y, z [A].
    numbers : ndarray (atoms,)
        Atomic numbers.
    rms_displacements : mapping of symbol to float
        Root mean square displacement along each axis [A], one for each element present.
    generator : numpy.random.Generator
        Source of the displacements.

    Returns
    -------
    ndarray (atoms, 3)
        Displaced positions [A]; the argument is left as it was.

    Raises
    ------
    ValueError
        Where an element has no displacement.

    References
    ----------
    R. F. Loane, P. Xu and J. Silcox, Acta Cryst. A 47, 267 (1991), DOI 10.1107/S0108767391000375
    """
    by_number = {atomic_numbers[symbol]: value for symbol, value in rms_displacements.items()}
    missing = sorted(set(np.unique(numbers).tolist()) - set(by_number))
    if missing:
        raise ValueError(f"no rms displacement for atomic numbers {missing}; name one for every element")
    sigma = np.array([by_number[int(number)] for number in numbers])
    return positions + sigma[:, None] * generator.standard_normal(positions.shape)
