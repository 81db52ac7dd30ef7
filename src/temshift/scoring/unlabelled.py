"""What a network's own outputs and features say of its loss on images, without labels, or with few.

All take the probability of particle, (n, y, x) from 0 to 1, unless they say otherwise. None of them knows whether the
network is wrong: a network that misses particles with confidence looks sure.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.special import entr

Array = NDArray[np.floating[Any]]
Truth = NDArray[np.bool_]

_SURE = 1e-6  # probabilities are kept this far from 0 and 1 where their logarithm is taken


def mean_entropy(probability: Array) -> float:
    """Return the mean entropy of the predictions [nat a pixel], 0 to ln 2.

    D. Hendrycks and K. Gimpel, ICLR 2017, arXiv 1610.02136, use it to find images that a network does not know.
    """
    return float(np.mean(entr(probability) + entr(1 - probability)))


def mean_confidence(probability: Array) -> float:
    """Return the mean probability of the class that is called, 0.5 to 1."""
    return float(np.mean(_confidence(probability)))


def thresholded_error(probability: Array, known: Array, truth: Truth) -> float:
    """Return the share of pixels expected to be wrong: those less confident than a threshold.

    At the threshold, the share of less confident pixels among images with labels is the share that is wrong there:
    average thresholded confidence of S. Garg et al., ICLR 2022, arXiv 2201.04234.

    Parameters
    ----------
    probability : ndarray (n, y, x)
        Of the images asked about.
    known : ndarray (m, y, x)
        Of images like those of the training, which have labels.
    truth : ndarray (m, y, x) of bool
        These labels.

    Returns
    -------
    float
        0 to 1.
    """
    wrong = float(np.mean((known >= 0.5) != truth))
    threshold = np.quantile(_confidence(known), wrong)
    return float(np.mean(_confidence(probability) < threshold))


def disagreement(probability: Array, other: Array) -> float:
    """Return the share of pixels that two networks call differently.

    For two seeds of one training it estimates the error of either: Y. Jiang et al., ICLR 2022, arXiv 2106.13799.
    """
    return float(np.mean((probability >= 0.5) != (other >= 0.5)))


def loss_against(probability: Array, reference: Array | Truth) -> float:
    """Return the cross-entropy [nat a pixel] of predictions against probabilities or labels (n, y, x) of 0 to 1.

    Against the mean of other networks it is the loss against their consensus, against labels the loss itself.
    """
    inside = np.clip(probability, _SURE, 1 - _SURE)
    return float(-np.mean(reference * np.log(inside) + (1 - reference) * np.log(1 - inside)))


def leep(probability: Array, truth: Truth) -> float:
    """Return the log expected empirical prediction of labels from a network's outputs [nat a pixel], at most 0.

    The mean logarithm of the probability of each label, if labels are drawn as often as they are on average behind the
    network's output: C. V. Nguyen et al., ICML 2020, arXiv 2002.12462. A network that is always wrong in the same way
    looks perfect.

    Raises
    ------
    ValueError
        If images and labels differ in shape.
    """
    if probability.shape != truth.shape:
        raise ValueError(f"probabilities have the shape {probability.shape}, labels {truth.shape}; give both alike")
    outputs = np.stack([1 - probability.ravel(), probability.ravel()])  # (output, pixel)
    labels = np.stack([~truth.ravel(), truth.ravel()]).astype(np.float64)
    joint = labels @ outputs.T / truth.size  # (label, output)
    given = joint / np.maximum(joint.sum(axis=0), np.finfo(float).tiny)
    expected = (labels * (given @ outputs)).sum(axis=0)
    return float(np.mean(np.log(np.maximum(expected, np.finfo(float).tiny))))


def h_score(features: Array, truth: NDArray[np.bool_]) -> float:
    """Return how well features separate two classes: tr(cov(f)^-1 cov(E[f | class])), 0 to 1.

    Y. Bao et al., ICIP 2019, "An information-theoretic approach to transferability in task transfer learning".

    Parameters
    ----------
    features : ndarray (n, channels)
        Of pixels or windows.
    truth : ndarray (n,) of bool
        Their class.

    Returns
    -------
    float
        0 if there is one class alone.
    """
    if truth.all() or not truth.any():
        return 0.0
    means = np.where(truth[:, None], features[truth].mean(axis=0), features[~truth].mean(axis=0))
    whole, between = (np.atleast_2d(np.cov(some, rowvar=False, bias=True)) for some in (features, means))
    return float(np.trace(np.linalg.pinv(whole, hermitian=True) @ between))


def feature_distance(features: Array, others: Array) -> float:
    """Return the Frechet distance of two sets of features, as if each were normal, in the features' units squared.

    |mean - mean'|^2 + tr(C + C' - 2 (C C')^(1/2)): D. C. Dowson and B. V. Landau, J. Multivar. Anal. 12, 450 (1982);
    M. Heusel et al., NeurIPS 2017, arXiv 1706.08500.

    Parameters
    ----------
    features, others : ndarray (n, channels), (m, channels)
        Features of images.
    """
    means = features.mean(axis=0) - others.mean(axis=0)
    ours, theirs = (np.atleast_2d(np.cov(some, rowvar=False)) for some in (features, others))
    root = np.real(sqrtm(ours @ theirs))
    return float(max(means @ means + np.trace(ours + theirs - 2 * root), 0.0))


def _confidence(probability: Array) -> Array:
    return np.asarray(np.maximum(probability, 1 - probability))
