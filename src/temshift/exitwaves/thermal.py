"""Thermal motion as frozen phonons: independent Gaussian displacements of the atoms."""

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.exitwaves.settings import Phonons


def displaced(
    positions: NDArray[np.float64], rms: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Displace atoms by normal deviates (Einstein model).

    Parameters
    ----------
    positions : ndarray (atoms, 3)
        x, y, z [A].
    rms : ndarray (atoms,)
        Root mean square displacement of each atom along each axis [A].
    generator : numpy.random.Generator
        Source of the displacements.

    Returns
    -------
    ndarray (atoms, 3)
        Displaced positions [A]; the argument is left as it was.

    References
    ----------
    R. F. Loane, P. Xu and J. Silcox, Acta Cryst. A 47, 267 (1991), DOI 10.1107/S0108767391000375
    """
    return positions + rms[:, None] * generator.standard_normal(positions.shape)


def displacements_of(atoms: Atoms, phonons: Phonons) -> NDArray[np.float64]:
    """Look up how far each atom of a specimen moves.

    Parameters
    ----------
    atoms : ase.Atoms
        With ``arrays["particle"]`` and ``info["particles"]``, whose ``crystal`` is looked at first; on atoms of a shell
        (``arrays["shell"]``) its ``shell_crystal``.
    phonons : Phonons
        The displacements.

    Returns
    -------
    ndarray (atoms,)
        Root mean square displacement [A]; zero where none are given at all.

    Raises
    ------
    InputError
        If an element has no displacement.
    """
    crystals = {
        (number, layer): str(particle.get(key, ""))
        for number, particle in enumerate(atoms.info["particles"])
        for layer, key in enumerate(("crystal", "shell_crystal"))
    }
    belongs = atoms.arrays["particle"].astype(int)
    layers = atoms.arrays.get("shell", np.zeros(len(atoms), dtype=bool)).astype(int)
    kinds, inverse = np.unique(np.stack([belongs, layers, atoms.numbers]), axis=1, return_inverse=True)
    sites = [(crystals.get((part, layer), ""), chemical_symbols[number]) for part, layer, number in kinds.T]
    missing = phonons.missing(sites)
    if missing:
        raise InputError(f"rms_displacement_angstrom lacks {', '.join(missing)}; name one for every element")
    return np.array([phonons.displacement(symbol, crystal) or 0.0 for crystal, symbol in sites])[inverse]
