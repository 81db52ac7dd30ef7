"""Sums of blocks of pixels."""

from torch import Tensor


def binned(counts: Tensor, binning: int) -> Tensor:
    """Sum blocks of ``binning`` x ``binning`` pixels, (..., y, x) to (..., y / binning, x / binning).

    Raises
    ------
    ValueError
        If the image is no whole number of blocks.

    Examples
    --------
    >>> import torch
    >>> binned(torch.ones(1, 4, 6), 2).tolist()
    [[[4.0, 4.0, 4.0], [4.0, 4.0, 4.0]]]
    """
    return counts if binning == 1 else _blocks(counts, binning).sum(dim=(-3, -1))


def binned_masks(masks: Tensor, binning: int) -> Tensor:
    """Bin masks (n, y, x) of bool: True where at least half of the pixels of a block are.

    Raises
    ------
    ValueError
        If the mask is no whole number of blocks.
    """
    if binning == 1:
        return masks
    return 2 * _blocks(masks, binning).sum(dim=(-3, -1)) >= binning**2


def _blocks(planes: Tensor, binning: int) -> Tensor:
    height, width = planes.shape[-2:]
    if binning < 1 or height % binning or width % binning:
        raise ValueError(
            f"binning = {binning} does not divide images of {height} x {width} pixels; take a divisor of both sides"
        )
    return planes.reshape(*planes.shape[:-2], height // binning, binning, width // binning, binning)
