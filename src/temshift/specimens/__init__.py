"""Specimens: random crystalline nanoparticles on amorphous carbon, as ASE atoms."""

from temshift.specimens.carbon import amorphous_carbon
from temshift.specimens.crystals import CRYSTALS, Crystal, crystal_named, unit_cell
from temshift.specimens.orientations import ZoneAxis
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import Particle, draw_particle
from temshift.specimens.ranges import Range
from temshift.specimens.recipe import SpecimenRecipe, SubstrateRecipe
from temshift.specimens.shapes import Shape
from temshift.specimens.specimen import build_specimen
from temshift.specimens.validation import require_sound

__all__ = [
    "CRYSTALS",
    "Crystal",
    "Particle",
    "ParticleRecipe",
    "Range",
    "Shape",
    "SpecimenRecipe",
    "SubstrateRecipe",
    "ZoneAxis",
    "amorphous_carbon",
    "build_specimen",
    "crystal_named",
    "draw_particle",
    "require_sound",
    "unit_cell",
]
