"""The aberration function, in Krivanek's polar notation; angles are alpha = lambda q."""

import math

import torch
from torch import Tensor

from temshift.optics.conditions import Conditions


def aberration_function(alpha: Tensor, phi: Tensor, wavelength: float, conditions: Conditions) -> Tensor:
    """Phase error of the lens, chi = (2 pi / lambda) [(C10 + C12 cos 2(phi - phi12)) alpha^2 / 2 + C30 alpha^4 / 4].

    The lens multiplies the wave by exp(-i chi).

    Parameters
    ----------
    alpha, phi : Tensor (frequencies,)
        Scattering angle [rad] and azimuth from x towards y [rad].
    wavelength : float
        Electron wavelength [A].
    conditions : Conditions
        C10 (= -defocus), C12, C30 [A], phi12 [rad], each (n,).

    Returns
    -------
    Tensor (n, frequencies)
        Phase [rad].

    References
    ----------
    O. L. Krivanek, N. Dellby and A. R. Lupini, Ultramicroscopy 78, 1 (1999), DOI 10.1016/S0304-3991(99)00013-3
    """
    second = _column(conditions.C10) + _column(conditions.C12) * torch.cos(2 * (phi - _column(conditions.phi12)))
    return 2 * math.pi / wavelength * (second / 2 + _column(conditions.C30) / 4 * alpha**2) * alpha**2


def aberration_gradient_squared(alpha: Tensor, phi: Tensor, wavelength: float, conditions: Conditions) -> Tensor:
    """Squared gradient of chi over the scattering angle, |d chi / d alpha|^2 + |d chi / (alpha d phi)|^2.

    Parameters
    ----------
    alpha, phi, wavelength, conditions
        As for :func:`aberration_function`.

    Returns
    -------
    Tensor (n, frequencies)
        In rad^2 per rad^2 of angle.
    """
    twist = 2 * (phi - _column(conditions.phi12))
    radial = _column(conditions.C10) + _column(conditions.C12) * torch.cos(twist)
    radial = (radial + _column(conditions.C30) * alpha**2) * alpha
    azimuthal = -_column(conditions.C12) * torch.sin(twist) * alpha
    return (2 * math.pi / wavelength) ** 2 * (radial**2 + azimuthal**2)


def scherzer_defocus(C30: float, wavelength: float) -> float:
    """Scherzer's defocus, 1.2 sqrt(C30 lambda), underfocus positive.

    Parameters
    ----------
    C30, wavelength : float
        Spherical aberration and wavelength [A], both > 0.

    Returns
    -------
    float
        Defocus [A].

    References
    ----------
    O. Scherzer, J. Appl. Phys. 20, 20 (1949); in the extended form of D. B. Williams and C. B. Carter,
    Transmission Electron Microscopy (2009), eq. 28.35, DOI 10.1007/978-0-387-76501-3
    """
    return 1.2 * math.sqrt(C30 * wavelength)


def point_resolution(C30: float, wavelength: float) -> float:
    """Scherzer's point resolution, 0.66 C30^(1/4) lambda^(3/4).

    The first zero of sin chi at Scherzer's defocus lies at 0.645 C30^(1/4) lambda^(3/4); 0.66 is the usual rounding.

    Parameters
    ----------
    C30, wavelength : float
        Spherical aberration and wavelength [A], both > 0.

    Returns
    -------
    float
        Distance [A].

    References
    ----------
    D. B. Williams and C. B. Carter, Transmission Electron Microscopy (2009), eq. 28.36

    Examples
    --------
    >>> round(point_resolution(1e7, 0.0251), 2)  # Cs 1 mm at 200 kV
    2.34
    """
    return float(0.66 * C30**0.25 * wavelength**0.75)


def _column(values: Tensor) -> Tensor:
    return values[:, None]
