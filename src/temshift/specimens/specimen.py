"""One specimen from a recipe, a seed and its number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from temshift.core.seeds import Stage, generator
from temshift.specimens.carbon import CARBON, amorphous_carbon
from temshift.specimens.cells import SUBSTRATE
from temshift.specimens.cells import wrapped as _wrapped
from temshift.specimens.own import FileRecipe, own_specimen
from temshift.specimens.particles import Particle, spherical_particle
from temshift.specimens.placement import Centers, place
from temshift.specimens.recipe import ParticleRecipe, SpecimenRecipe

SPECIMENS_VERSION = 1  # raised whenever the same recipe and seed would give other atoms

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


def build_specimen(recipe: SpecimenRecipe | FileRecipe, root_seed: int, index: int) -> Atoms:
    """Draw one specimen, particles on the exit side of an amorphous carbon film, or read one from a file.

    The beam runs along +z. The lowest atom lies at z = margin, the exit plane at z = cell height, a margin
    above the highest atom. Substrate and particles draw from streams of their own, so that settings of one
    leave the other as it was, and a specimen depends on no other one.

    Parameters
    ----------
    recipe : SpecimenRecipe or FileRecipe
        What to draw, or which files to read.
    root_seed : int
        Seed of the database, not negative; files do not depend on it.
    index : int
        Number of the specimen, not negative.

    Returns
    -------
    ase.Atoms
        Orthogonal cell [A], periodic in x and y. ``arrays["particle"]`` (int16) is -1 on the substrate and
        the number of the particle elsewhere. ``info["particles"]`` lists for each particle its crystal,
        number of atoms, ``center_xy_angstrom``, ``center_z_angstrom``, ``radius_angstrom`` and
        ``quaternion_xyzw`` (crystal to specimen); ``info["substrate_thickness_angstrom"]`` is the thickness
        drawn.

    Raises
    ------
    InputError
        Where particles or carbon atoms find no room, or a file is missing, altered or can't be simulated.

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
    substrate = _substrate(recipe, generator(root_seed, Stage.SPECIMEN, index, _SUBSTRATE_STREAM))
    floor = float(substrate.positions[:, 2].max()) + recipe.particles.contact_distance_angstrom
    placed = _particles(recipe, floor, generator(root_seed, Stage.SPECIMEN, index, _PARTICLE_STREAM))
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


def _particles(recipe: SpecimenRecipe, floor: float, draws: np.random.Generator) -> list[_Placed]:
    """Particles whose lowest atoms lie at the height `floor` [A]."""
    settings = recipe.particles
    radii = _radii(settings, draws)
    centers = place(recipe.cell, radii, settings.gap, draws)
    spheres = [spherical_particle(settings.crystal, radius, draws) for radius in radii]
    return [_resting(sphere, center, floor) for sphere, center in zip(spheres, centers, strict=True)]


def _radii(settings: ParticleRecipe, draws: np.random.Generator) -> list[float]:
    count = int(draws.integers(settings.count.minimum, settings.count.maximum, endpoint=True))
    radii: list[float] = draws.uniform(*settings.radius, size=count).tolist()
    return radii


def _resting(particle: Particle, center: Centers, floor: float) -> _Placed:
    height = floor - particle.positions[:, 2].min()
    return _Placed(particle, np.array([*center, height]))


def _assembled(recipe: SpecimenRecipe, substrate: _Substrate, placed: Sequence[_Placed]) -> Atoms:
    positions = np.concatenate([substrate.positions, *(item.positions for item in placed)])
    positions[:, :2] = _wrapped(positions[:, :2], recipe.cell)
    carbon = np.full(len(substrate.positions), CARBON)
    atoms = Atoms(
        np.concatenate([carbon, *(item.particle.numbers for item in placed)]),
        positions,
        cell=[*recipe.cell, float(positions[:, 2].max()) + recipe.margin_angstrom],
        pbc=(True, True, False),
    )
    sizes = [len(carbon), *(len(item.particle.numbers) for item in placed)]
    atoms.arrays["particle"] = np.repeat(np.arange(SUBSTRATE, len(placed), dtype=np.int16), sizes)
    atoms.info["particles"] = [_facts(item, recipe.particles.crystal) for item in placed]
    atoms.info["substrate_thickness_angstrom"] = substrate.thickness
    return atoms


def _facts(item: _Placed, crystal: str) -> dict[str, object]:
    return {
        "crystal": crystal,
        "atoms": len(item.particle.numbers),
        "center_xy_angstrom": item.center[:2].tolist(),
        "center_z_angstrom": float(item.center[2]),
        "radius_angstrom": item.particle.radius,
        "quaternion_xyzw": item.particle.rotation.as_quat().tolist(),
    }
