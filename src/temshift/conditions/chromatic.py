"""Focal spread: what an energy spread and instabilities of the supplies make of chromatic aberration."""

from typing import TypeVar

from torch import Tensor

from temshift.core.electrons import ELECTRON_REST_ENERGY

T = TypeVar("T", float, Tensor)


def focal_spread(
    Cc: T,
    energy: float,
    energy_spread_sigma: T,
    voltage_instability_sigma: T,
    current_instability_sigma: T,
    *,
    relativistic: bool = True,
) -> T:
    """Standard deviation of the focus, Cc sqrt(f^2 (sigma_E / E)^2 + f^2 (sigma_V / V)^2 + (2 sigma_I / I)^2).

    A magnetic lens focuses by I^2 / V*, V* = V (1 + e V / 2 m c^2), and Cc is taken as the change of focus with
    dV* / V* = f dE / E, f = (1 + E / m c^2) / (1 + E / 2 m c^2), which is 1.23 at 300 keV. The current needs no such
    factor. Programs differ: many leave f out, so that their Cc, where it was fitted to a focal spread, is larger.

    Parameters
    ----------
    Cc : float or Tensor (...)
        Chromatic aberration [A].
    energy : float
        Electron energy E [eV].
    energy_spread_sigma : float or Tensor (...)
        Standard deviation of the energy of emitted electrons [eV]; a FWHM is 2.355 times as wide.
    voltage_instability_sigma, current_instability_sigma : float or Tensor (...)
        Relative standard deviations of the high voltage and of the lens current (1e-6 is 1 ppm).
    relativistic : bool
        False leaves f out.

    Returns
    -------
    float or Tensor (...)
        Focal spread sigma [A].

    References
    ----------
    Cc by V* for relativistic electrons: https://electronoptics.com/application-help/lens-aberrations.html. Without f:
    github.com/ChristianWacker/Aurora, AuroraLib/CtfIncoherent.hpp

    Examples
    --------
    >>> round(focal_spread(1.2e7, 300e3, 0.3, 0.0, 0.0), 2)
    14.72
    """
    factor = (1 + energy / ELECTRON_REST_ENERGY) / (1 + energy / (2 * ELECTRON_REST_ENERGY)) if relativistic else 1.0
    accelerating = (energy_spread_sigma / energy) ** 2 + voltage_instability_sigma**2
    return Cc * (factor**2 * accelerating + 4 * current_instability_sigma**2) ** 0.5  # type: ignore[no-any-return]
