"""Specimens: random crystalline nanoparticles on amorphous carbon, as ASE atoms."""

from temshift.specimens.carbon import amorphous_carbon
from temshift.specimens.crystals import CRYSTALS, Crystal, crystal_named, unit_cell
from temshift.specimens.particles import Particle, spherical_particle
from temshift.specimens.ranges import Range
from temshift.specimens.recipe import ParticleRecipe, SpecimenRecipe, SubstrateRecipe
from temshift.specimens.specimen import build_specimen
from temshift.specimens.validation import require_sound

__all__ = [
    "CRYSTALS",
    "Crystal",
    "Particle",
    "ParticleRecipe",
    "Range",
    "SpecimenRecipe",
    "SubstrateRecipe",
    "amorphous_carbon",
    "build_specimen",
    "crystal_named",
    "require_sound",
    "spherical_particle",
    "unit_cell",
]
