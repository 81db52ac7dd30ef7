"""Turns, flips and shifts of micrographs with their masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from temshift.core import Stage, generator
from temshift.micrographs.formation import Batch, Stream

Augmentation = Literal["dihedral_shift", "dihedral", "none"]


def augmented(
    images: Tensor,
    masks: Tensor,
    numbers: Sequence[int],
    stream: Stream,
    augmentation: Augmentation = "dihedral_shift",
) -> Batch:
    """Turn, flip and shift each image with its mask; shifts wrap around, as the simulated cell is periodic.

    Parameters
    ----------
    images, masks : Tensor (n, 1, y, x)
        Square planes.
    numbers : sequence of int (n,)
        Number of each draw in the stream.
    stream : Stream
        Source of the draws.
    augmentation : {"dihedral_shift", "dihedral", "none"}
        One of the 8 symmetries of the square and a shift, the symmetry alone, or nothing.

    Returns
    -------
    images, masks : Tensor (n, 1, y, x)
        An image and its mask move alike.
    """
    if augmentation == "none":
        return images, masks
    shifted = augmentation == "dihedral_shift"
    pairs = [
        _moved(image, mask, _movement(image, number, stream, shifted))
        for image, mask, number in zip(images, masks, numbers, strict=True)
    ]
    return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])


@dataclass(frozen=True)
class _Movement:
    """Shift along (y, x) [pixel], then quarter turns, then a flip along x."""

    shifts: tuple[int, int]
    turns: int
    flip: bool


def _movement(image: Tensor, number: int, stream: Stream, shifted: bool) -> _Movement:
    draws = generator(stream.root, Stage.AUGMENTATION, *stream.key, number)
    turns, flip = int(draws.integers(4)), bool(draws.integers(2))
    y, x = (int(draws.integers(size)) if shifted else 0 for size in image.shape[-2:])
    return _Movement((y, x), turns, flip)


def _moved(image: Tensor, mask: Tensor, movement: _Movement) -> Batch:
    def move(plane: Tensor) -> Tensor:
        plane = torch.rot90(torch.roll(plane, movement.shifts, (-2, -1)), movement.turns, (-2, -1))
        return plane.flip(-1) if movement.flip else plane

    return move(image), move(mask)
