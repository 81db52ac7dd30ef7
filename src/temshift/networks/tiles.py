"""Images in parts: blended tiles for a network that takes one size only, windows with margins for large images."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

_DROPPED = 1 / 8  # of a tile at each end, where a network sees its border; only borders of the image are taken from it
_LEAST = 1e-6  # weight there: nothing next to that of another tile, and all if there is no other

COARSEST = 32  # pixels: the coarsest grid of a U-Net of five halvings
CORE, MARGIN = 704, 288  # pixels: no U-Net here sees further; a window of 1280 takes two GiB in the largest of them


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


def segmented_in_windows(
    network: Callable[[Tensor], Tensor], images: Tensor, *, core: int = CORE, margin: int = MARGIN
) -> Tensor:
    """Segment large images part by part, so that the memory of a network is bounded and no seam is seen.

    Each part is segmented with a margin around it, of which the output is dropped. Parts begin at multiples of 32
    pixels, as the coarsest pixels of a U-Net do. If the network sees no further than the margin, the result is that of
    the whole image.

    Parameters
    ----------
    network : callable
        From (n, channels, y, x) of any size to (n, classes, y, x).
    images : Tensor (n, channels, y, x)
        Standardised as a whole.
    core, margin : int
        Pixels of a part along each axis, and around it; multiples of 32.

    Returns
    -------
    Tensor (n, classes, y, x)

    Raises
    ------
    ValueError
        If core or margin is no multiple of 32.

    Examples
    --------
    >>> images = torch.rand(1, 1, 70, 100)
    >>> torch.equal(segmented_in_windows(lambda part: 2 * part, images, core=32, margin=32), 2 * images)
    True
    """
    if core % COARSEST or margin % COARSEST or core < COARSEST:
        raise ValueError(f"core = {core}, margin = {margin}: both must be multiples of {COARSEST}")
    sides = images.shape[-2:]
    if max(sides) <= core + 2 * margin:
        return network(images)
    total = torch.zeros(())
    for row in range(0, sides[0], core):
        for column in range(0, sides[1], core):
            window, inner, place = zip(
                *(_window(start, size, core, margin) for start, size in zip((row, column), sides, strict=True)),
                strict=True,
            )
            output = network(images[(..., *window)])
            if total.ndim == 0:
                total = output.new_zeros((*output.shape[:2], *sides))
            total[(..., *place)] = output[(..., *inner)]
    return total


def _window(start: int, size: int, core: int, margin: int) -> tuple[slice, slice, slice]:
    """The pixels of a window along an axis, those of it that are kept, and their place in the image."""
    begin, end = max(0, start - margin), min(size, start + core + margin)
    place = slice(start, min(size, start + core))
    return slice(begin, end), slice(place.start - begin, place.stop - begin), place
