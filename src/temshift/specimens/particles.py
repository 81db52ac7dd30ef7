"""Particles: cut from a crystal or wound around a fivefold axis, with faults and vacancies, in some orientation."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from temshift.core import InputError
from temshift.specimens.composites.alloys import mixed, replaced
from temshift.specimens.composites.shells import ShellRecipe, clear_of, grown_on
from temshift.specimens.crystals import Crystal, unit_cell
from temshift.specimens.faults import draw_turns
from temshift.specimens.multiply_twinned import multiply_twinned
from temshift.specimens.orientations import draw_rotation
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.ranges import Range
from temshift.specimens.shapes import Solid, solid_of
from temshift.specimens.stacking import stack_of

Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]  # atomic numbers (atoms,), positions (atoms, 3) [A]


@dataclass(frozen=True)
class Particle:
    """A particle around its centre.

    Attributes
    ----------
    numbers : ndarray (atoms,)
        Atomic numbers.
    positions : ndarray (atoms, 3)
        x, y, z from the centre [A].
    size : float
        Radius of the sphere of equal volume, before vacancies [A].
    radius : float
        Radius of the disc around the centre that holds the silhouette along z [A].
    rotation : scipy.spatial.transform.Rotation
        Turns directions of the crystal into directions of the specimen.
    stacking_faults, twins, vacancies : int
        How many of each.
    in_shell : ndarray (atoms,), optional
        True for the atoms of a shell; None if the particle has none.
    shell_thickness : float, optional
        Radius of the whole particle less that of its core [A].
    alloy_share : float, optional
        Share of the replaceable atoms of an alloy that are replaced.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    size: float
    radius: float
    rotation: Rotation
    stacking_faults: int = 0
    twins: int = 0
    vacancies: int = 0
    in_shell: NDArray[np.bool_] | None = None
    shell_thickness: float | None = None
    alloy_share: float | None = None


def draw_particle(recipe: ParticleRecipe, size: float, generator: np.random.Generator) -> Particle:
    """Draw one particle.

    The centre of a sphere or polyhedron lies uniformly at random within the unit cell, so particles of one size differ;
    that of a decahedron or icosahedron is its own.

    Parameters
    ----------
    recipe : ParticleRecipe
        Crystal, shape, orientation, faults, shell, alloy and vacancies.
    size : float
        Radius of the sphere of equal volume [A], > 0; decahedra and icosahedra take the nearest size that they have.
    generator : numpy.random.Generator
        Source of all draws.

    Returns
    -------
    Particle

    Raises
    ------
    InputError
        If the shape needs wulffpack, which is not installed, or the particle would hold no atom.

    Examples
    --------
    >>> recipe = ParticleRecipe.model_validate({"crystal": "CdSe", "radius_nm": 1.2, "count": 1, "gap_nm": 1.0})
    >>> particle = draw_particle(recipe, 12.0, np.random.default_rng(0))
    >>> bool(np.linalg.norm(particle.positions, axis=1).max() <= 12.0)
    True
    """
    faults, twins = _count(recipe.stacking_faults, generator), _count(recipe.twins, generator)
    crystal, share = recipe.crystal, 0.0
    if recipe.alloy is not None:
        share = float(generator.uniform(recipe.alloy.share.minimum, recipe.alloy.share.maximum))
        crystal = mixed(crystal, recipe.alloy.crystal, share)
    whole = _twinned if recipe.shape.kind in ("decahedron", "icosahedron") else _cut_out
    particle = whole(recipe, crystal, size, (faults, twins), generator)
    return _with_vacancies(_alloyed(particle, recipe, share, generator), recipe.vacancies, generator)


def _twinned(
    recipe: ParticleRecipe, crystal: Crystal, size: float, faults: tuple[int, int], generator: np.random.Generator
) -> Particle:
    rotation = draw_rotation(recipe.orientation, np.eye(3), generator)
    cell = unit_cell(crystal)
    positions = rotation.apply(multiply_twinned(recipe.shape.kind, crystal, size))
    radius = float(np.linalg.norm(positions[:, :2], axis=1).max())
    reached = float((3 / (4 * np.pi) * len(positions) * cell.get_volume() / len(cell)) ** (1 / 3))
    return Particle(np.full(len(positions), cell.numbers[0]), positions, reached, radius, rotation, *faults)


def _cut_out(
    recipe: ParticleRecipe, crystal: Crystal, size: float, faults: tuple[int, int], generator: np.random.Generator
) -> Particle:
    rotation = draw_rotation(recipe.orientation, np.asarray(unit_cell(crystal).cell), generator)
    solid = solid_of(recipe.shape, recipe.crystal)
    radius = size * solid.silhouette(rotation)
    if recipe.shell is not None:
        thickness = float(generator.uniform(*recipe.shell.thickness))
        numbers, positions, in_shell = _core_and_shell(recipe.shell, crystal, solid, (size, thickness), generator)
        turned = rotation.apply(positions)
        return Particle(numbers, turned, size, radius, rotation, *faults, in_shell=in_shell, shell_thickness=thickness)
    numbers, positions = _within(crystal, solid, size, faults, generator)
    _require_atoms(crystal, size, numbers)
    return Particle(numbers, rotation.apply(positions), size, radius, rotation, *faults)


def _core_and_shell(
    shell: ShellRecipe, core: Crystal, solid: Solid, sizes: tuple[float, float], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Atoms of a core, then of its shell, around one centre; sizes are the radius and the thickness of the shell."""
    size, inner = sizes[0], sizes[0] - sizes[1]
    fractional = generator.random(3)
    numbers, positions = _ball(core, solid.outer * inner, fractional)
    inside = solid.holds(positions / inner)
    numbers, positions = numbers[inside], positions[inside]
    _require_atoms(core, inner, numbers)
    outer_numbers, outer = _ball(grown_on(shell, core), solid.outer * size, fractional)
    around = solid.holds(outer / size) & ~solid.holds(outer / inner)
    outer_numbers, outer = outer_numbers[around], outer[around]
    clear = clear_of(outer_numbers, outer, numbers, positions)
    in_shell = np.repeat([False, True], [len(numbers), int(clear.sum())])
    return np.concatenate([numbers, outer_numbers[clear]]), np.concatenate([positions, outer[clear]]), in_shell


def _require_atoms(crystal: Crystal, size: float, numbers: NDArray[np.int64]) -> None:
    if len(numbers) == 0:
        raise InputError(f"a particle of {crystal.name} of radius {size:.3g} A holds no atom; give larger particles")


def _alloyed(particle: Particle, recipe: ParticleRecipe, share: float, generator: np.random.Generator) -> Particle:
    """Replace atoms at random, of the core if there is a shell."""
    if recipe.alloy is None:
        return particle
    core = slice(None) if particle.in_shell is None else slice(0, int((~particle.in_shell).sum()))
    numbers = particle.numbers.copy()
    numbers[core], reached = replaced(numbers[core], recipe.crystal, recipe.alloy.crystal, share, generator)
    return replace(particle, numbers=numbers, alloy_share=reached)


def _with_vacancies(particle: Particle, share: Range[float], generator: np.random.Generator) -> Particle:
    """Take a share of the atoms out at random; one stays at least, and those that stay keep their order."""
    atoms = len(particle.numbers)
    vacancies = min(round(atoms * generator.uniform(share.minimum, share.maximum)), atoms - 1)
    kept = np.sort(generator.permutation(atoms)[vacancies:])
    in_shell = None if particle.in_shell is None else particle.in_shell[kept]
    return replace(
        particle,
        numbers=particle.numbers[kept],
        positions=particle.positions[kept],
        vacancies=vacancies,
        in_shell=in_shell,
    )


def _count(number: Range[int], generator: np.random.Generator) -> int:
    return int(generator.integers(number.minimum, number.maximum, endpoint=True))


def _within(
    structure: Crystal, solid: Solid, size: float, faults: tuple[int, int], generator: np.random.Generator
) -> Block:
    """Atoms within a solid, its centre at random within the unit cell; positions from there."""
    fractional = generator.random(3)
    stack = stack_of(structure) if any(faults) else None
    if stack is None:
        numbers, positions = _ball(structure, solid.outer * size, fractional)
    else:
        center = fractional @ np.asarray(unit_cell(structure).cell)
        turns = draw_turns(stack, center, solid.inner * size, *faults, generator)
        numbers, positions = stack.atoms(center, solid.outer * size, turns)
    inside = solid.holds(positions / size)
    return numbers[inside], positions[inside]


def _ball(structure: Crystal, radius: float, center: NDArray[np.float64]) -> Block:
    """Atoms of all cells that a ball around a fractional `center` may reach into; positions from there."""
    cell = unit_cell(structure)
    lattice = np.asarray(cell.cell)
    points = _lattice_points(lattice, radius, center)
    positions = ((points - center) @ lattice)[:, None] + cell.positions
    return np.tile(cell.numbers, len(points)), positions.reshape(-1, 3)


def _lattice_points(lattice: NDArray[np.float64], radius: float, center: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole lattice points (points, 3) of every cell that a sphere may reach into."""
    reach = radius * np.linalg.norm(np.linalg.inv(lattice), axis=0)  # in spacings of the lattice planes
    low, high = np.floor(center - reach), np.floor(center + reach)
    axes = [np.arange(first, last + 1) for first, last in zip(low - 1, high + 1, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
