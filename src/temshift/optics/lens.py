"""The lens on a band of frequencies: what each spatial frequency of a wave is multiplied by."""

import torch
from torch import Tensor

from temshift.core.electrons import energy_of
from temshift.optics.aberrations import aberration_basis, aberration_function, aberration_gradient
from temshift.optics.band import Band
from temshift.optics.coherence import aperture, spatial_envelope, temporal_envelope
from temshift.optics.conditions import Conditions


def coherent_lens(band: Band, conditions: Conditions) -> Tensor:
    """Coherent transfer A exp(-i chi) of each condition, Tensor (n, frequencies), complex."""
    chi = aberration_function(band.basis, band.wavelength, conditions.aberrations)
    return _turned(chi) * _aperture(band.alpha, band, conditions)


def tilted_lens(band: Band, conditions: Conditions, tilt: Tensor) -> Tensor:
    """Coherent transfer under tilted illumination: A exp(-i chi) at the angle omega + tilt.

    Parameters
    ----------
    band : Band
        Frequencies of the wave; a tilt moves all of them in the aperture.
    conditions : Conditions
        n conditions.
    tilt : Tensor (n,)
        Angle of the illumination, x + i y [rad], complex.

    Returns
    -------
    Tensor (n, frequencies)
        Complex.
    """
    symbols = [symbol for symbol in band.basis.rows if symbol in conditions.aberrations]
    rows = []
    for number, angle in enumerate(tilt.to(band.omega)):
        omega = band.omega + angle
        one = conditions.only(slice(number, number + 1))
        basis = aberration_basis(omega, symbols).of_type(band.dtype)
        chi = aberration_function(basis, band.wavelength, one.aberrations)
        rows.append(_turned(chi) * _aperture(omega.abs().to(band.dtype), band, one))
    return torch.cat(rows)


def enveloped_lens(band: Band, conditions: Conditions) -> Tensor:
    """Transfer in the quasi-coherent approximation, A E_s E_t exp(-i chi), Tensor (n, frequencies), complex.

    References
    ----------
    L. Reimer and H. Kohl, Transmission Electron Microscopy (2008), section 6.4.2, DOI 10.1007/978-0-387-40093-8
    """
    return coherent_lens(band, conditions) * envelopes(band, conditions)


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
