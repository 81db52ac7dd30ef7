"""What particles are made of: their crystal, shape, size, orientation and faults."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from temshift.conditions import Distribution
from temshift.conditions.distribution import Lognormal, Normal
from temshift.configuration import Configuration
from temshift.core import InputError
from temshift.specimens.composites.alloys import AlloyRecipe, alloy_name, mixed, require_alloy
from temshift.specimens.composites.shells import ShellRecipe, grown_on, require_shell
from temshift.specimens.crystals import Crystal, unit_cell
from temshift.specimens.faults import require_faults
from temshift.specimens.orientations import Orientation
from temshift.specimens.ranges import ANGSTROM_PER_NM, Range, require, within
from temshift.specimens.shapes import Shape, extents

LEAST_RADIUS, GREATEST_RADIUS = 0.3, 20.0  # from 0.3 nm on no particle is empty [nm]
_TAILS = 3.0  # standard deviations at which sizes are cut if no bounds are given
_SHARES = 11  # of an alloy that are looked at for the greatest silhouette

_NONE = Range[int](minimum=0, maximum=0)


def _from_range(value: Any) -> Any:
    """Read {minimum: ..., maximum: ...} as a uniform distribution."""
    if isinstance(value, Range):
        value = value.model_dump()
    if isinstance(value, Mapping) and {"minimum", "maximum"} & set(value):
        return {"uniform": value}
    if isinstance(value, str | list | bool) or value is None:
        raise ValueError(
            f"given {value!r}; must be a number, {{minimum: ..., maximum: ...}}, {{normal: ...}} or {{lognormal: ...}}"
        )
    return value


def _bounded(given: Distribution) -> Distribution:
    """Write the bounds at which sizes are cut into a distribution that lacks them; keep it within what is allowed."""
    bounded = Distribution.model_validate(_with_bounds(given))
    outside = [value for value in (bounded.lowest, bounded.highest) if not LEAST_RADIUS <= value <= GREATEST_RADIUS]
    if outside:
        raise ValueError(f"given {outside[0]:g}; allowed: {LEAST_RADIUS:g} to {GREATEST_RADIUS:g}")
    return bounded


def _with_bounds(given: Distribution) -> Any:
    if given.normal is not None:
        reach = _TAILS * given.normal.sd
        return {"normal": _filled(given.normal, given.normal.mean - reach, given.normal.mean + reach)}
    if given.lognormal is not None:
        factor = math.exp(_TAILS * given.lognormal.sigma)
        return {"lognormal": _filled(given.lognormal, given.lognormal.median / factor, given.lognormal.median * factor)}
    return given


def _filled(given: Normal | Lognormal, lowest: float, highest: float) -> dict[str, Any]:
    bounds = {"minimum": round(max(lowest, LEAST_RADIUS), 12), "maximum": round(min(highest, GREATEST_RADIUS), 12)}
    return bounds | given.model_dump(exclude_none=True)


Radius = Annotated[Distribution, BeforeValidator(_from_range), AfterValidator(_bounded)]
Count = Annotated[Range[int], AfterValidator(within(1, 100))]
Faults = Annotated[Range[int], AfterValidator(within(0, 20))]
Vacancies = Annotated[Range[float], AfterValidator(within(0.0, 0.5))]


class ParticleRecipe(Configuration):
    """Particles of one crystal; sizes are drawn from ``radius_nm``, all counts and shares uniformly.

    ``radius_nm`` is the radius of the sphere of equal volume, whatever the shape; normal and lognormal sizes are cut
    at three standard deviations where they name no ``minimum`` and ``maximum``. ``orientation`` is ``random`` or a
    zone axis. ``stacking_faults`` (intrinsic in cubic crystals, the basal fault I1 in wurtzite) and ``twins`` lie on
    (111) or (001), keep every bond, and leave the outline that of the crystal below them. ``vacancies`` is the share
    of atoms taken out. ``gap_nm`` is the least gap between the silhouettes of two particles, seen along the beam, but
    never less than ``contact_distance_angstrom``, the distance of a particle's atoms from the substrate's nearest.
    ``side`` is the side of the substrate that particles lie on, ``exit``, ``entrance`` or ``either``: all of a specimen
    on one, as a grid lies either way up. A ``shell`` is of another crystal; ``alloy`` replaces atoms (of the core).
    """

    crystal: Crystal
    shape: Shape = Shape(kind="sphere")
    radius_nm: Radius
    orientation: Orientation = "random"
    stacking_faults: Faults = _NONE
    twins: Faults = _NONE
    vacancies: Vacancies = Range[float](minimum=0.0, maximum=0.0)
    count: Count
    gap_nm: Annotated[float, Field(ge=0, le=50)]
    contact_distance_angstrom: Annotated[float, Field(ge=0.5, le=20)] = 2.0
    side: Literal["exit", "entrance", "either"] = "exit"
    shell: ShellRecipe | None = None
    alloy: AlloyRecipe | None = None

    @model_validator(mode="after")
    def _crystal_allows(self) -> "ParticleRecipe":
        require(_require_allowed, self)
        return self

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        usual = {"side": "exit", "shell": None, "alloy": None}
        return {name: value for name, value in serialise(self).items() if name not in usual or value != usual[name]}

    @property
    def crystals(self) -> list[tuple[str, Crystal]]:
        """Every crystal whose atoms particles may hold, with the name that these atoms go by."""
        if self.alloy is None:
            core = [(self.crystal.name, self.crystal)]
        else:
            name = alloy_name(self.crystal, self.alloy.crystal)
            core = [(name, self.crystal), (name, self.alloy.crystal)]
        return core if self.shell is None else [*core, (self.shell.crystal.name, self.shell.crystal)]

    @property
    def densest(self) -> float:
        """Atoms per volume of the densest of these crystals, in any lattice that it may take [1/A^3]."""
        crystals = [crystal for _, crystal in self.crystals]
        crystals += [] if self.shell is None else [grown_on(self.shell, self.crystal)]
        return max(len(cell) / float(cell.get_volume()) for cell in map(unit_cell, crystals))

    @property
    def radius(self) -> tuple[float, float]:
        """Least and greatest radius of the sphere of equal volume [A]."""
        return self.radius_nm.lowest * ANGSTROM_PER_NM, self.radius_nm.highest * ANGSTROM_PER_NM

    @property
    def outer_radius(self) -> float:
        """Radius of the greatest silhouette [A]."""
        crystals = [self.crystal]
        if self.alloy is not None and self.shape.kind in ("decahedron", "icosahedron"):  # their sizes come in steps
            shares = np.linspace(self.alloy.share.minimum, self.alloy.share.maximum, _SHARES)
            crystals = [mixed(self.crystal, self.alloy.crystal, float(share)) for share in shares]
        return max(extents(self.shape, crystal, self.radius[1])[1] for crystal in crystals)

    @property
    def gap(self) -> float:
        """Least gap between the silhouettes of two particles [A]."""
        return max(self.gap_nm * ANGSTROM_PER_NM, self.contact_distance_angstrom)


def _require_allowed(recipe: ParticleRecipe) -> None:
    inner, _ = extents(recipe.shape, recipe.crystal, recipe.radius[0])
    faults, twins = recipe.stacking_faults.maximum, recipe.twins.maximum
    if faults + twins and inner == 0:
        raise InputError(
            f"shape {recipe.shape.kind!r} is twinned already; leave stacking_faults and twins "
            "out, or choose 'sphere' or 'wulff'"
        )
    require_faults(recipe.crystal, inner, faults, twins)
    if recipe.alloy is not None:
        require_alloy(recipe.crystal, recipe.alloy.crystal)
    if recipe.shell is not None:
        require_shell(recipe.shell, recipe.crystal, recipe.shape.kind, recipe.radius[0], faults + twins)
