"""Image formation: exit waves through the lens to intensities."""

from dataclasses import dataclass

import torch
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.optics.conditions import Conditions
from temshift.optics.transfer import Band, band_of, lens_function

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
