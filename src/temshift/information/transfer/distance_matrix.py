"""Distances between many distributions of conditions at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from temshift.information.transfer.metrics import Information, log_spectrum
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


def distance_matrix(trainings: Sequence[Information], tests: Sequence[Information], q: Array) -> DistanceMatrix:
    """Spectral distances of all pairs, as :func:`temshift.information.transfer.metrics.spectral_distance` gives each.

    Parameters
    ----------
    trainings, tests : sequence of Information
        From :func:`temshift.information.transfer.metrics.information`, with the same object spectra, seed and
        number of draws.
    q : ndarray (rings,)
        Spatial frequencies [1/A].

    Returns
    -------
    DistanceMatrix

    Raises
    ------
    ValueError
        If there are none, or they belong to other rings or numbers of batches.
    """
    ours, theirs = (_coordinates(each, q) for each in (trainings, tests))
    if ours.shape[0] != theirs.shape[0]:
        raise ValueError(f"{ours.shape[0] - 1} and {theirs.shape[0] - 1} batches of draws; give as many draws to all")
    distances = np.stack([cdist(one, other) for one, other in zip(ours, theirs, strict=True)])
    return DistanceMatrix(distances[0], jackknife_error(distances))


def _coordinates(each: Sequence[Information], q: Array) -> Array:
    """Points (replicates, n, rings) whose Euclidean distance is d."""
    if not each:
        raise ValueError("no distributions given; give at least one on either side")
    shapes = {one.replicates.spectrum.shape for one in each}
    if len(shapes) > 1 or next(iter(shapes))[1] != len(q):
        raise ValueError(
            f"spectra of {sorted(shapes)} batches and rings compared on {len(q)} frequencies; compute all with the "
            "same object spectra and number of draws"
        )
    spectra = np.stack([one.replicates.spectrum for one in each], axis=1)
    return np.asarray(log_spectrum(spectra) * np.sqrt(q / q.sum()))
