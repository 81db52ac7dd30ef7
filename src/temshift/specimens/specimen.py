"""One specimen from a recipe, a seed and its number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from temshift.core import InputError, Stage, generator
from temshift.specimens.carbon import CARBON, amorphous_carbon
from temshift.specimens.cells import SUBSTRATE, wrapped
from temshift.specimens.own import FileRecipe, Recipe, own_specimen
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import Particle, draw_particle
from temshift.specimens.placement import Centers, find_places
from temshift.specimens.ranges import ANGSTROM_PER_NM
from temshift.specimens.reading import READING_VERSION
from temshift.specimens.recipe import MixtureRecipe, SpecimenRecipe
from temshift.specimens.resting import resting_height

SPECIMENS_VERSION = 2  # raised whenever the same recipe and seed would give other atoms; see `specimen_versions`

MOST_DRAWS = 100  # of the particles of one specimen, until they find room

_SUBSTRATE_STREAM, _PARTICLE_STREAM = 0, 1


@dataclass(frozen=True)
class _Substrate:
    positions: NDArray[np.float64]
    thickness: float


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
    """Draw one specimen, particles on the exit side of an amorphous carbon film, or read one from a file.

    The beam runs along +z. The lowest atom lies at z = margin, the exit plane at z = cell height, a margin
    above the highest atom. Substrate and particles draw from streams of their own, so that settings of one
    leave the other as it was, and a specimen depends on no other one. Particles that find no room together are drawn
    again, all but their count, so that crowded specimens hold somewhat smaller ones than ``radius_nm`` says.

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
        it was given; ``info["substrate_thickness_angstrom"]`` is the thickness drawn.

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
    placed = _particles(recipe, substrate, generator(root_seed, Stage.SPECIMEN, index, _PARTICLE_STREAM))
    return _assembled(recipe, substrate, placed)


def _substrate(recipe: SpecimenRecipe, draws: np.random.Generator) -> _Substrate:
    """Carbon with its lowest atom at z = margin."""
    settings = recipe.substrate
    thickness = float(draws.uniform(*settings.thickness))
    positions = amorphous_carbon(
        recipe.cell,
        thickness,
        settings.density_g_per_cm3,
        settings.minimum_distance_angstrom,
        draws,
        settings.roughness,
    )
    positions[:, 2] += recipe.margin_angstrom - positions[:, 2].min()
    return _Substrate(positions, thickness)


def _particles(recipe: SpecimenRecipe, substrate: _Substrate, draws: np.random.Generator) -> list[_Placed]:
    """Particles at rest on the substrate; where they find no room, all but their count is drawn again."""
    settings = recipe.particles
    count = int(draws.integers(settings.count.minimum, settings.count.maximum, endpoint=True))
    for _ in range(MOST_DRAWS):
        particles = [draw_particle(settings, size, draws) for size in _sizes(settings, count, draws)]
        centers = find_places(recipe.cell, [particle.radius for particle in particles], settings.gap, draws)
        if centers is not None:
            return [_resting(recipe, substrate, *item) for item in zip(particles, centers, strict=True)]
    raise InputError(
        f"{count} particles found no room in {recipe.cell[0]:g} x {recipe.cell[1]:g} A with gaps of "
        f"{settings.gap:g} A; give fewer or smaller particles, a smaller gap or a larger cell"
    )


def _sizes(settings: ParticleRecipe, count: int, draws: np.random.Generator) -> list[float]:
    """Radii of the spheres of equal volume [A]."""
    sizes: list[float] = (ANGSTROM_PER_NM * settings.radius_nm.quantile(draws.random(count))).tolist()
    return sizes


def _resting(recipe: SpecimenRecipe, substrate: _Substrate, particle: Particle, center: Centers) -> _Placed:
    positions = particle.positions + np.array([*center, 0.0])
    distance = recipe.particles.contact_distance_angstrom
    height = resting_height(positions, substrate.positions, recipe.cell, distance)
    return _Placed(particle, np.array([*center, height]))


def _assembled(recipe: SpecimenRecipe, substrate: _Substrate, placed: Sequence[_Placed]) -> Atoms:
    positions = np.concatenate([substrate.positions, *(item.positions for item in placed)])
    positions[:, :2] = wrapped(positions[:, :2], recipe.cell)
    carbon = np.full(len(substrate.positions), CARBON)
    atoms = Atoms(
        np.concatenate([carbon, *(item.particle.numbers for item in placed)]),
        positions,
        cell=[*recipe.cell, float(positions[:, 2].max()) + recipe.margin_angstrom],
        pbc=(True, True, False),
    )
    sizes = [len(carbon), *(len(item.particle.numbers) for item in placed)]
    atoms.arrays["particle"] = np.repeat(np.arange(SUBSTRATE, len(placed), dtype=np.int16), sizes)
    atoms.info["particles"] = [_facts(item, recipe.particles) for item in placed]
    atoms.info["substrate_thickness_angstrom"] = substrate.thickness
    return atoms


def _facts(item: _Placed, settings: ParticleRecipe) -> dict[str, object]:
    particle = item.particle
    return {
        "crystal": settings.crystal.name,
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
    }
