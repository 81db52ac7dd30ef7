from .carbon import add_sequentially, amorphous_carbon, number_density
from .composites.alloys import AlloyRecipe
from .composites.shells import ShellRecipe
from .crystals import CRYSTALS, Crystal, crystal_named, unit_cell
from .orientations import ZoneAxis
from .own import FileRecipe, LabelChoice, ParticleChoice, Recipe, require_available
from .particle_recipe import ParticleRecipe
from .particles import Particle, draw_particle
from .ranges import Range
from .recipe import MixtureRecipe, SpecimenRecipe
from .shapes import Shape
from .similarity import angle_distribution, lattice_similarity, pair_structure_factor
from .sources import SourceFile
from .specimen import SPECIMENS_VERSION, build_specimen
from .structure import pair_distribution, structure_factor
from .supports.compounds import COMPOUNDS, amorphous_compound, compound_density
from .supports.graphene import graphene
from .supports.recipes import CompoundRecipe, GrapheneRecipe, SubstrateRecipe, VacuumRecipe, carried_over
from .surfaces import Roughness
from .validation import require_sound

__all__ = [
    "COMPOUNDS",
    "CRYSTALS",
    "SPECIMENS_VERSION",
    "AlloyRecipe",
    "CompoundRecipe",
    "Crystal",
    "FileRecipe",
    "GrapheneRecipe",
    "LabelChoice",
    "MixtureRecipe",
    "Particle",
    "ParticleChoice",
    "ParticleRecipe",
    "Range",
    "Recipe",
    "Roughness",
    "Shape",
    "ShellRecipe",
    "SourceFile",
    "SpecimenRecipe",
    "SubstrateRecipe",
    "VacuumRecipe",
    "ZoneAxis",
    "add_sequentially",
    "amorphous_carbon",
    "amorphous_compound",
    "angle_distribution",
    "build_specimen",
    "carried_over",
    "compound_density",
    "crystal_named",
    "draw_particle",
    "graphene",
    "lattice_similarity",
    "number_density",
    "pair_distribution",
    "pair_structure_factor",
    "require_available",
    "require_sound",
    "structure_factor",
    "unit_cell",
]
