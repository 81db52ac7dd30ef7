"""Noise and standardisation."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from temshift.optics import poisson_counts, standardised
from temshift.optics.images import poisson_quantile


def test_counts_have_mean_and_variance_of_the_dose() -> None:
    counts = poisson_counts(torch.ones(1, 400, 400), torch.tensor([25.0]), 0.16, [7])
    assert float(counts.mean()) == pytest.approx(4, rel=0.01)
    assert float(counts.var()) == pytest.approx(4, rel=0.02)
    assert torch.equal(counts, counts.round())


@pytest.mark.parametrize("mean", [12.0, 20.0, 64.0, 400.0])
def test_the_fast_counts_follow_the_poisson_distribution(mean: float) -> None:
    """Total variation of the counts over the whole line of deviates from scipy's probabilities, by quadrature."""
    deviates = np.linspace(-6, 6, 1_000_001)
    middles = torch.from_numpy((deviates[1:] + deviates[:-1]) / 2)
    counts = poisson_quantile(torch.full_like(middles, mean), middles).numpy().astype(int)
    shares = np.bincount(counts, weights=np.diff(special.ndtr(deviates)))
    truth = stats.poisson(mean).pmf(np.arange(len(shares)))
    assert np.abs(shares - truth).sum() / 2 < 1e-4


@pytest.mark.parametrize("dose", [20.0, 2000.0])
def test_mean_and_variance_equal_the_dose_on_both_ways_of_drawing(dose: float) -> None:
    counts = poisson_counts(torch.ones(1, 1000, 1000), torch.tensor([dose]), 0.16, [1])
    expected = dose * 0.16
    assert float(counts.mean()) == pytest.approx(expected, abs=5 * (expected / 1e6) ** 0.5)
    assert float(counts.var()) == pytest.approx(expected, rel=0.01)


def test_noise_of_an_image_ignores_its_batch() -> None:
    intensities = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) + 0.5
    dose = torch.tensor([10.0, 100.0, 1000.0])
    together = poisson_counts(intensities, dose, 0.16, [1, 2, 3])
    alone = poisson_counts(intensities[1:2], dose[1:2], 0.16, [2])
    assert torch.equal(together[1:2], alone)
    assert not torch.equal(together[1:2], poisson_counts(intensities[1:2], dose[1:2], 0.16, [3]))


def test_standardised_images_have_mean_zero_and_variance_one() -> None:
    images = standardised(3 + 2 * torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(images.mean(dim=(-2, -1)), torch.zeros(4, 1), atol=1e-5)
    assert torch.allclose(images.square().mean(dim=(-2, -1)), torch.ones(4, 1), atol=1e-5)


def test_an_image_without_contrast_becomes_zero_not_nan() -> None:
    assert torch.equal(standardised(torch.full((1, 8, 8), 5.0)), torch.zeros(1, 8, 8))
