"""Contrast transfer functions T(q): what a lens makes of weak objects at some height, each envelope by itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.conditions.drawn import Conditions
from temshift.core.electrons import energy_of
from temshift.optics.aberrations import (
    AberrationBasis,
    aberration_basis,
    aberration_function,
    aberration_gradient,
    even_part,
    present,
)
from temshift.optics.coherence import aperture, spatial_envelope, temporal_envelope


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


Array = NDArray[np.float64]


@dataclass(frozen=True)
class PhaseTransfer:
    """Transfer T of a weak phase, but for the phase factor of odd aberrations: T T* = signed^2 + rest^2.

    Attributes
    ----------
    signed : ndarray (n, azimuths, frequencies)
        (E+ + E-) / 2 sin chi, E+ and E- the envelopes at q and -q, chi the part that is even in the angle.
    rest : ndarray (n, azimuths, frequencies), optional
        (E+ - E-) / 2 cos chi, where odd aberrations and an angular spread make envelopes differ.
    """

    signed: Array
    rest: Array | None

    @property
    def squared(self) -> Array:
        """|T|^2."""
        square = self.signed**2
        return square if self.rest is None else square + self.rest**2


def phase_transfers(
    q: Array, wavelength: float, conditions: Conditions, heights: Sequence[float], *, azimuths: int = 1
) -> list[PhaseTransfer]:
    """Transfer of weak phases at several heights, as :func:`temshift.optics.transfer.azimuthal_transfer` gives it.

    Several times as fast, since the aberration function is computed once, and T without complex numbers.

    Parameters
    ----------
    q : ndarray (frequencies,)
        Spatial frequencies [1/A], evenly spaced.
    wavelength : float
        Electron wavelength [A].
    conditions : Conditions
        n conditions in float64.
    heights : sequence of float
        Heights upstream of the plane that defocus counts from [A]: C10 + h stands for C10.
    azimuths : int
        Number of azimuths, evenly over half a turn.

    Returns
    -------
    list of PhaseTransfer
        One a height.
    """
    lens = _Lens(q, wavelength, conditions, azimuths)
    return [lens.at(height) for height in heights]


class _Lens:
    """What all heights have in common."""

    def __init__(self, q: Array, wavelength: float, conditions: Conditions, azimuths: int) -> None:
        phi = torch.arange(azimuths, dtype=torch.float64)[:, None] * math.pi / azimuths
        alpha = wavelength * torch.from_numpy(q)
        self._omega = torch.polar(alpha.expand(azimuths, -1), phi.expand(-1, len(q)))
        self._wavenumber, self._alpha = 2 * math.pi / wavelength, alpha
        self._even = even_part(conditions.aberrations)
        self._odd = {name: one for name, one in conditions.aberrations.items() if name not in self._even}
        basis = aberration_basis(self._omega, present(conditions.aberrations))
        self._chi = self._summed(basis, self._even, basis.chi)
        step = float(np.min(np.diff(q))) if len(q) > 1 else float(q[0])
        edge = torch.clamp(conditions.aperture_edge[:, None], min=wavelength * step).expand(-1, len(q))
        spread = conditions.focal_spread(energy_of(wavelength))
        damping = aperture(alpha, conditions.semiangle_cutoff, edge) * temporal_envelope(alpha, wavelength, spread)
        self._damping, self._spread = damping[:, None], conditions.angular_spread_sigma
        if bool((self._spread > 0).any()):
            self._slopes = tuple(
                (self._summed(basis, self._even, rows), self._summed(basis, self._odd, rows))
                for rows in (basis.along_x, basis.along_y)
            )

    def _summed(self, basis: AberrationBasis, aberrations: dict[str, Tensor], rows: Tensor) -> Tensor:
        """Sum of coefficients times rows (n, azimuths, frequencies), row by row: bits do not depend on n."""
        total = torch.zeros(1, *rows.shape[1:], dtype=rows.dtype)
        if not aberrations:
            return total
        index, components = basis.components(aberrations, rows)
        for number, factors in zip(index.tolist(), components.T, strict=True):
            total = total + (self._wavenumber * factors)[:, None, None] * rows[number]
        return total

    def at(self, height: float) -> PhaseTransfer:
        chi = self._chi + self._wavenumber * height / 2 * self._alpha**2
        if not bool((self._spread > 0).any()):
            return PhaseTransfer((self._damping * torch.sin(chi)).numpy(), None)
        there, back = (self._damping * self._spatial(height, side) for side in (1, -1))
        signed = ((there + back) / 2 * torch.sin(chi)).numpy()
        return PhaseTransfer(signed, ((there - back) / 2 * torch.cos(chi)).numpy() if self._odd else None)

    def _spatial(self, height: float, side: int) -> Tensor:
        """Envelope of the angular spread at q or, with -1, at -q, where the even part's slopes turn round."""
        along = (self._omega.real, self._omega.imag)
        slopes = [
            even + self._wavenumber * height * omega + side * odd
            for (even, odd), omega in zip(self._slopes, along, strict=True)
        ]
        shape = (len(self._spread), *self._omega.shape)
        flat = [one.expand(shape).reshape(shape[0], -1) for one in slopes]
        return spatial_envelope((flat[0], flat[1]), self._spread).reshape(shape)
