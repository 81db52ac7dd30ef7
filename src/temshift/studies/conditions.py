"""Named distributions of imaging conditions, as users write them: defaults, items, series."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from temshift.core.configuration import Configuration
from temshift.core.distributions import Distribution, Normal
from temshift.core.electrons import largest_semiangle, wavelength
from temshift.core.grids import Grid
from temshift.optics.conditions import UNITS, ImagingConditions, NotNegative, Positive

LEAST_FREQUENCIES = 3  # steps of spatial frequency that an aperture must pass


class PartialConditions(Configuration):
    """Imaging conditions of which some may be left to the defaults of the study."""

    defocus_nm: Distribution | None = None
    dose_e_per_A2: Positive | None = None
    semiangle_cutoff_mrad: Positive | None = None
    C12_nm: NotNegative | None = None
    phi12_deg: Distribution | None = None
    C30_mm: Distribution | None = None
    focal_spread_sigma_nm: NotNegative | None = None
    angular_spread_sigma_mrad: NotNegative | None = None

    def given(self) -> dict[str, Distribution]:
        """Return the parameters that are given."""
        return {key: getattr(self, key) for key in UNITS if getattr(self, key) is not None}


class ConditionItem(PartialConditions):
    """One named distribution of conditions, or a series of them over the values of one parameter.

    In the ``name`` of a series, ``{value}`` stands for the value; ``sd`` spreads each value normally.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    series: str | None = None
    values: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    sd: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _series_is_whole(self) -> "ConditionItem":
        if (self.series is None) != (self.values is None):
            raise ValueError("series and values go together: give both, or neither")
        if self.series is not None and self.series not in UNITS:
            raise ValueError(f"series: {self.series!r} is not known; allowed: {', '.join(UNITS)}")
        if self.series is not None and self.series in self.given():
            raise ValueError(f"{self.series} is given twice, as the series and as a value; remove one")
        if self.series is not None and "{value" not in self.name:
            raise ValueError(f"name {self.name!r} of a series needs {{value}}, so that its members differ")
        for value in self.values or ():
            self._check_member(value)
        return self

    def _check_member(self, value: float) -> None:
        self.named(value)
        try:
            PartialConditions(**{str(self.series): Distribution(fixed=value)})
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"values of {self.series}: {message}") from error

    def named(self, value: float) -> str:
        """Return the name of the series' member at ``value``."""
        try:
            return self.name.format(value=value)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"name {self.name!r}: only {{value}} and number formats may stand in braces") from error

    def expanded(self) -> Iterator[tuple[str, dict[str, Distribution]]]:
        """Yield name and parameters of each distribution that the item stands for."""
        if self.series is None or self.values is None:
            yield self.name, self.given()
            return
        for value in self.values:
            spread = Distribution(normal=Normal(mean=value, sd=self.sd)) if self.sd else Distribution(fixed=value)
            yield self.named(value), {**self.given(), self.series: spread}


Items = Annotated[tuple[ConditionItem, ...], Field(min_length=1)]


class ConditionSets(Configuration):
    """Distributions of conditions to train on and to test on; what an item leaves out comes from ``default``."""

    default: PartialConditions = PartialConditions()
    training: Items
    test: Items

    @model_validator(mode="after")
    def _resolvable(self) -> "ConditionSets":
        for role in ("training", "test"):
            self.resolved(role)
        return self

    def resolved(self, role: str) -> list[tuple[str, ImagingConditions]]:
        """Return name and whole conditions of each distribution of a ``role``, "training" or "test"."""
        return resolved(getattr(self, role), self.default, role)


def resolved(items: Items, default: PartialConditions, place: str) -> list[tuple[str, ImagingConditions]]:
    """Return name and whole conditions of each distribution that ``items`` stand for.

    Parameters
    ----------
    items : tuple of ConditionItem
        Series among them are expanded.
    default : PartialConditions
        Where what an item leaves out comes from.
    place : str
        Name of the items in messages.

    Returns
    -------
    list of (str, ImagingConditions)

    Raises
    ------
    ValueError
        Where a parameter that has no default is missing, or a name is used twice.
    """
    given_by_default = default.given()
    parts = [part for item in items for part in item.expanded()]
    needed = [key for key, field in ImagingConditions.model_fields.items() if field.is_required()]
    for name, given in parts:
        missing = [key for key in needed if key not in given_by_default and key not in given]
        if missing:
            raise ValueError(f"{place}, {name!r}: {', '.join(missing)} missing; give it there or in default")
    names = [name for name, _ in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{place}: the name {twice[0]!r} is used twice; names must differ")
    return [(name, ImagingConditions(**{**given_by_default, **given})) for name, given in parts]


def aperture_faults(named: list[tuple[str, ImagingConditions]], grid: Grid, energy: float) -> Iterator[str]:
    """Tell which conditions have an aperture that a stored wave can't serve.

    Parameters
    ----------
    named : list of (str, ImagingConditions)
        Conditions with their names.
    grid : Grid
        The (y, x) plane of stored waves.
    energy : float
        Electron energy [eV].

    Yields
    ------
    str
        A fault: an aperture so narrow that hardly a spatial frequency passes, or so wide that |psi|^2 would alias.
    """
    limit = largest_semiangle(grid.nyquist, energy) * 1e3
    lowest = LEAST_FREQUENCIES * grid.frequency_step * wavelength(energy) * 1e3
    for name, conditions in named:
        widest, least = conditions.widest_semiangle * 1e3, conditions.semiangle_cutoff_mrad.lowest
        if least < lowest:
            yield (
                f"{name!r}: semiangle_cutoff_mrad = {least:g} passes hardly a spatial frequency of this cell; "
                f"at least {lowest:.2f} mrad, or a larger cell_nm"
            )
        if widest > limit:
            yield (
                f"{name!r}: semiangle_cutoff_mrad reaches {widest:.2f}; |psi|^2 would alias on "
                f"{max(grid.sampling):.3g} A pixels: at most {limit:.2f} mrad, or sample finer"
            )
