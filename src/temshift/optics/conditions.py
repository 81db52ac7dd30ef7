"""Imaging conditions: drawn values in angstrom and radian, and their distributions as users write them."""

import math
from dataclasses import dataclass, fields
from typing import Annotated, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator
from torch import Tensor

from temshift.core.configuration import Configuration
from temshift.core.distributions import Distribution


@dataclass(frozen=True)
class Conditions:
    """Imaging conditions of n images; every field is a Tensor (n,).

    Attributes
    ----------
    C10 : Tensor
        Minus the defocus [A]; negative is underfocus.
    C12, phi12 : Tensor
        Twofold astigmatism [A] and its azimuth from x towards y [rad].
    C30 : Tensor
        Spherical aberration [A].
    focal_spread_sigma : Tensor
        Standard deviation of the focus [A].
    angular_spread_sigma : Tensor
        Standard deviation of the illumination angle along each axis [rad].
    semiangle_cutoff : Tensor
        Objective aperture [rad].
    dose : Tensor
        Electrons per area [e/A^2].
    """

    C10: Tensor
    C12: Tensor
    phi12: Tensor
    C30: Tensor
    focal_spread_sigma: Tensor
    angular_spread_sigma: Tensor
    semiangle_cutoff: Tensor
    dose: Tensor

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Conditions":
        """Return the same conditions on another device or in another precision."""
        return Conditions(**{f.name: getattr(self, f.name).to(device, dtype) for f in fields(self)})

    def in_file_units(self) -> dict[str, NDArray[np.float64]]:
        """Return each parameter (n,) under the key and in the unit of the files, such as ``defocus_nm``."""
        return {
            key: getattr(self, unit.field).cpu().numpy().astype(np.float64) / unit.factor + 0.0
            for key, unit in UNITS.items()
        }

    def __len__(self) -> int:
        return len(self.C10)


class _Unit(NamedTuple):
    field: str
    factor: float
    lowest: float


# key in files -> field, factor to angstrom or radian, lowest value
UNITS = {
    "defocus_nm": _Unit("C10", -10.0, -math.inf),
    "C12_nm": _Unit("C12", 10.0, 0.0),
    "phi12_deg": _Unit("phi12", math.pi / 180, -math.inf),
    "C30_mm": _Unit("C30", 1e7, -math.inf),
    "focal_spread_sigma_nm": _Unit("focal_spread_sigma", 10.0, 0.0),
    "angular_spread_sigma_mrad": _Unit("angular_spread_sigma", 1e-3, 0.0),
    "semiangle_cutoff_mrad": _Unit("semiangle_cutoff", 1e-3, 0.0),
    "dose_e_per_A2": _Unit("dose", 1.0, 0.0),
}


def _not_negative(distribution: Distribution) -> Distribution:
    if not distribution.at_least(0):
        raise ValueError(f"given {distribution.lowest:g}; must be 0 or more")
    return distribution


def _positive(distribution: Distribution) -> Distribution:
    if not distribution.at_least(0) or distribution.center == 0:
        raise ValueError(f"given {distribution.lowest:g}; must be above 0")
    return distribution


NotNegative = Annotated[Distribution, AfterValidator(_not_negative)]
Positive = Annotated[Distribution, AfterValidator(_positive)]


class ImagingConditions(Configuration):
    """A distribution of imaging conditions; every parameter is independent of the others.

    ``defocus_nm`` counts from the plane that waves are stored at, underfocus positive. Draws below a parameter's lowest
    physical value (0 for widths and dose) are set to it.
    """

    defocus_nm: Distribution
    dose_e_per_A2: Positive
    semiangle_cutoff_mrad: Positive
    C12_nm: NotNegative = Distribution(fixed=0.0)
    phi12_deg: Distribution = Distribution(fixed=0.0)
    C30_mm: Distribution = Distribution(fixed=0.0)
    focal_spread_sigma_nm: NotNegative = Distribution(fixed=0.0)
    angular_spread_sigma_mrad: NotNegative = Distribution(fixed=0.0)

    @property
    def widest_semiangle(self) -> float:
        """The widest aperture that is drawn, up to five standard deviations [rad]."""
        return 1e-3 * float(self.semiangle_cutoff_mrad.quantile(np.array(1 - 2.9e-7)))

    def centers(self) -> dict[str, float]:
        """Return the centre of each parameter, in the units of the files."""
        return {key: getattr(self, key).center for key in UNITS}

    def quantiles(self, probabilities: NDArray[np.float64]) -> Conditions:
        """Turn uniform deviates into conditions.

        Parameters
        ----------
        probabilities : ndarray (n, 8)
            Between 0 and 1, one column for each parameter in the order of :data:`UNITS`.

        Returns
        -------
        Conditions
            n conditions in float64.
        """
        values = {}
        for column, (key, unit) in enumerate(UNITS.items()):
            drawn = np.maximum(getattr(self, key).quantile(probabilities[:, column]), unit.lowest)
            values[unit.field] = torch.from_numpy(drawn * unit.factor)
        return Conditions(**values)

    def central(self) -> Conditions:
        """Return the one condition at the centre of every parameter."""
        return self.quantiles(np.full((1, len(UNITS)), 0.5))
