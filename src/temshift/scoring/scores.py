"""Scores of a segmentation network: sums over the pixels of each image, then numbers from the sums."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from temshift.micrographs.losses import cross_entropies, softmax_twice

SCORES_VERSION = 2
CALIBRATION_BINS = 15  # as Guo et al. took

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class PixelSums:
    """Sufficient statistics of the scores; every field but ``surplus`` is a float64 Tensor (images,).

    Attributes
    ----------
    cross_entropy : Tensor
        Sum over pixels of the cross-entropy [nat].
    softmax_twice : Tensor
        Sum over pixels of the loss of published networks [nat].
    true_positive, false_positive, false_negative, true_negative : Tensor
        Numbers of pixels.
    surplus : Tensor (images, bins)
        Probability of "particle" less ground truth, summed over the pixels of each bin of probability.
    """

    cross_entropy: Tensor
    softmax_twice: Tensor
    true_positive: Tensor
    false_positive: Tensor
    false_negative: Tensor
    true_negative: Tensor
    surplus: Tensor


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of a network under one test condition; None if a number is not defined.

    Attributes
    ----------
    cross_entropy : float
        Nat a pixel, pooled over all pixels.
    f1, iou : float or None
        2 TP / (2 TP + FP + FN) and TP / (TP + FP + FN), pooled over all pixels; None if no pixel is "particle", neither
        in the masks nor for the network.
    accuracy : float
        Share of pixels that are right.
    missed, invented : float or None
        FN / (TP + FN), the share of particle that the network missed, and FP / (FP + TN), the share of background that
        it took for particle, pooled over all pixels; None if the masks hold no particle, or nothing else.
    calibration_error : float
        Expected calibration error: pixels fall into 15 equal bins of the probability of "particle"; the error is the
        mean over pixels of |mean probability - share of particle| of their bin; 0 is perfect. Pooled over all pixels.
    cross_entropy_sd, f1_sd, iou_sd, calibration_error_sd : float or None
        Standard deviation over images; images without a defined score are left out, fewer than two give None.
    images, empty_masks : int
        Number of images, and of those without any particle pixel.
    cross_entropy_softmax_twice : float
        Loss of published networks, nat a pixel less its floor, pooled over all pixels; from 0 to 1, see
        :func:`temshift.micrographs.losses.softmax_twice`.

    References
    ----------
    The calibration error is that of Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI 2015, with the bins of Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv 1706.04599.
    """

    cross_entropy: float
    cross_entropy_sd: float | None
    f1: float | None
    f1_sd: float | None
    iou: float | None
    iou_sd: float | None
    accuracy: float
    missed: float | None
    invented: float | None
    calibration_error: float
    calibration_error_sd: float | None
    images: int
    empty_masks: int
    cross_entropy_softmax_twice: float


def pixel_sums(logits: Tensor, masks: Tensor) -> PixelSums:
    """Sum what the scores need over the pixels of each image.

    Parameters
    ----------
    logits : Tensor (n, 1, y, x)
        Logits of "particle"; the network takes a pixel above 0 for one.
    masks : Tensor (n, 1, y, x) of bool
        Ground truth.

    Returns
    -------
    PixelSums
        Of n images.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if logits.shape != masks.shape:
        raise ValueError(f"logits {tuple(logits.shape)} and masks {tuple(masks.shape)} must have one shape")
    flat, mask = logits.flatten(1).to(torch.promote_types(logits.dtype, torch.float32)), masks.flatten(1)
    truth = mask.to(flat.dtype)
    predicted = flat > 0
    positive, detected, both = (pixels.sum(1).double() for pixels in (mask, predicted, mask & predicted))
    return PixelSums(
        cross_entropy=cross_entropies(flat, truth).sum(1, dtype=torch.float64).cpu(),
        softmax_twice=softmax_twice(flat, truth).sum(1, dtype=torch.float64).cpu(),
        true_positive=both.cpu(),
        false_positive=(detected - both).cpu(),
        false_negative=(positive - both).cpu(),
        true_negative=(flat.shape[1] - positive - detected + both).cpu(),
        surplus=_surplus(torch.sigmoid(flat), truth).cpu(),
    )


def _surplus(probability: Tensor, truth: Tensor) -> Tensor:
    """Sum probability less truth (n, pixels) over each bin of probability, (n, bins)."""
    at_once = 1 if truth.device.type == "cpu" else len(truth)  # one image stays in the cache
    pairs = zip(*(torch.split(one, at_once) for one in (probability, truth)), strict=True)
    return torch.cat([_binned(*pair) for pair in pairs])


def _binned(probability: Tensor, truth: Tensor) -> Tensor:
    bins = (probability * CALIBRATION_BINS).long().clamp_(0, CALIBRATION_BINS - 1)  # that of NaN must be one, too
    sums = torch.zeros(len(truth), CALIBRATION_BINS, dtype=torch.float64, device=truth.device)
    return sums.scatter_add_(1, bins, (probability - truth).double())


def scores_of(sums: Sequence[PixelSums]) -> Scores:
    """Make scores of the sums of one or more batches.

    Parameters
    ----------
    sums : sequence of PixelSums
        At least one image in all.

    Returns
    -------
    Scores
        Pooled over pixels, with the spread over images.
    """
    merged = {name: torch.cat([getattr(one, name) for one in sums]) for name in PixelSums.__dataclass_fields__}
    entropy, twice, tp, fp, fn, tn, surplus = merged.values()
    pixels = tp + fp + fn + tn
    return Scores(
        cross_entropy=float(entropy.sum() / pixels.sum()),
        cross_entropy_sd=_spread(entropy / pixels),
        f1=_pooled(2 * tp, 2 * tp + fp + fn),
        f1_sd=_spread(2 * tp / (2 * tp + fp + fn)),
        iou=_pooled(tp, tp + fp + fn),
        iou_sd=_spread(tp / (tp + fp + fn)),
        accuracy=float((tp + tn).sum() / pixels.sum()),
        missed=_pooled(fn, tp + fn),
        invented=_pooled(fp, fp + tn),
        calibration_error=float(surplus.sum(0).abs().sum() / pixels.sum()),
        calibration_error_sd=_spread(surplus.abs().sum(1) / pixels),
        images=len(pixels),
        empty_masks=int((tp + fn == 0).sum()),
        cross_entropy_softmax_twice=float(twice.sum() / pixels.sum()),
    )


def score_batches(network: Network, batches: Iterable[tuple[Tensor, Tensor]]) -> Scores:
    """Score one network on batches of micrographs; see :func:`score_together`."""
    return score_together([network], batches)[0]


def score_together(networks: Sequence[Network], batches: Iterable[tuple[Tensor, Tensor]]) -> list[Scores]:
    """Score several networks on the same micrographs, which are formed once.

    Parameters
    ----------
    networks : sequence of callable
        Each from standardised images (n, 1, y, x) to logits (n, 1, y, x).
    batches : iterable of (images, masks)
        Micrographs with ground truth.

    Returns
    -------
    list of Scores
        One for each network; none depends on its companions.
    """
    each = [batch_sums(networks, batch) for batch in batches]
    return [scores_of(sums) for sums in zip(*each, strict=True)]


def batch_sums(networks: Sequence[Network], batch: tuple[Tensor, Tensor]) -> list[PixelSums]:
    """Let several networks segment a batch of images and masks (n, 1, y, x), and sum over the pixels of each image."""
    images, masks = batch
    with torch.inference_mode():
        images = images.contiguous(memory_format=torch.channels_last)
        return [pixel_sums(network(images), masks) for network in networks]


def _pooled(numerator: Tensor, denominator: Tensor) -> float | None:
    return float(numerator.sum() / denominator.sum()) if bool(denominator.sum() > 0) else None


def _spread(values: Tensor) -> float | None:
    defined = values[torch.isfinite(values)]
    return float(defined.std()) if len(defined) > 1 else None
