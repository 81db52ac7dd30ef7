"""Specimens: random crystalline nanoparticles on amorphous carbon, as ASE atoms; or one's own."""

from temshift.specimens.carbon import amorphous_carbon
from temshift.specimens.crystals import CRYSTALS, Crystal, crystal_named, unit_cell
from temshift.specimens.orientations import ZoneAxis
from temshift.specimens.own import FileRecipe, LabelChoice, ParticleChoice, Recipe, require_available
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import Particle, draw_particle
from temshift.specimens.ranges import Range
from temshift.specimens.recipe import SpecimenRecipe, SubstrateRecipe
from temshift.specimens.shapes import Shape
from temshift.specimens.sources import SourceFile
from temshift.specimens.specimen import build_specimen
from temshift.specimens.surfaces import Roughness
from temshift.specimens.validation import require_sound

__all__ = [
    "CRYSTALS",
    "Crystal",
    "FileRecipe",
    "LabelChoice",
    "Particle",
    "ParticleChoice",
    "ParticleRecipe",
    "Range",
    "Recipe",
    "Roughness",
    "Shape",
    "SourceFile",
    "SpecimenRecipe",
    "SubstrateRecipe",
    "ZoneAxis",
    "amorphous_carbon",
    "build_specimen",
    "crystal_named",
    "draw_particle",
    "require_available",
    "require_sound",
    "unit_cell",
]
