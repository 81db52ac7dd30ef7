"""Supports of particles: a film of amorphous carbon, silicon nitride or silica, graphene, or nothing."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from temshift.configuration import Configuration
from temshift.configuration.unions import chosen_by
from temshift.core import InputError
from temshift.specimens.carbon import number_density, require_reachable
from temshift.specimens.ranges import ANGSTROM_PER_NM, Range, in_angstrom, require, within
from temshift.specimens.supports.compounds import COMPOUNDS, Compound, compound_density, require_composition
from temshift.specimens.supports.graphene import GREATEST_STRAIN, LATTICE, SIXFOLD, SPACING, Stacking, least_strain
from temshift.specimens.surfaces import Roughness

LEAST_DEPTH_IN_RMS = 5  # a surface of some thousand correlation areas stays within 4 rms of its mean
MATERIALS = ("carbon", *COMPOUNDS, "graphene")
_OF_FILMS = ("thickness_nm", "roughness_rms_nm", "roughness_correlation_nm")  # keys that films of any material have

Thickness = Annotated[Range[float], AfterValidator(within(0.5, 100.0))]
Layers = Annotated[Range[int], AfterValidator(within(1, 10))]
Turns = Annotated[Range[float], AfterValidator(within(0.0, SIXFOLD))]
Amount = Annotated[float, Field(gt=0, le=100)]


class FilmRecipe(Configuration):
    """A slab; its thickness is drawn uniformly.

    ``roughness_rms_nm`` is the root mean square height of the side that carries the particles, 0 for a flat one; the
    heights are normal and their autocorrelation falls to 1/e at ``roughness_correlation_nm``. The thickness is the
    mean one.
    """

    thickness_nm: Thickness
    roughness_rms_nm: Annotated[float, Field(ge=0, le=10)] = 0.0
    roughness_correlation_nm: Annotated[float, Field(ge=0.5, le=50)] = 2.0

    @model_validator(mode="after")
    def _closed(self) -> "FilmRecipe":
        most = self.thickness_nm.minimum / LEAST_DEPTH_IN_RMS
        if self.roughness_rms_nm > most:
            raise ValueError(
                f"roughness_rms_nm = {self.roughness_rms_nm:g} may open holes in a film of "
                f"{self.thickness_nm.minimum:g} nm; give at most {most:g}, or a thicker film"
            )
        return self

    @property
    def roughness(self) -> Roughness | None:
        """Roughness of the side that carries the particles; None if it is flat."""
        if self.roughness_rms_nm == 0:
            return None
        return Roughness(self.roughness_rms_nm * ANGSTROM_PER_NM, self.roughness_correlation_nm * ANGSTROM_PER_NM)

    @property
    def thickness(self) -> tuple[float, float]:
        """Least and greatest thickness [A]."""
        return in_angstrom(self.thickness_nm)


class SubstrateRecipe(FilmRecipe):
    """A film of amorphous carbon, the material where none is named."""

    material: Literal["carbon"] = "carbon"
    density_g_per_cm3: Annotated[float, Field(ge=0.5, le=3.6)] = 2.0
    minimum_distance_angstrom: Annotated[float, Field(ge=0.5, le=3)] = 1.4

    @field_validator("material", mode="before")
    @classmethod
    def _known(cls, material: Any) -> Any:
        if material != "carbon":
            raise ValueError(f"given {material!r}; must be {', '.join(MATERIALS)}, or write substrate: none")
        return material

    @model_validator(mode="after")
    def _reachable(self) -> "SubstrateRecipe":
        require(require_reachable, self.density_g_per_cm3, self.minimum_distance_angstrom)
        return self

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = serialise(self)
        return {name: written[name] for name in ("density_g_per_cm3", "minimum_distance_angstrom", *_OF_FILMS)}

    @property
    def elements(self) -> set[str]:
        """Symbols of its elements."""
        return {"C"}

    @property
    def atoms_per_area(self) -> float:
        """Atoms over each A^2, at most [1/A^2]."""
        return number_density(self.density_g_per_cm3) * self.thickness[1]


class CompoundRecipe(FilmRecipe):
    """A film of amorphous silicon nitride or silica.

    ``composition`` is the amount of each element, such as {Si: 3, N: 4}; only ratios matter. Distances between atoms
    are those of the material.
    """

    material: Literal["silicon_nitride", "silica"]
    composition: dict[str, Amount]
    density_g_per_cm3: Annotated[float, Field(ge=0.5, le=3.6)]

    @model_validator(mode="before")
    @classmethod
    def _as_usual(cls, value: Any) -> Any:
        """Fill in the usual composition and density."""
        material = value.get("material") if isinstance(value, Mapping) else None
        if not isinstance(material, str) or material not in COMPOUNDS:
            return value
        compound = COMPOUNDS[material]
        if "minimum_distance_angstrom" in value:
            raise ValueError(
                f"minimum_distance_angstrom is for carbon; the distances of {compound.title} are those of its bonds: "
                "leave it out"
            )
        amounts = dict(zip((compound.cation, compound.anion), map(float, compound.amounts), strict=True))
        return {"composition": amounts, "density_g_per_cm3": compound.density, **value}

    @model_validator(mode="after")
    def _exists(self) -> "CompoundRecipe":
        require(require_composition, self.compound, self.composition)
        if self.density_g_per_cm3 > self.compound.densest:
            raise ValueError(
                f"density_g_per_cm3 = {self.density_g_per_cm3:g} exceeds that of crystals of {self.compound.title}, "
                f"{self.compound.densest:g}; give at most that"
            )
        return self

    @property
    def compound(self) -> Compound:
        """Elements and distances of the material."""
        return COMPOUNDS[self.material]

    @property
    def elements(self) -> set[str]:
        """Symbols of its elements."""
        return set(self.composition)

    @property
    def atoms_per_area(self) -> float:
        """Atoms over each A^2, at most [1/A^2]."""
        return compound_density(self.density_g_per_cm3, self.composition) * self.thickness[1]


class GrapheneRecipe(Configuration):
    """Layers of graphene; their number is drawn uniformly, and so is their orientation within ``rotation_deg``.

    ``stacking`` is ``bernal``, as in graphite, or ``twisted``, each layer with an orientation of its own. The lattice
    is strained, by up to 2 % and 3 % in small cells, so that it repeats with the cell; in cells of 8 nm nearly all
    orientations fit so.
    """

    material: Literal["graphene"]
    layers: Layers = Range[int](minimum=1, maximum=1)
    stacking: Stacking = "bernal"
    rotation_deg: Turns = Range[float](minimum=0.0, maximum=SIXFOLD)

    @model_validator(mode="before")
    @classmethod
    def _in_layers(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "thickness_nm" in value:
            raise ValueError(
                f"graphene has no thickness_nm, it comes in layers of {SPACING / ANGSTROM_PER_NM:.3f} nm; give layers, "
                "such as 1"
            )
        return value

    @property
    def elements(self) -> set[str]:
        """Symbols of its elements."""
        return {"C"}

    @property
    def thickness(self) -> tuple[float, float]:
        """Least and greatest thickness, that of its layers in graphite [A]."""
        return self.layers.minimum * SPACING, self.layers.maximum * SPACING

    @property
    def atoms_per_area(self) -> float:
        """Atoms over each A^2, at most [1/A^2]."""
        return (1 + 2 * GREATEST_STRAIN) * 4 / 3**0.5 / LATTICE**2 * self.layers.maximum


class VacuumRecipe(Configuration):
    """No support at all: ``none``."""

    written_as = "'none'"

    material: Literal["none"] = "none"

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"material": value} if isinstance(value, str) else value

    @model_serializer
    def _compact(self) -> str:
        return self.material

    @property
    def elements(self) -> set[str]:
        """No symbols."""
        return set()

    @property
    def thickness(self) -> tuple[float, float]:
        """Twice nothing [A]."""
        return 0.0, 0.0

    @property
    def atoms_per_area(self) -> float:
        """No atoms."""
        return 0.0


SUPPORTS: tuple[type[Configuration], ...] = (SubstrateRecipe, CompoundRecipe, GrapheneRecipe, VacuumRecipe)


def _support_kind(given: Any) -> str | None:
    """Return the tag of a support as it is written, or validated."""
    if isinstance(given, SUPPORTS):
        return type(given).__name__
    material = given.get("material", "carbon") if isinstance(given, Mapping) else given
    if material == "none":
        return "VacuumRecipe"
    if not isinstance(given, Mapping):
        return None
    if material == "graphene":
        return "GrapheneRecipe"
    return "CompoundRecipe" if isinstance(material, str) and material in COMPOUNDS else "SubstrateRecipe"


Support = Annotated[
    Annotated[SubstrateRecipe, Tag("SubstrateRecipe")]
    | Annotated[CompoundRecipe, Tag("CompoundRecipe")]
    | Annotated[GrapheneRecipe, Tag("GrapheneRecipe")]
    | Annotated[VacuumRecipe, Tag("VacuumRecipe")],
    chosen_by(_support_kind, "a mapping such as {thickness_nm: 5} or {material: graphene}, or 'none' for vacuum"),
]


def require_fit(support: Any, cell: tuple[float, float]) -> None:
    """Refuse graphene in orientations that would have to be strained too much to repeat with a cell [A].

    Raises
    ------
    InputError
        If no orientation in its range fits.
    """
    if not isinstance(support, GrapheneRecipe):
        return
    strain = least_strain(cell, (support.rotation_deg.minimum, support.rotation_deg.maximum))
    if strain > GREATEST_STRAIN:
        raise InputError(
            f"graphene at rotation_deg {support.rotation_deg.minimum:g} to {support.rotation_deg.maximum:g} would be "
            f"strained by {100 * strain:.1f} % to repeat with the cell, at most {100 * GREATEST_STRAIN:g} % is taken; "
            "give a wider range of rotation_deg, or a larger cell_nm"
        )


def carried_over(base: Any, patch: Any) -> Any:
    """Return the keys of a support that stay if a patch names another material: thickness and roughness of films.

    Parameters
    ----------
    base, patch : Any
        Two values of ``substrate`` as plain values; the second is to be merged into the first.

    Returns
    -------
    Any
        The base to merge into.

    Examples
    --------
    >>> carried_over({"thickness_nm": 5, "density_g_per_cm3": 2.0}, {"material": "silica"})
    {'thickness_nm': 5}
    >>> carried_over({"thickness_nm": 5, "density_g_per_cm3": 2.0}, {"thickness_nm": 9})
    {'thickness_nm': 5, 'density_g_per_cm3': 2.0}
    """
    if not isinstance(base, Mapping) or not isinstance(patch, Mapping):
        return base
    material = patch.get("material") or "carbon"
    if "material" not in patch or material == base.get("material", "carbon"):
        return base
    kept = () if material == "graphene" else _OF_FILMS
    return {key: value for key, value in base.items() if key in kept}
