"""Periodic images on other pixels, by their Fourier series: finer, coarser, or of another size than stated."""

import math

import torch
from torch import Tensor


def resampled(images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring periodic images (n, y, x) to other pixels over the same cell, by their Fourier series.

    On more pixels a band-limited image stays the same function; on fewer, what lies beyond their Nyquist frequency is
    left out.

    Parameters
    ----------
    images : Tensor (n, y, x)
        Real.
    shape : tuple of int
        Pixels (y, x) wanted.

    Returns
    -------
    Tensor (n, *shape)
    """
    if tuple(images.shape[-2:]) == shape:
        return images
    spectrum = torch.fft.rfft2(images, norm="forward")
    down, across = ((min(pair) - 1) // 2 for pair in zip(images.shape[-2:], shape, strict=True))  # highest of both
    kept = spectrum.new_zeros((len(images), shape[0], shape[1] // 2 + 1))
    kept[:, : down + 1, : across + 1] = spectrum[:, : down + 1, : across + 1]
    if down:
        kept[:, -down:, : across + 1] = spectrum[:, -down:, : across + 1]
    brought: Tensor = torch.fft.irfft2(kept, s=shape, norm="forward")
    return brought


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
