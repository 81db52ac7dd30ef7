"""Partial coherence as envelopes of the transfer function (the quasi-coherent approximation)."""

import math

import torch
from torch import Tensor

from temshift.optics.aberrations import aberration_gradient_squared
from temshift.optics.conditions import Conditions


def temporal_envelope(alpha: Tensor, wavelength: float, focal_spread_sigma: Tensor) -> Tensor:
    """Envelope of a normal spread of focus, exp(-(pi Delta alpha^2 / lambda)^2 / 2).

    Parameters
    ----------
    alpha : Tensor (frequencies,)
        Scattering angle [rad].
    wavelength : float
        Electron wavelength [A].
    focal_spread_sigma : Tensor (n,)
        Standard deviation Delta of the focus [A]; the 1/e width that other programs use is sqrt(2) times as wide.

    Returns
    -------
    Tensor (n, frequencies)
        Between 0 and 1.

    References
    ----------
    R. H. Wade and J. Frank, Optik 49, 81 (1977)
    """
    return torch.exp(-0.5 * (math.pi / wavelength * focal_spread_sigma[:, None] * alpha**2) ** 2)


def spatial_envelope(alpha: Tensor, phi: Tensor, wavelength: float, conditions: Conditions) -> Tensor:
    """Envelope of a normal spread of illumination angles, exp(-(s |grad chi|)^2 / 2).

    Parameters
    ----------
    alpha, phi : Tensor (frequencies,)
        Scattering angle and azimuth [rad].
    wavelength : float
        Electron wavelength [A].
    conditions : Conditions
        Aberrations, and the standard deviation s of the angle along each axis [rad].

    Returns
    -------
    Tensor (n, frequencies)
        Between 0 and 1.

    References
    ----------
    J. Frank, Optik 38, 519 (1973)
    """
    gradient_squared = aberration_gradient_squared(alpha, phi, wavelength, conditions)
    return torch.exp(-0.5 * conditions.angular_spread_sigma[:, None] ** 2 * gradient_squared)


def aperture(alpha: Tensor, semiangle_cutoff: Tensor, edge: Tensor) -> Tensor:
    """Objective aperture with a linear edge, clip((cutoff - alpha) / edge + 1/2, 0, 1).

    Parameters
    ----------
    alpha : Tensor (frequencies,)
        Scattering angle [rad].
    semiangle_cutoff : Tensor (n,)
        Angle of half transmission [rad].
    edge : Tensor (frequencies,)
        Width of the edge [rad], usually one frequency step.

    Returns
    -------
    Tensor (n, frequencies)
        Between 0 and 1.
    """
    return ((semiangle_cutoff[:, None] - alpha) / edge + 0.5).clamp(0, 1)
