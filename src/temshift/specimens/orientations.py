"""Orientations of particles: random, or a zone axis along the beam with a spread."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, Tag, field_validator
from scipy.spatial.transform import Rotation

from temshift.configuration import Configuration
from temshift.configuration.model import as_tuples
from temshift.configuration.unions import chosen_by

_BEAM = np.array([0.0, 0.0, 1.0])


class ZoneAxis(Configuration):
    """A direction of the crystal that points along the beam, +z; the azimuth around it is random.

    ``zone_axis`` is [u, v, w] in lattice vectors, three of them in hexagonal crystals too; of a decahedron or an
    icosahedron it is [x, y, z] with z on a fivefold axis. ``spread_deg`` is the standard deviation of the tilts about
    x and about y, each normal.
    """

    zone_axis: tuple[int, int, int]
    spread_deg: Annotated[float, Field(ge=0, le=90)] = 0.0

    @field_validator("zone_axis", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return as_tuples(value)

    @field_validator("zone_axis")
    @classmethod
    def _has_direction(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if not any(value):
            raise ValueError("given [0, 0, 0]; a zone axis has a direction, such as [0, 0, 1]")
        return value


def _kind(given: Any) -> str | None:
    """Return the tag of an orientation as it is written, or validated."""
    if isinstance(given, Mapping | ZoneAxis):
        return "zone_axis"
    return "random" if given == "random" else None


Orientation = Annotated[
    Annotated[Literal["random"], Tag("random")] | Annotated[ZoneAxis, Tag("zone_axis")],
    chosen_by(_kind, "'random' or a mapping such as {zone_axis: [0, 0, 1]}"),
]


def draw_rotation(orientation: Orientation, lattice: NDArray[np.float64], generator: np.random.Generator) -> Rotation:
    """Draw the rotation that turns directions of a crystal into directions of the specimen.

    Parameters
    ----------
    orientation : "random" or ZoneAxis
        Uniform over all rotations, or an axis along the beam.
    lattice : ndarray (3, 3)
        Lattice vectors as rows [A].
    generator : numpy.random.Generator
        Source of the angles.

    Returns
    -------
    scipy.spatial.transform.Rotation

    Examples
    --------
    >>> draws = np.random.default_rng(0)
    >>> turned = draw_rotation(ZoneAxis(zone_axis=(1, 1, 0)), np.eye(3), draws).apply([1.0, 1.0, 0.0])
    >>> bool(np.allclose(turned, [0.0, 0.0, 2**0.5]))
    True
    """
    if not isinstance(orientation, ZoneAxis):
        return Rotation.random(None, generator)
    direction = np.array(orientation.zone_axis) @ lattice
    upright, _ = Rotation.align_vectors([_BEAM], [direction / np.linalg.norm(direction)])
    azimuth = Rotation.from_rotvec(generator.uniform(0, 2 * np.pi) * _BEAM)
    tilts = np.radians(orientation.spread_deg) * generator.standard_normal(2)
    return Rotation.from_rotvec([*tilts, 0.0]) * azimuth * upright
