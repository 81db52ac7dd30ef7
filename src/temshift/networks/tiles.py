"""Images of any size for a network that takes one size only: overlapping tiles, whose outputs are blended."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

_DROPPED = 1 / 8  # of a tile at each end, where a network sees its border; only borders of the image are taken from it
_LEAST = 1e-6  # weight there: nothing next to that of another tile, and all if there is no other


def segmented_in_tiles(network: Callable[[Tensor], Tensor], images: Tensor, sides: tuple[int, int]) -> Tensor:
    """Segment images of any size by tiles of one size.

    Tiles overlap by half or more, and each output counts by its distance from the border of its tile. Smaller images
    are filled up at their far ends by their last row and column, and the output is cut.

    Parameters
    ----------
    network : callable
        From (n, channels, y, x) of those sides to (n, classes, y, x).
    images : Tensor (n, channels, y, x)
    sides : (int, int)
        Pixels (y, x) that the network takes.

    Returns
    -------
    Tensor (n, classes, y, x)

    Examples
    --------
    >>> images = torch.arange(30.0).reshape(1, 1, 3, 10)
    >>> torch.allclose(segmented_in_tiles(lambda tile: 2 * tile, images, (4, 4)), 2 * images)
    True
    """
    filled = _filled(images, sides)
    weight = _weights(sides[0])[:, None] * _weights(sides[1])
    total, weights = torch.zeros(()), torch.zeros(filled.shape[-2:])
    for row in _starts(filled.shape[-2], sides[0]):
        for column in _starts(filled.shape[-1], sides[1]):
            place = (..., slice(row, row + sides[0]), slice(column, column + sides[1]))
            output = network(filled[place])
            if total.ndim == 0:
                total = output.new_zeros((*output.shape[:2], *filled.shape[-2:]))
            total[place] += output * weight.to(output)
            weights[place] += weight
    return (total / weights.to(total))[..., : images.shape[-2], : images.shape[-1]]


def _filled(images: Tensor, sides: tuple[int, int]) -> Tensor:
    for axis, side in zip((-2, -1), sides, strict=True):
        size = images.shape[axis]
        if size < side:
            images = images.index_select(axis, torch.arange(side, device=images.device).clamp(max=size - 1))
    return images


def _starts(size: int, side: int) -> list[int]:
    """First pixels of the tiles along an axis, evenly spread."""
    steps = math.ceil((size - side) / max(1, side // 2))
    return [round(number * (size - side) / max(1, steps)) for number in range(steps + 1)]


def _weights(side: int) -> Tensor:
    places = torch.arange(side) + 0.5
    return (torch.minimum(places, side - places) - _DROPPED * side).clamp(min=_LEAST)
