"""The reach of a study's predictions: how far the features of its pairs reach, and whether new pairs lie within."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Array = NDArray[np.float64]

MARGIN = 0.05  # of a feature's range, beyond either end; ours


class Reach:
    """The region of features that scored pairs of a study fill.

    A new pair is inside where each of its features lies within the range of the study's, widened by :data:`MARGIN` at
    either end, and where the nearest scored pair is no farther off than the nearest of another test condition is from
    any pair of the study; distances are Euclidean, in standard deviations of each feature.

    Parameters
    ----------
    features : mapping of str to ndarray (cells,)
        Finite features of the scored pairs.
    tests : ndarray (cells,) of str
        The test condition of each.
    one_sided : sequence of str
        Features that only more than the study's can be too much of, such as a disagreement.

    Raises
    ------
    ValueError
        If there is no pair.

    Examples
    --------
    >>> reach = Reach({"d": np.array([0.0, 0.5, 1.0])}, np.array(["a", "b", "c"]))
    >>> reach.reasons({"d": np.array([0.7, 2.0])})
    [[], ['d = 2.00 lies beyond what the study has, 0.00 to 1.00']]
    """

    def __init__(self, features: Mapping[str, Array], tests: NDArray[np.str_], one_sided: Sequence[str] = ()) -> None:
        if not len(tests):
            raise ValueError("no scored pair is given; a study needs some to predict from")
        self._names, self._tests, self._one_sided = tuple(features), tests, tuple(one_sided)
        self._table = np.stack(list(features.values()), axis=1) if features else np.zeros((len(tests), 0))
        spread = self._table.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)

    def reasons(self, features: Mapping[str, Array]) -> list[list[str]]:
        """Return the reasons that new pairs lie outside, a sentence each; an empty list for each pair inside.

        Parameters
        ----------
        features : mapping of str to ndarray (n,)
            Of the new pairs; a number that is not finite is a reason.
        """
        table = np.stack([features[name] for name in self._names], axis=1)
        reasons = [self._beyond(row) for row in table]
        sound = np.isfinite(table).all(axis=1)
        for place, distance in zip(np.flatnonzero(sound), self._distances(table[sound]), strict=True):
            if not reasons[place] and distance > self.farthest * (1 + 1e-9):
                reasons[place].append(
                    f"no scored pair is near: the nearest is {distance:.2f} standard deviations of the features off, "
                    f"in the study {self.farthest:.2f} at most"
                )
        return reasons

    @cached_property
    def farthest(self) -> float:
        """The greatest distance from a pair of the study to the nearest one of another test condition."""
        scaled, most = self._table / self._spread, 0.0
        for name in np.unique(self._tests):
            mine = self._tests == name
            if not mine.all():
                most = max(most, float(np.max(KDTree(scaled[~mine]).query(scaled[mine])[0])))
        return most

    def _distances(self, table: Array) -> Array:
        return np.asarray(KDTree(self._table / self._spread).query(table / self._spread)[0])

    def _beyond(self, row: Array) -> list[str]:
        lowest, highest = self._table.min(axis=0), self._table.max(axis=0)
        margin = MARGIN * (highest - lowest)
        words = []
        for name, value, low, high, more in zip(self._names, row, lowest, highest, margin, strict=True):
            too_low = value < low - more and name not in self._one_sided
            if not np.isfinite(value):
                words.append(f"{name} is no finite number")
            elif too_low or value > high + more:
                words.append(f"{name} = {value:.2f} lies beyond what the study has, {low:.2f} to {high:.2f}")
        return words
