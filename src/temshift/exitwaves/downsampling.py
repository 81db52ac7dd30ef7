"""Waves on fewer pixels, exactly: spatial frequencies that both grids hold stay, the others go."""

import torch
from torch import Tensor


def downsampled(waves: Tensor, shape: tuple[int, int]) -> Tensor:
    """Band-limit waves to a coarser grid over the same plane.

    Images formed on the coarser grid are the same as downsampled images as long as the aperture passes no more than
    half of its Nyquist frequency, since |psi|^2 doubles the band.

    Parameters
    ----------
    waves : Tensor (..., y, x)
        Complex waves.
    shape : tuple of int
        Pixels (y, x) of the coarser grid, at most those of the waves.

    Returns
    -------
    Tensor (..., *shape)
        Same mean; the Nyquist frequency of an even side, whose sign is lost, is left out.

    Raises
    ------
    ValueError
        If the grid is finer than that of the waves.
    """
    if shape[0] > waves.shape[-2] or shape[1] > waves.shape[-1]:
        raise ValueError(f"{shape} pixels are more than the {tuple(waves.shape[-2:])} there are; take fewer")
    if shape == tuple(waves.shape[-2:]):
        return waves
    spectrum = torch.fft.fft2(waves, norm="forward")
    for axis, size in ((-2, shape[0]), (-1, shape[1])):
        spectrum = _cropped(spectrum, axis, size)
    fewer: Tensor = torch.fft.ifft2(spectrum, norm="forward")
    return fewer


def _cropped(spectrum: Tensor, axis: int, size: int) -> Tensor:
    """Keep the lowest frequencies of both signs along one axis."""
    whole = spectrum.shape[axis]
    if size == whole:
        return spectrum
    positive = spectrum.narrow(axis, 0, (size + 1) // 2)
    negative = spectrum.narrow(axis, whole - (size - 1) // 2, (size - 1) // 2)
    unpaired = torch.zeros_like(spectrum.narrow(axis, 0, 1 - size % 2))
    return torch.cat([positive, unpaired, negative], dim=axis)
