"""Crystals from structure files, as explicit cells without symmetry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from temshift.core.errors import InputError
from temshift.specimens.sources import structures_in

_DIGITS = 10  # of fractional coordinates: 1e-8 A


def read_structure(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read a structure file into the mapping of a crystal.

    Parameters
    ----------
    given : mapping
        ``structure_file``, a path that ASE reads, and no other key but ``name``.

    Returns
    -------
    dict
        ``name``, ``space_group`` 1, ``symbols``, ``sites`` and ``lattice``: every atom of the cell.

    Raises
    ------
    InputError
        If the file cannot be read or holds no crystal.
    """
    others = sorted(set(given) - {"structure_file", "name"})
    if others:
        raise InputError(
            f"{', '.join(others)} given together with structure_file, which gives all except the name; leave one out"
        )
    path = given["structure_file"]
    atoms = _read(path)
    _require_crystal(atoms, path)
    return {
        "name": given.get("name", atoms.symbols.formula.reduce()[0].format("hill")),
        "space_group": 1,
        "symbols": list(atoms.symbols),
        "sites": np.round(np.mod(atoms.get_scaled_positions(), 1.0), _DIGITS).tolist(),
        "lattice": np.round(atoms.cell.cellpar(), _DIGITS).tolist(),
    }


def _read(path: Any) -> Atoms:
    if not isinstance(path, str):
        raise InputError(f"structure_file: given {path!r}; must be the path of a file that ASE reads, such as CIF")
    if not Path(path).is_file():
        raise InputError(f"structure_file {path} is not there; give a path from the folder worked in, {Path.cwd()}")
    try:
        structures = structures_in(path)
    except InputError as error:
        raise InputError(f"structure_file {error}") from error
    if not structures:
        raise InputError(f"structure_file {path} holds no structure; give a crystal, such as a CIF")
    return structures[-1]


def _require_crystal(atoms: Atoms, path: str) -> None:
    if atoms.cell.rank < 3:
        raise InputError(f"structure_file {path} has no unit cell; give a crystal, such as a CIF")
