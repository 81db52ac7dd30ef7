"""Crystals from structure files, as explicit cells without symmetry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from temshift.core import InputError
from temshift.specimens.reading import Structure, listed, structures_in
from temshift.specimens.validation import LEAST_BOND, LEAST_SHARE, LEAST_SIDE

MOST_ATOMS = 2000  # a cell
_DIGITS = 10  # of fractional coordinates: 1e-8 A


def read_structure(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read a structure file into the mapping of a crystal.

    Parameters
    ----------
    given : mapping
        ``structure_file``, a path that ASE reads; ``structure_block``, which structure of a file that holds several:
        the name of a block of a CIF, or a number from 0; ``name``; and no other key.

    Returns
    -------
    dict
        ``name``, ``space_group`` 1, ``symbols``, ``sites`` and ``lattice``: every atom of the cell.

    Raises
    ------
    InputError
        If the file cannot be read, holds no crystal, or several and no block is chosen.
    """
    others = sorted(set(given) - {"structure_file", "structure_block", "name"})
    if others:
        raise InputError(
            f"{', '.join(others)} given together with structure_file, which gives all except the name; leave one out"
        )
    path = given["structure_file"]
    atoms = _read(path, given.get("structure_block"))
    _require_crystal(atoms, path)
    return {
        "name": given.get("name", atoms.symbols.formula.reduce()[0].format("hill")),
        "space_group": 1,
        "symbols": list(atoms.symbols),
        "sites": np.round(np.mod(atoms.get_scaled_positions(), 1.0), _DIGITS).tolist(),
        "lattice": np.round(atoms.cell.cellpar(), _DIGITS).tolist(),
    }


def _read(path: Any, block: Any) -> Atoms:
    if not isinstance(path, str):
        raise InputError(f"structure_file: given {path!r}; must be the path of a file that ASE reads, such as CIF")
    if not _is_there(path):
        raise InputError(f"structure_file {path} is not there; give a path from the folder worked in, {Path.cwd()}")
    if block is not None and (isinstance(block, bool) or not isinstance(block, str | int)):
        raise InputError(f"structure_block: given {block!r}; must be the name of a block, or a number from 0")
    try:
        structures = structures_in(path, block)
    except InputError as error:
        raise InputError(f"structure_file {error}") from error
    return _only(structures, path)


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _only(structures: list[Structure], path: str) -> Atoms:
    if not structures or (len(structures) == 1 and len(structures[0].atoms) == 0):
        raise InputError(f"structure_file {path} holds no structure; give a crystal, such as a CIF")
    if len(structures) > 1:
        raise InputError(
            f"structure_file {path} holds {len(structures)} structures: {listed([item.name for item in structures])}; "
            "choose by structure_block, such as {structure_file: PATH, structure_block: "
            f"{structures[0].name}}}"
        )
    return structures[0].atoms


def _require_crystal(atoms: Atoms, path: str) -> None:
    if atoms.cell.rank < 3:
        raise InputError(f"structure_file {path} has no unit cell; give a crystal, such as a CIF")
    lengths = atoms.cell.lengths()
    if min(lengths) < LEAST_SIDE or atoms.cell.volume < LEAST_SHARE * np.prod(lengths):
        raise InputError(f"structure_file {path} has a cell without volume; give three lengths [A] and three angles")
    if len(atoms) > MOST_ATOMS:
        raise InputError(f"structure_file {path} has {len(atoms)} atoms a cell; at most {MOST_ATOMS} are taken")
    least = LEAST_BOND * covalent_radii[atoms.numbers]
    first, second, distance = neighbor_list("ijd", atoms, least)  # pairs nearer than the sum of their lengths
    if len(distance):
        pair = " and ".join(atoms.symbols[[first[0], second[0]]])
        raise InputError(
            f"structure_file {path}: {pair} are {distance[0]:.2f} A apart, nearer than any bond of theirs; give an "
            "ordered cell, each atom once"
        )
