"""Image formation: exit waves through the lens to intensities, and electrons on the camera."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.optics.conditions import Conditions
from temshift.optics.transfer import Band, band_of, lens_function

NORMAL_FROM = 12.0  # electrons a pixel
OPTICS_VERSION = 1  # raised whenever the same settings would give other images


@dataclass(frozen=True)
class WaveSpectra:
    """Fourier transforms of exit waves, kept only where an aperture lets them pass.

    Attributes
    ----------
    values : Tensor (specimen, phonon, frequencies)
        Complex spectra.
    band : Band
        The frequencies kept.
    grid : Grid
        The (y, x) plane of the images.
    """

    values: Tensor
    band: Band
    grid: Grid


def wave_spectra(waves: Tensor, grid: Grid, energy: float, semiangle_cutoff: float) -> WaveSpectra:
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
        The widest aperture that will be used [rad].

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
    band = band_of(grid, wavelength(energy), semiangle_cutoff, dtype=real)
    band = band.to(waves.device)
    kept = [torch.fft.fft2(wave).flatten(-2)[..., band.index] for wave in waves]
    return WaveSpectra(torch.stack(kept), band, grid)


def image_intensities(spectra: WaveSpectra, specimens: Tensor, conditions: Conditions) -> Tensor:
    """Intensity |IFT(psi A E_s E_t exp(-i chi))|^2, averaged over phonon configurations.

    Parameters
    ----------
    spectra : WaveSpectra
        Transformed exit waves.
    specimens : Tensor (n,)
        Number of the specimen of each image.
    conditions : Conditions
        Condition of each image, n of them.

    Returns
    -------
    Tensor (n, y, x)
        Real, 1 in vacuum under an open aperture.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), section 3.1
    """
    conditions = conditions.to(spectra.band.alpha.device, spectra.band.alpha.dtype)
    passed = spectra.values[specimens] * lens_function(spectra.band, conditions)[:, None]
    plane = passed.new_zeros((*passed.shape[:2], spectra.grid.shape[0] * spectra.grid.shape[1]))
    plane[..., spectra.band.index] = passed
    wave = torch.fft.ifft2(plane.view(*plane.shape[:-1], *spectra.grid.shape))
    intensities: Tensor = (wave.real.square() + wave.imag.square()).mean(dim=1)
    return intensities


def poisson_counts(intensities: Tensor, dose: Tensor, pixel_area: float, seeds: Sequence[int]) -> Tensor:
    """Count electrons: in each pixel a Poisson number of mean intensity x dose x pixel area.

    On a CPU, images whose every mean is at least :data:`NORMAL_FROM` are drawn by inverting the Poisson distribution
    at a normal deviate, which is faster than :func:`torch.poisson`; the total variation from the true distribution
    is below 1e-4 there, and falls with the mean.

    Parameters
    ----------
    intensities : Tensor (n, y, x)
        Intensity, >= 0.
    dose : Tensor (n,)
        Electrons per area [e/A^2], >= 0.
    pixel_area : float
        Area of a pixel [A^2].
    seeds : sequence of int (n,)
        Each image draws from its own seed, so that its noise ignores the batch that it stands in.

    Returns
    -------
    Tensor (n, y, x)
        Whole numbers as floats.

    References
    ----------
    M. B. Giles, ACM Trans. Math. Softw. 42, 7 (2016), DOI 10.1145/2699466 (normal asymptotics of the inverse)
    """
    expected = intensities * (dose.to(intensities) * pixel_area)[:, None, None]
    source = torch.Generator(device=intensities.device)
    counts = [_counted(one, source.manual_seed(seed)) for one, seed in zip(expected, seeds, strict=True)]
    return torch.stack(counts)


def _counted(expected: Tensor, source: torch.Generator) -> Tensor:
    if expected.is_cuda or bool(expected.min() < NORMAL_FROM):
        return torch.poisson(expected, generator=source)
    deviate = torch.empty_like(expected).normal_(generator=source)
    return poisson_quantile(expected, deviate)


def poisson_quantile(mean: Tensor, deviate: Tensor) -> Tensor:
    """Poisson count at the probability of a normal deviate w, by Cornish-Fisher expansion to order 1 / mean.

    floor(m + sqrt(m) w + 1/3 + w^2/6 - (w/36 + w^3/72) / sqrt(m) + (-8/405 + 7 w^2/810 + w^4/270) / m).

    Parameters
    ----------
    mean : Tensor (...)
        Mean m, at least :data:`NORMAL_FROM`.
    deviate : Tensor (...)
        Standard normal deviate w.

    Returns
    -------
    Tensor (...)
        Whole numbers >= 0, as floats.

    References
    ----------
    M. B. Giles, ACM Trans. Math. Softw. 42, 7 (2016), section 3, DOI 10.1145/2699466
    """
    root, square = mean.sqrt(), deviate.square()
    half_order = deviate * (root - (1 / 36 + square / 72) / root)
    first_order = (-8 / 405 + square * (7 / 810 + square / 270)) / mean
    return (mean + 1 / 3 + square / 6 + half_order + first_order).floor_().clamp_min_(0)


def standardised(images: Tensor) -> Tensor:
    """Shift and scale each image (..., y, x) to mean 0 and variance 1; an image without contrast becomes 0."""
    centred = images - images.mean(dim=(-2, -1), keepdim=True)
    deviation = centred.square().mean(dim=(-2, -1), keepdim=True).sqrt()
    return centred / torch.where(deviation > 0, deviation, torch.ones_like(deviation))
