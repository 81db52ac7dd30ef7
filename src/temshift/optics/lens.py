"""The lens on a band of frequencies: what each spatial frequency of a wave is multiplied by."""

import torch
from torch import Tensor

from temshift.core.electrons import energy_of
from temshift.optics.aberrations import aberration_basis, aberration_function, aberration_gradient, present
from temshift.optics.band import Band
from temshift.optics.coherence import aperture, spatial_envelope, temporal_envelope
from temshift.optics.conditions import Conditions
from temshift.optics.sums import NodesOfMany


class CoherentLens:
    """Coherent transfer A exp(-i chi) of n conditions, at any change of focus and tilt of the illumination.

    Parameters
    ----------
    band : Band
        Frequencies of the wave.
    conditions : Conditions
        n conditions, on the device and in the precision of the band.
    damping : Tensor (n, frequencies), optional
        Envelopes to multiply with.
    """

    def __init__(self, band: Band, conditions: Conditions, damping: Tensor | None = None) -> None:
        self._band, self._conditions = band, conditions
        self._chi = aberration_function(band.basis, band.wavelength, conditions.aberrations)
        self._passed = _aperture(band.alpha, band, conditions)
        if damping is not None:
            self._passed = self._passed * damping

    def at(self, owner: Tensor, nodes: NodesOfMany) -> Tensor:
        """Return the transfer at nodes (k,), the root of their weight included.

        Parameters
        ----------
        owner : Tensor (k,)
            The condition of each node, on the device of the band.
        nodes : NodesOfMany
            Weights, changes of focus and tilts.

        Returns
        -------
        Tensor (k, frequencies)
            Complex.
        """
        like = self._chi
        focus, weight = (torch.from_numpy(part).to(like)[:, None] for part in (nodes.focus, nodes.weight))
        if nodes.tilt.any():
            return torch.cat([self._tilted(*node) for node in zip(owner, focus, weight, nodes.tilt, strict=True)])
        chi = self._chi[owner] + focus * self._band.defocus_phase
        return _turned(chi) * (self._passed[owner] * weight.sqrt())

    def _tilted(self, owner: Tensor, focus: Tensor, weight: Tensor, tilt: complex) -> Tensor:
        """Transfer at the angle omega + tilt: the wave moves in the aperture, (1, frequencies)."""
        one, omega = self._conditions.only(owner[None]), self._band.omega + complex(tilt)
        basis = aberration_basis(omega, present(one.aberrations) or ["C10"]).of_type(self._band.dtype)
        chi = aberration_function(basis, self._band.wavelength, one.defocused(focus).aberrations)
        return _turned(chi) * _aperture(omega.abs().to(self._band.dtype), self._band, one) * weight.sqrt()


def envelopes(band: Band, conditions: Conditions) -> Tensor:
    """Product of the envelopes of focal and angular spread, Tensor (n, frequencies), between 0 and 1."""
    product = torch.ones_like(band.alpha).expand(len(conditions), -1)
    focal_spread = conditions.focal_spread(energy_of(band.wavelength))
    if bool((focal_spread > 0).any()):
        product = product * temporal_envelope(band.alpha, band.wavelength, focal_spread)
    if bool((conditions.angular_spread_sigma > 0).any()):
        gradient = aberration_gradient(band.basis, band.wavelength, conditions.aberrations)
        product = product * spatial_envelope(gradient, conditions.angular_spread_sigma)
    return product


def _aperture(alpha: Tensor, band: Band, conditions: Conditions) -> Tensor:
    edge = torch.maximum(band.edge.to(alpha), conditions.aperture_edge[:, None])
    return aperture(alpha, conditions.semiangle_cutoff, edge)


def _turned(chi: Tensor) -> Tensor:
    """exp(-i chi)."""
    return torch.complex(torch.cos(chi), -torch.sin(chi))
