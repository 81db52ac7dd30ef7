"""Random alloys: the atoms of one crystal replaced by those of another of the same structure."""

from typing import Annotated

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray
from pydantic import AfterValidator

from temshift.configuration import Configuration
from temshift.core import InputError
from temshift.specimens.crystals import Crystal
from temshift.specimens.ranges import Range, within

_SAME_SITE = 0.05  # of fractional coordinates, by which sites of two crystals may differ

Share = Annotated[Range[float], AfterValidator(within(0.0, 1.0))]


class AlloyRecipe(Configuration):
    """Another crystal of the same structure, whose elements replace those of the particle's at random.

    Each atom is replaced by itself with the probability ``share``, which is drawn uniformly for each particle.
    The lattice follows Vegard's law: lengths between those of both crystals in proportion to the share.
    """

    crystal: Crystal
    share: Share


def require_alloy(first: Crystal, second: Crystal) -> None:
    """Refuse crystals that can't be mixed.

    Parameters
    ----------
    first, second : Crystal
        The crystals.

    Raises
    ------
    InputError
        If their structures differ, or their elements don't.
    """
    if not same_structure(first, second):
        raise InputError(
            f"{first.name} and {second.name} have different structures and mix in no lattice; name an alloy.crystal "
            "of the same space group and sites, such as Au with Ag"
        )
    pairs = set(zip(first.symbols, second.symbols, strict=True))
    if all(ours == other for ours, other in pairs):
        raise InputError(f"{first.name} and {second.name} have the same elements; name another alloy.crystal")
    if len(set(first.symbols)) != len(pairs):
        raise InputError(
            f"an element of {first.name} stands for two of {second.name}; name an alloy.crystal whose elements take "
            "the sites of one each"
        )


def same_structure(first: Crystal, second: Crystal) -> bool:
    """Whether two crystals have the same space group and their sites in the same places."""
    if (first.space_group, first.setting) != (second.space_group, second.setting):
        return False
    if len(first.sites) != len(second.sites):
        return False
    offsets = np.subtract(first.sites, second.sites)
    return bool((np.abs(offsets - np.round(offsets)) <= _SAME_SITE).all())


def alloy_name(first: Crystal, second: Crystal) -> str:
    """Name of an alloy, in tables of thermal displacements too."""
    return f"{first.name}-{second.name}"


def mixed(first: Crystal, second: Crystal, share: float) -> Crystal:
    """Return the crystal whose lattice lies between two, with the elements of the first.

    Parameters
    ----------
    first, second : Crystal
        Of the same structure.
    share : float
        Of the second, 0 to 1.

    Returns
    -------
    Crystal
        Lengths, angles and free coordinates in proportion to the share.

    References
    ----------
    L. Vegard, Z. Phys. 5, 17 (1921), DOI 10.1007/BF01349680

    Examples
    --------
    >>> from temshift.specimens.crystals import CRYSTALS
    >>> round(mixed(CRYSTALS["Cu"], CRYSTALS["Au"], 0.25).lattice[0], 5)
    3.73133
    """
    offsets = np.subtract(second.sites, first.sites)
    sites = np.asarray(first.sites) + share * (offsets - np.round(offsets))
    lattice = (1 - share) * np.asarray(first.lattice) + share * np.asarray(second.lattice)
    return first.model_copy(
        update={
            "name": alloy_name(first, second),
            "sites": tuple(map(tuple, sites.tolist())),
            "lattice": tuple(lattice.tolist()),
        }
    )


def replaced(
    numbers: NDArray[np.int64], first: Crystal, second: Crystal, share: float, generator: np.random.Generator
) -> tuple[NDArray[np.int64], float | None]:
    """Replace atoms of one crystal by those of another at random, each by itself.

    Parameters
    ----------
    numbers : ndarray (atoms,)
        Atomic numbers of the first crystal.
    first, second : Crystal
        Of the same structure.
    share : float
        Probability of each atom that the crystals differ in.
    generator : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    numbers : ndarray (atoms,)
        A new array.
    float, optional
        Share that was replaced of the atoms that the crystals differ in; None if there are none.
    """
    chosen = generator.random(len(numbers)) < share
    partners = {atomic_numbers[a]: atomic_numbers[b] for a, b in zip(first.symbols, second.symbols, strict=True)}
    others = np.array([partners[number] for number in numbers.tolist()], dtype=numbers.dtype)
    able = others != numbers
    return np.where(chosen, others, numbers), float(chosen[able].mean()) if able.any() else None
