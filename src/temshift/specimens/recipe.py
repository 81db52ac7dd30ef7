"""What specimens are made of: lengths in nanometre or angstrom as their keys say, angstrom as properties."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from temshift.configuration import Configuration
from temshift.core import InputError
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.placement import find_places
from temshift.specimens.ranges import ANGSTROM_PER_NM, require
from temshift.specimens.supports.recipes import FilmRecipe, Support, VacuumRecipe, require_fit

_TRIALS, _ARRANGEMENTS, _TRIAL_SEED = 20, 50, 0  # draws of sizes, and of places for each, that a recipe is tried by

Side = Annotated[float, Field(ge=1, le=100)]


class SpecimenRecipe(Configuration):
    """Particles on a substrate, in a cell that repeats along x and y.

    The beam meets the substrate first, unless ``particles.side`` says otherwise. ``substrate`` is a film, graphene
    or ``none``, vacuum.
    """

    cell_nm: tuple[Side, Side]
    margin_angstrom: Annotated[float, Field(ge=0.5, le=100)] = 2.0
    substrate: Support
    particles: ParticleRecipe

    @model_validator(mode="after")
    def _particles_fit(self) -> "SpecimenRecipe":
        require(_require_room, self)
        return self

    @model_validator(mode="after")
    def _roughness_fits(self) -> "SpecimenRecipe":
        rough, most = self.substrate, min(self.cell_nm) / 2
        if not isinstance(rough, FilmRecipe):
            return self
        if rough.roughness_rms_nm > 0 and rough.roughness_correlation_nm > most:
            raise ValueError(
                f"substrate.roughness_correlation_nm = {rough.roughness_correlation_nm:g} exceeds half of the cell's "
                f"shorter side; give at most {most:g}"
            )
        return self

    @model_validator(mode="after")
    def _support_carries(self) -> "SpecimenRecipe":
        require(require_fit, self.substrate, self.cell)
        if isinstance(self.substrate, VacuumRecipe) and self.particles.side != "exit":
            raise ValueError(
                f"particles.side is {self.particles.side!r}, but with substrate none there is nothing to lie on a side "
                "of; leave side out"
            )
        return self

    @property
    def cell(self) -> tuple[float, float]:
        """Sides along (x, y) [A]."""
        return self.cell_nm[0] * ANGSTROM_PER_NM, self.cell_nm[1] * ANGSTROM_PER_NM

    @property
    def elements(self) -> set[str]:
        """Symbols of the elements that specimens hold."""
        return {symbol for _, symbol in self.sites}

    @property
    def sites(self) -> set[tuple[str, str]]:
        """Crystal and element of every kind of atom; the substrate's crystal has no name."""
        of_particles = {(name, symbol) for name, crystal in self.particles.crystals for symbol in crystal.symbols}
        return {("", symbol) for symbol in self.substrate.elements} | of_particles

    @property
    def atoms_per_area(self) -> float:
        """Atoms over each A^2, at most [1/A^2]."""
        particles = self.particles
        volume = particles.count.maximum * 4 / 3 * math.pi * particles.radius[1] ** 3
        return self.substrate.atoms_per_area + volume * particles.densest / math.prod(self.cell)


class MixtureRecipe(Configuration):
    """Specimens of several recipes in turn: specimen i is of recipe i modulo their number; all have the same cell."""

    mixture: Annotated[tuple[SpecimenRecipe, ...], Field(min_length=2, max_length=100)]

    @model_validator(mode="after")
    def _in_one_cell(self) -> "MixtureRecipe":
        cells = [recipe.cell_nm for recipe in self.mixture]
        other = next((number for number, cell in enumerate(cells) if cell != cells[0]), None)
        if other is not None:
            raise ValueError(
                f"recipe 0 has a cell_nm of {_sides(cells[0])} and recipe {other} one of {_sides(cells[other])}; "
                "images of one set have one size, so give all the same cell_nm"
            )
        return self

    def member(self, index: int) -> SpecimenRecipe:
        """Return the recipe of a specimen."""
        return self.mixture[index % len(self.mixture)]

    @property
    def cell(self) -> tuple[float, float]:
        """Sides along (x, y) [A]."""
        return self.mixture[0].cell

    @property
    def elements(self) -> set[str]:
        """Symbols of the elements that specimens hold."""
        return set.union(*(recipe.elements for recipe in self.mixture))

    @property
    def sites(self) -> set[tuple[str, str]]:
        """Crystal and element of every kind of atom; the substrate's crystal has no name."""
        return set.union(*(recipe.sites for recipe in self.mixture))

    @property
    def atoms_per_area(self) -> float:
        """Atoms over each A^2, at most [1/A^2]."""
        return max(recipe.atoms_per_area for recipe in self.mixture)


def _sides(cell: tuple[float, float]) -> str:
    return f"{cell[0]:g} x {cell[1]:g}"


def _require_room(recipe: SpecimenRecipe) -> None:
    """Refuse a recipe whose greatest particle does not fit, or whose greatest count hardly ever finds room."""
    particles, (width, depth) = recipe.particles, recipe.cell_nm
    radius, gap = particles.outer_radius / ANGSTROM_PER_NM, particles.gap / ANGSTROM_PER_NM
    if 2 * radius + gap > min(width, depth):
        side = math.ceil((2 * radius + gap) * 1000 - 1e-6) / 1000
        raise InputError(
            f"particles of diameter {2 * radius:.4g} nm with a gap of {gap:g} nm exceed the cell, "
            f"{width:g} x {depth:g} nm; give a cell_nm of at least {side:g} along both sides, or smaller particles"
        )
    count = particles.count.maximum
    room = next(number for number in range(count, 0, -1) if _finds_room(recipe, number))
    if room < count:
        raise InputError(
            f"{count} particles of up to {radius:.4g} nm radius with gaps of {gap:g} nm do not fit at "
            f"random into a cell of {width:g} x {depth:g} nm; give a count of at most {room}, smaller "
            "particles or a larger cell_nm"
        )


def _finds_room(recipe: SpecimenRecipe, count: int) -> bool:
    """Whether a quarter of random draws of ``count`` sizes, at least, find room; the same for the same recipe."""
    particles, draws = recipe.particles, np.random.default_rng(_TRIAL_SEED)
    if count == 1:
        return True
    outer = particles.outer_radius / particles.radius[1]
    fitted = 0
    for trial in range(1, _TRIALS + 1):
        radii = outer * ANGSTROM_PER_NM * particles.radius_nm.quantile(draws.random(count))
        fitted += find_places(recipe.cell, radii.tolist(), particles.gap, draws, _ARRANGEMENTS) is not None
        if 4 * fitted >= _TRIALS or 4 * (fitted + _TRIALS - trial) < _TRIALS:
            break
    return 4 * fitted >= _TRIALS
