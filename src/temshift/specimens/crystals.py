"""Crystals by name; only those whose atoms sit on positions that symmetry fixes, or nearly so."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from ase import Atoms
from ase.spacegroup import crystal

from temshift.core.errors import InputError

Position = tuple[float, float, float]


@dataclass(frozen=True)
class Crystal:
    """A crystal structure.

    Attributes
    ----------
    name : str
        Name in recipes.
    space_group : int
        Number in the International Tables, first setting.
    symbols : tuple of str
        Elements of the inequivalent sites.
    sites : tuple of (x, y, z)
        Fractional coordinates of the inequivalent sites.
    lattice : tuple
        a, b, c [A] and alpha, beta, gamma [degree].
    assumed : str
        What about the structure is assumed instead of measured; empty where nothing is.
    """

    name: str
    space_group: int
    symbols: tuple[str, ...]
    sites: tuple[Position, ...]
    lattice: tuple[float, float, float, float, float, float]
    assumed: str = ""


def _cubic(name: str, space_group: int, a: float) -> Crystal:
    return Crystal(name, space_group, (name,), ((0.0, 0.0, 0.0),), (a, a, a, 90.0, 90.0, 90.0))


def _wurtzite(name: str, symbols: tuple[str, str], a: float, c: float) -> Crystal:
    sites = ((1 / 3, 2 / 3, 0.0), (1 / 3, 2 / 3, 3 / 8))
    return Crystal(
        name,
        186,
        symbols,
        sites,
        (a, a, c, 90.0, 90.0, 120.0),
        assumed=f"internal parameter of {name}: u = 3/8, the value of ideal tetrahedra",
    )


_KNOWN = (
    _wurtzite("CdSe", ("Cd", "Se"), 4.2985, 7.0152),
    _wurtzite("ZnS", ("Zn", "S"), 3.8227, 6.2607),
    _cubic("Cu", 225, 3.6157),
    _cubic("Ag", 225, 4.0782),
    _cubic("C", 227, 3.5673),  # diamond
    _cubic("Si", 227, 5.430),
    _cubic("Fe", 229, 2.866),
)
CRYSTALS: Mapping[str, Crystal] = MappingProxyType({known.name: known for known in _KNOWN})


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
        Where no crystal has that name.

    Examples
    --------
    >>> crystal_named("CdSe").space_group
    186
    """
    if name not in CRYSTALS:
        raise InputError(f"crystal {name!r} is not known; {_choice(name)}")
    return CRYSTALS[name]


def unit_cell(name: str) -> Atoms:
    """Build the conventional unit cell of a crystal.

    Parameters
    ----------
    name : str
        A key of `CRYSTALS`.

    Returns
    -------
    ase.Atoms
        Periodic in all directions, a fresh copy.

    Raises
    ------
    InputError
        Where no crystal has that name.

    Examples
    --------
    >>> unit_cell("Si").get_chemical_formula()
    'Si8'
    """
    return Atoms(_built(crystal_named(name)))


@cache
def _built(structure: Crystal) -> Atoms:
    return crystal(
        structure.symbols,
        structure.sites,
        spacegroup=structure.space_group,
        cellpar=structure.lattice,
    )


def _choice(name: str) -> str:
    by_lower = {known.lower(): known for known in CRYSTALS}
    near = get_close_matches(name.lower(), by_lower, n=1)
    nearest = f"; nearest: {by_lower[near[0]]!r}" if near else ""
    return f"allowed: {', '.join(map(repr, CRYSTALS))}{nearest}"
