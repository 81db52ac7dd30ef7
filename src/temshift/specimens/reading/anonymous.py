"""Files that number or name their atoms in place of giving elements, which ASE then guesses."""

import re

import numpy as np
from ase import Atoms
from ase.data import atomic_masses

from temshift.core.errors import InputError
from temshift.specimens.reading.elements import symbol_of_type

_SAME_MASS = 0.01  # as a share: rounding, of C to 12 or H to 1
_ELEMENT = re.compile(rb"^ITEM: ATOMS\b.*\b(element|mass)\b", re.MULTILINE)
_MASSES = re.compile(rb"^\s*(Masses|Atom Type Labels)\b", re.MULTILINE)


def require_elements(kind: str, content: bytes, path: str) -> None:
    """Refuse a file whose elements ASE would make up, such as H and He for types 1 and 2 of LAMMPS.

    Parameters
    ----------
    kind : str
        ASE's name of the format.
    content : bytes
        Of the file.
    path : str
        Its name in messages.

    Raises
    ------
    InputError
        If the file names no elements.
    """
    if kind == "lammps-data" and not _MASSES.search(content):
        raise InputError(f"{path} gives types and no elements; add its section Masses [g/mol], or give a .xyz")
    if kind == "lammps-dump-binary" or (kind == "lammps-dump-text" and not _ELEMENT.search(content)):
        raise InputError(f"{path} gives types and no elements; dump the column element, or give a .xyz")
    if kind == "gromacs":
        raise InputError(f"{path} gives names of atoms and no elements; give a .xyz, or a .pdb with columns 77 and 78")
    if kind == "vasp" and not _names_all(content.decode(errors="replace").splitlines()[:7]):
        raise InputError(f"{path} names no elements, or others than it counts; write their symbols into line 6")


def require_same_masses(kind: str, atoms: Atoms, path: str) -> None:
    """Refuse elements that ASE took for the nearest mass, if that is another.

    Parameters
    ----------
    kind : str
        ASE's name of the format.
    atoms : ase.Atoms
        As ASE read them.
    path : str
        Name of the file in messages.

    Raises
    ------
    InputError
        If a mass is that of no element, as in coarse models and in units other than g/mol.
    """
    if kind != "lammps-data" or "masses" not in atoms.arrays:
        return
    given, known = atoms.get_masses(), atomic_masses[atoms.numbers]
    wrong = np.flatnonzero(np.abs(given - known) > _SAME_MASS * known)
    if len(wrong):
        raise InputError(
            f"{path}: a mass of {given[wrong[0]]:g} is that of no element (the nearest is "
            f"{atoms.symbols[wrong[0]]}, {known[wrong[0]]:g}); give masses in g/mol, or a .xyz"
        )


def _names_all(lines: list[str]) -> bool:
    """Whether line 6 of a POSCAR names elements, or, if it counts them as in VASP 4, line 1 names as many."""
    if len(lines) < 6 or not lines[5].split() or not all(word.isdigit() for word in lines[5].split()):
        return True  # of which ASE says more
    words = lines[0].split()
    return len(words) == len(lines[5].split()) and all(map(symbol_of_type, words))
