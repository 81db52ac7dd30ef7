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


def _column(values: Tensor) -> Tensor:
    return values[:, None]
