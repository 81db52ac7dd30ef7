"""Distances between many distributions of conditions at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from temshift.information.transfer.metrics import Information
from temshift.information.transfer.monte_carlo import jackknife_error

Array = NDArray[np.float64]


class DistanceMatrix(NamedTuple):
    """Distances d, or sigma = exp(-d), of all pairs, and their Monte-Carlo errors; each (trainings, tests)."""

    value: Array
    error: Array

    @property
    def sigma(self) -> "DistanceMatrix":
        """exp(-d) and, to first order, its error."""
        similarity = np.exp(-self.value)
        return DistanceMatrix(similarity, similarity * self.error)


def distance_matrix(trainings: Sequence[Information], tests: Sequence[Information]) -> DistanceMatrix:
    """Spectral distances of all pairs, as :func:`temshift.information.transfer.pairs.spectral_distance` gives each.

    Parameters
    ----------
    trainings, tests : sequence of Information
        From :func:`temshift.information.transfer.metrics.information`, with the same object spectra, pixels, seed and
        number of draws.

    Returns
    -------
    DistanceMatrix

    Raises
    ------
    ValueError
        If there are none, or they belong to other rings or numbers of batches.
    """
    ours, theirs = (_coordinates(each) for each in (trainings, tests))
    if ours.shape[2] != theirs.shape[2]:
        raise ValueError(f"{ours.shape[2]} and {theirs.shape[2]} rings; compute all with the same objects and pixels")
    if ours.shape[0] != theirs.shape[0]:
        raise ValueError(f"{ours.shape[0] - 1} and {theirs.shape[0] - 1} batches of draws; give as many draws to all")
    distances = np.stack([cdist(one, other) for one, other in zip(ours, theirs, strict=True)])
    return DistanceMatrix(distances[0], jackknife_error(distances))


def _coordinates(each: Sequence[Information]) -> Array:
    """Points (replicates, n, rings) whose Euclidean distance is d."""
    if not each:
        raise ValueError("no distributions given; give at least one on either side")
    shapes = {(one.replicates.spectrum.shape, float(one.q[-1])) for one in each}
    if len(shapes) > 1:
        raise ValueError(
            f"spectra of other batches, rings and ends: {sorted(shapes)}; compute all with the same object spectra, "
            "pixels and number of draws"
        )
    q, spectra = each[0].q, np.stack([one.replicates.spectrum for one in each], axis=1)
    return np.asarray(np.sqrt(spectra * (q / q.sum())))
