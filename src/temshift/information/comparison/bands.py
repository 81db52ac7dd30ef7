"""Bands of spatial frequencies at which information is lost or new."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HALF = 0.5  # share of the other's bits below which a ring's information is lost, or new; ours
LEAST_SHARE = 0.01  # of the larger epsilon that a band has to hold to be named; ours


@dataclass(frozen=True)
class Band:
    """Spatial frequencies at which one side carries less than half of the information of the other.

    Attributes
    ----------
    kind : {"lost", "new"}
        Whether the training conditions carry it and the test conditions don't, or the other way round.
    low, high : float
        Its ends [1/A].
    bits : float
        Its part of the difference of the two epsilon [bits a spatial frequency of the whole band], > 0.
    """

    kind: Literal["lost", "new"]
    low: float
    high: float
    bits: float

    @property
    def spacings(self) -> tuple[float, float]:
        """Spacings of its ends, the coarse one first [A]."""
        return 1 / self.low, 1 / self.high


def transferred_bands(q: Array, training: Array, test: Array) -> Iterator[Band]:
    """Find where in q information is lost or new, in ascending q.

    Parameters
    ----------
    q : ndarray (rings,)
        Evenly spaced spatial frequencies [1/A].
    training, test : ndarray (rings,)
        Bits at each of them.

    Yields
    ------
    Band
        Runs of rings where one side has less than half of the bits of the other, of those that hold at least 1 % of the
        larger epsilon.
    """
    half_step = (q[1] - q[0]) / 2 if len(q) > 1 else q[0] / 2
    least = LEAST_SHARE * max(np.average(training, weights=q), np.average(test, weights=q))
    difference = (training - test) * q / q.sum()
    kinds = np.where(test < HALF * training, 1, np.where(training < HALF * test, -1, 0))
    borders = np.flatnonzero(np.diff(kinds, prepend=0, append=0))
    for start, stop in itertools.pairwise(borders):
        bits = abs(float(difference[start:stop].sum()))
        if kinds[start] and bits >= least > 0:
            ends = float(q[start] - half_step), float(q[stop - 1] + half_step)
            yield Band("lost" if kinds[start] > 0 else "new", *ends, bits)


def band_text(band: Band) -> str:
    """Write a band.

    Examples
    --------
    >>> band_text(Band("lost", 0.2, 0.25, 0.031))
    'lost: 0.200 to 0.250 1/A (5.00 to 4.00 A), 0.031 bits'
    """
    coarse, fine = band.spacings
    return f"{band.kind}: {band.low:.3f} to {band.high:.3f} 1/A ({coarse:.2f} to {fine:.2f} A), {band.bits:.3f} bits"
