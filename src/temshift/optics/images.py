"""Image formation: exit waves through the lens to intensities."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.optics.band import Band, band_of
from temshift.optics.conditions import Conditions
from temshift.optics.lens import coherent_lens, enveloped_lens, tilted_lens
from temshift.optics.resampling import magnified, refined
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import Nodes, coherence_nodes

OPTICS_VERSION = 2  # raised whenever the same settings would give other images
CHUNK = 2**25  # complex numbers of all planes that are transformed together


@dataclass(frozen=True)
class WaveSpectra:
    """Fourier transforms of exit waves, kept only where an aperture lets them pass.

    Attributes
    ----------
    values : Tensor (specimen, phonon, frequencies)
        Complex spectra, divided by the number of pixels.
    band : Band
        The frequencies kept.
    grid : Grid
        The (y, x) plane of the images.
    """

    values: Tensor
    band: Band
    grid: Grid


def wave_spectra(
    waves: Tensor, grid: Grid, energy: float, semiangle_cutoff: float = math.inf, tilt: float = 0.0
) -> WaveSpectra:
    """Transform exit waves once, for many images under apertures up to ``semiangle_cutoff``.

    Parameters
    ----------
    waves : Tensor (specimen, phonon, y, x)
        Complex exit waves.
    grid : Grid
        Their plane.
    energy : float
        Electron energy [eV].
    semiangle_cutoff : float
        The widest aperture that will be used [rad]; infinity takes all that does not alias.
    tilt : float
        Largest tilt of the illumination in an exact sum [rad]: :func:`temshift.optics.sums.widest_tilt`.

    Returns
    -------
    WaveSpectra
        On the device of ``waves``.

    Raises
    ------
    ValueError
        Where the image would alias on the grid.
    """
    real = torch.float64 if waves.dtype == torch.complex128 else torch.float32
    band = band_of(grid, wavelength(energy), semiangle_cutoff, tilt, dtype=real).to(waves.device)
    kept = [torch.fft.fft2(wave, norm="forward").flatten(-2)[..., band.source] for wave in waves]
    return WaveSpectra(torch.stack(kept), band, grid)


def image_intensities(
    spectra: WaveSpectra, specimens: Tensor, conditions: Conditions, settings: ImagingSettings | None = None
) -> Tensor:
    """Intensity sum_k w_k |IFT(psi A exp(-i chi_k))|^2, averaged over phonon configurations.

    The sum runs over focus and angles of the illumination (``coherence: exact``, within ``tolerance``), or has one
    term, damped by the envelopes E_s E_t (``coherence: envelope``). On a CPU images are formed one by one, since the
    size of a batch would change their last bits.

    Parameters
    ----------
    spectra : WaveSpectra
        Transformed exit waves.
    specimens : Tensor (n,)
        Number of the specimen of each image.
    conditions : Conditions
        Condition of each image, n of them; gradients flow back to aberrations.
    settings : ImagingSettings, optional
        How coherence is treated.

    Returns
    -------
    Tensor (n, y, x)
        Real, 1 in vacuum under an open aperture.

    Raises
    ------
    ValueError
        Where no sum reaches the tolerance.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), section 3.1; K. Ishizuka, Ultramicroscopy 5, 55
    (1980), DOI 10.1016/S0304-3991(80)80011-7, for sums beyond the envelopes
    """
    settings = settings or ImagingSettings()
    band = spectra.band
    conditions = conditions.to(band.omega.device, band.dtype)
    images = [
        _formed(spectra, specimens[part], conditions.only(part), settings) for part in _chunks(spectra, len(conditions))
    ]
    return torch.cat(images)


def _chunks(spectra: WaveSpectra, count: int) -> Iterator[slice]:
    """Which images are formed together: one on a CPU, as many as fit elsewhere."""
    together = 1
    if spectra.values.is_cuda:
        together = _planes_together(spectra)
    for start in range(0, count, together):
        yield slice(start, min(start + together, count))


def _formed(spectra: WaveSpectra, specimens: Tensor, conditions: Conditions, settings: ImagingSettings) -> Tensor:
    """Images of a chunk, on the grid."""
    cutoff = float(conditions.semiangle_cutoff.max())
    if settings.coherence == "envelope":
        lens = enveloped_lens(spectra.band, conditions)
        images = _squared(spectra, spectra.values[specimens], lens, cutoff)
    else:
        images = _summed(spectra, specimens, conditions, settings.tolerance, cutoff)
    return magnified(refined(images, spectra.grid.shape), conditions.pixel_size_error)


def _summed(spectra: WaveSpectra, specimens: Tensor, conditions: Conditions, tolerance: float, cutoff: float) -> Tensor:
    nodes = coherence_nodes(spectra.band, conditions, tolerance)
    images = []
    for number, each in enumerate(nodes):
        one = conditions.only(slice(number, number + 1))
        waves = spectra.values[specimens[number]]
        parts = [_weighted(spectra, waves, one, part, cutoff) for part in _node_chunks(spectra, each)]
        images.append(torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0])
    return torch.stack(images)


def _planes_together(spectra: WaveSpectra) -> int:
    return max(1, CHUNK // (spectra.values.shape[1] * math.prod(spectra.grid.shape)))


def _node_chunks(spectra: WaveSpectra, nodes: Nodes) -> Iterator[Nodes]:
    together = _planes_together(spectra)
    for start in range(0, len(nodes.weight), together):
        part = slice(start, start + together)
        yield Nodes(nodes.weight[part], nodes.focus[part], nodes.tilt[part])


def _weighted(spectra: WaveSpectra, waves: Tensor, condition: Conditions, nodes: Nodes, cutoff: float) -> Tensor:
    """Part of the sum of one image (y, x)."""
    like = spectra.band.alpha
    spread = condition.only(torch.zeros(len(nodes.weight), dtype=torch.long, device=like.device))
    spread = spread.defocused(torch.from_numpy(nodes.focus).to(like))
    if nodes.tilt.any():
        lens = tilted_lens(spectra.band, spread, torch.from_numpy(nodes.tilt).to(like.device))
    else:
        lens = coherent_lens(spectra.band, spread)
    squared = _squared(spectra, waves, lens, cutoff)
    part: Tensor = torch.tensordot(torch.from_numpy(nodes.weight).to(like), squared, dims=1)
    return part


def _squared(spectra: WaveSpectra, waves: Tensor, lens: Tensor, cutoff: float) -> Tensor:
    """|IFT(psi L)|^2 of waves (..., phonon, frequencies), averaged over phonons, on the plane of the aperture."""
    passed = waves * lens[:, None]
    shape, places = spectra.band.plane(cutoff)
    plane = passed.new_zeros((*passed.shape[:2], math.prod(shape)))
    plane[..., places] = passed
    wave = torch.fft.ifft2(plane.view(*plane.shape[:-1], *shape), norm="forward")
    squared: Tensor = (wave.real.square() + wave.imag.square()).mean(dim=1)
    return squared
