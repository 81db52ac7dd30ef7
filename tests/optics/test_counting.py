"""Counts of electrons and standardisation."""

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from temshift.optics import expected_electrons, poisson_counts, standardised
from temshift.optics.camera import counting
from temshift.optics.camera.counting import NORMAL_FROM, SEARCH_BELOW, counted, poisson_quantile

MEANS = (0.01, 0.3, 1.0, 3.0, 8.0, 11.9, 12.1, 50.0, 1e4)


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


def law_of(counts: torch.Tensor) -> np.ndarray:
    """Share of each count over a fine, even grid of uniform deviates: quadrature, not chance."""
    return np.bincount(counts.numpy().astype(int)) / len(counts)


def variation(law: np.ndarray, mean: float) -> float:
    truth = stats.poisson(mean).pmf(np.arange(len(law)))
    return float(np.abs(law - truth).sum() + 1 - truth.sum()) / 2


EVEN = (torch.arange(2**20, dtype=torch.float64) + 0.5) / 2**20


@pytest.mark.parametrize("mean", [0.0, 1 / 16, 1.0, 5.4375, 11.9375, 12.0])
def test_counts_from_the_table_follow_the_poisson_distribution(mean: float) -> None:
    counts = counting._from_table(torch.full_like(EVEN, mean * 16), EVEN)
    assert variation(law_of(counts), mean) < 1e-5


@pytest.mark.parametrize("mean", [0.0, 1e-3, 1 / 16, 0.3, SEARCH_BELOW])
def test_counts_that_are_searched_follow_the_poisson_distribution(mean: float) -> None:
    counts = counting._searched(torch.full_like(EVEN, mean), EVEN)
    assert variation(law_of(counts), mean) < 3e-6


def test_the_total_variation_of_the_sum_of_table_and_search_stays_below_a_hundred_thousandth() -> None:
    """The law of a sum is the convolution of the two laws, at a mean between two rows of the table."""
    rest = law_of(counting._searched(torch.full_like(EVEN, 0.05), EVEN))
    table = law_of(counting._from_table(torch.full_like(EVEN, 100.0), EVEN))
    assert variation(np.convolve(table, rest), 6.3) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mean", MEANS)
def test_draws_follow_the_poisson_distribution(mean: float, dtype: torch.dtype) -> None:
    source = torch.Generator().manual_seed(3)
    counts = counted(torch.full((1000, 1000), mean, dtype=dtype), source)
    assert torch.equal(counts, counts.round())
    assert chi_square(counts, mean) > 1e-4


def chi_square(counts: torch.Tensor, mean: float) -> float:
    """Probability of so large a chi-square, over bins between quantiles."""
    law = stats.poisson(mean)
    edges = np.unique(law.ppf(np.linspace(0.02, 0.98, 30)))
    shares = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    seen = np.bincount(np.searchsorted(edges, counts.numpy().ravel()), minlength=len(shares))
    return float(stats.chisquare(seen, shares * counts.numel()).pvalue)


def test_pixels_of_an_image_with_low_and_high_means_each_follow_their_own_distribution() -> None:
    means = torch.tensor([0.2, 3.0, 11.9, 12.0, 12.1, 80.0])
    counts = counted(means.repeat_interleave(300).repeat(300, 1), torch.Generator().manual_seed(9))
    for i, mean in enumerate(means.tolist()):
        assert chi_square(counts[:, 300 * i : 300 * (i + 1)], mean) > 1e-4


def test_a_pixel_draws_alike_whatever_stands_beside_it_in_an_image_of_few_electrons() -> None:
    """Deviates belong to places: dark and bright neighbours change nothing where the same way of drawing is taken."""
    few, more = torch.full((8, 8), 5.0), torch.full((8, 8), 5.0)
    more[4:] = 11.0
    drawn = [counted(each, torch.Generator().manual_seed(1))[:4] for each in (few, more)]
    assert torch.equal(*drawn)


def test_a_large_image_is_drawn_part_by_part_from_one_stream() -> None:
    """Pixels 16384 on continue the stream of deviates; a dark part takes none."""
    means = torch.full((3, 16384), 20.0)
    means[1] = 0
    counts = counted(means, torch.Generator().manual_seed(2))
    source = torch.Generator().manual_seed(2)
    assert torch.equal(counts, torch.stack([counted(part, source) for part in means]))
    assert not torch.equal(counts[0], counts[2])


def test_an_image_that_expects_nothing_counts_nothing() -> None:
    assert torch.equal(counted(torch.zeros(8, 8), torch.Generator()), torch.zeros(8, 8))


def test_a_deviate_of_zero_never_counts_below_zero() -> None:
    zero = torch.zeros(1)
    assert counting._searched(zero, zero).item() == 0
    assert counting._from_table(zero, zero).item() == 0


@pytest.mark.parametrize("lowest", [-0.5, math.nan])
def test_a_mean_below_zero_or_no_number_is_refused(lowest: float) -> None:
    intensities = torch.ones(1, 4, 4)
    intensities[0, 0, 0] = lowest
    with pytest.raises(ValueError, match=f"expects {25 * lowest:g} electrons; must be 0 or more"):
        poisson_counts(intensities, torch.tensor([25.0]), 1.0, [0])


def test_expected_electrons_take_gradients() -> None:
    intensities = torch.rand(2, 3, 3, dtype=torch.float64, requires_grad=True)
    dose = torch.tensor([10.0, 300.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda i, d: expected_electrons(i, d, 0.04), (intensities, dose))


@pytest.mark.parametrize("mean", [0.02, 3.2, NORMAL_FROM + 8, 320.0])
def test_mean_and_variance_equal_the_dose_on_every_way_of_drawing(mean: float) -> None:
    counts = poisson_counts(torch.ones(1, 1000, 1000), torch.tensor([mean / 0.16]), 0.16, [1])
    assert float(counts.mean()) == pytest.approx(mean, abs=5 * (mean / 1e6) ** 0.5)
    assert float(counts.var()) == pytest.approx(mean, abs=5 * ((mean + 2 * mean**2) / 1e6) ** 0.5)


def test_noise_of_an_image_ignores_its_batch() -> None:
    intensities = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) + 0.5
    dose = torch.tensor([1.0, 78.0, 1000.0])
    together = poisson_counts(intensities, dose, 0.16, [1, 2, 3])
    alone = [poisson_counts(intensities[i : i + 1], dose[i : i + 1], 0.16, [i + 1]) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))
    assert not torch.equal(together[1:2], poisson_counts(intensities[1:2], dose[1:2], 0.16, [3]))


def test_standardised_images_have_mean_zero_and_variance_one() -> None:
    images = standardised(3 + 2 * torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(images.mean(dim=(-2, -1)), torch.zeros(4, 1), atol=1e-5)
    assert torch.allclose(images.square().mean(dim=(-2, -1)), torch.ones(4, 1), atol=1e-5)


def test_an_image_without_contrast_becomes_zero_not_nan() -> None:
    assert torch.equal(standardised(torch.full((1, 8, 8), 5.0)), torch.zeros(1, 8, 8))
