"""Crystals: the known ones by name, and any other from a structure file or from its space group and sites."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.neighborlist import neighbor_list
from ase.spacegroup import Spacegroup, crystal
from ase.spacegroup.spacegroup import SpacegroupError
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from temshift.configuration import Configuration
from temshift.configuration.model import as_tuples
from temshift.core import InputError
from temshift.specimens.ranges import require
from temshift.specimens.structure_files import MOST_ATOMS, read_structure
from temshift.specimens.validation import HEAVIEST

Position = tuple[float, float, float]
Length = Annotated[float, Field(gt=0.5, le=200)]
Angle = Annotated[float, Field(gt=10, lt=170)]

_IDEAL_SPINEL = 1 / 4  # the oxygen parameter of cubic close packing, origin choice 2
_TOLERANCE = 1e-3  # how far a lattice may be off the symmetry of its space group, as a share of a squared length
_LEAST_SHARE = 1e-3  # of the squared volume of a cell in that of a right-angled one of the same lengths
_LEAST_DISTANCE = 0.6  # atoms of a cell nearer than this are a mistake: even H2 has 0.74 [A]


class Crystal(Configuration):
    """A crystal structure; in recipes a name, a mapping of these keys, or ``{structure_file: PATH}``.

    A structure file (any that ASE reads, relative to the folder worked in) is read once and becomes an explicit cell
    without symmetry, so that a recipe holds all that it depends on. ``structure_block`` chooses one structure of a file
    that holds several: the name of a block of a CIF, or a number from 0.

    Attributes
    ----------
    name : str
        Name in recipes and in tables of thermal displacements; by default the elements.
    space_group : int
        Number in the International Tables.
    setting : int
        Which origin, or axes, of those that the tables offer for the space group: 1 or 2.
    symbols : tuple of str
        Elements of the inequivalent sites.
    sites : tuple of (x, y, z)
        Fractional coordinates of the inequivalent sites.
    lattice : tuple
        a, b, c [A] and alpha, beta, gamma [degree].
    assumed : str
        What about the structure is assumed instead of measured; empty if nothing is.
    """

    name: str
    space_group: Annotated[int, Field(ge=1, le=230)]
    setting: Literal[1, 2] = 1
    symbols: Annotated[tuple[str, ...], Field(min_length=1)]
    sites: Annotated[tuple[Position, ...], Field(min_length=1)]
    lattice: tuple[Length, Length, Length, Angle, Angle, Angle]
    assumed: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_name_or_file(cls, value: Any) -> Any:
        if isinstance(value, str):
            return dict(require(crystal_named, value))
        if isinstance(value, Mapping) and "structure_file" in value:
            value = require(read_structure, value)
        if isinstance(value, Mapping):
            return _named_by_elements({key: as_tuples(item) for key, item in value.items()})
        return value

    @model_validator(mode="after")
    def _sound(self) -> "Crystal":
        require(_require_sound, self)
        return self

    @model_serializer(mode="wrap")
    def _compact(self, full: SerializerFunctionWrapHandler) -> Any:
        return self.name if CRYSTALS.get(self.name) == self else full(self)


def _cubic(name: str, space_group: int, a: float) -> Crystal:
    lattice = (a, a, a, 90.0, 90.0, 90.0)
    return Crystal(name=name, space_group=space_group, symbols=(name,), sites=((0.0, 0.0, 0.0),), lattice=lattice)


def _wurtzite(name: str, symbols: tuple[str, str], a: float, c: float) -> Crystal:
    return Crystal(
        name=name,
        space_group=186,
        symbols=symbols,
        sites=((1 / 3, 2 / 3, 0.0), (1 / 3, 2 / 3, 3 / 8)),
        lattice=(a, a, c, 90.0, 90.0, 120.0),
        assumed=f"internal parameter of {name}: u = 3/8, the value of ideal tetrahedra",
    )


def _spinel(name: str, metal: str, a: float, u: float | None = None) -> Crystal:
    """Metal on 8a (tetrahedra) and 16d (octahedra), oxygen at (u, u, u) on 32e; origin at the centre of symmetry."""
    oxygen = _IDEAL_SPINEL if u is None else u
    return Crystal(
        name=name,
        space_group=227,
        setting=2,
        symbols=(metal, metal, "O"),
        sites=((1 / 8, 1 / 8, 1 / 8), (1 / 2, 1 / 2, 1 / 2), (oxygen, oxygen, oxygen)),
        lattice=(a, a, a, 90.0, 90.0, 90.0),
        assumed=""
        if u is not None
        else f"oxygen parameter of {name}: u = 1/4 (origin choice 2), the value of cubic close packing",
    )


def crystal_named(name: str) -> Crystal:
    """Look up a crystal.

    Parameters
    ----------
    name : str
        A key of `CRYSTALS`; "C" is diamond.

    Returns
    -------
    Crystal

    Raises
    ------
    InputError
        If no crystal has that name.

    Examples
    --------
    >>> crystal_named("CdSe").space_group
    186
    """
    if name not in CRYSTALS:
        raise InputError(
            f"crystal {name!r} is not known; {_choice(name)}; or give structure_file, or space_group, symbols, "
            "sites and lattice"
        )
    return CRYSTALS[name]


def unit_cell(structure: Crystal | str) -> Atoms:
    """Build the conventional unit cell of a crystal.

    Parameters
    ----------
    structure : Crystal or str
        A crystal or a key of `CRYSTALS`.

    Returns
    -------
    ase.Atoms
        Periodic in all directions, a fresh copy; a along x, b in the plane of x and y.

    Raises
    ------
    InputError
        If no crystal has that name.

    Examples
    --------
    >>> unit_cell("Si").get_chemical_formula()
    'Si8'
    """
    return Atoms(_built(crystal_named(structure) if isinstance(structure, str) else structure))


@lru_cache(maxsize=1024)  # alloys have lattices without number
def _built(structure: Crystal) -> Atoms:
    return crystal(
        structure.symbols,
        structure.sites,
        spacegroup=structure.space_group,
        setting=structure.setting,
        cellpar=structure.lattice,
        onduplicates="error",
    )


def _named_by_elements(values: dict[str, Any]) -> dict[str, Any]:
    symbols = values.get("symbols")
    if "name" not in values and isinstance(symbols, tuple) and all(isinstance(symbol, str) for symbol in symbols):
        values["name"] = "".join(dict.fromkeys(symbols))
    return values


def _require_sound(structure: Crystal) -> None:
    if len(structure.symbols) != len(structure.sites):
        raise InputError(
            f"{len(structure.symbols)} symbols for {len(structure.sites)} sites; give one element a site, in order"
        )
    unknown = [symbol for symbol in structure.symbols if not 1 <= atomic_numbers.get(symbol, 0) <= HEAVIEST]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no element from H to U; write symbols such as 'Cd'")
    _require_lattice(structure)
    _require_apart(structure)


def _require_lattice(structure: Crystal) -> None:
    """Refuse a lattice that the rotations of the space group change."""
    number, setting = structure.space_group, structure.setting
    metric = _metric(structure.lattice)
    try:
        rotations = Spacegroup(number, setting).get_rotations()
    except SpacegroupError as error:
        raise InputError(f"space group {number} has no setting {setting}; leave setting out") from error
    turned = np.swapaxes(rotations, 1, 2) @ metric @ rotations
    if np.abs(turned - metric).max() > _TOLERANCE * np.abs(metric).max():
        raise InputError(
            f"lattice {structure.lattice} lacks the symmetry of space group {number}; mend its lengths and angles, or "
            "give space_group 1 and every atom"
        )


def _metric(lattice: tuple[float, ...]) -> NDArray[np.float64]:
    """Scalar products (3, 3) of the lattice vectors [A^2]."""
    cosines = np.cos(np.radians(lattice[3:]))
    angles = np.eye(3)
    for (row, column), cosine in zip(((1, 2), (0, 2), (0, 1)), cosines, strict=True):
        angles[row, column] = angles[column, row] = cosine
    if np.linalg.det(angles) < _LEAST_SHARE:
        raise InputError(
            f"lattice angles {', '.join(f'{angle:g}' for angle in lattice[3:])} close no cell; give alpha, beta and "
            "gamma in degrees"
        )
    return angles * np.outer(lattice[:3], lattice[:3])


def _require_apart(structure: Crystal) -> None:
    try:
        cell = _built(structure)
    except Exception as error:  # ASE raises errors of many kinds
        raise InputError(f"no cell can be built of {structure.name}: {error}; mend space_group and sites") from error
    if len(cell) > MOST_ATOMS:
        raise InputError(f"{structure.name} has {len(cell)} atoms a cell; at most {MOST_ATOMS} are taken")
    first, second, distance = neighbor_list("ijd", cell, _LEAST_DISTANCE)
    if len(distance):
        pair = " and ".join(cell.symbols[[first[0], second[0]]])
        raise InputError(
            f"{pair} in {structure.name} are {distance[0]:.2f} A apart; at least {_LEAST_DISTANCE} A is allowed: mend "
            "sites, setting (origin choice) or lattice"
        )


def _choice(name: str) -> str:
    by_lower = {known.lower(): known for known in CRYSTALS}
    near = get_close_matches(name.lower(), by_lower, n=1)
    nearest = f"; nearest: {by_lower[near[0]]!r}" if near else ""
    return f"allowed: {', '.join(map(repr, CRYSTALS))}{nearest}"


_KNOWN = (
    _wurtzite("CdSe", ("Cd", "Se"), 4.2985, 7.0152),
    _wurtzite("ZnS", ("Zn", "S"), 3.8227, 6.2607),
    _cubic("Cu", 225, 3.6157),
    _cubic("Ag", 225, 4.0782),
    _cubic("C", 227, 3.5673),  # diamond
    _cubic("Si", 227, 5.430),
    # u: W. C. Hamilton, Phys. Rev. 110, 1050 (1958), as MINCRYST lists it (http://database.iem.ac.ru/mincryst).
    _spinel("Fe3O4", "Fe", 8.394, u=0.2548),
    _spinel("Co3O4", "Co", 8.065),
    _cubic("Fe", 229, 2.866),
    # Au, Pt: usual values at room temperature, assumed: secondary lists at hand have 4.0786 A and 3.923 to 3.9242 A.
    _cubic("Au", 225, 4.0782),
    _cubic("Pt", 225, 3.9242),
)
CRYSTALS: Mapping[str, Crystal] = MappingProxyType({known.name: known for known in _KNOWN})
