"""One support from a recipe."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temshift.specimens.carbon import CARBON, amorphous_carbon
from temshift.specimens.supports.compounds import amorphous_compound
from temshift.specimens.supports.graphene import SPACING, graphene
from temshift.specimens.supports.recipes import CompoundRecipe, GrapheneRecipe, Support, VacuumRecipe


@dataclass(frozen=True)
class DrawnSupport:
    """Atoms of a support; particles lie on its upper side.

    Attributes
    ----------
    numbers : ndarray (atoms,)
        Atomic numbers.
    positions : ndarray (atoms, 3)
        x, y, z [A].
    thickness : float
        Thickness that was drawn [A].
    facts : dict
        Material and, of graphene, angles and strain; empty for carbon.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    thickness: float
    facts: dict[str, object] = field(default_factory=dict)


def draw_support(recipe: Support, cell: tuple[float, float], generator: np.random.Generator) -> DrawnSupport:
    """Draw one support.

    Parameters
    ----------
    recipe : SubstrateRecipe, CompoundRecipe, GrapheneRecipe or VacuumRecipe
        The recipe.
    cell : tuple of float
        Sides along (x, y) [A]; periodic.
    generator : numpy.random.Generator
        Source of all draws.

    Returns
    -------
    DrawnSupport

    Raises
    ------
    InputError
        If carbon atoms find no room.
    """
    if isinstance(recipe, VacuumRecipe):
        return DrawnSupport(np.empty(0, dtype=np.int64), np.empty((0, 3)), 0.0, {"substrate_material": "none"})
    if isinstance(recipe, GrapheneRecipe):
        return _sheets(recipe, cell, generator)
    thickness = float(generator.uniform(*recipe.thickness))
    if isinstance(recipe, CompoundRecipe):
        numbers, positions = amorphous_compound(
            recipe.compound,
            recipe.composition,
            recipe.density_g_per_cm3,
            cell,
            thickness,
            generator,
            recipe.roughness,
        )
        return DrawnSupport(numbers, positions, thickness, {"substrate_material": recipe.compound.title})
    positions = amorphous_carbon(
        cell, thickness, recipe.density_g_per_cm3, recipe.minimum_distance_angstrom, generator, recipe.roughness
    )
    return DrawnSupport(np.full(len(positions), CARBON), positions, thickness)


def _sheets(recipe: GrapheneRecipe, cell: tuple[float, float], generator: np.random.Generator) -> DrawnSupport:
    layers = int(generator.integers(recipe.layers.minimum, recipe.layers.maximum, endpoint=True))
    angles = recipe.rotation_deg.minimum, recipe.rotation_deg.maximum
    positions, turns, strain = graphene(cell, layers, angles, recipe.stacking, generator)
    facts = {"substrate_material": "graphene", "graphene_rotation_deg": turns, "graphene_strain": strain}
    return DrawnSupport(np.full(len(positions), CARBON), positions, layers * SPACING, facts)
