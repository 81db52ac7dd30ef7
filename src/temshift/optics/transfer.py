"""Contrast transfer functions T(q) of a lens for weak objects at some height, each envelope by itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.conditions import Conditions
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

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Transfer:
    """Transfer functions of n conditions, which follow from chi and from the envelopes, at q and at -q.

    Every field and every property is a Tensor (n, frequencies). The envelopes lie between 0 and 1.

    Attributes
    ----------
    chi, opposite_chi : Tensor
        The aberration function at q and at -q [rad].
    aperture : Tensor
        The objective aperture, the same at q and at -q.
    temporal : Tensor
        Envelope of the focal spread, the same at q and at -q.
    spatial, opposite_spatial : Tensor
        Envelope of the angular spread at q and at -q, which odd aberrations such as coma make differ.
    """

    chi: Tensor
    opposite_chi: Tensor
    aperture: Tensor
    temporal: Tensor
    spatial: Tensor
    opposite_spatial: Tensor

    @property
    def phase(self) -> Tensor:
        """T_p of a weak phase, complex; its own phase is that of odd aberrations, which shift their images."""
        forward, backward = self._lenses
        return 0.5j * (forward - backward)

    @property
    def amplitude(self) -> Tensor:
        """T_a of a weak amplitude, complex."""
        forward, backward = self._lenses
        return 0.5 * (forward + backward)

    @property
    def signed(self) -> Tensor:
        """T_p as a real number: the sign that even aberrations give it, phases of odd ones left out."""
        return torch.sin(self.even) * (self.envelope + self._opposite_envelope) / 2

    @property
    def signed_amplitude(self) -> Tensor:
        """T_a as a real number, as :attr:`signed` is T_p."""
        return torch.cos(self.even) * (self.envelope + self._opposite_envelope) / 2

    @property
    def even(self) -> Tensor:
        """The part of chi that is even in the angle [rad]."""
        return (self.chi + self.opposite_chi) / 2

    @property
    def odd(self) -> Tensor:
        """The part of chi that is odd in the angle [rad]."""
        return (self.chi - self.opposite_chi) / 2

    @property
    def envelope(self) -> Tensor:
        """Product of aperture and envelopes."""
        return self.aperture * self.temporal * self.spatial

    @property
    def _opposite_envelope(self) -> Tensor:
        return self.aperture * self.temporal * self.opposite_spatial

    @cached_property
    def _lenses(self) -> tuple[Tensor, Tensor]:
        """L(q) and conj L(-q)."""
        backward = torch.polar(self._opposite_envelope, -self.opposite_chi)
        return torch.polar(self.envelope, -self.chi), backward.conj()

    def shaped(self, *shape: int) -> "Transfer":
        """Return the same with the frequencies in another shape."""
        return Transfer(**{field.name: getattr(self, field.name).reshape(-1, *shape) for field in fields(self)})


def transfer_functions(
    q: Tensor, wavelength: float, conditions: Conditions, height: float = 0.0, *, step: float
) -> Transfer:
    """Transfer functions of weak objects at a height, in the approximation of envelopes.

    A wave 1 + i phi(r) - a(r) gives the image spectrum 2 T_p(q) phi(q) - 2 T_a(q) a(q), with T_p = (i/2) (L(q) -
    conj L(-q)), T_a = (1/2) (L(q) + conj L(-q)) and L = A E_s E_t exp(-i chi). If chi is even, T_p = A E sin chi:
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
    sides = [_side(angles, wavelength, lowered) for angles in (omega, -omega)]
    (chi, opposite_chi), (spatial, opposite_spatial) = zip(*sides, strict=True)
    passed, temporal = _round_envelopes(omega.abs(), wavelength, lowered, step)
    return Transfer(chi, opposite_chi, passed, temporal, spatial, opposite_spatial)


def _side(omega: Tensor, wavelength: float, conditions: Conditions) -> tuple[Tensor, Tensor]:
    """Chi and the envelope of the angular spread at some angles, each (n, frequencies)."""
    basis = aberration_basis(omega, present(conditions.aberrations))
    gradient = aberration_gradient(basis, wavelength, conditions.aberrations)
    chi = aberration_function(basis, wavelength, conditions.aberrations)
    return chi, spatial_envelope(gradient, conditions.angular_spread_sigma)


def _round_envelopes(alpha: Tensor, wavelength: float, conditions: Conditions, step: float) -> tuple[Tensor, Tensor]:
    """Aperture and envelope of the focal spread, which depend on the size of the angle alone."""
    edge = torch.clamp(conditions.aperture_edge[:, None], min=wavelength * step).expand(-1, len(alpha))
    spread = conditions.focal_spread(energy_of(wavelength))
    return aperture(alpha, conditions.semiangle_cutoff, edge), temporal_envelope(alpha, wavelength, spread)


def azimuthal_transfer(
    q: Array, wavelength: float, conditions: Conditions, height: float, *, azimuths: int = 1
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
    plane = polar_plane(q, np.arange(azimuths) * math.pi / azimuths)
    return transfer_functions(plane, wavelength, conditions, height, step=_step(q)).shaped(azimuths, len(q))


def polar_plane(q: Array, azimuths: Array) -> Tensor:
    """Return frequencies q_x + i q_y [1/A] along azimuths [rad], (azimuths * q,)."""
    return torch.polar(torch.from_numpy(q).repeat(len(azimuths)), torch.from_numpy(azimuths.repeat(len(q))))


def _step(q: Array) -> float:
    return float(np.min(np.diff(q))) if len(q) > 1 else float(q[0])


def displacement(
    q: Array, wavelength: float, conditions: Conditions, height: float = 0.0, *, directions: int
) -> NDArray[np.complex128]:
    """Displacement of the image that each frequency makes, grad chi / (2 pi), the gradient over q.

    Parameters
    ----------
    q : ndarray (frequencies,)
        Spatial frequencies [1/A].
    wavelength, conditions, height
        As for :func:`transfer_functions`.
    directions : int
        Number of azimuths of q, evenly over a whole turn.

    Returns
    -------
    ndarray (n, directions, frequencies)
        Along x + i y [A].
    """
    lowered = conditions.defocused(height)
    phi = np.arange(directions) * 2 * np.pi / directions
    omega = torch.from_numpy((wavelength * np.exp(1j * phi)[:, None] * q).ravel())
    basis = aberration_basis(omega, present(lowered.aberrations))
    along_x, along_y = aberration_gradient(basis, wavelength, lowered.aberrations)
    gradient = torch.complex(along_x, along_y).numpy().reshape(len(lowered), directions, len(q))
    return np.asarray(gradient * wavelength / (2 * np.pi))


@dataclass(frozen=True)
class PhaseTransfer:
    """Transfer T of a weak phase without the phase factor of odd aberrations: |T|^2 = signed^2 + rest^2.

    Attributes
    ----------
    signed : ndarray (n, azimuths, frequencies)
        (E+ + E-) / 2 sin chi, E+ and E- the envelopes at q and -q, chi the part that is even in the angle.
    rest : ndarray (n, azimuths, frequencies), optional
        (E+ - E-) / 2 cos chi, if odd aberrations and an angular spread make envelopes differ.
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
        One for each height.
    """
    lens = _Lens(q, wavelength, conditions, azimuths)
    return [lens.at(height) for height in heights]


class _Lens:
    """The parts of the lens that all heights have in common."""

    def __init__(self, q: Array, wavelength: float, conditions: Conditions, azimuths: int) -> None:
        phi = torch.arange(azimuths, dtype=torch.float64)[:, None] * math.pi / azimuths
        alpha = wavelength * torch.from_numpy(q)
        self._omega = torch.polar(alpha.expand(azimuths, -1), phi.expand(-1, len(q)))
        self._wavenumber, self._alpha = 2 * math.pi / wavelength, alpha
        self._even = even_part(conditions.aberrations)
        self._odd = {name: one for name, one in conditions.aberrations.items() if name not in self._even}
        basis = aberration_basis(self._omega, present(conditions.aberrations))
        self._chi = self._summed(basis, self._even, basis.chi)
        passed, temporal = _round_envelopes(alpha, wavelength, conditions, _step(q))
        self._damping, self._spread = (passed * temporal)[:, None], conditions.angular_spread_sigma
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
        """Envelope of the angular spread at q or, with -1, at -q, at which the slopes of the even part turn round."""
        along = (self._omega.real, self._omega.imag)
        slopes = [
            even + self._wavenumber * height * omega + side * odd
            for (even, odd), omega in zip(self._slopes, along, strict=True)
        ]
        shape = (len(self._spread), *self._omega.shape)
        flat = [one.expand(shape).reshape(shape[0], -1) for one in slopes]
        return spatial_envelope((flat[0], flat[1]), self._spread).reshape(shape)
