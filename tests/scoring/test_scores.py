"""Scores against scikit-learn, and where there is nothing to score."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from temshift.scoring.scores import pixel_sums, score_batches, score_together, scores_of


def random_case(seed: int, images: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, 1, 12, 10, generator=source)
    return logits, torch.rand(images, 1, 12, 10, generator=source) < 0.3


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_scores_agree_with_scikit_learn(seed: int) -> None:
    logits, masks = random_case(seed)
    ours = scores_of([pixel_sums(logits, masks)])
    truth, predicted = masks.flatten().numpy(), (logits > 0).flatten().numpy()
    probability = torch.sigmoid(logits.double()).flatten().numpy()
    assert ours.cross_entropy == pytest.approx(metrics.log_loss(truth, probability), rel=1e-5)
    assert ours.f1 == pytest.approx(metrics.f1_score(truth, predicted))
    assert ours.iou == pytest.approx(metrics.jaccard_score(truth, predicted))
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert ours.missed == pytest.approx(1 - metrics.recall_score(truth, predicted))
    assert ours.invented == pytest.approx(1 - metrics.recall_score(~truth, ~predicted))


@pytest.mark.parametrize(("particle", "missed", "invented"), [(True, 0.25, None), (False, None, 0.75)])
def test_shares_of_what_the_masks_do_not_hold_are_missing(
    particle: bool, missed: float | None, invented: float | None
) -> None:
    logits = torch.ones(2, 1, 4, 4)
    logits[:, :, 0] = -1
    ours = scores_of([pixel_sums(logits, torch.full_like(logits, particle, dtype=torch.bool))])
    assert (ours.missed, ours.invented) == (missed, invented)


def test_the_published_loss_is_the_cross_entropy_of_softmax_outputs_less_its_floor() -> None:
    """As the published code has it: two classes, the network's softmax, and a cross-entropy that takes it again."""
    logits, masks = random_case(7)
    outputs = torch.softmax(torch.cat([torch.zeros_like(logits), logits], dim=1).double(), dim=1)
    published = float(torch.nn.functional.cross_entropy(outputs, masks[:, 0].long())) - np.log1p(np.exp(-1))
    assert scores_of([pixel_sums(logits, masks)]).cross_entropy_softmax_twice == pytest.approx(published, rel=1e-5)
    certain = 60.0 * torch.where(masks, 1.0, -1.0)
    assert scores_of([pixel_sums(certain, masks)]).cross_entropy_softmax_twice == pytest.approx(0, abs=1e-6)
    assert scores_of([pixel_sums(-certain, masks)]).cross_entropy_softmax_twice == pytest.approx(1, abs=1e-6)


def test_the_spread_over_images_agrees_with_scikit_learn() -> None:
    logits, masks = random_case(1)
    each = [
        metrics.f1_score(mask.flatten().numpy(), (logit > 0).flatten().numpy())
        for logit, mask in zip(logits, masks, strict=True)
    ]
    assert scores_of([pixel_sums(logits, masks)]).f1_sd == pytest.approx(np.std(each, ddof=1))


def calibration_of(logits: torch.Tensor, masks: torch.Tensor) -> float:
    """Expected calibration error from the bins of scikit-learn."""
    probability, truth = torch.sigmoid(logits.double()).flatten().numpy(), masks.flatten().numpy()
    share, mean = calibration_curve(truth, probability, n_bins=15, strategy="uniform")
    counts = np.histogram(probability, np.linspace(0, 1, 16))[0]
    return float((counts[counts > 0] * np.abs(share - mean)).sum() / len(truth))


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_calibration_error_agrees_with_scikit_learn(seed: int) -> None:
    logits, masks = random_case(seed)
    ours = scores_of([pixel_sums(logits, masks)])
    assert ours.calibration_error == pytest.approx(calibration_of(logits, masks), rel=1e-5)
    each = [calibration_of(logit, mask) for logit, mask in zip(logits, masks, strict=True)]
    assert ours.calibration_error_sd == pytest.approx(np.std(each, ddof=1), rel=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_calibration_error_is_how_far_a_constant_probability_is_off(share: float) -> None:
    """Where every pixel has the probability 0.8, the error is |0.8 - share of particle|, whatever the share."""
    logits = torch.full((1, 1, 8, 8), float(np.log(0.8 / 0.2)))
    masks = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    masks.view(-1)[: int(64 * share)] = True
    assert scores_of([pixel_sums(logits, masks)]).calibration_error == pytest.approx(abs(0.8 - share), abs=1e-6)


def test_probabilities_that_are_true_are_calibrated() -> None:
    """The probability of each pixel is what its mask is drawn with; the rest falls with the number of pixels."""
    source = torch.Generator().manual_seed(6)
    logits = 2 * torch.randn(1, 1, 500, 500, generator=source)
    masks = torch.rand(1, 1, 500, 500, generator=source) < torch.sigmoid(logits)
    scores = scores_of([pixel_sums(logits, masks)])
    assert scores.calibration_error < 0.005  # 15 bins of about 17,000 pixels scatter by about 0.003 each
    assert scores_of([pixel_sums(4 * logits, masks)]).calibration_error > 0.1


def test_sure_pixels_fall_into_the_outer_bins() -> None:
    logits, masks = torch.tensor([-200.0, 200.0]).view(2, 1, 1, 1), torch.tensor([True, True]).view(2, 1, 1, 1)
    sums = pixel_sums(logits, masks)
    assert sums.surplus[0].tolist() == [-1.0] + [0.0] * 14
    assert sums.surplus[1].tolist() == [0.0] * 15
    assert scores_of([sums]).calibration_error == 0.5


def test_half_precision_is_summed_in_single_precision() -> None:
    logits, masks = random_case(7)
    assert pixel_sums(logits.bfloat16(), masks).cross_entropy.equal(
        pixel_sums(logits.bfloat16().float(), masks).cross_entropy
    )


def test_logits_that_are_not_numbers_give_no_number() -> None:
    logits, masks = random_case(8)
    logits[0, 0, 0, 0] = float("nan")
    scores = scores_of([pixel_sums(logits, masks)])
    assert np.isnan(scores.cross_entropy)
    assert np.isnan(scores.calibration_error)


def test_batches_do_not_matter() -> None:
    logits, masks = random_case(2, images=6)
    whole = scores_of([pixel_sums(logits, masks)])
    parts = scores_of([pixel_sums(logits[i : i + 2], masks[i : i + 2]) for i in (0, 2, 4)])
    assert whole == parts


def test_empty_masks_are_counted_and_never_score_zero_by_themselves() -> None:
    logits, masks = torch.full((2, 1, 4, 4), -9.0), torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    nothing = scores_of([pixel_sums(logits, masks)])
    assert (nothing.f1, nothing.iou, nothing.f1_sd) == (None, None, None)
    assert nothing.empty_masks == 2
    assert nothing.accuracy == 1.0


def test_false_alarms_on_empty_masks_do_count() -> None:
    logits, masks = torch.full((2, 1, 4, 4), 9.0), torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    assert scores_of([pixel_sums(logits, masks)]).f1 == 0.0


def test_one_image_has_no_spread() -> None:
    logits, masks = random_case(3, images=1)
    assert scores_of([pixel_sums(logits, masks)]).cross_entropy_sd is None


def test_networks_scored_together_score_as_they_do_alone() -> None:
    logits, masks = random_case(4)
    batches = [(logits, masks)]
    networks = [lambda images: images, lambda images: -images]
    together = score_together(networks, batches)
    assert together == [score_batches(network, batches) for network in networks]
    assert together[0] != together[1]


def test_the_same_network_scored_twice_gives_the_same_number() -> None:
    network = torch.nn.Conv2d(1, 1, 3, padding=1)
    images, masks = random_case(5)
    assert score_batches(network, [(images, masks)]) == score_batches(network, [(images, masks)])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        pixel_sums(torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.bool))
