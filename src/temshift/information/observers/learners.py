"""Rules that distinguish particle from background by ring powers, the simplest learners of observers and probes."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Learner = Literal["linear", "forest"]

LEAST_POWER = 1e-12  # below this a ring power is taken as nothing
LEAST_PROBABILITY = 1e-3  # of a forest of few leaves, which is never sure
TREES = 200
LEAF = 10  # draws in a leaf, at least


class Rule(Protocol):
    """A fitted rule."""

    def probabilities(self, powers: Array) -> Array:
        """Return the probability of "particle" (n,) at ring powers (n, rings)."""
        ...


class LinearRule:
    """Logistic regression on the square root of ring powers: linear in amplitude, as networks extrapolate."""

    def __init__(self, powers: Array, labels: Labels, weights: Array | None = None, seed: int = 0) -> None:
        from sklearn.linear_model import LogisticRegression  # a second to import, which other verbs need not wait for

        self._model = LogisticRegression(max_iter=1000, random_state=seed)
        self._model.fit(np.sqrt(powers), labels, weights)

    def probabilities(self, powers: Array) -> Array:
        """Return the probability of "particle" (n,) at ring powers (n, rings)."""
        logits = np.sqrt(powers) @ self._model.coef_[0] + self._model.intercept_[0]
        return np.asarray(expit(logits))


class ForestRule:
    """A random forest on the logarithm of ring powers, whose extrapolation is bounded."""

    def __init__(self, powers: Array, labels: Labels, weights: Array | None = None, seed: int = 0) -> None:
        from sklearn.ensemble import RandomForestClassifier

        self._model = RandomForestClassifier(TREES, min_samples_leaf=LEAF, random_state=seed % 2**32)
        self._model.fit(_logarithm(powers), labels, weights)

    def probabilities(self, powers: Array) -> Array:
        """Return the probability of "particle" (n,) at ring powers (n, rings)."""
        shares = self._model.predict_proba(_logarithm(powers))[:, 1]
        return np.asarray(np.clip(shares, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))


def fit_rule(powers: Array, labels: Labels, rule: Learner, weights: Array | None = None, seed: int = 0) -> Rule:
    """Fit a rule to ring powers with labels.

    Parameters
    ----------
    powers : ndarray (n, rings)
        Ring powers of patches, in units of the mean power of their images; > 0.
    labels : ndarray (n,)
        1 particle, 0 background.
    rule : {"linear", "forest"}
        Logistic regression on amplitudes, or a random forest on log power.
    weights : ndarray (n,), optional
        How much each patch counts.
    seed : int
        Seed of the forest.

    Returns
    -------
    Rule

    Raises
    ------
    ValueError
        If powers are not finite, or only one kind of patch is there.
    """
    if not np.isfinite(powers).all():
        raise ValueError("ring powers hold numbers that are not finite; leave out such images")
    if len(np.unique(labels)) < 2:
        raise ValueError("all patches are of one kind; give some of particles and some of background")
    return (LinearRule if rule == "linear" else ForestRule)(powers, labels, weights, seed)


def _logarithm(powers: Array) -> Array:
    return np.log(np.maximum(powers, LEAST_POWER))


def weighted_cross_entropy(probabilities: Array, labels: Labels, weights: Array) -> Array:
    """Cross-entropy (n,) of each patch [nats], times its weight over the mean weight."""
    right = np.where(labels == 1, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.maximum(right, np.finfo(float).tiny)) * weights / weights.mean())


def weighted_f1(probabilities: Array, labels: Labels, weights: Array) -> float:
    """F1 of "particle", called at a probability of 1/2 or more; 0 if nothing is called so."""
    called, true = probabilities >= 0.5, labels == 1
    hits = float(weights[called & true].sum())
    return 2 * hits / (2 * hits + float(weights[called != true].sum()))
