"""Where along the beam the potential of an atom acts: slices, planes and shares."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.exitwaves.scattering import scattering_terms

Projection = Literal["shared", "infinite", "finite"]
SUBLAYERS = 4  # heights within a slice that finite projections distinguish
REACH = 4.0  # how far a finite projection follows an atom's potential up and down the beam [A]


@dataclass(frozen=True)
class Slices:
    """Equal slices of a specimen along the beam (+z).

    Parameters
    ----------
    count : int
        Number of slices.
    thickness : float
        Thickness of each [A].
    """

    count: int
    thickness: float

    @classmethod
    def through(cls, height: float, thickness: float) -> "Slices":
        """Cut ``height`` [A] into the fewest equal slices that are at most ``thickness`` [A].

        Raises
        ------
        ValueError
            If the thickness is not positive.

        Examples
        --------
        >>> Slices.through(10.0, 4.0)
        Slices(count=3, thickness=3.3333333333333335)
        """
        if not thickness > 0:
            raise ValueError(f"slice_thickness = {thickness!r} A; slices need a positive thickness, such as 2.0")
        count = max(1, int(np.ceil(height / thickness - 1e-9)))
        return cls(count, height / count)

    def plane_heights(self, projection: Projection) -> NDArray[np.float64]:
        """Heights [A] at which potentials act: amid slices for ``infinite``, else between slices and at both ends."""
        amid = projection == "infinite"
        numbers = np.arange(self.count + (0 if amid else 1), dtype=np.float64)
        return (numbers + (0.5 if amid else 0.0)) * self.thickness

    def holding(self, z: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the slice that holds each height ``z`` [A]."""
        return np.clip((z / self.thickness).astype(np.int64), 0, self.count - 1)


def shares(
    z: NDArray[np.float64], slices: Slices, projection: Projection
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.float64]]]:
    """Planes on which atoms act, and how much of each acts there.

    Parameters
    ----------
    z : ndarray (atoms,)
        Heights [A].
    slices : Slices
        The slices.
    projection : str
        See :class:`~temshift.exitwaves.potentials.SlicePhases`.

    Returns
    -------
    planes : list of ndarray (atoms,)
        Numbers of planes; of sublayers, ``SUBLAYERS`` in a slice, for ``finite``.
    weights : list of ndarray (atoms,)
        Weight of each atom there; over the list they add up to 1.
    """
    if projection == "infinite":
        return [slices.holding(z)], [np.ones(len(z))]
    if projection == "finite":
        sublayers = Slices(slices.count * SUBLAYERS, slices.thickness / SUBLAYERS)
        return [sublayers.holding(z)], [np.ones(len(z))]
    height = np.clip(z / slices.thickness, 0, slices.count)
    below = np.minimum(height.astype(np.int64), slices.count - 1)
    return [below, below + 1], [1 - (height - below), height - below]


def shared_part(number: int, q_squared: Tensor, before: float | None, at: float | None, spacing: float) -> Tensor:
    """Scattering factor of the part of an atom's potential that one plane of many takes, in linear proportion.

    Parameters
    ----------
    number : int
        Atomic number.
    q_squared : Tensor (y, x)
        Squared spatial frequency across the beam [1/A^2].
    before, at : float, optional
        Heights [A] of the plane before this one and of this one, from the atom's centre; None if there is none
        before, or where this plane is the last.
    spacing : float
        Distance between planes [A].

    Returns
    -------
    Tensor (y, x)
        Part of the scattering factor [A]; over all planes they add up to the whole.

    Notes
    -----
    The terms a (1 / (1 + b q^2) + 1 / (1 + b q^2)^2) of the scattering factor, transformed along the beam alone,
    fall off as exp(-u) and (1 + u) exp(-u), with u = 2 pi |z| sqrt(q^2 + 1 / b).
    """
    total = torch.zeros_like(q_squared)
    for amplitude, width in zip(*scattering_terms(number), strict=True):
        weight = 1 + width * q_squared
        decay = 2 * math.pi * (weight / width).sqrt()
        for order in (1, 2):
            upper, lower = (_taken_until(decay, height, spacing, order) for height in (at, before))
            share = (1.0 if upper is None else upper) - (0.0 if lower is None else lower)
            total += amplitude * share / weight**order
    return total


def _taken_until(decay: Tensor, height: float | None, spacing: float, order: int) -> Tensor | None:
    """Share of a term (1 or 2) that planes up to a height [A] take; the rest is for those beyond."""
    if height is None:
        return None
    below = [_integral_below(decay, end, order) for end in (height, height + spacing)]
    return (below[1] - below[0]) / spacing


def _integral_below(decay: Tensor, height: float, order: int) -> Tensor:
    """Twice integrated along the beam, a term up to a height [A]."""
    u = decay * abs(height)
    tail = u.neg().exp() * (0.5 if order == 1 else (3 + u) / 4) / decay
    return tail + max(height, 0.0)
