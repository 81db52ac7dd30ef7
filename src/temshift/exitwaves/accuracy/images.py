"""Images through a perfect lens, so that waves on different samplings can be compared."""

import math

import numpy as np
import torch
from torch import Tensor

from temshift.core import wavelength


def plain_image(wave: Tensor, extent: tuple[float, float], energy: float, defocus: float, semiangle: float) -> Tensor:
    """Intensity behind an aperture at a defocus, on a grid that depends on the aperture and not on the wave's.

    Parameters
    ----------
    wave : Tensor (y, x)
        Complex wave at the exit plane.
    extent : tuple of float
        Length of its plane along (y, x) [A].
    energy : float
        Electron energy [eV].
    defocus : float
        Defocus [A], positive for underfocus.
    semiangle : float
        Radius of the aperture [rad].

    Returns
    -------
    Tensor (y', x')
        Twice as many frequencies along each axis as the aperture passes, so that nothing aliases. Frequencies that the
        wave's grid lacks are zero.
    """
    highest = semiangle / wavelength(energy)
    spectrum = torch.fft.fft2(wave, norm="forward")
    q_squared: Tensor | float = 0.0
    sizes = []
    for axis, (pixels, length) in enumerate(zip(wave.shape, extent, strict=True)):
        most = min(math.floor(highest * length), (pixels - 1) // 2)
        orders = np.arange(-most, most + 1)
        spectrum = spectrum.index_select(axis, torch.from_numpy(orders % pixels))
        q_squared = q_squared + torch.from_numpy((orders / length) ** 2).view((-1, 1) if axis == 0 else (1, -1))
        sizes.append(4 * math.floor(highest * length) + 2)
    return _intensity(spectrum, torch.as_tensor(q_squared), energy, defocus, highest, (sizes[0], sizes[1]))


def _intensity(
    spectrum: Tensor, q_squared: Tensor, energy: float, defocus: float, highest: float, shape: tuple[int, int]
) -> Tensor:
    """Image of a spectrum whose lowest frequency stands in the middle."""
    chi = math.pi * wavelength(energy) * defocus * q_squared
    passed = spectrum * torch.polar((q_squared <= highest**2).to(chi.dtype), chi)
    orders = [
        torch.arange(-(size // 2), size // 2 + 1) % whole for size, whole in zip(passed.shape, shape, strict=True)
    ]
    padded = torch.zeros(shape, dtype=passed.dtype)
    padded[orders[0][:, None], orders[1][None, :]] = passed
    image: Tensor = torch.fft.ifft2(padded, norm="forward").abs().square()
    return image


def image_error(image: Tensor, truth: Tensor) -> float:
    """rms(dI) / std(I) of two images on one grid; 0 where both are flat."""
    spread = float(truth.std(correction=0))
    return float((image - truth).square().mean().sqrt()) / spread if spread > 0 else 0.0
