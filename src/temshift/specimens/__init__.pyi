from .carbon import add_sequentially, amorphous_carbon, number_density
from .crystals import CRYSTALS, Crystal, crystal_named, unit_cell
from .orientations import ZoneAxis
from .own import FileRecipe, LabelChoice, ParticleChoice, Recipe, require_available
from .particle_recipe import ParticleRecipe
from .particles import Particle, draw_particle
from .ranges import Range
from .recipe import MixtureRecipe, SpecimenRecipe, SubstrateRecipe
from .shapes import Shape
from .sources import SourceFile
from .specimen import SPECIMENS_VERSION, build_specimen
from .structure import pair_distribution, structure_factor
from .surfaces import Roughness
from .validation import require_sound

__all__ = [
    "CRYSTALS",
    "SPECIMENS_VERSION",
    "Crystal",
    "FileRecipe",
    "LabelChoice",
    "MixtureRecipe",
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
    "add_sequentially",
    "amorphous_carbon",
    "build_specimen",
    "crystal_named",
    "draw_particle",
    "number_density",
    "pair_distribution",
    "require_available",
    "require_sound",
    "structure_factor",
    "unit_cell",
]
