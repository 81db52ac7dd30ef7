"""Image formation: exit waves through the lens to intensities."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from temshift.conditions import Conditions
from temshift.core import Grid, wavelength
from temshift.optics.band import Band, band_of, widest_aperture
from temshift.optics.frame import Frame, frame_of
from temshift.optics.lens import StraightLens, TiltedLens, envelopes
from temshift.optics.resampling import magnified, resampled
from temshift.optics.settings import EXACT, ImagingSettings
from temshift.optics.sums import SINGLE, Nodes, coherence_nodes

OPTICS_VERSION = 2  # raised whenever the same settings would give other images
CHUNK = 2**23  # complex numbers of all planes that are held together
CACHE = 2**17  # those that a CPU transforms together: more would leave its cache


@dataclass(frozen=True)
class WaveSpectra:
    """Fourier transforms of exit waves, kept only where an aperture lets them pass.

    Attributes
    ----------
    values : Tensor (specimen, phonon, rows, columns)
        Complex spectra on the rectangle of frequencies around the band, divided by the number of pixels, and 0 outside
        the band.
    band : Band
        The frequencies kept.
    grid : Grid
        The (y, x) plane of the images.
    kept : float
        Angle up to which all frequencies are kept [rad].
    """

    values: Tensor
    band: Band
    grid: Grid
    kept: float

    @property
    def single(self) -> "WaveSpectra":
        """The same waves as if each phonon configuration were a specimen: number k of specimen i is i K + k of K."""
        return replace(self, values=self.values.flatten(0, 1)[:, None])

    @functools.cached_property
    def frame(self) -> Frame:
        """The rectangle."""
        return frame_of(self.band, math.inf, tilt=math.inf)


def wave_spectra(
    waves: Tensor, grid: Grid, energy: float, semiangle_cutoff: float = math.inf, margin: float = 0.0
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
        The widest aperture that will be used [rad]; infinity takes all that the grid holds.
    margin : float
        How far beyond the aperture frequencies are kept [rad]: :func:`temshift.optics.sums.band_margin`.

    Returns
    -------
    WaveSpectra
        On the device of ``waves``.

    Raises
    ------
    ValueError
        If the aperture reaches beyond the grid's Nyquist frequency.
    """
    real = torch.float64 if waves.dtype == torch.complex128 else torch.float32
    band = band_of(grid, wavelength(energy), semiangle_cutoff, margin, dtype=real).to(waves.device)
    frame = frame_of(band, math.inf, tilt=math.inf)
    inside = torch.isin(frame.band.source, band.source)
    kept = [torch.fft.fft2(wave, norm="forward").flatten(-2)[..., frame.band.source] * inside for wave in waves]
    values = torch.stack(kept).view(*waves.shape[:2], *frame.shape)
    return WaveSpectra(values, band, grid, min(semiangle_cutoff, widest_aperture(grid, band.wavelength)) + margin)


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
        Real, >= 0, 1 in vacuum under an open aperture. What |psi|^2 holds beyond the Nyquist frequency of the grid is
        left out, as no pixels of the grid's size can tell it.

    Raises
    ------
    ValueError
        If no sum reaches the tolerance, or the spectra do not hold all frequencies that the images need.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), section 3.1; K. Ishizuka, Ultramicroscopy 5, 55
    (1980), for what lies beyond the envelopes
    """
    settings = settings or EXACT
    band = spectra.band
    limit = widest_aperture(spectra.grid, band.wavelength)
    conditions = replace(conditions, semiangle_cutoff=conditions.semiangle_cutoff.clamp(max=limit))
    nodes = _nodes(band, conditions, settings)
    _require_kept(spectra, conditions, nodes)
    groups = _groups(spectra, conditions, nodes)
    conditions = conditions.to(band.omega.device, band.dtype)
    if len(groups) == 1:
        return _formed(spectra, groups[0][0], specimens, conditions, nodes, settings)
    formed = [
        _formed(spectra, frame, specimens[numbers], conditions.only(numbers), [nodes[i] for i in numbers], settings)
        for frame, numbers in groups
    ]
    order = np.argsort(np.concatenate([numbers for _, numbers in groups]))
    return torch.cat(formed)[torch.from_numpy(order).to(specimens.device)]


def _require_kept(spectra: WaveSpectra, conditions: Conditions, nodes: Sequence[Nodes]) -> None:
    """Refuse images of frequencies that the spectra do not hold."""
    tilts = torch.tensor([one.widest_tilt for one in nodes], dtype=torch.float64)
    beyond = (conditions.aperture_edge / 2).cpu().double() + tilts
    widest = float((conditions.semiangle_cutoff.cpu().double() + beyond).max())
    if widest > spectra.kept * (1 + 1e-6):
        raise ValueError(
            f"these images need frequencies up to {1e3 * widest:.2f} mrad, with tilts and half of a soft edge, and the "
            f"spectra keep {1e3 * spectra.kept:.2f}; give wave_spectra a wider semiangle_cutoff or margin"
        )


def _nodes(band: Band, conditions: Conditions, settings: ImagingSettings) -> list[Nodes]:
    if settings.coherence == "envelope":
        return [SINGLE] * len(conditions)
    return coherence_nodes(band, conditions, settings.tolerance)


def _groups(spectra: WaveSpectra, conditions: Conditions, nodes: Sequence[Nodes]) -> list[tuple[Frame, list[int]]]:
    """Images that are formed in the same way on the same frame.

    A frame follows from an image's own condition, so that the image is the same to the bit in any company.
    """
    reach = (conditions.semiangle_cutoff + conditions.aperture_edge / 2).tolist()
    waves = [len(own.weight) * spectra.values.shape[1] for own in nodes]
    ways = list(zip(reach, waves, (own.widest_tilt for own in nodes), strict=True))
    frames = {way: frame_of(spectra.band, way[0], waves=way[1], tilt=way[2]) for way in dict.fromkeys(ways)}
    groups: dict[tuple[Frame, bool], list[int]] = {}
    for number, way in enumerate(ways):
        groups.setdefault((frames[way], way[2] > 0), []).append(number)
    return [(frame, numbers) for (frame, _), numbers in groups.items()]


def _formed(
    spectra: WaveSpectra,
    frame: Frame,
    specimens: Tensor,
    conditions: Conditions,
    nodes: Sequence[Nodes],
    settings: ImagingSettings,
) -> Tensor:
    """Images (n, y, x) on the grid; those of one group."""
    damping = envelopes(frame.band, conditions) if settings.coherence == "envelope" else None
    tilted, inside = nodes[0].tilted, frame.within(spectra.frame)
    lens = TiltedLens(frame.band, conditions, nodes) if tilted else StraightLens(frame.band, conditions, nodes, damping)
    together = spectra.values.is_cuda and not tilted
    everything = slice(0, len(nodes))
    chosen: list[Tensor | slice] = [specimens] if together else [slice(one, one + 1) for one in specimens.tolist()]
    images = spectra.values.real.new_empty((len(nodes), *spectra.grid.shape))  # in one place: temporaries stay in cache
    for number, which in enumerate(chosen):
        part = everything if together else slice(number, number + 1)
        waves = spectra.values[which][(..., *inside)].flatten(-2)
        size = max(1, CHUNK // (waves.shape[0] * waves.shape[1] * math.prod(frame.plane)))
        image = frame.intensity(lens.passed(waves, part, size), CHUNK if waves.is_cuda else CACHE)
        image = image / waves.shape[1] if waves.shape[1] > 1 else image
        images[part] = _on_grid(image, spectra.grid.shape)
    if bool((conditions.pixel_size_error != 0).any()):
        return magnified(images, conditions.pixel_size_error).clamp_min(0)
    return images


def _on_grid(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring images (..., y, x) to the grid; a band that is cut may swing below 0, where no electrons are."""
    return image if tuple(image.shape[-2:]) == shape else resampled(image, shape).clamp_min(0)
