"""Shapes of particles: spheres, polyhedra of least surface energy, decahedra and icosahedra."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, Tag, model_serializer, model_validator
from scipy.spatial import QhullError
from scipy.spatial.transform import Rotation

from temshift.configuration import Configuration
from temshift.configuration.model import as_tuples
from temshift.configuration.unions import chosen_by
from temshift.core import InputError
from temshift.specimens.crystals import Crystal, unit_cell
from temshift.specimens.multiply_twinned import multiply_twinned, require_fcc

_SYMMETRY = 0.01  # how far the rounded coordinates of a file may be off their symmetry [A]

Kind = Literal["sphere", "wulff", "decahedron", "icosahedron"]
_AXES = {3: "three axes", 4: "four axes"}
_WULFF_FORM = "shape: {wulff: [{miller: [1, 1, 1], energy_J_per_m2: ...}, ...]}"


def _axes(given: Any) -> str | None:
    """Return the tag of the indices of a facet: how many axes they count along."""
    return _AXES.get(len(given)) if isinstance(given, tuple) else None


Miller = Annotated[
    Annotated[tuple[int, int, int], Tag("three axes")] | Annotated[tuple[int, int, int, int], Tag("four axes")],
    chosen_by(_axes, "a list [h, k, l], or [h, k, i, l] of hexagonal crystals"),
]


class SurfaceEnergy(Configuration):
    """Energy of a facet and of all that the crystal's symmetry makes equal to it; only ratios matter.

    ``miller`` is [h, k, l], or [h, k, i, l] of hexagonal crystals. In polar crystals opposite facets differ, and
    both are to be given.
    """

    miller: Miller
    energy_J_per_m2: Annotated[float, Field(gt=0)]

    @model_validator(mode="before")
    @classmethod
    def _as_tuples(cls, value: Any) -> Any:
        return {key: as_tuples(item) for key, item in value.items()} if isinstance(value, Mapping) else value


class Shape(Configuration):
    """``sphere``, ``decahedron``, ``icosahedron`` or ``{wulff: [surface energies]}``.

    Examples
    --------
    >>> Shape.model_validate("sphere").model_dump()
    'sphere'
    """

    kind: Kind
    wulff: tuple[SurfaceEnergy, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"kind": value}
        if isinstance(value, Mapping) and "kind" not in value:
            return {"kind": "wulff", **{key: as_tuples(item) for key, item in value.items()}}
        return value

    @model_validator(mode="after")
    def _energies_where_needed(self) -> "Shape":
        if (self.kind == "wulff") != bool(self.wulff):
            raise ValueError(f"surface energies belong to wulff, and it needs them; write {_WULFF_FORM}")
        given = [energy.miller for energy in self.wulff]
        twice = [index for index in given if given.count(index) > 1]
        if twice:
            raise ValueError(f"miller {list(twice[0])} is given twice; leave one out")
        return self

    @model_serializer
    def _compact(self) -> Any:
        return {"wulff": [energy.model_dump() for energy in self.wulff]} if self.wulff else self.kind


@dataclass(frozen=True)
class Solid:
    """A convex body around the origin, scaled so that its volume is that of a sphere of radius 1.

    Attributes
    ----------
    normals : ndarray (facets, 3)
        Unit vectors; none of a sphere.
    distances : ndarray (facets,)
        Of the facets from the origin.
    corners : ndarray (corners, 3)
        Corners; none of a sphere.
    """

    normals: NDArray[np.float64]
    distances: NDArray[np.float64]
    corners: NDArray[np.float64]

    @property
    def outer(self) -> float:
        """Radius of the smallest sphere around the origin that holds the body."""
        return float(np.linalg.norm(self.corners, axis=1).max()) if len(self.corners) else 1.0

    @property
    def inner(self) -> float:
        """Radius of the largest sphere around the origin within the body."""
        return float(self.distances.min()) if len(self.distances) else 1.0

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the points (n, 3) lie within."""
        if not len(self.normals):
            return np.asarray(np.einsum("ij,ij->i", points, points) <= 1.0)
        return np.asarray((points @ self.normals.T <= self.distances).all(axis=1))

    def silhouette(self, rotation: Rotation) -> float:
        """Radius of the disc around the origin that holds the turned body's projection along z."""
        if not len(self.corners):
            return 1.0
        return float(np.linalg.norm(rotation.apply(self.corners)[:, :2], axis=1).max())


SPHERE = Solid(np.empty((0, 3)), np.empty(0), np.empty((0, 3)))


def solid_of(shape: Shape, structure: Crystal) -> Solid:
    """Give the body that a particle of one crystal fills.

    Parameters
    ----------
    shape : Shape
        ``sphere`` or ``wulff``.
    structure : Crystal
        Its symmetry repeats the facets.

    Returns
    -------
    Solid

    Raises
    ------
    InputError
        If wulffpack is missing or the facets close no body.
    """
    return _wulff(shape.wulff, structure) if shape.wulff else SPHERE


def extents(shape: Shape, structure: Crystal, radius: float) -> tuple[float, float]:
    """Give the radii of the largest sphere within a particle, and of the smallest around it.

    Parameters
    ----------
    shape : Shape
        Any shape.
    structure : Crystal
        The crystal.
    radius : float
        Radius of the sphere of equal volume [A].

    Returns
    -------
    inner, outer : float
        Both about the centre [A]; the inner one is 0 of decahedra and icosahedra, which are no single crystal.

    Raises
    ------
    InputError
        If the crystal cannot have the shape.
    """
    if shape.kind in ("decahedron", "icosahedron"):
        require_fcc(structure, shape.kind)
        positions = multiply_twinned(shape.kind, structure, radius)
        return 0.0, float(np.linalg.norm(positions, axis=1).max())
    solid = solid_of(shape, structure)
    return solid.inner * radius, solid.outer * radius


@cache
def _wulff(energies: tuple[SurfaceEnergy, ...], structure: Crystal) -> Solid:
    try:
        from wulffpack.core import BaseParticle
        from wulffpack.core.form import setup_forms
        from wulffpack.core.geometry import get_symmetries
    except ImportError as error:
        raise InputError("shape wulff needs wulffpack; install it: pip install temshift[facets]") from error
    cell = unit_cell(structure)
    table = {energy.miller: energy.energy_J_per_m2 for energy in energies}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # spglib's, of its own coming changes
            symmetries = get_symmetries(cell, symprec=_SYMMETRY)
            cell.set_cell(_symmetric(np.asarray(cell.cell), symmetries))
            forms = setup_forms(table, cell.cell.T, symmetries, symmetries)
            particle = BaseParticle(forms, cell, natoms=1000)
    except (ValueError, AssertionError, QhullError) as error:
        raise InputError(
            f"the facets {', '.join(map(str, table))} of {structure.name} make no closed body: {_first_line(error)}; "
            "give facets on all sides, each once (polar crystals need opposite ones too)"
        ) from error
    return _solid([facet for form in particle.forms for facet in form.facets], particle.volume)


def _symmetric(lattice: NDArray[np.float64], symmetries: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Lattice vectors (3, 3) in their usual orientation, made to have the symmetries to the last digit."""
    metric = lattice @ lattice.T
    return np.asarray(np.linalg.cholesky(np.mean([turn.T @ metric @ turn for turn in symmetries], axis=0)))


def _solid(facets: list[Any], volume: float) -> Solid:
    scale = (4 / 3 * math.pi / volume) ** (1 / 3)
    corners = np.concatenate([facet.vertices for facet in facets]) * scale
    normals = np.array([facet.normal for facet in facets])
    distances = np.array([facet.distance_from_origin for facet in facets]) * scale
    return Solid(normals, distances, corners)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0].split(". ", maxsplit=1)[0] or "an index of zeros"
