"""Partial coherence as envelopes of the transfer function (the quasi-coherent approximation), and the aperture."""

import math

import torch
from torch import Tensor


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


def spatial_envelope(gradient: tuple[Tensor, Tensor], angular_spread_sigma: Tensor) -> Tensor:
    """Envelope of a normal spread of illumination angles, exp(-(s |grad chi|)^2 / 2).

    Parameters
    ----------
    gradient : tuple of Tensor (n, frequencies)
        Of the whole aberration function over the angles along x and y [rad per rad].
    angular_spread_sigma : Tensor (n,)
        Standard deviation s of the illumination's angle along each axis [rad].

    Returns
    -------
    Tensor (n, frequencies)
        Between 0 and 1.

    References
    ----------
    J. Frank, Optik 38, 519 (1973)
    """
    squared = gradient[0].square() + gradient[1].square()
    return torch.exp(-0.5 * angular_spread_sigma[:, None] ** 2 * squared)


def aperture(alpha: Tensor, semiangle_cutoff: Tensor, edge: Tensor) -> Tensor:
    """Objective aperture with a linear edge, clip((cutoff - alpha) / edge + 1/2, 0, 1).

    Parameters
    ----------
    alpha : Tensor (..., frequencies)
        Scattering angle [rad].
    semiangle_cutoff : Tensor (n,)
        Angle of half transmission [rad]; infinity is no aperture.
    edge : Tensor (..., frequencies)
        Width of the edge [rad].

    Returns
    -------
    Tensor (n, frequencies)
        Between 0 and 1.
    """
    return ((semiangle_cutoff[:, None] - alpha) / edge + 0.5).clamp(0, 1)
