"""Structures of a file of any format: CIF as gemmi reads it, all else as ASE does."""

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.io.formats import filetype, ioformats

from temshift.core.errors import InputError
from temshift.specimens.reading.anonymous import require_elements, require_same_masses
from temshift.specimens.reading.blocks import blocks_of
from temshift.specimens.reading.cif import structure_of
from temshift.specimens.reading.counts import require_all_rows_counted, require_plausible_counts
from temshift.specimens.reading.protein_data_bank import require_plain_pdb, require_same_elements
from temshift.specimens.reading.regular import contents
from temshift.specimens.validation import require_measurable

READING_VERSION = 2  # raised whenever the same structure file would give other atoms
MOST_CIF_BYTES = 2**25  # some half million atoms
_CIF_ENDINGS = (".cif", ".mcif", ".mmcif")
_CIF_START = re.compile(rb"(\xef\xbb\xbf)?(\s|#[^\n]*\n)*data_", re.IGNORECASE)
_MOST_READS_AT_END = 1000  # a reader that goes on after the end of a text expects atoms that are not there
_PEEK = 4096  # bytes
_WHOLE = 1e-6  # how far an occupancy may be off 1
_OCCUPANCY = re.compile(r"(site_?)?occ(up(anc(y|ies)|ations?)?)?", re.IGNORECASE)  # names of arrays


@dataclass(frozen=True)
class Structure:
    """One structure of a file.

    Attributes
    ----------
    name : str
        Of its block in a CIF; the number of the structure, from 0, in a file of another format.
    atoms : ase.Atoms
        All atoms of the cell.
    """

    name: str
    atoms: Atoms


class _Text(io.TextIOWrapper):
    """Text that refuses to be read on and on after its end."""

    _at_end = 0

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # its bases differ
        """Read a line; empty at the end, so many times."""
        line = super().readline(size)
        self._at_end = 0 if line else self._at_end + 1
        if self._at_end > _MOST_READS_AT_END:
            raise EOFError("it ends before all atoms that it announces")
        return line


def structures_in(path: str, block: str | int | None = None) -> list[Structure]:
    """Read the structures of a file.

    Parameters
    ----------
    path : str
        A regular file of any format that ASE reads, packed (.gz, .bz2, .xz) or not.
    block : str or int, optional
        Name of the only structure to read; all by default.

    Returns
    -------
    list of Structure

    Raises
    ------
    InputError
        If the file cannot be read, has no such block, or holds a structure that is unclear: sites that are partly
        occupied, a setting that is not named, places that are not numbers, a composition other than its formula.
    """
    name, content = contents(path)
    structures = _of_cif(path, content, block) if _is_cif(name, content) else _of_other(path, name, content, block)
    for structure in structures:
        require_measurable(structure.atoms, path)
    return structures


def _is_cif(name: str, content: bytes) -> bool:
    return Path(name).suffix.lower() in _CIF_ENDINGS or _CIF_START.match(content[:_PEEK]) is not None


def _of_cif(path: str, content: bytes, chosen: str | int | None) -> list[Structure]:
    if len(content) > MOST_CIF_BYTES:
        raise InputError(f"{path} holds more than {MOST_CIF_BYTES // 2**20} MiB; give so many atoms as .xyz")
    blocks = [block for block in blocks_of(content, path) if block.has_atoms]
    kept = blocks if chosen is None else [block for block in blocks if block.name == str(chosen)]
    _require_choice(path, chosen, [block.name for block in blocks], bool(kept))
    if len(kept) > 1:  # the caller takes one alone: names are enough
        return [Structure(block.name, Atoms()) for block in kept]
    return [Structure(block.name, structure_of(block, path)) for block in kept]


def _of_other(path: str, name: str, content: bytes, chosen: str | int | None) -> list[Structure]:
    structures = [Structure(str(number), atoms) for number, atoms in enumerate(_by_ase(path, name, content))]
    kept = structures if chosen is None else [item for item in structures if item.name == str(chosen)]
    _require_choice(path, chosen, [item.name for item in structures], bool(kept))
    for item in kept:
        if not _whole(item.atoms):
            raise InputError(f"{path} has sites that are partly occupied; give an ordered cell")
    return kept


def _require_choice(path: str, chosen: str | int | None, names: list[str], there: bool) -> None:
    if chosen is not None and not there:
        raise InputError(f"{path} has no block {str(chosen)!r}; it has {listed(names)}")


def listed(names: list[str]) -> str:
    """List names, the first eight of many.

    Examples
    --------
    >>> listed(["a", "b"])
    "'a', 'b'"
    """
    return (", ".join(map(repr, names[:8])) or "none") + (", ..." if len(names) > 8 else "")


def _by_ase(path: str, name: str, content: bytes) -> list[Atoms]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of file readers, on the content of the file
            structures = _read(path, name, content)
    except InputError:
        raise
    except Exception as error:  # readers raise errors of every kind
        raise InputError(
            f"{path}: ASE cannot read it ({_cause(error)}); give a structure file that it reads, such as .xyz or .cif"
        ) from error
    return structures


def _read(path: str, name: str, content: bytes) -> list[Atoms]:
    kind = filetype(_stream(content, name))  # closes it
    if kind == "proteindatabank":
        require_plain_pdb(content, path)
    known = ioformats[kind]
    if not known.isbinary:
        _require_text(content, path)
        require_plausible_counts(content, path)
    require_elements(kind, content, path)
    require_all_rows_counted(kind, content, path)
    given: Any = path if name == path else _stream(content, name)  # some readers open a file themselves
    if known.acceptsfd and not known.isbinary:
        given = _Text(_stream(content, name), encoding="utf-8")
    structures = list(ase.io.iread(given, index=":", format=kind, do_not_split_by_at_sign=True))
    if kind == "proteindatabank":
        require_same_elements(structures, content, path)
    for atoms in structures:
        require_same_masses(kind, atoms, path)
    return structures


def _stream(content: bytes, name: str) -> io.BytesIO:
    stream = io.BytesIO(content)
    stream.name = name
    return stream


def _require_text(content: bytes, path: str) -> None:
    if b"\0" in content[:_PEEK]:
        raise InputError(f"{path}: ASE cannot read it (it is no text); give a structure file such as .xyz or .cif")


def _whole(atoms: Atoms) -> bool:
    """Whether every site of a structure is occupied by one whole atom, as far as its reader says."""
    mixed = atoms.info.get("occupancy")
    shares = [share for site in mixed.values() for share in site.values()] if isinstance(mixed, dict) else []
    for key in filter(_OCCUPANCY.fullmatch, atoms.arrays):
        shares.extend(atoms.arrays[key].ravel())
    try:
        return bool(np.all(np.abs(np.asarray(shares, dtype=float) - 1) <= _WHOLE))
    except ValueError:  # texts that are no numbers
        return False


def _cause(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
