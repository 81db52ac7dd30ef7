"""The plane of least contrast, from which defocus is counted in practice."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from temshift.core import Grid
from temshift.exitwaves.multislice import band_mask, fresnel_propagator

COARSE, FINE = 1.0, 0.1  # steps of the two searches [A]
BAND = 0.5  # of the Nyquist frequency: what |psi|^2 can hold without aliasing


def minimum_contrast_height(waves: Tensor, grid: Grid, energy: float, heights: tuple[float, float]) -> float:
    """Height above the exit plane, upstream, at which the image of particles alone has the least variance.

    Parameters
    ----------
    waves : Tensor (phonon, y, x)
        Exit waves of the particles alone in vacuum; intensities are averaged over phonon configurations.
    grid : Grid
        Their plane. Frequencies up to half of its Nyquist frequency take part, so that the image does not alias.
    energy : float
        Electron energy [eV].
    heights : tuple of float
        Lowest and highest plane to look at [A], positive upstream of the exit plane.

    Returns
    -------
    float
        Height [A] to 0.1 A, by a search in steps of 1 A and then of 0.1 A around the best of them.
    """
    contrasts = _Contrasts(waves, grid, energy)
    low, high = math.floor(heights[0]), math.ceil(heights[1])
    near = contrasts.lowest([low + COARSE * step for step in range(round((high - low) / COARSE) + 1)])
    return round(contrasts.lowest([near + FINE * step for step in range(-10, 11)]), 1)


class _Contrasts:
    """Variance of the image at any height; the transform of the waves is kept."""

    def __init__(self, waves: Tensor, grid: Grid, energy: float) -> None:
        self._grid, self._energy = grid, energy
        band = band_mask(grid, limit=BAND, dtype=waves.real.dtype).to(waves.device)
        self._spectra = torch.fft.fft2(waves).mul_(band)

    def at(self, height: float) -> float:
        back = fresnel_propagator(self._grid, self._energy, -height, dtype=self._spectra.dtype)
        back = back.to(self._spectra.device)
        image = torch.zeros(self._grid.shape, dtype=self._spectra.real.dtype, device=self._spectra.device)
        for spectrum in self._spectra:
            wave = torch.fft.ifft2(spectrum * back)
            image.addcmul_(wave.real, wave.real).addcmul_(wave.imag, wave.imag)
        return float(image.div_(len(self._spectra)).var())

    def lowest(self, heights: Sequence[float]) -> float:
        return min(heights, key=self.at)
