"""Contrast transfer functions T(q): what a lens makes of weak objects at some height, each envelope by itself."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.electrons import energy_of
from temshift.optics.aberrations import aberration_basis, aberration_function, aberration_gradient, present
from temshift.optics.coherence import aperture, spatial_envelope, temporal_envelope
from temshift.optics.conditions import Conditions


@dataclass(frozen=True)
class Transfer:
    """Transfer functions of n conditions; every field is (n, frequencies), and the envelopes lie between 0 and 1.

    Attributes
    ----------
    phase : Tensor
        T of a weak phase, complex: sin chi times the envelopes; its own phase is that of odd aberrations, such as coma,
        which shift what they image.
    amplitude : Tensor
        Transfer of a weak amplitude, complex: cos chi times the envelopes.
    aperture : Tensor
        The objective aperture.
    temporal, spatial : Tensor
        Envelopes of the focal and of the angular spread.
    signed : Tensor
        T of a weak phase as a real number: the sign that even aberrations give it, phases of odd ones left out.
    """

    phase: Tensor
    amplitude: Tensor
    aperture: Tensor
    temporal: Tensor
    spatial: Tensor
    signed: Tensor

    @property
    def envelope(self) -> Tensor:
        """Product of aperture and envelopes."""
        return self.aperture * self.temporal * self.spatial

    def shaped(self, *shape: int) -> "Transfer":
        """Return the same with the frequencies in another shape."""
        return Transfer(**{name: values.reshape(-1, *shape) for name, values in vars(self).items()})


def transfer_functions(
    q: Tensor, wavelength: float, conditions: Conditions, height: float = 0.0, *, step: float
) -> Transfer:
    """Transfer functions of weak objects at a height, in the approximation of envelopes.

    A wave 1 + i phi(r) - a(r) gives the image spectrum 2 T_p(q) phi(q) - 2 T_a(q) a(q), with T_p = (i/2) (L(q) -
    conj L(-q)), T_a = (1/2) (L(q) + conj L(-q)) and L = A E_s E_t exp(-i chi). Where chi is even, T_p = A E sin chi:
    underfocus (chi < 0) shows atoms dark.

    Parameters
    ----------
    q : Tensor (frequencies,)
        Spatial frequencies q_x + i q_y [1/A], complex.
    wavelength : float
        Electron wavelength [A].
    conditions : Conditions
        n conditions in float64.
    height : float
        Height h of the object upstream of the plane that defocus counts from [A]: C10 + h stands for C10.
    step : float
        Spacing of frequencies [1/A], the least width of an aperture's edge.

    Returns
    -------
    Transfer

    References
    ----------
    L. Reimer and H. Kohl, Transmission Electron Microscopy (2008), section 6.4, DOI 10.1007/978-0-387-40093-8
    """
    lowered = conditions.defocused(height)
    omega = wavelength * q.to(torch.complex128)
    there, back = _pieces(omega, wavelength, lowered, step), _pieces(-omega, wavelength, lowered, step)
    forward, backward = there.lens, back.lens.conj()
    signed = there.even * (there.damping + back.damping) / 2
    return Transfer(
        0.5j * (forward - backward), 0.5 * (forward + backward), there.aperture, there.temporal, there.spatial, signed
    )


@dataclass(frozen=True)
class _Pieces:
    chi: Tensor
    even: Tensor  # sine of the even part of chi
    aperture: Tensor
    temporal: Tensor
    spatial: Tensor

    @property
    def damping(self) -> Tensor:
        return self.aperture * self.temporal * self.spatial

    @property
    def lens(self) -> Tensor:
        return torch.polar(self.damping, -self.chi)


def _pieces(omega: Tensor, wavelength: float, conditions: Conditions, step: float) -> _Pieces:
    symbols, alpha = present(conditions.aberrations), omega.abs()
    basis = aberration_basis(omega, symbols)
    chi = aberration_function(basis, wavelength, conditions.aberrations)
    opposite = aberration_function(aberration_basis(-omega, symbols), wavelength, conditions.aberrations)
    gradient = aberration_gradient(basis, wavelength, conditions.aberrations)
    edge = torch.clamp(conditions.aperture_edge[:, None], min=wavelength * step).expand(-1, len(alpha))
    return _Pieces(
        chi,
        torch.sin((chi + opposite) / 2),
        aperture(alpha, conditions.semiangle_cutoff, edge),
        temporal_envelope(alpha, wavelength, conditions.focal_spread(energy_of(wavelength))),
        spatial_envelope(gradient, conditions.angular_spread_sigma),
    )


def azimuthal_transfer(
    q: NDArray[np.float64], wavelength: float, conditions: Conditions, height: float, *, azimuths: int = 1
) -> Transfer:
    """Transfer functions along several azimuths, which astigmatism and its kin make differ.

    Parameters
    ----------
    q : ndarray (frequencies,)
        Spatial frequencies [1/A], evenly spaced.
    wavelength : float
        Electron wavelength [A].
    conditions : Conditions
        n conditions in float64.
    height : float
        Height h of the object upstream of the plane that defocus counts from [A].
    azimuths : int
        Number of azimuths, evenly over half a turn: the size of T is even.

    Returns
    -------
    Transfer
        Every field (n, azimuths, frequencies).
    """
    phi = torch.arange(azimuths, dtype=torch.float64).repeat_interleave(len(q)) * math.pi / azimuths
    size = torch.from_numpy(q).repeat(azimuths)
    step = float(np.min(np.diff(q))) if len(q) > 1 else float(q[0])
    found = transfer_functions(torch.polar(size, phi), wavelength, conditions, height, step=step)
    return found.shaped(azimuths, len(q))
