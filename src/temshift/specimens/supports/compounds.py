"""Amorphous compounds of silicon: random places, pulled to their bonds and pushed apart to their distances."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temshift.core import InputError
from temshift.specimens.carbon import AVOGADRO
from temshift.specimens.cells import wrapped
from temshift.specimens.surfaces import Roughness, rough_surface

_PULLS, _PUSHES = 25, 20  # rounds with and, after them, without pulls to bonds
_PULL, _PUSH = 0.2, 0.5  # share of what a distance lacks that each of two atoms makes up for in a round
_REFRESH, _SKIN = (
    5,
    0.5,
)  # rounds after which neighbours are looked for anew, and how much further away than need be [A]
_NEARLY = 0.97  # of the stoichiometric ratio, below which cations bond to each other

Positions = NDArray[np.float64]
Pairs = NDArray[np.intp]


@dataclass(frozen=True)
class Compound:
    """An amorphous compound of a cation and an anion.

    Attributes
    ----------
    title : str
        Its name in words.
    cation, anion : str
        Symbols of the elements.
    amounts : tuple of float
        Cations and anions of the stoichiometric compound.
    ratios : tuple of float
        Fewest and most anions a cation that are taken.
    density, densest : float
        Usual mass density, and that of the densest crystal at normal pressure [g/cm^3].
    bond : float
        Length of the bond between cation and anion [A].
    cations, anions : float
        Least distance between two cations, and two anions, of the stoichiometric compound [A].
    cation_bond : float
        Length of the bond between two cations, where anions are too few [A].
    neighbours : int
        Cations around an anion.
    """

    title: str
    cation: str
    anion: str
    amounts: tuple[float, float]
    ratios: tuple[float, float]
    density: float
    densest: float
    bond: float
    cations: float
    anions: float
    cation_bond: float
    neighbours: int


# Bonds and second neighbours: M. Misawa et al., J. Non-Cryst. Solids 34, 313 (1979), Si-N 1.73 A, 3 Si around N; R. L.
# Mozzi and B. E. Warren, J. Appl. Cryst. 2, 164 (1969), Si-O 1.62 A, and A. C. Wright, J. Non-Cryst. Solids 179, 84
# (1994), Si-O 1.61 A. Si-Si: 2.35 A, of the crystal. Least distances of like atoms are the lower edges of the second
# peaks of these. Densities: silica 2.20 (Mozzi and Warren), quartz 2.65; nitride 3.0, amid the 2.9 to 3.1 that
# textbooks give for low-pressure chemical vapour deposition, beta-Si3N4 3.2 (P. Yang et al., Ceram. Int. 21, 137
# (1995): 3.195). None of the papers but the last (as AMCSD lists it) was at hand; so the values count as assumed.
COMPOUNDS: Mapping[str, Compound] = MappingProxyType(
    {
        "silicon_nitride": Compound(
            "silicon nitride", "Si", "N", (3, 4), (0.6, 1.4), 3.0, 3.2, 1.73, 2.9, 2.65, 2.35, neighbours=3
        ),
        "silica": Compound("silica", "Si", "O", (1, 2), (1.5, 2.0), 2.2, 2.65, 1.61, 3.0, 2.55, 2.35, neighbours=2),
    }
)


def compound_density(density: float, composition: Mapping[str, float]) -> float:
    """Convert a mass density to atoms per volume.

    Parameters
    ----------
    density : float
        Mass density [g/cm^3].
    composition : mapping of str to float
        Amount of each element; ratios matter.

    Returns
    -------
    float
        Atoms of all elements [1/A^3].

    Examples
    --------
    >>> round(compound_density(2.2, {"Si": 1, "O": 2}), 4)
    0.0662
    """
    mass = sum(amount * float(atomic_masses[atomic_numbers[symbol]]) for symbol, amount in composition.items())
    return density * AVOGADRO * 1e-24 * sum(composition.values()) / mass


def require_composition(compound: Compound, composition: Mapping[str, float]) -> None:
    """Refuse other elements than those of a compound, and amounts that would make another material.

    Raises
    ------
    InputError
        If the elements differ, or the anions a cation are too few or too many.
    """
    cation, anion = compound.cation, compound.anion
    if set(composition) != {cation, anion}:
        raise InputError(
            f"composition names {', '.join(composition) or 'nothing'}; {compound.title} is made of {cation} and "
            f"{anion}: give {{{cation}: {compound.amounts[0]:g}, {anion}: {compound.amounts[1]:g}}}, or leave it out"
        )
    ratio, (lowest, highest) = composition[anion] / composition[cation], compound.ratios
    if not lowest - 1e-9 <= ratio <= highest + 1e-9:
        raise InputError(
            f"composition has {ratio:.3g} {anion} for each {cation}; {compound.title} is taken with {lowest:g} to "
            f"{highest:g}"
        )


def amorphous_compound(
    compound: Compound,
    composition: Mapping[str, float],
    density: float,
    cell: tuple[float, float],
    thickness: float,
    generator: np.random.Generator,
    roughness: Roughness | None = None,
) -> tuple[NDArray[np.int64], Positions]:
    """Make a slab of an amorphous compound.

    Atoms start at random places. For some rounds anions are pulled towards their nearest cations until they are bonds
    apart, and all atoms that are too near are pushed apart; in the last rounds they are only pushed. The result is
    dense, of the right composition, and has the lengths of bonds; angles are those that chance gives. Atoms do not
    leave the slab: those pushed against its faces lie in them.

    Parameters
    ----------
    compound : Compound
        Elements and distances. Where anions are fewer than the stoichiometric ones, cations bond to each other.
    composition : mapping of str to float
        Amount of each element.
    density : float
        Mass density [g/cm^3]; the number of atoms is the nearest whole one, and so is that of cations.
    cell : tuple of float
        Sides along (x, y) [A]; periodic.
    thickness : float
        Height of the slab [A], the mean one of a rough slab; not periodic.
    generator : numpy.random.Generator
        Source of the places.
    roughness : Roughness, optional
        Of the upper surface; flat if none is given.

    Returns
    -------
    numbers : ndarray (atoms,)
        Atomic numbers, cations first.
    positions : ndarray (atoms, 3)
        x, y, z [A], 0 <= z <= height of the surface there.
    """
    surface = None if roughness is None else rough_surface(cell, thickness, roughness, generator)
    height = thickness if surface is None else float(surface.heights.mean())
    count = round(cell[0] * cell[1] * height * compound_density(density, composition))
    cations = round(count * composition[compound.cation] / sum(composition.values()))

    def top(points: Positions) -> NDArray[np.float64]:
        return np.full(len(points), thickness) if surface is None else surface.at(points[:, :2])

    points = generator.random((count, 3)) * [*cell, 1.0]
    points[:, 2] *= top(points)
    least = _least_distances(compound, composition)
    for turn in range(_PULLS + _PUSHES):
        if turn % _REFRESH == 0:
            near = _near(points, cell, float(least.max()) + _SKIN)
            bonds = _bonds(points, cations, cell, compound.neighbours)
        steps = _apart(points, near, cations, cell, least)
        if turn < _PULLS:
            steps += _together(points, bonds, cell, compound.bond)
        points += steps
        points[:, :2] = wrapped(points[:, :2], cell)
        points[:, 2] = np.clip(points[:, 2], 0.0, top(points))
    numbers = np.full(count, atomic_numbers[compound.anion])
    numbers[:cations] = atomic_numbers[compound.cation]
    return numbers, points


def _least_distances(compound: Compound, composition: Mapping[str, float]) -> NDArray[np.float64]:
    """Least distances (2, 2) [A] between cations (0) and anions (1)."""
    full = compound.amounts[1] / compound.amounts[0]
    rich = composition[compound.anion] / composition[compound.cation] < _NEARLY * full
    cations = compound.cation_bond if rich else compound.cations
    return np.array([[cations, compound.bond], [compound.bond, compound.anions]])


def _near(points: Positions, cell: tuple[float, float], reach: float) -> Pairs:
    """Pairs (n, 2) of atoms within a reach."""
    return np.asarray(_tree(points, cell).query_pairs(reach, output_type="ndarray"))


def _bonds(points: Positions, cations: int, cell: tuple[float, float], neighbours: int) -> Pairs:
    """Pairs (n, 2) of each anion and its nearest cations."""
    count = min(neighbours, cations)
    _, nearest = _tree(points[:cations], cell).query(points[cations:], k=list(range(1, count + 1)))
    return np.column_stack([np.repeat(np.arange(cations, len(points)), count), nearest.ravel()])


def _apart(
    points: Positions, pairs: Pairs, cations: int, cell: tuple[float, float], least: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Steps (atoms, 3) [A] of atoms that lie nearer to another than they may."""
    kinds = (pairs >= cations).astype(int)
    offsets, distances = _between(points, pairs, cell)
    lacking = least[kinds[:, 0], kinds[:, 1]] - distances
    close = lacking > 0
    shares = _PUSH * lacking[close] / distances[close]
    return _moved(len(points), pairs[close], offsets[close] * shares[:, None])


def _together(points: Positions, pairs: Pairs, cell: tuple[float, float], bond: float) -> NDArray[np.float64]:
    """Steps (atoms, 3) [A] of atoms that lie further apart than a bond."""
    offsets, distances = _between(points, pairs, cell)
    excess = np.maximum(distances - bond, 0.0)
    return _moved(len(points), pairs, offsets * (-_PULL * excess / distances)[:, None])


def _tree(points: Positions, cell: tuple[float, float]) -> cKDTree:
    return cKDTree(points, boxsize=np.array([*cell, 0.0]), balanced_tree=False, compact_nodes=False)


def _between(
    points: Positions, pairs: Pairs, cell: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets (pairs, 3) from the second to the first atom of each pair, and distances (pairs,), never 0 [A]."""
    offsets = points[pairs[:, 0]] - points[pairs[:, 1]]
    offsets[:, :2] -= np.round(offsets[:, :2] / cell) * cell
    return offsets, np.maximum(np.linalg.norm(offsets, axis=1), 1e-9)


def _moved(count: int, pairs: Pairs, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the steps (atoms, 3) of all pairs: the first atom takes each, the second its opposite."""
    first, second = pairs.T
    axes = [np.bincount(first, step, count) - np.bincount(second, step, count) for step in steps.T]
    return np.stack(axes, axis=1)
