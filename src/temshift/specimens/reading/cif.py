"""The structure of a CIF's block: its cell, its sites, and their images by the symmetry."""

from dataclasses import dataclass

import gemmi
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.specimens.reading.blocks import Block
from temshift.specimens.reading.composition import composition_fault, formula_of
from temshift.specimens.reading.elements import symbol_of_label, symbol_of_type
from temshift.specimens.reading.settings import Setting, settings_of
from temshift.specimens.validation import GREATEST_SIDE, LEAST_SHARE, LEAST_SIDE, SAME_SPOT

MOST_IMAGES = 500_000  # sites times operations
_TOLERANCE = 1e-3  # how far a lattice may be off its symmetry, as a share of a squared length
_FARTHEST = 1000  # cells between a site and the origin: beyond, its digits are lost
_WHOLE = 1e-6  # how far an occupancy may be off 1
_SIDES = ("_cell_length_a", "_cell_length_b", "_cell_length_c")
_ANGLES = ("_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Sites:
    """Symbols and fractional coordinates (sites, 3) of the sites listed."""

    symbols: list[str]
    places: Array


def structure_of(block: Block, path: str) -> Atoms:
    """Build all atoms of the cell of a block.

    Parameters
    ----------
    block : Block
        Places atoms.
    path : str
        Name of the file in messages.

    Returns
    -------
    ase.Atoms
        Periodic, a along x and b in the plane of x and y; the array ``spacegroup_kinds`` numbers their sites.

    Raises
    ------
    InputError
        If cell, sites, symmetry or composition are missing, unclear or contradict each other.
    """
    cell = _cell(block, path)
    sites = _sites(block, cell, path)
    settings = settings_of(block, path)
    fitting = [setting for setting in settings if setting.fits(_metric(cell), _TOLERANCE)]
    if not fitting:
        raise InputError(
            f"{path}: the cell {', '.join(f'{value:g}' for value in cell.parameters)} lacks the symmetry of "
            f"{settings[0].name}; mend the cell, or name the setting in full"
        )
    return _agreeing([(setting, _built(sites, setting, cell, path)) for setting in fitting], block, cell, path)


def _agreeing(built: list[tuple[Setting, Atoms]], block: Block, cell: gemmi.UnitCell, path: str) -> Atoms:
    """Return the structure that agrees with the file's own formula, Z and density; refuse none or several."""
    faults = [composition_fault(block, atoms, cell.volume) for _, atoms in built]
    agreeing = [item for item, fault in zip(built, faults, strict=True) if not fault]
    if len(built) > 1 and len(agreeing) != 1:
        names = " or ".join(setting.name for setting, _ in built)
        raise InputError(
            f"{path} names a space group, but not which of its settings: {names}; write that into "
            "_space_group_name_H-M_alt, or list the operations"
        )
    if not agreeing:
        raise InputError(f"{path}: {faults[0]}")
    return agreeing[0][1]


def _cell(block: Block, path: str) -> gemmi.UnitCell:
    values = [block.number(tag) for tag in (*_SIDES, *_ANGLES)]
    if any(value is None or len(block.items[tag]) > 1 for tag, value in zip((*_SIDES, *_ANGLES), values, strict=True)):
        raise InputError(f"{path} has no unit cell in block {block.name!r}; give three lengths and three angles")
    lengths, angles = [float(value or 0) for value in values[:3]], [float(value or 0) for value in values[3:]]
    if not all(LEAST_SIDE <= length <= GREATEST_SIDE for length in lengths):
        raise InputError(
            f"{path}: the cell has sides of {', '.join(f'{length:g}' for length in lengths)} A; {LEAST_SIDE:g} to "
            f"{GREATEST_SIDE:g} A are allowed"
        )
    cell = gemmi.UnitCell(*lengths, *angles) if all(0 < angle < 180 for angle in angles) else gemmi.UnitCell()
    if not cell.volume > LEAST_SHARE * np.prod(lengths):
        raise InputError(
            f"{path}: cell angles of {', '.join(f'{angle:g}' for angle in angles)} degrees close no cell; mend them"
        )
    return cell


def _metric(cell: gemmi.UnitCell) -> Array:
    metric: Array = _vectors(cell).T @ _vectors(cell)
    return metric


def _vectors(cell: gemmi.UnitCell) -> Array:
    """Lattice vectors [A] as columns (3, 3)."""
    return np.array(cell.orth.mat.tolist(), dtype=float)


def _sites(block: Block, cell: gemmi.UnitCell, path: str) -> _Sites:
    places = _places(block, cell)
    if not np.isfinite(places).all():
        raise InputError(f"{path}: some sites have no coordinates, or such that are not numbers; mend the file")
    if (np.abs(places) > _FARTHEST).any():
        raise InputError(f"{path}: some sites lie more than {_FARTHEST} cells away; mend the file")
    _require_all_there(block, path)
    if len(set(block.texts("_atom_site_pdbx_pdb_model_num"))) > 1:
        raise InputError(f"{path} holds several models; give a file of one")
    symbols = _symbols(block, path)
    occupancies = block.numbers("_atom_site_occupancy")
    given = np.array([bool(text) for text in block.items.get("_atom_site_occupancy", ())], dtype=bool)
    alternatives = set(block.items.get("_atom_site_disorder_group", ())) - {""}
    if len(alternatives) > 1 or not (np.abs(occupancies[given] - 1) <= _WHOLE).all():
        raise InputError(f"{path} has sites that are partly occupied; give an ordered cell")
    if len(symbols) != len(places):
        raise InputError(f"{path} names {len(symbols)} sites and places {len(places)}; mend the file")
    return _Sites(symbols, places)


def _require_all_there(block: Block, path: str) -> None:
    """Refuse sites that are no atoms, and atoms that have no site."""
    if "dum" in block.items.get("_atom_site_calc_flag", ()):
        raise InputError(f"{path} has dummy sites (_atom_site_calc_flag dum), which are no atoms; leave them out")
    if (np.nan_to_num(block.numbers("_atom_site_attached_hydrogens")) > 0).any():
        raise InputError(
            f"{path} counts hydrogen atoms without places (_atom_site_attached_hydrogens); add their sites"
        )
    if "generate" in block.items.get("_struct_ncs_oper_code", ()):
        raise InputError(f"{path} leaves atoms to be generated (_struct_ncs_oper); give a file that lists all of them")


def _places(block: Block, cell: gemmi.UnitCell) -> Array:
    """Fractional coordinates (sites, 3); NaN if any is missing."""
    fractional = "_atom_site_fract_x" in block.items
    stem = "_atom_site_fract_" if fractional else "_atom_site_cartn_"
    columns = [block.numbers(stem + axis) for axis in "xyz"]
    if len({len(column) for column in columns}) > 1:
        return np.full((1, 3), np.nan)
    places = np.stack(columns, axis=-1)
    return places if fractional else np.asarray(np.linalg.solve(_vectors(cell), places.T).T, dtype=float)


def _symbols(block: Block, path: str) -> list[str]:
    formula = formula_of(block) or {}
    labels = block.texts("_atom_site_label")
    types = block.texts("_atom_site_type_symbol")
    names = types if len(types) >= len(labels) else labels
    symbols = []
    for number, name in enumerate(names):
        kind, label = (column[number] if number < len(column) else "" for column in (types, labels))
        symbol = symbol_of_type(kind) if kind else symbol_of_label(label, formula)
        if symbol is None:
            raise InputError(
                f"{path}: the element of site {label or name!r} is unclear; write symbols such as Cd into "
                "_atom_site_type_symbol (elements from H to U, one a site)"
            )
        symbols.append(symbol)
    return symbols


def _built(sites: _Sites, setting: Setting, cell: gemmi.UnitCell, path: str) -> Atoms:
    if len(sites.symbols) * len(setting.rotations) > MOST_IMAGES:
        raise InputError(
            f"{path}: {len(sites.symbols)} sites and {len(setting.rotations)} operations make more than "
            f"{MOST_IMAGES} atoms; give a smaller structure"
        )
    if len(setting.rotations) == 1:
        orbits = [place[None] for place in np.mod(sites.places, 1.0)]
    else:
        vectors = _vectors(cell)
        orbits = [_orbit(place, setting, vectors) for place in sites.places]
    kinds = np.repeat(np.arange(len(orbits)), [len(orbit) for orbit in orbits])
    symbols = [sites.symbols[kind] for kind in kinds]
    atoms = Atoms(symbols, scaled_positions=np.concatenate(orbits), cell=cell.parameters, pbc=True)
    atoms.set_array("spacegroup_kinds", kinds)
    return atoms


def _orbit(place: Array, setting: Setting, vectors: Array) -> Array:
    """Images (n, 3) of a site within the cell, each spot once; `vectors` (3, 3) make places [A] of columns."""
    images = np.mod(setting.rotations @ place + setting.translations, 1.0)
    apart = images[:, None] - images
    apart -= np.round(apart)
    near = np.linalg.norm(apart @ vectors.T, axis=-1) < SAME_SPOT
    kept: Array = images[~np.tril(near, -1).any(axis=1)]
    return kept
