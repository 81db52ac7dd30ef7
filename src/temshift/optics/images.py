"""Image formation: exit waves through the lens to intensities."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.optics.band import Band, band_of, widest_aperture
from temshift.optics.conditions import Conditions
from temshift.optics.lens import CoherentLens, envelopes
from temshift.optics.resampling import magnified, refined
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import SINGLE, Nodes, NodesOfMany, coherence_nodes

OPTICS_VERSION = 2  # raised whenever the same settings would give other images
CHUNK = 2**23  # complex numbers of all planes that are transformed together
EXACT = ImagingSettings()


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
    settings = settings or EXACT
    band = spectra.band
    limit = widest_aperture(spectra.grid, band.wavelength)
    conditions = replace(conditions, semiangle_cutoff=conditions.semiangle_cutoff.clamp(max=limit))
    nodes = _nodes(band, conditions, settings)
    conditions = conditions.to(band.omega.device, band.dtype)
    parts = [slice(0, len(conditions))] if spectra.values.is_cuda else [slice(i, i + 1) for i in range(len(conditions))]
    images = [
        _formed(spectra, specimens[part], one, nodes[part], settings)
        for part, one in zip(parts, conditions.split(parts), strict=True)
    ]
    return torch.cat(images)


def _nodes(band: Band, conditions: Conditions, settings: ImagingSettings) -> list[Nodes]:
    if settings.coherence == "envelope":
        return [SINGLE] * len(conditions)
    return coherence_nodes(band, conditions, settings.tolerance)


def _formed(
    spectra: WaveSpectra, specimens: Tensor, conditions: Conditions, nodes: list[Nodes], settings: ImagingSettings
) -> Tensor:
    """Images (n, y, x) on the grid."""
    damping = envelopes(spectra.band, conditions) if settings.coherence == "envelope" else None
    lens = CoherentLens(spectra.band, conditions, damping)
    shape, places = spectra.band.plane(float(conditions.semiangle_cutoff.max()))
    images = spectra.band.alpha.new_zeros((len(conditions), *shape))
    for part in _chunks(nodes, spectra):
        owner = torch.from_numpy(part.owner).to(specimens.device)
        passed = spectra.values[specimens[owner]] * lens.at(owner, part)[:, None]
        plane = passed.new_zeros((*passed.shape[:2], math.prod(shape)))
        plane = plane.index_add(-1, places, passed).view(*passed.shape[:2], *shape)
        images = images.index_add(0, owner, _intensity(plane))
    return magnified(refined(images, spectra.grid.shape), conditions.pixel_size_error)


def _intensity(plane: Tensor) -> Tensor:
    """|IFT|^2 of spectra (node, phonon, y, x), averaged over phonon configurations."""
    wave = torch.fft.ifft2(plane, norm="forward")
    squared: Tensor = (wave * wave.conj()).real
    return squared[:, 0] if squared.shape[1] == 1 else squared.mean(dim=1)


def _chunks(nodes: list[Nodes], spectra: WaveSpectra) -> Iterator[NodesOfMany]:
    """All nodes of all images, as many at once as memory allows."""
    together = max(1, CHUNK // (spectra.values.shape[1] * math.prod(spectra.grid.shape)))
    every = NodesOfMany.of(nodes)
    for start in range(0, len(every.owner), together):
        yield every.part(slice(start, start + together))
