"""Periodic images on other pixels, by their Fourier series: finer ones, and ones of another size than stated."""

import math

import torch
from torch import Tensor


def refined(images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring band-limited periodic images (n, y, x) to more pixels over the same cell, exactly.

    Parameters
    ----------
    images : Tensor (n, y, x)
        Real, without a component at their Nyquist frequencies.
    shape : tuple of int
        Pixels (y, x) wanted, at least as many.

    Returns
    -------
    Tensor (n, *shape)
    """
    rows, columns = images.shape[-2:]
    if (rows, columns) == shape:
        return images
    spectrum = torch.fft.rfft2(images, norm="forward")
    padded = spectrum.new_zeros((len(images), shape[0], shape[1] // 2 + 1))
    above, below = (rows + 1) // 2, rows // 2
    padded[:, :above, : spectrum.shape[-1]] = spectrum[:, :above]
    padded[:, shape[0] - below :, : spectrum.shape[-1]] = spectrum[:, rows - below :]
    finer: Tensor = torch.fft.irfft2(padded, s=shape, norm="forward")
    return finer


def magnified(images: Tensor, pixel_size_error: Tensor) -> Tensor:
    """Sample periodic images (n, y, x) with pixels larger by a factor 1 + error, about their middle, exactly.

    Larger pixels show more than one cell: the periodic continuation is what they see beyond it.

    Parameters
    ----------
    images : Tensor (n, y, x)
        Real.
    pixel_size_error : Tensor (n,)
        Relative error of the pixel size.

    Returns
    -------
    Tensor (n, y, x)
    """
    if not bool((pixel_size_error != 0).any()):
        return images
    formed = [
        _resampled(image, float(error)) if float(error) else image
        for image, error in zip(images, pixel_size_error, strict=True)
    ]
    return torch.stack(formed)


def magnified_masks(masks: Tensor, pixel_size_error: Tensor) -> Tensor:
    """Sample masks (n, y, x) at the places that :func:`magnified` samples images at, by the nearest pixel."""
    if not bool((pixel_size_error != 0).any()):
        return masks
    sampled = []
    for mask, error in zip(masks, pixel_size_error, strict=True):
        rows, columns = (
            torch.round(_places(size, float(error))).long().remainder(size).to(mask.device) for size in mask.shape
        )
        sampled.append(mask[rows][:, columns])
    return torch.stack(sampled)


def _resampled(image: Tensor, error: float) -> Tensor:
    spectrum = torch.fft.rfft2(image, norm="forward")
    rows, columns = image.shape
    frequencies = torch.fft.fftfreq(rows, 1 / rows, device=image.device, dtype=torch.float64)
    half = torch.arange(columns // 2 + 1, device=image.device, dtype=torch.float64)
    down = _waves(_places(rows, error).to(image.device) / rows, frequencies).to(spectrum)
    across = _waves(_places(columns, error).to(image.device) / columns, half).to(spectrum)
    twice = torch.full_like(half, 2.0)
    twice[0] = 1.0
    if columns % 2 == 0:
        twice[-1] = 1.0
    sampled: Tensor = (down @ spectrum @ (across * twice.to(across)).T).real
    return sampled


def _places(size: int, error: float) -> Tensor:
    """Where the pixels lie, in units of true pixels: stretched about the middle."""
    middle = (size - 1) / 2
    return middle + (torch.arange(size, dtype=torch.float64) - middle) * (1 + error)


def _waves(places: Tensor, frequencies: Tensor) -> Tensor:
    phase = 2 * math.pi * places[:, None] * frequencies
    return torch.complex(torch.cos(phase), torch.sin(phase))
