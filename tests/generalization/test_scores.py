"""Scores against scikit-learn, and where there is nothing to score."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from temshift.generalization.scores import pixel_sums, score, score_together, scores_of


def random_case(seed: int, images: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, 1, 12, 10, generator=source)
    return logits, torch.rand(images, 1, 12, 10, generator=source) < 0.3


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_scores_agree_with_scikit_learn(seed: int) -> None:
    logits, masks = random_case(seed)
    ours = scores_of([pixel_sums(logits, masks)])
    truth, found = masks.flatten().numpy(), (logits > 0).flatten().numpy()
    probability = torch.sigmoid(logits.double()).flatten().numpy()
    assert ours.cross_entropy == pytest.approx(metrics.log_loss(truth, probability), rel=1e-5)
    assert ours.f1 == pytest.approx(metrics.f1_score(truth, found))
    assert ours.iou == pytest.approx(metrics.jaccard_score(truth, found))
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(truth, found))


def test_the_spread_over_images_agrees_with_scikit_learn() -> None:
    logits, masks = random_case(1)
    each = [
        metrics.f1_score(mask.flatten().numpy(), (logit > 0).flatten().numpy())
        for logit, mask in zip(logits, masks, strict=True)
    ]
    assert scores_of([pixel_sums(logits, masks)]).f1_sd == pytest.approx(np.std(each, ddof=1))


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
    assert together == [score(network, batches) for network in networks]
    assert together[0] != together[1]


def test_the_same_network_scored_twice_gives_the_same_number() -> None:
    network = torch.nn.Conv2d(1, 1, 3, padding=1)
    images, masks = random_case(5)
    assert score(network, [(images, masks)]) == score(network, [(images, masks)])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        pixel_sums(torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.bool))
