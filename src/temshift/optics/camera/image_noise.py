"""Signal and noise in the pixels of binned images: the aperture of a bin, and the noise that it folds back."""

import math
from itertools import product

import torch
from torch import Tensor

from temshift.optics.camera.response import CameraResponse
from temshift.optics.camera.transfers import noise_power


def bin_aperture(cycles_y: Tensor, cycles_x: Tensor, binning: int) -> Tensor:
    """Transfer of the sum over a bin of b x b pixels, sin(pi b f) / (b sin(pi f)) along y times that along x.

    Parameters
    ----------
    cycles_y, cycles_x : Tensor (k,)
        Frequencies in cycles per pixel before binning.
    binning : int
        b.

    Returns
    -------
    Tensor (k,)
        1 at frequency 0.

    Examples
    --------
    >>> bin_aperture(torch.tensor([0.0, 0.25]), torch.tensor([0.0, 0.0]), 2).tolist()
    [1.0, 0.7071067690849304]
    """
    return _aperture(cycles_y, binning) * _aperture(cycles_x, binning)


def binned_noise_power(
    cycles_y: Tensor, cycles_x: Tensor, response: CameraResponse, electrons: Tensor, binning: int
) -> Tensor:
    """Power of the noise of binned flat fields, with the aliases that binning folds below the new Nyquist frequency.

    Sum over the b x b frequencies f' = (f + k) / b of noise power times the squared aperture of a bin. White noise
    stays white. An image that is brought to other pixels by its Fourier series keeps this power up to the lower of
    both Nyquist frequencies, and has none beyond.

    Parameters
    ----------
    cycles_y, cycles_x : Tensor (k,)
        Frequencies in cycles per pixel of the binned image, -1/2 to 1/2.
    response : CameraResponse
        Of n images.
    electrons : Tensor (n,)
        Electrons a pixel before binning, as for :func:`temshift.optics.camera.noise_power`.
    binning : int
        b.

    Returns
    -------
    Tensor (n, k)
        In units of the shot noise of the electrons of a binned pixel.
    """
    total = torch.zeros(len(response), len(cycles_y), dtype=cycles_y.dtype, device=cycles_y.device)
    aliases = torch.arange(binning, device=cycles_y.device)
    for down, across in product(aliases, aliases):
        along_y, along_x = (
            _nearest((each + alias) / binning) for each, alias in ((cycles_y, down), (cycles_x, across))
        )
        power = noise_power(2 * torch.hypot(along_y, along_x), response, electrons)
        total = total + power * bin_aperture(along_y, along_x, binning).square()
    return total


def _nearest(cycles: Tensor) -> Tensor:
    """The same frequency of sampled pixels, from -1/2 to 1/2."""
    return cycles - cycles.round()


def _aperture(cycles: Tensor, binning: int) -> Tensor:
    below = binning * torch.sin(math.pi * cycles)
    middle = below.abs() < 1e-12
    return torch.where(middle, 1.0, torch.sin(math.pi * binning * cycles) / torch.where(middle, 1.0, below))
