"""Facts about a set of specimens that tables have next to its name."""

from dataclasses import asdict, dataclass

import numpy as np

from temshift.information import ObjectLibrary
from temshift.specimens import Recipe
from temshift.vocabulary import NANOMETRE


@dataclass(frozen=True)
class SpecimenFacts:
    """What distinguishes sets of specimens, as far as numbers say.

    Attributes
    ----------
    specimens : str
        Name of the set.
    crystal : str or None
        Names of its crystals; None if specimens come from files.
    particle_radius_nm : float
        Mean radius of the discs of the particles' silhouettes [nm].
    film_thickness_nm : float
        Mean thickness of the films below the particles [nm], 0 in vacuum.
    particle_share : float
        Share of the area that particles cover.
    """

    specimens: str
    crystal: str | None
    particle_radius_nm: float
    film_thickness_nm: float
    particle_share: float

    def columns(self, role: str) -> dict[str, str | float | None]:
        """Return all of it by the names of columns of a role, "training" or "test"."""
        return {f"{role}_{name}": value for name, value in asdict(self).items()}


def facts_of(name: str, recipe: Recipe, library: ObjectLibrary) -> SpecimenFacts:
    """Return the facts of a set from its recipe and the particles that were measured.

    Parameters
    ----------
    name : str
        Name of the set.
    recipe : Recipe
        Its recipe.
    library : ObjectLibrary
        Its particles and films.

    Returns
    -------
    SpecimenFacts
    """
    crystals = sorted({crystal for crystal, _ in recipe.sites if crystal})
    return SpecimenFacts(
        specimens=name,
        crystal=", ".join(crystals) or None,
        particle_radius_nm=float(np.mean(library.radius)) / NANOMETRE,
        film_thickness_nm=float(np.mean(library.thickness)) / NANOMETRE,
        particle_share=library.area_fraction,
    )
