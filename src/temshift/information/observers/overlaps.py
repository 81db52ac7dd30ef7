"""How much of a window discs cover, where each spatial frequency images them displaced."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temshift.information.transfer.power_transfer import Seen
from temshift.information.transfer.window_spectra import WINDOW

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

STEP = 0.5  # between distances that overlaps are tabulated at [A]
POINTS = 32  # along the side of a window that its overlap is summed over
DIRECTIONS = 4  # of each frequency that a draw averages over, evenly over half a turn from a random start
TURNED = (0.0, np.pi / 8, np.pi / 4)  # directions to a disc that a square window's overlap is averaged over


@dataclass(frozen=True)
class Overlaps:
    """Share of a window that discs of several radii cover, at distances 0, STEP, ... of their middles.

    Attributes
    ----------
    table : ndarray (discs, distances)
        Shares, weighted by the square of the window; the last is 0.
    """

    table: Array

    def at(self, disc: Integers, distance: Array) -> Array:
        """Return the share at distances [A] of any shape that ``disc`` numbers broadcast against."""
        place = np.minimum(distance / STEP, self.table.shape[1] - 1.001)
        below = place.astype(np.int64)
        start = disc * self.table.shape[1] + below
        flat = self.table.ravel()
        return np.asarray(flat[start] + (place - below) * (flat[start + 1] - flat[start]))

    def views(
        self,
        random: np.random.Generator,
        disc: Integers,
        places: NDArray[np.complex128],
        displacement: NDArray[np.complex128],
    ) -> Seen:
        """How much windows see of discs that each frequency images twice, displaced.

        Parameters
        ----------
        random : numpy.random.Generator
            For the direction that each window starts from.
        disc : ndarray (n,) of int
            Numbers of discs.
        places : ndarray (n,) of complex
            Their middles against those of the windows, x + i y [A].
        displacement : ndarray (n, directions, rings) of complex
            Of :class:`temshift.information.transfer.power_transfer.PowerTransfer`.

        Returns
        -------
        Seen
            A frequency q carries one image, displaced by grad chi(q) / (2 pi), and another by that of -q; they
            interfere in their overlap.
        """
        turn = displacement.shape[1]
        start = random.integers(turn, size=len(disc))
        ahead, behind = np.zeros((2, len(disc), displacement.shape[2]))
        both = np.zeros_like(ahead)
        number = np.arange(len(disc))
        for step in range(DIRECTIONS):
            direction = (start + step * turn // (2 * DIRECTIONS)) % turn
            shares = [
                self.at(disc[:, None], np.abs(places[:, None] + displacement[number, chosen]))
                for chosen in (direction, (direction + turn // 2) % turn)
            ]
            ahead += shares[0]
            behind += shares[1]
            both += np.sqrt(shares[0] * shares[1])
        return Seen((ahead + behind) / (2 * DIRECTIONS), both / DIRECTIONS)


def overlaps(radius: Array) -> Overlaps:
    """Tabulate the overlap of a window with discs.

    Parameters
    ----------
    radius : ndarray (discs,)
        Radii [A].

    Returns
    -------
    Overlaps
    """
    middle = (np.arange(POINTS) + 0.5) / POINTS
    side, hann = (middle - 0.5) * WINDOW, np.sin(np.pi * middle) ** 2
    place = (side[None, :] + 1j * side[:, None]).ravel()
    weight = np.outer(hann, hann).ravel() ** 2
    weight /= weight.sum()
    distance = np.arange(0, float(radius.max()) + WINDOW / np.sqrt(2) + 2 * STEP, STEP)
    table = np.zeros((len(radius), len(distance)))
    for angle in TURNED:
        apart = np.abs(place + distance[:, None] * np.exp(1j * angle))
        order = np.argsort(apart, axis=1)
        reached = np.cumsum(weight[order], axis=1)
        sorted_apart = np.take_along_axis(apart, order, axis=1)
        for number, row in enumerate(sorted_apart):
            inside = np.searchsorted(row, radius, side="right")
            table[:, number] += np.where(inside > 0, reached[number, np.maximum(inside - 1, 0)], 0.0) / len(TURNED)
    return Overlaps(table)
