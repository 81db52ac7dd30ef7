"""Features of pairs of a training and a test distribution, which the atlas' scores are predicted from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temshift.atlas.portraits import Portrait, observed
from temshift.atlas.space import AXES
from temshift.information import Draws

Array = NDArray[np.float64]

_LEAST = 1e-12
_OBSERVED = ("ln CE(amplitude)", "logit F1(amplitude)", "ln CE(power)", "logit F1(power)")
OBSERVER = "ln CE(observer)"  # both rules averaged, on the windows of the test
OBSERVER_F1 = "logit F1(observer)"
DISTANCE = "d"
FEATURES = (
    OBSERVER,
    OBSERVER_F1,
    *_OBSERVED,
    "|ln CE(amplitude) - ln CE(power)|",
    *(f"{name} in training" for name in _OBSERVED),
    *(f"{name} in test" for name in _OBSERVED),
    "ln CE(observer) above that of the test's own",
    DISTANCE,
    "overlap",
    "cosine",
    "ln epsilon(training)",
    "ln epsilon(test)",
    *(f"training {axis}" for axis in AXES),
    *(f"test {axis}" for axis in AXES),
    *(f"change of {axis}" for axis in AXES),
)


@dataclass(frozen=True)
class Described:
    """Some distributions on one kind of specimens.

    Attributes
    ----------
    portraits : sequence of Portrait
        Of each.
    locations : ndarray (n, axes)
        Where each lies; see :func:`temshift.atlas.space.location`.
    """

    portraits: Sequence[Portrait]
    locations: Array

    def stacked(self, name: str) -> Array:
        """Return an attribute of all portraits as one array."""
        return np.array([getattr(one, name) for one in self.portraits])

    def at(self, places: Sequence[int]) -> "Described":
        """Return some of them."""
        return Described([self.portraits[place] for place in places], self.locations[list(places)])


def features_under(trainings: Described, test: Described, seen: Draws) -> Array:
    """Return features of every training distribution under one test distribution.

    Parameters
    ----------
    trainings : Described
        Training distributions.
    test : Described
        The test distribution alone.
    seen : Draws
        Windows under it, of :func:`temshift.atlas.portraits.windows_of`.

    Returns
    -------
    ndarray (trainings, features)
        In the order of :data:`FEATURES`.
    """
    scores = observed(trainings.stacked("amplitude_rule"), trainings.stacked("power_rule"), seen)
    return _table(trainings, test, scores)


def features_at_home(trainings: Described) -> Array:
    """Return features of each training distribution under itself, (trainings, features)."""
    return _table(trainings, trainings, trainings.stacked("own"))


def _table(trainings: Described, tests: Described, scores: Array) -> Array:
    """Features of pairs, row by row; a single test belongs to every training."""
    count = len(trainings.portraits)
    loss, f1 = (scores[:, first::2].mean(axis=1) for first in (0, 1))
    own = np.broadcast_to(tests.stacked("own"), (count, 4))
    distance, overlap, cosine = _compared(trainings, tests)
    there = np.broadcast_to(tests.locations, trainings.locations.shape)
    columns = [
        loss,
        f1,
        *scores.T,
        np.abs(scores[:, 0] - scores[:, 2]),
        *trainings.stacked("own").T,
        *own.T,
        loss - own[:, ::2].mean(axis=1),
        distance,
        overlap,
        cosine,
        trainings.stacked("ln_epsilon"),
        np.broadcast_to(tests.stacked("ln_epsilon"), count),
        *trainings.locations.T,
        *there.T,
        *(there - trainings.locations).T,
    ]
    return np.stack(columns, axis=1)


def _compared(trainings: Described, tests: Described) -> tuple[Array, Array, Array]:
    """Distance d of spectra, overlap of transferred power, and cosine of transfer with its sign."""
    distance = np.linalg.norm(trainings.stacked("spectrum") - tests.stacked("spectrum"), axis=1)
    ours, theirs = trainings.stacked("squared"), tests.stacked("squared")
    overlap = np.minimum(ours, theirs).sum(axis=1) / np.maximum(np.maximum(ours, theirs).sum(axis=1), _LEAST)
    here, there = trainings.stacked("signed"), tests.stacked("signed")
    sizes = np.linalg.norm(here, axis=1) * np.linalg.norm(there, axis=1)
    return distance, overlap, (here * there).sum(axis=1) / np.maximum(sizes, _LEAST)
