"""Boosted trees as plain numbers: fitted by scikit-learn, kept as JSON, evaluated without it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROWS = 4096  # evaluated at a time, for memory
SETTINGS = {
    "max_iter": 200,
    "learning_rate": 0.06,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "early_stopping": False,
}
_DIGITS = 6  # significant ones that are kept of a leaf; thresholds are kept whole, since they decide


@dataclass(frozen=True)
class Trees:
    """Trees whose leaves are summed up.

    Attributes
    ----------
    baseline : float
        The value of no trees.
    roots : ndarray (trees,)
        Number of the first node of each.
    feature : ndarray (nodes,)
        Number of the feature that a node asks for; -1 in a leaf.
    threshold : ndarray (nodes,)
        A row goes left if its feature is at most that.
    left, right : ndarray (nodes,)
        Numbers of the nodes that follow; a leaf's is its own.
    value : ndarray (nodes,)
        What a leaf adds.
    """

    baseline: float
    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Array
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Array

    def predict(self, table: Array) -> Array:
        """Return the sum of the leaves that each row (n, features) falls into, (n,)."""
        parts = [self._sums(table[start : start + ROWS]) for start in range(0, len(table), ROWS)]
        return np.concatenate([np.empty(0), *parts])

    def _sums(self, table: Array) -> Array:
        nodes = np.broadcast_to(self.roots, (len(table), len(self.roots)))
        rows = np.arange(len(table))[:, None]
        while (self.feature[nodes] >= 0).any():
            asked = np.maximum(self.feature[nodes], 0)
            nodes = np.where(table[rows, asked] <= self.threshold[nodes], self.left[nodes], self.right[nodes])
        return np.asarray(self.baseline + self.value[nodes].sum(axis=1))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "baseline": self.baseline,
            **{name: getattr(self, name).tolist() for name in ("roots", "feature", "threshold", "left", "right")},
            "value": [float(f"{value:.{_DIGITS}g}") for value in self.value.tolist()],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Trees":
        """Read trees from the values of :meth:`as_dict`."""
        whole = {name: np.array(plain[name], dtype=np.int64) for name in ("roots", "feature", "left", "right")}
        return cls(
            baseline=float(plain["baseline"]),
            threshold=np.array(plain["threshold"], dtype=np.float64),
            value=np.array(plain["value"], dtype=np.float64),
            **whole,
        )


def grow(table: Array, target: Array, seed: int = 0, **settings: Any) -> Trees:
    """Fit boosted trees by least squares.

    Parameters
    ----------
    table : ndarray (n, features)
        Finite numbers.
    target : ndarray (n,)
        What is to be predicted.
    seed : int
        Seed of the features that each split may look at.
    **settings
        Of scikit-learn's ``HistGradientBoostingRegressor``, over :data:`SETTINGS`.

    Returns
    -------
    Trees
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(**{**SETTINGS, **settings}, random_state=seed).fit(table, target)
    return _plain(model)


def _plain(model: Any) -> Trees:
    """Take the trees of a fitted model; its predictors have no public name."""
    each = [predictors[0].nodes for predictors in model._predictors]
    sizes = np.array([len(nodes) for nodes in each], dtype=np.int64)
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    nodes = np.concatenate(each)
    first, own = np.repeat(roots, sizes), np.arange(int(sizes.sum()))
    leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        baseline=float(np.ravel(model._baseline_prediction)[0]),
        roots=roots,
        feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, own, first + nodes["left"]),
        right=np.where(leaf, own, first + nodes["right"]),
        value=np.where(leaf, nodes["value"], 0.0),
    )
