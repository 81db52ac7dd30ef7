"""The pixels of a network: an image is brought to them by its Fourier series, mirrored at its borders."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.core import Grid, InputError
from temshift.exitwaves.origin import same_pixels
from temshift.optics.resampling import resampled
from temshift.scoring.reading import MOST_FINER, pixel_text

MOST_COARSER = 2  # times: what a network looks for is not resolved by larger pixels
LEAST_SIDE = 128  # of a network's pixels: less shows no particle and its surroundings
_AT_ONCE = 2**22  # numbers that are transformed in one go


def shape_for(grid: Grid, pixel: tuple[float, float] | None, name: str, *, any_pixel: bool = False) -> tuple[int, int]:
    """Return the number of pixels (y, x) that an image has for a network.

    Parameters
    ----------
    grid : Grid
        Of the image.
    pixel : (float, float), optional
        Pixel size (y, x) of the network [A]; None if it is not known.
    name : str
        Name of the image in messages.
    any_pixel : bool
        Whether the image is segmented on the pixels that it has.

    Raises
    ------
    InputError
        If the pixels of the image are more than twice as large as the network's, or less than an eighth of them, or
        fewer than 128 of the network's are left along an axis.

    Examples
    --------
    >>> shape_for(Grid((1000, 2000), (0.2, 0.4)), (0.4, 0.4), "image")
    (500, 2000)
    """
    shape = grid.shape
    if pixel is not None and not any_pixel and not same_pixels(pixel, grid.sampling):
        _require_near(grid, pixel, name)
        shape = tuple(round(length / side) for length, side in zip(grid.extent, pixel, strict=True))  # type: ignore[assignment]
    if min(shape) < LEAST_SIDE:
        raise InputError(
            f"{name} is {shape[0]} x {shape[1]} pixels for the network, at least {LEAST_SIDE} along each axis are "
            "needed; give a larger image"
        )
    return shape


def _require_near(grid: Grid, pixel: tuple[float, float], name: str) -> None:
    ratios = [own / side for own, side in zip(grid.sampling, pixel, strict=True)]
    if max(ratios) > MOST_COARSER or min(ratios) < 1 / MOST_FINER:
        size = "coarse" if max(ratios) > MOST_COARSER else "fine"
        raise InputError(
            f"{name} has pixels of {pixel_text(grid.sampling)} A, too {size} for a network of {pixel_text(pixel)} A "
            f"(allowed: {1 / MOST_FINER:g} to {MOST_COARSER} times); is --pixel-angstrom right? Else take another "
            "network, or give --any-pixel"
        )


def on_pixels(image: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Bring an image to other pixels over the same field, one axis after the other.

    The image is continued by its mirror image, so that nothing of one border appears at the other. On fewer pixels all
    frequencies beyond their Nyquist frequency are left out, on more the band-limited image stays the same function.

    Parameters
    ----------
    image : ndarray (y, x) of float32
    shape : (int, int)
        Pixels (y, x) of the result.

    Returns
    -------
    ndarray of that shape
    """
    if image.shape == shape:
        return image
    return _along_rows(_along_rows(image.T, shape[0]).T, shape[1])


def _along_rows(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Resample each row to a number of pixels, some rows at a time."""
    if image.shape[1] == size:
        return image
    rows, out = torch.from_numpy(np.ascontiguousarray(image)), np.empty((image.shape[0], size), np.float32)
    at_once = max(1, _AT_ONCE // max(image.shape[1], size))
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        mirrored = torch.cat([part, part.flip(-1)], -1)[..., None]
        shift = _half_pixels(mirrored.shape[1], 2 * size)
        out[start : start + at_once] = _shifted(resampled(mirrored, (2 * size, 1))[..., 0], shift)[:, :size].numpy()
    return out


def _half_pixels(before: int, after: int) -> float:
    """By how many new pixels the first one has to move so that both grids cover the same field."""
    return 0.5 - 0.5 * after / before


def _shifted(rows: torch.Tensor, shift: float) -> torch.Tensor:
    """Sample periodic rows further on, by a part of a pixel."""
    spectrum = torch.fft.rfft(rows)
    phase = 2 * math.pi * shift / rows.shape[-1] * torch.arange(spectrum.shape[-1], dtype=torch.float64)
    moved: torch.Tensor = torch.fft.irfft(
        spectrum * torch.polar(torch.ones_like(phase), phase).to(spectrum), rows.shape[-1]
    )
    return moved
