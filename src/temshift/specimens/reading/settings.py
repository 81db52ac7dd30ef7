"""Symmetry of a CIF: the operations that it lists, or those of every setting that its symbol may mean."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.specimens.reading.blocks import Block

MOST_OPERATIONS = 384  # those of a cubic group with all centrings, twice over
_UNUSUAL = {  # starts of tags
    "_space_group_symop_magn": "magnetic",
    "_space_group_magn": "magnetic",
    "_space_group_symop_ssg": "modulated",
    "_space_group_ssg": "modulated",
    "_cell_modulation_dimension": "modulated",
}
_NOT_MODULATED = ("_cell_modulation_dimension", ["0"])  # as some programs write into every file
_SAYS_SYMMETRY = ("_space_group_", "_symmetry_")  # starts of tags, of which these say no more than the lattice:
_NO_SYMMETRY = ("_space_group_id", "_symmetry_entry_id", "_space_group_symop_id", "_space_group_symop_sg_id")
_SYSTEMS = ("_space_group_crystal_system", "_symmetry_cell_setting")
_GREATEST_NUMBER = 230
_ORIGIN = re.compile(r"[\s:,(]*(?:origin\s*(?:choice\s*)?|:\s*o?)\s*([12])\s*\)?$", re.IGNORECASE)
_SUFFIX = re.compile(r"(?<=.)\s*:?\s*([SZHR])$", re.IGNORECASE)
_EXTENSIONS = {"S": "1", "Z": "2", "H": "H", "R": "R"}  # S and Z: origin choices as ICSD names them

Operations = Sequence[gemmi.Op]


@dataclass(frozen=True)
class Setting:
    """One way to repeat the sites of a cell.

    Attributes
    ----------
    name : str
        Symbol with its extension, such as F d -3 m:2.
    rotations : ndarray (operations, 3, 3)
        Of fractional coordinates.
    translations : ndarray (operations, 3)
        As shares of the cell.
    """

    name: str
    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]

    def fits(self, metric: NDArray[np.float64], tolerance: float) -> bool:
        """Return whether no rotation changes the scalar products (3, 3) of the lattice vectors."""
        turned = np.swapaxes(self.rotations, 1, 2) @ metric @ self.rotations
        return bool(np.abs(turned - metric).max() <= tolerance * np.abs(metric).max())


def settings_of(block: Block, path: str) -> list[Setting]:
    """Find the settings that a block may mean: one if it lists operations, or names its setting in full.

    Parameters
    ----------
    block : Block
        Without any word on its symmetry, each atom stands for itself.
    path : str
        Name of the file in messages.

    Returns
    -------
    list of Setting
        At least one.

    Raises
    ------
    InputError
        If the symmetry is magnetic or modulated, unknown, no group, or contradicts itself.
    """
    tags = [tag for tag, values in block.items.items() if (tag, values) != _NOT_MODULATED]
    unusual = next((kind for start, kind in _UNUSUAL.items() for tag in tags if tag.startswith(start)), None)
    if unusual:
        raise InputError(f"{path} is a {unusual} structure, which is not read; give an ordinary CIF of its atoms")
    named = _named(block, path)
    given = _listed(block, path)
    if given is None:
        given = _of_hall(block, path)
    if given is None:
        if not named:
            _require_silence(block, path)
        return [_setting(group.xhm(), group.operations()) for group in named] or [_setting("P 1", [gemmi.Op("x,y,z")])]
    _require_agreement(given, named, path)
    return [_setting("the operations listed", given)]


def _setting(name: str, operations: Iterable[gemmi.Op]) -> Setting:
    seitz = np.array([operation.float_seitz() for operation in operations])
    return Setting(name, seitz[:, :3, :3], seitz[:, :3, 3])


def _named(block: Block, path: str) -> list[gemmi.SpaceGroup]:
    """Every setting that the symbol or else the number of a block may mean; none if it gives neither."""
    symbol = block.text("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full")
    number = block.text("_space_group_it_number", "_symmetry_int_tables_number")
    whole = int(number) if number.isdigit() and number.isascii() and len(number) < 4 else 0
    groups = _of_symbol(symbol) if symbol else _of_number(whole) if whole else []
    groups = _of_code(groups, block, path, bool(symbol))
    if symbol and not groups and not _says_operations(block):
        raise InputError(
            f"{path}: the space group {symbol[:60]!r} is not known; list its operations "
            "(_space_group_symop_operation_xyz), or write its symbol as the International Tables do"
        )
    if groups and whole and groups[0].number != whole:
        raise InputError(
            f"{path} names the space group {groups[0].hm} and the number {whole}, but {groups[0].hm} has number "
            f"{groups[0].number}; mend the symbol, or the number if that is wrong"
        )
    return groups


def _of_code(groups: list[gemmi.SpaceGroup], block: Block, path: str, by_symbol: bool) -> list[gemmi.SpaceGroup]:
    """Keep the setting that a code of the International Tables names, such as 2 (an origin), R (axes), or -b2."""
    code = block.text("_space_group_it_coordinate_system_code")
    if not groups or not code or _says_operations(block):
        return groups
    others = [group for group in gemmi.spacegroup_table() if group.number == groups[0].number]
    kept = [
        group
        for group in (groups if by_symbol else others)
        if code.lower() in (group.ext.lower(), group.qualifier or "abc")
    ]
    if not kept:
        raise InputError(
            f"{path}: the setting {code[:20]!r} (_space_group_IT_coordinate_system_code) is none of {groups[0].hm}; "
            "mend it, or list the operations"
        )
    return kept


def _require_silence(block: Block, path: str) -> None:
    """Refuse a symmetry that is said in a way that is not read, in place of taking each atom for itself."""
    tags = [tag for tag in block.items if tag.startswith(_SAYS_SYMMETRY) and block.text(tag)]
    spoken = [tag for tag in tags if tag not in _NO_SYMMETRY and not (tag in _SYSTEMS and _is_triclinic(block, tag))]
    if spoken:
        raise InputError(
            f"{path} gives its symmetry by {spoken[0]} {block.text(spoken[0])[:40]!r} alone, which names no space "
            "group; list the operations (_space_group_symop_operation_xyz), or write P 1 into "
            "_space_group_name_H-M_alt if every atom is there"
        )


def _is_triclinic(block: Block, tag: str) -> bool:
    return block.text(tag).lower() == "triclinic"


def _says_operations(block: Block) -> bool:
    return bool(_operation_texts(block) or _hall(block))


def _operation_texts(block: Block) -> list[str]:
    return block.texts("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")


def _hall(block: Block) -> str:
    return block.text("_space_group_name_hall", "_symmetry_space_group_name_hall")


def _of_symbol(symbol: str) -> list[gemmi.SpaceGroup]:
    """Settings of a symbol: one if it has an extension, or needs none.

    Examples
    --------
    >>> [group.xhm() for group in _of_symbol("Fd-3m")], [group.xhm() for group in _of_symbol("F d -3 m Z")]
    (['F d -3 m:1', 'F d -3 m:2'], ['F d -3 m:2'])
    """
    stem, extension = _split(re.sub(r"\((\d)\)", r"\1", re.sub(r"(?<=\d)_(?=\d)", "", symbol)))
    group = gemmi.find_spacegroup_by_name(stem)
    if group is None:
        return []
    groups = [other for other in gemmi.spacegroup_table() if (other.number, other.hm) == (group.number, group.hm)]
    return [other for other in groups if not extension or other.ext == extension]


def _split(symbol: str) -> tuple[str, str]:
    """Split a symbol into its stem and the extension that names an origin or axes; empty if there is none."""
    origin = _ORIGIN.search(symbol)
    if origin:
        return symbol[: origin.start()].strip(), origin[1]
    suffix = _SUFFIX.search(symbol)
    if suffix and len(symbol) > 2:
        return symbol[: suffix.start()].strip(), _EXTENSIONS[suffix[1].upper()]
    return symbol.strip(), ""


def _of_number(number: int) -> list[gemmi.SpaceGroup]:
    group = gemmi.find_spacegroup_by_number(number)
    return [] if group is None else _of_symbol(group.hm)


def _listed(block: Block, path: str) -> Operations | None:
    texts = _operation_texts(block)
    if not texts:
        return None
    if len(texts) > MOST_OPERATIONS:
        raise InputError(f"{path} lists {len(texts)} symmetry operations; at most {MOST_OPERATIONS} are taken")
    try:
        operations = [gemmi.Op(text).wrap() for text in texts]
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: a symmetry operation is unclear ({error}); write such as '-x, y+1/2, z'") from error
    if not _closed(operations):
        raise InputError(f"{path}: the symmetry operations that it lists are no group; list all of them")
    return operations


def _closed(operations: Operations) -> bool:
    """Whether the product of any two operations is listed too, so that the identity is as well."""
    keys = _keys(operations)
    return all(_key((first * second).wrap()) in keys for first in operations for second in operations)


def _keys(operations: Iterable[gemmi.Op]) -> set[tuple[object, ...]]:
    return {_key(operation.wrap()) for operation in operations}


def _key(operation: gemmi.Op) -> tuple[object, ...]:
    return (*map(tuple, operation.rot), *operation.tran)


def _of_hall(block: Block, path: str) -> Operations | None:
    hall = _hall(block)
    if not hall:
        return None
    try:
        return list(gemmi.symops_from_hall(hall))
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: the Hall symbol {hall[:60]!r} is unclear; list the operations instead") from error


def _require_agreement(operations: Operations, named: list[gemmi.SpaceGroup], path: str) -> None:
    """Refuse operations that belong to another group or setting than the one named, as far as both are known."""
    group = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(list(operations)))
    keys = _keys(operations)
    if group and named and not any(_keys(other.operations()) == keys for other in named):
        name = named[0].xhm() if len(named) == 1 else named[0].hm
        raise InputError(
            f"{path} names the space group {name}, but its operations are those of {group.xhm()}; mend either"
        )
