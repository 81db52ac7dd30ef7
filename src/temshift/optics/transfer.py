"""Contrast transfer: lens functions on a band of frequencies, and T(q) of a phase object at some height."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.grids import Grid
from temshift.optics.aberrations import aberration_function
from temshift.optics.coherence import aperture, spatial_envelope, temporal_envelope
from temshift.optics.conditions import Conditions


@dataclass(frozen=True)
class Band:
    """The spatial frequencies of a grid that an aperture lets pass.

    Attributes
    ----------
    index : Tensor (frequencies,)
        Position of each in the flattened (y, x) plane.
    alpha, phi : Tensor (frequencies,)
        Scattering angle and azimuth from x towards y [rad].
    edge : Tensor (frequencies,)
        Width of the aperture's edge [rad]: one frequency step along the azimuth.
    wavelength : float
        Electron wavelength [A].
    """

    index: Tensor
    alpha: Tensor
    phi: Tensor
    edge: Tensor
    wavelength: float

    def to(self, device: torch.device | str) -> "Band":
        """Return the same band on another device."""
        index, alpha, phi, edge = (part.to(device) for part in (self.index, self.alpha, self.phi, self.edge))
        return Band(index, alpha, phi, edge, self.wavelength)


def band_of(grid: Grid, wavelength: float, semiangle_cutoff: float, *, dtype: torch.dtype) -> Band:
    """Find the frequencies of ``grid`` inside an aperture of ``semiangle_cutoff`` [rad].

    Raises
    ------
    ValueError
        Where the intensity, whose band is twice the aperture's, would alias on the grid.
    """
    limit = grid.nyquist * wavelength
    if 2 * semiangle_cutoff > limit:
        raise ValueError(
            f"semiangle_cutoff = {semiangle_cutoff * 1e3:.2f} mrad: |psi|^2 would alias on {max(grid.sampling):.3g} A "
            f"pixels; at most {limit / 2 * 1e3:.2f} mrad here, or sample finer"
        )
    qy, qx = (torch.from_numpy(q).flatten() for q in grid.frequencies())
    alpha = wavelength * torch.hypot(qx, qy)
    phi = torch.atan2(qy, qx)
    edge = wavelength * torch.hypot(torch.cos(phi) / grid.extent[1], torch.sin(phi) / grid.extent[0])
    index = torch.nonzero(alpha <= semiangle_cutoff + edge / 2).flatten()
    kept_alpha, kept_phi, kept_edge = (part[index].to(dtype) for part in (alpha, phi, edge))
    return Band(index, kept_alpha, kept_phi, kept_edge, wavelength)


def lens_function(band: Band, conditions: Conditions) -> Tensor:
    """Coherent transfer of a wave with envelopes, A E_s E_t exp(-i chi).

    Parameters
    ----------
    band : Band
        Frequencies to evaluate.
    conditions : Conditions
        n conditions, on the device and in the precision of ``band``.

    Returns
    -------
    Tensor (n, frequencies)
        Complex.
    """
    chi = aberration_function(band.alpha, band.phi, band.wavelength, conditions)
    return torch.polar(envelope(band, conditions), -chi)


def envelope(band: Band, conditions: Conditions) -> Tensor:
    """Aperture times spatial times temporal envelope, Tensor (n, frequencies), between 0 and 1."""
    product = aperture(band.alpha, conditions.semiangle_cutoff, band.edge)
    if bool((conditions.focal_spread_sigma > 0).any()):
        product = product * temporal_envelope(band.alpha, band.wavelength, conditions.focal_spread_sigma)
    if bool((conditions.angular_spread_sigma > 0).any()):
        product = product * spatial_envelope(band.alpha, band.phi, band.wavelength, conditions)
    return product


def phase_transfer(
    q: NDArray[np.float64], wavelength: float, conditions: Conditions, height: float, *, azimuths: int = 8
) -> tuple[Tensor, Tensor]:
    """Transfer function of a weak phase object, T_h = E sin chi with C10 + h in place of C10.

    The spectrum of the image of a weak phase phi is 2 T_h(q) phi(q): |1 + i phi exp(-i chi)|^2 = 1 + 2 phi sin chi to
    first order, so underfocus (chi < 0) shows atoms dark. Astigmatism makes T depend on azimuth, so
    several azimuths are returned.

    Parameters
    ----------
    q : ndarray (frequencies,)
        Spatial frequencies [1/A].
    wavelength : float
        Electron wavelength [A].
    conditions : Conditions
        n conditions in float64.
    height : float
        Height h of the object upstream of the exit plane [A].
    azimuths : int
        Number of azimuths, evenly over half a turn (T is even).

    Returns
    -------
    transfer : Tensor (n, azimuths, frequencies)
        T, between -1 and 1.
    envelope : Tensor (n, azimuths, frequencies)
        E, between 0 and 1.

    References
    ----------
    L. Reimer and H. Kohl, Transmission Electron Microscopy (2008), section 6.4.1, DOI 10.1007/978-0-387-40093-8
    """
    frequencies = torch.from_numpy(q).repeat(azimuths)
    phi = torch.arange(azimuths, dtype=torch.float64).repeat_interleave(len(q)) * math.pi / azimuths
    step = float(np.min(np.diff(q))) if len(q) > 1 else float(q[0])
    edge = torch.full_like(frequencies, wavelength * step)
    band = Band(torch.arange(len(phi)), wavelength * frequencies, phi, edge, wavelength)
    lowered = replace(conditions, C10=conditions.C10 + height)
    # The illumination's angles blur at the exit plane's own focus: envelopes use the object's focus as well.
    damping = envelope(band, lowered)
    transfer = damping * torch.sin(aberration_function(band.alpha, band.phi, wavelength, lowered))
    shape = (len(conditions), azimuths, len(q))
    return transfer.view(shape), damping.view(shape)
