"""The lens on a band of frequencies: the factor of each spatial frequency of a wave."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from temshift.conditions import Conditions
from temshift.core.electrons import energy_of
from temshift.optics.aberrations import (
    AberrationBasis,
    aberration_basis,
    aberration_function,
    aberration_gradient,
    present,
)
from temshift.optics.band import Band
from temshift.optics.coherence import aperture, spatial_envelope, temporal_envelope
from temshift.optics.sums import Nodes


class StraightLens:
    """The lens in n images under straight illumination, whose focus may be spread.

    A focal sum multiplies the interference of two beams by sum_k w_k cos(f_k (d - d')), d the phase of one angstrom of
    C10. Two nodes +-f make 2 w (cos f d cos f d' + sin f d sin f d'): the wave is multiplied by A exp(-i chi), and by
    sqrt(2 w) cos f d and sqrt(2 w) sin f d in turn, real factors that images of one focal spread share.

    Parameters
    ----------
    band : Band
        Frequencies of the wave.
    conditions : Conditions
        n conditions, on the device and in the precision of the band.
    nodes : sequence of Nodes (n,)
        Of the focal sum, symmetrical about 0.
    damping : Tensor (n, frequencies), optional
        Envelopes to multiply with.
    """

    def __init__(
        self, band: Band, conditions: Conditions, nodes: Sequence[Nodes], damping: Tensor | None = None
    ) -> None:
        self._nodes = nodes
        passed = _aperture(band.alpha, band, conditions)
        passed = passed if damping is None else passed * damping
        self._transfer = _turned(passed, aberration_function(*_lens(band, conditions)))
        self._factors = {one: _focal_factors(band, one) for one in dict.fromkeys(nodes)}

    def passed(self, waves: Tensor, part: slice, size: int) -> Iterator[Tensor]:
        """Yield the passing part of the waves of some images, ``size`` nodes at a time.

        Parameters
        ----------
        waves : Tensor (images, phonon, frequencies)
            Complex spectra.
        part : slice
            Which of the n images they belong to.
        size : int
            Number of nodes.

        Yields
        ------
        Tensor (images, nodes x phonon, frequencies)
            Their intensities add up to the image's.
        """
        focused = waves * self._transfer[part, None]
        factors = [self._factors[one] for one in dict.fromkeys(self._nodes[part])]
        if all(len(one) == 1 for one in factors):
            yield focused
            return
        if len(factors) > 1:
            factors = [self._factors[one] for one in self._nodes[part]]
        scaled = pad_sequence(factors, batch_first=True) if len(factors) > 1 else factors[0][None]
        real = torch.view_as_real(focused).flatten(-2)[:, None]
        for some in torch.split(scaled, size, dim=1):
            yield torch.view_as_complex((some * real).view(len(waves), -1, waves.shape[-1], 2))


class TiltedLens:
    """The lens in n images under illumination from many angles: the wave moves in the aperture.

    Parameters
    ----------
    band, conditions, nodes
        As of :class:`StraightLens`.
    """

    def __init__(self, band: Band, conditions: Conditions, nodes: Sequence[Nodes]) -> None:
        self._band, self._conditions, self._nodes = band, conditions, nodes

    def passed(self, waves: Tensor, part: slice, size: int) -> Iterator[Tensor]:
        """Yield the passing part of the waves of one image; see :meth:`StraightLens.passed`."""
        condition = self._conditions.only(part)
        for nodes in self._nodes[part][0].parts(size):
            yield (waves[:, None] * _tilted_transfer(self._band, condition, nodes)[:, None]).flatten(1, 2)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def _focal_factors(band: Band, nodes: Nodes) -> Tensor:
    """Factors (nodes, 1, frequencies x 2) for the real and the imaginary part of every frequency."""
    focus, weight = (torch.from_numpy(part).to(band.defocus_phase)[:, None] for part in (nodes.focus, nodes.weight))
    above, middle = nodes.focus > 0, nodes.focus == 0
    phase, size = focus[above] * band.defocus_phase, (2 * weight[above]).sqrt()
    still = weight[middle].sqrt().expand(-1, len(band.defocus_phase))
    return torch.cat([still, size * torch.cos(phase), size * torch.sin(phase)]).repeat_interleave(2, dim=-1)[:, None]


def _tilted_transfer(band: Band, condition: Conditions, nodes: Nodes) -> Tensor:
    """Transfer at changes of focus and tilts (nodes, frequencies), the root of their weight included."""
    focus, weight = (torch.from_numpy(part).to(band.defocus_phase) for part in (nodes.focus, nodes.weight))
    changes = zip(focus, nodes.tilt, strict=True)
    transfers = [_tilted(band, condition.defocused(change), complex(tilt)) for change, tilt in changes]
    return torch.cat(transfers) * weight[:, None].sqrt()


def _tilted(band: Band, condition: Conditions, tilt: complex) -> Tensor:
    omega = band.omega + tilt
    basis = aberration_basis(omega, present(condition.aberrations)).of_type(band.dtype)
    chi = aberration_function(basis, band.wavelength, condition.aberrations)
    return _turned(_aperture(omega.abs().to(band.dtype), band, condition), chi)


def envelopes(band: Band, conditions: Conditions) -> Tensor:
    """Product of the envelopes of focal and angular spread, Tensor (n, frequencies), between 0 and 1."""
    product = torch.ones_like(band.alpha).expand(len(conditions), -1)
    focal_spread = conditions.focal_spread(energy_of(band.wavelength))
    if bool((focal_spread > 0).any()):
        product = product * temporal_envelope(band.alpha, band.wavelength, focal_spread)
    if bool((conditions.angular_spread_sigma > 0).any()):
        gradient = aberration_gradient(*_lens(band, conditions))
        product = product * spatial_envelope(gradient, conditions.angular_spread_sigma)
    return product


def _lens(band: Band, conditions: Conditions) -> tuple[AberrationBasis, float, Mapping[str, Tensor]]:
    """Arguments of the aberration function: polynomials of the aberrations that there are, C10 always among them."""
    aberrations = conditions.defocused(0.0).aberrations
    return band.basis_of(tuple(present(aberrations))), band.wavelength, aberrations


def _turned(size: Tensor, phase: Tensor) -> Tensor:
    """Size times exp(-i phase); where no gradient is asked for, by numpy's sine and cosine, four times as fast."""
    if phase.is_cuda or phase.requires_grad or size.requires_grad:
        return torch.polar(size, -phase)
    cosine, sine = (torch.from_numpy(part(phase.numpy())) for part in (np.cos, np.sin))
    return torch.complex(size * cosine, -size * sine)


def _aperture(alpha: Tensor, band: Band, conditions: Conditions) -> Tensor:
    edge = torch.maximum(band.edge.to(alpha), conditions.aperture_edge[:, None])
    return aperture(alpha, conditions.semiangle_cutoff, edge)
