"""Files of the Protein Data Bank: whether ASE's reader, which passes over much of them, gives their atoms."""

from collections import Counter
from collections.abc import Sequence

import gemmi
from ase import Atoms

from temshift.core import InputError
from temshift.specimens.reading.elements import symbol_of_type

_WHOLE = 1e-6  # how far an occupancy may be off 1


def require_plain_pdb(content: bytes, path: str) -> None:
    """Refuse symmetry, unlisted copies, alternatives, atoms partly there, and elements that are not the name's.

    Parameters
    ----------
    content : bytes
        Of the file.
    path : str
        Its name in messages.

    Raises
    ------
    InputError
        If ASE would read other atoms than the file means.
    """
    structure = gemmi.read_pdb_string(content)
    group = structure.spacegroup_hm.strip()
    if group.replace(" ", "") not in ("", "P1"):
        raise InputError(
            f"{path}: its CRYST1 names the space group {group}, whose atoms are not all listed; give a CIF, or write "
            "P 1 if every atom is there"
        )
    copies = sum(not operation.given for operation in structure.ncs)
    if copies:
        raise InputError(
            f"{path}: its MTRIX records stand for {copies} more copies of its atoms, which are not listed; give a file "
            "that lists all atoms, or take the records out if these are all"
        )
    atoms = [atom for model in structure for chain in model for residue in chain for atom in residue]
    if any(atom.has_altloc() or abs(atom.occ - 1) > _WHOLE for atom in atoms):
        raise InputError(f"{path} has sites that are partly occupied; give an ordered cell")
    for atom in atoms:
        _require_own_element(atom, path)


def require_same_elements(structures: Sequence[Atoms], content: bytes, path: str) -> None:
    """Refuse a file of one structure whose elements are not clear: ASE and gemmi differ on names without columns.

    Parameters
    ----------
    structures : sequence of ase.Atoms
        As ASE read them.
    content : bytes
        Of the file.
    path : str
        Its name in messages.

    Raises
    ------
    InputError
        If both readers give other elements.
    """
    atoms = gemmi.read_pdb_string(content)[0].all() if len(structures) == 1 and len(structures[0]) else ()
    theirs = Counter(entry.atom.element.atomic_number for entry in atoms)
    if theirs and theirs != Counter(structures[0].numbers.tolist()):
        raise InputError(f"{path}: its elements are unclear; write them into columns 77 and 78")


def _require_own_element(atom: gemmi.Atom, path: str) -> None:
    name, element = atom.name.upper(), atom.element.name.upper()
    if not name.startswith(element) and symbol_of_type(name):
        raise InputError(
            f"{path}: the atom name {name} is an element, but its columns 77 and 78 say {element.title()}; mend the "
            "columns"
        )
