"""One specimen from a recipe, a seed and its number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from temshift.core import InputError, Stage, generator
from temshift.specimens.cells import SUBSTRATE, wrapped
from temshift.specimens.own import FileRecipe, Recipe, own_specimen
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import Particle, draw_particle
from temshift.specimens.placement import Centers, find_places
from temshift.specimens.ranges import ANGSTROM_PER_NM
from temshift.specimens.reading import READING_VERSION
from temshift.specimens.recipe import MixtureRecipe, SpecimenRecipe
from temshift.specimens.resting import resting_height
from temshift.specimens.supports.drawing import DrawnSupport, draw_support

SPECIMENS_VERSION = 2  # raised whenever the same recipe and seed would give other atoms; see `specimen_versions`

MOST_DRAWS = 100  # of the particles of one specimen, until they find room

_SUBSTRATE_STREAM, _PARTICLE_STREAM, _SIDE_STREAM = 0, 1, 2
_MIRROR = np.array([1.0, 1.0, -1.0])

Side = Literal["exit", "entrance"]


@dataclass(frozen=True)
class _Placed:
    """A particle with the centre of its sphere (x, y, z) [A]."""

    particle: Particle
    center: NDArray[np.float64]

    @property
    def positions(self) -> NDArray[np.float64]:
        return self.particle.positions + self.center


def specimen_versions(recipe: Recipe) -> list[int]:
    """Return the versions of all that makes the atoms of a recipe: of own files also that of their readers.

    Examples
    --------
    >>> specimen_versions(FileRecipe.model_construct(files=())) == [SPECIMENS_VERSION, READING_VERSION]
    True
    """
    return [SPECIMENS_VERSION, *([READING_VERSION] if isinstance(recipe, FileRecipe) else [])]


def build_specimen(recipe: Recipe, root_seed: int, index: int) -> Atoms:
    """Draw one specimen, particles on one side of a support or in vacuum, or read one from a file.

    The beam runs along +z. The lowest atom lies at z = margin, the exit plane at z = cell height, a margin
    above the highest atom. In vacuum the lowest atom of each particle lies at z = margin. Substrate and particles draw
    from streams of their own, so that settings of one leave the other as it was, and a specimen depends on no other
    one. Particles that find no room together are drawn again, all but their count, so that crowded specimens hold
    somewhat smaller ones than ``radius_nm`` says.

    Parameters
    ----------
    recipe : SpecimenRecipe, MixtureRecipe or FileRecipe
        What to draw, or which files to read.
    root_seed : int
        Seed of the database, not negative; files do not depend on it.
    index : int
        Number of the specimen, not negative.

    Returns
    -------
    ase.Atoms
        Orthogonal cell [A], periodic in x and y. ``arrays["particle"]`` (int16) is -1 on the substrate and
        the number of the particle elsewhere. ``info["particles"]`` lists for each particle its crystal, shape,
        number of atoms, ``center_xy_angstrom``, ``center_z_angstrom``, ``radius_angstrom`` (of the disc around
        its centre that holds its silhouette), ``equal_volume_radius_angstrom`` (of the sphere of its volume),
        ``quaternion_xyzw`` (crystal to specimen) and how many ``stacking_faults``, ``twins`` and ``vacancies``
        it was given; ``info["substrate_thickness_angstrom"]`` is the thickness drawn. Keys that are
        there only if the recipe asks for them: ``info["particle_side"]``, ``info["substrate_material"]``, angles and
        strain of graphene, ``alloy_share``, ``shell_crystal`` and ``shell_thickness_angstrom`` of a particle, and
        ``arrays["shell"]``, True on the atoms of a shell.

    Raises
    ------
    InputError
        If particles or carbon atoms find no room, or a file is missing, altered or can't be simulated.

    Examples
    --------
    >>> recipe = SpecimenRecipe.model_validate({
    ...     "cell_nm": (3.0, 3.0),
    ...     "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.0},
    ...     "particles": {"crystal": "Cu", "radius_nm": 0.8, "count": 1, "gap_nm": 0.5},
    ... })
    >>> atoms = build_specimen(recipe, root_seed=7, index=0)
    >>> int((atoms.arrays["particle"] == -1).sum())
    902
    """
    if isinstance(recipe, FileRecipe):
        return own_specimen(recipe, index)
    if isinstance(recipe, MixtureRecipe):
        recipe = recipe.member(index)
    substrate = _substrate(recipe, generator(root_seed, Stage.SPECIMEN, index, _SUBSTRATE_STREAM))
    side = _side(recipe.particles, root_seed, index)
    placed = _particles(recipe, substrate, side, generator(root_seed, Stage.SPECIMEN, index, _PARTICLE_STREAM))
    if side == "entrance":
        substrate, placed = _turned_over(substrate, placed, recipe.margin_angstrom)
    return _assembled(recipe, substrate, placed, {} if recipe.particles.side == "exit" else {"particle_side": side})


def _substrate(recipe: SpecimenRecipe, draws: np.random.Generator) -> DrawnSupport:
    """Support with its lowest atom at z = margin."""
    drawn = draw_support(recipe.substrate, recipe.cell, draws)
    if len(drawn.positions):
        drawn.positions[:, 2] += recipe.margin_angstrom - drawn.positions[:, 2].min()
    return drawn


def _side(settings: ParticleRecipe, root_seed: int, index: int) -> Side:
    """Side of the support that all particles of a specimen lie on."""
    if settings.side != "either":
        return settings.side
    draws = generator(root_seed, Stage.SPECIMEN, index, _SIDE_STREAM)
    return "entrance" if draws.random() < 0.5 else "exit"


def _particles(
    recipe: SpecimenRecipe, substrate: DrawnSupport, side: Side, draws: np.random.Generator
) -> list[_Placed]:
    """Particles at rest on the substrate; where they find no room, all but their count is drawn again.

    Those of the entrance side lie on the upper side too, seen in a mirror that `_turned_over` takes away.
    """
    settings = recipe.particles
    count = int(draws.integers(settings.count.minimum, settings.count.maximum, endpoint=True))
    for _ in range(MOST_DRAWS):
        particles = [draw_particle(settings, size, draws) for size in _sizes(settings, count, draws)]
        centers = find_places(recipe.cell, [particle.radius for particle in particles], settings.gap, draws)
        if centers is not None:
            return [_resting(recipe, substrate, side, *item) for item in zip(particles, centers, strict=True)]
    raise InputError(
        f"{count} particles found no room in {recipe.cell[0]:g} x {recipe.cell[1]:g} A with gaps of "
        f"{settings.gap:g} A; give fewer or smaller particles, a smaller gap or a larger cell"
    )


def _sizes(settings: ParticleRecipe, count: int, draws: np.random.Generator) -> list[float]:
    """Radii of the spheres of equal volume [A]."""
    sizes: list[float] = (ANGSTROM_PER_NM * settings.radius_nm.quantile(draws.random(count))).tolist()
    return sizes


def _resting(
    recipe: SpecimenRecipe, substrate: DrawnSupport, side: Side, particle: Particle, center: Centers
) -> _Placed:
    positions = particle.positions * (_MIRROR if side == "entrance" else 1.0) + np.array([*center, 0.0])
    if len(substrate.positions) == 0:
        return _Placed(particle, np.array([*center, recipe.margin_angstrom - positions[:, 2].min()]))
    distance = recipe.particles.contact_distance_angstrom
    height = resting_height(positions, substrate.positions, recipe.cell, distance)
    return _Placed(particle, np.array([*center, height]))


def _turned_over(
    substrate: DrawnSupport, placed: Sequence[_Placed], margin: float
) -> tuple[DrawnSupport, list[_Placed]]:
    """Mirror the support and the places of particles along the beam; the particles stay as they were drawn."""
    film = substrate.positions * _MIRROR
    turned = [_Placed(item.particle, item.center * _MIRROR) for item in placed]
    rise = np.array([0.0, 0.0, margin - min(part[:, 2].min() for part in [film, *(item.positions for item in turned)])])
    return replace(substrate, positions=film + rise), [_Placed(item.particle, item.center + rise) for item in turned]


def _assembled(
    recipe: SpecimenRecipe, substrate: DrawnSupport, placed: Sequence[_Placed], facts: dict[str, object]
) -> Atoms:
    positions = np.concatenate([substrate.positions, *(item.positions for item in placed)])
    positions[:, :2] = wrapped(positions[:, :2], recipe.cell)
    atoms = Atoms(
        np.concatenate([substrate.numbers, *(item.particle.numbers for item in placed)]),
        positions,
        cell=[*recipe.cell, float(positions[:, 2].max()) + recipe.margin_angstrom],
        pbc=(True, True, False),
    )
    sizes = [len(substrate.numbers), *(len(item.particle.numbers) for item in placed)]
    atoms.arrays["particle"] = np.repeat(np.arange(SUBSTRATE, len(placed), dtype=np.int16), sizes)
    shells = [item.particle.in_shell for item in placed if item.particle.in_shell is not None]
    if shells:
        atoms.arrays["shell"] = np.concatenate([np.zeros(sizes[0], dtype=bool), *shells])
    atoms.info["particles"] = [_facts(item, recipe.particles) for item in placed]
    atoms.info["substrate_thickness_angstrom"] = substrate.thickness
    atoms.info.update(substrate.facts, **facts)
    return atoms


def _facts(item: _Placed, settings: ParticleRecipe) -> dict[str, object]:
    particle = item.particle
    more: dict[str, object] = {"alloy_share": particle.alloy_share} if settings.alloy is not None else {}
    if settings.shell is not None:
        more |= {"shell_crystal": settings.shell.crystal.name, "shell_thickness_angstrom": particle.shell_thickness}
    return {
        "crystal": settings.crystals[0][0],
        "shape": settings.shape.kind,
        "atoms": len(particle.numbers),
        "center_xy_angstrom": item.center[:2].tolist(),
        "center_z_angstrom": float(item.center[2]),
        "radius_angstrom": particle.radius,
        "equal_volume_radius_angstrom": particle.size,
        "quaternion_xyzw": particle.rotation.as_quat().tolist(),
        "stacking_faults": particle.stacking_faults,
        "twins": particle.twins,
        "vacancies": particle.vacancies,
        **more,
    }
