"""Losses of logits against masks, pixel by pixel."""

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

FLOOR = math.log1p(math.exp(-1))  # ln(1 + 1/e), the loss of a softmax that is taken twice of a pixel that is certain


def cross_entropies(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the cross-entropy of each pixel [nat].

    Parameters
    ----------
    logits : Tensor (...)
        Logits of "particle".
    masks : Tensor (...)
        Ground truth, of the type of the logits.

    Returns
    -------
    Tensor (...)
    """
    return binary_cross_entropy_with_logits(logits, masks, reduction="none")


def softmax_twice(logits: Tensor, masks: Tensor) -> Tensor:
    """Return what each pixel loses if probabilities are taken for logits, less the floor of that loss [nat].

    With p the probability of the pixel's true class it is ln(1 + exp(1 - 2 p)) - ln(1 + 1/e): a softmax of two classes
    goes into a cross-entropy that takes the softmax of what it is given.

    Parameters
    ----------
    logits : Tensor (...)
        Logits of "particle".
    masks : Tensor (...)
        Ground truth, of the type of the logits.

    Returns
    -------
    Tensor (...)
        From 0, if the true class is certain, to 1, if the other one is.

    Examples
    --------
    >>> softmax_twice(torch.tensor([99.0, 99.0]), torch.tensor([1.0, 0.0])).tolist()
    [0.0, 1.0]
    """
    return cross_entropies(2 * torch.sigmoid(logits) - 1, masks) - FLOOR
