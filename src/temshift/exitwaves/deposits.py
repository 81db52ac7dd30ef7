"""Point atoms on a grid: each is spread over a few pixels, and the spreading is divided out again in Fourier space."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Deposit:
    """A way to put point atoms between the pixels of a periodic grid.

    Parameters
    ----------
    width : int
        Pixels along each axis that an atom is spread over.
    weight : callable
        Weight of a pixel from its distance to the atom (...) [pixels]; y and x multiply.
    transform : callable
        What the spreading does to a spectrum: from fy (y, 1) and fx (1, x) [1/pixel] to (y, x).
    """

    width: int
    weight: Callable[[Tensor], Tensor]
    transform: Callable[[Tensor, Tensor], Tensor]

    def spread(self, pixel: Tensor, size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Periodic neighbours (atoms, width) of positions in pixels (atoms,), and their weights in a precision."""
        base = pixel.floor()
        offsets = torch.arange(self.width, device=pixel.device) - (self.width // 2 - 1)
        distances = offsets - (pixel - base).to(dtype)[:, None]
        return (base.long()[:, None] + offsets) % size, self.weight(distances)


def kaiser_bessel(width: int, shape: float) -> Deposit:
    """Spread atoms by a Kaiser-Bessel window, whose transform is known and falls off steeply.

    Parameters
    ----------
    width : int
        Even number of pixels.
    shape : float
        The window's beta: larger is smoother, and wider in Fourier space.

    Returns
    -------
    Deposit
        weight(x) = I0(beta sqrt(1 - (2 x / width)^2)).

    References
    ----------
    J. A. Fessler and B. P. Sutton, IEEE Trans. Signal Process. 51, 560 (2003), DOI 10.1109/TSP.2002.807005
    """

    def weight(distance: Tensor) -> Tensor:
        quarter = (1 - (2 * distance / width) ** 2).clamp_(min=0).mul_(shape**2 / 4)
        first_term = height = torch.ones_like(quarter)
        for k in range(round(2 * shape) + 10, 0, -1):
            height = torch.addcmul(first_term, height, quarter, value=1 / k**2)
        return height

    def along(frequency: Tensor) -> Tensor:
        squared = shape**2 - (math.pi * width * frequency) ** 2
        root = squared.abs().sqrt().clamp(min=1e-12)
        return width * torch.where(squared > 0, root.sinh(), root.sin()) / root

    return Deposit(width, weight, lambda fy, fx: along(fy) * along(fx))


def _radial_sinc(fy: Tensor, fx: Tensor) -> Tensor:
    radius = torch.hypot(fy, fx)
    divided: Tensor = torch.where(radius > 0, radius.sin() / radius.clamp(min=1e-12), 1.0)
    return divided


# Width and shape where the exit wave's error was least: 1 to 5e-3 from 0.1 to 0.4 A (docs/accuracy.md).
KAISER_BESSEL = kaiser_bessel(6, 10.0)

# What abTEM does: bilinear weights, divided by sin(k)/k of the distance k to zero frequency in cycles a pixel.
BILINEAR = Deposit(2, lambda distance: 1 - distance.abs(), _radial_sinc)
