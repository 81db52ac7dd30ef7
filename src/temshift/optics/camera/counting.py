"""Electrons counted: expected numbers, Poisson counts from a seed for each image, standardisation."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from scipy import special, stats
from torch import Tensor

NORMAL_FROM = 12.0  # electrons a pixel
SEARCH_BELOW = 0.75  # electrons a pixel
_AT_ONCE = 16384  # pixels: their deviates and terms stay in the cache of a processor
_STEPS = 16  # rows of the alias table for each electron a pixel
_COLUMNS = 64  # counts in the alias table; P(count >= 64) is 3e-25 at a mean of 12
_TAIL = 1e-6  # probability of the counts that a search leaves out


def expected_electrons(intensities: Tensor, dose: Tensor, pixel_area: float) -> Tensor:
    """Mean number of electrons on each pixel, intensity x dose x pixel area.

    Parameters
    ----------
    intensities : Tensor (n, y, x)
        Intensity, 1 in vacuum.
    dose : Tensor (n,)
        Electrons per area [e/A^2].
    pixel_area : float
        Area of a pixel [A^2].

    Returns
    -------
    Tensor (n, y, x)
        Takes gradients with respect to intensity and dose.

    Examples
    --------
    >>> float(expected_electrons(torch.ones(1, 1, 1), torch.tensor([400.0]), 0.04))
    16.0
    """
    return intensities * (dose.to(intensities) * pixel_area)[:, None, None]


def poisson_counts(intensities: Tensor, dose: Tensor, pixel_area: float, seeds: Sequence[int]) -> Tensor:
    """Count electrons: in each pixel a Poisson number of mean intensity x dose x pixel area.

    Parameters
    ----------
    intensities : Tensor (n, y, x)
        Intensity, >= 0.
    dose : Tensor (n,)
        Electrons per area [e/A^2], >= 0.
    pixel_area : float
        Area of a pixel [A^2].
    seeds : sequence of int (n,)
        Each image draws from its own seed, so that its noise ignores the batch that it stands in.

    Returns
    -------
    Tensor (n, y, x)
        Whole numbers as floats.

    Raises
    ------
    ValueError
        On a CPU, where a mean is negative or no number.
    """
    source = torch.Generator(device=intensities.device)
    counts = torch.empty_like(intensities)
    # image by image: large temporary tensors cost more in page faults than the draws of an image
    for i, (seed, kept) in enumerate(zip(seeds, counts, strict=True)):
        own = slice(i, i + 1)
        kept.copy_(counted(expected_electrons(intensities[own], dose[own], pixel_area)[0], source.manual_seed(seed)))
    return counts


def counted(expected: Tensor, source: torch.Generator) -> Tensor:
    """Draw a Poisson number for every pixel of one image.

    On a CPU faster than :func:`torch.poisson`. Pixels of mean :data:`NORMAL_FROM` or more invert the distribution at a
    normal deviate (:func:`poisson_quantile`; total variation below 1e-4). Those below add two Poisson numbers, whose
    sum is one: a count of the mean rounded down to a sixteenth, from an alias table, and a count of the rest, searched
    from 0 upwards; exact within the 24 bits of a deviate. If every mean is below :data:`SEARCH_BELOW`, the search
    alone serves. 16384 pixels are drawn at a time.

    Parameters
    ----------
    expected : Tensor (y, x)
        Means, >= 0.
    source : torch.Generator
        On the device of ``expected``.

    Returns
    -------
    Tensor (y, x)
        Whole numbers as floats.

    Raises
    ------
    ValueError
        On a CPU, where a mean is negative or no number.

    References
    ----------
    A. J. Walker, ACM Trans. Math. Softw. 3, 253 (1977), DOI 10.1145/355744.355749 (alias tables)
    """
    expected = expected.detach()
    if expected.is_cuda:
        return torch.poisson(expected, generator=source)
    if expected.numel() <= _AT_ONCE:
        return _drawn(expected, source)
    flat = expected.reshape(-1)
    starts = range(0, len(flat), _AT_ONCE)
    return torch.cat([_drawn(flat[start : start + _AT_ONCE], source) for start in starts]).view(expected.shape)


def poisson_quantile(mean: Tensor, deviate: Tensor) -> Tensor:
    """Poisson count at the probability of a normal deviate w, by Cornish-Fisher expansion to order 1 / mean.

    floor(m + sqrt(m) w + 1/3 + w^2/6 - (w/36 + w^3/72) / sqrt(m) + (-8/405 + 7 w^2/810 + w^4/270) / m).

    Parameters
    ----------
    mean : Tensor (...)
        Mean m, at least :data:`NORMAL_FROM`.
    deviate : Tensor (...)
        Standard normal deviate w.

    Returns
    -------
    Tensor (...)
        Whole numbers >= 0, as floats.

    References
    ----------
    M. B. Giles, ACM Trans. Math. Softw. 42, 7 (2016), section 3, DOI 10.1145/2699466
    """
    inverse = mean.rsqrt()
    y = deviate * inverse  # the expansion is m (1 + y + y^2/6 - y^3/72 + y^4/270) + 1/3 - y/36 + 7 y^2/810 - 8/(405 m)
    third, second, unity, slope, start = _coefficients(mean.device, mean.dtype)
    leading = torch.add(third, y, alpha=1 / 270)
    for coefficient in (second, unity, unity):
        leading = torch.addcmul(coefficient, leading, y)
    rest = torch.addcmul(start, torch.add(slope, y, alpha=7 / 810), y)
    return rest.addcmul_(inverse, inverse, value=-8 / 405).addcmul_(leading, mean).floor_().clamp_min_(0)


@cache
def _coefficients(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Numbers of the expansion as tensors, with which a product and a sum are one pass."""
    return tuple(torch.tensor(one, device=device, dtype=dtype) for one in (-1 / 72, 1 / 6, 1.0, -1 / 36, 1 / 3))


def quantised(images: Tensor, bits: int | None) -> Tensor:
    """Stretch each image (..., y, x) to the whole levels 0 to 2^bits - 1, darkest to brightest pixel, by the nearest.

    Without ``bits`` images stay as they are; an image without contrast becomes 0.

    Examples
    --------
    >>> quantised(torch.tensor([[2.0, 5.0, 12.0]]), 8).tolist()
    [[0.0, 76.0, 255.0]]
    """
    if bits is None:
        return images
    lowest, highest = images.amin((-2, -1), keepdim=True), images.amax((-2, -1), keepdim=True)
    span = torch.where(highest > lowest, highest - lowest, torch.ones_like(highest))
    highest_level = float((1 << bits) - 1)
    return ((images - lowest) / span * highest_level).round()


def standardised(images: Tensor) -> Tensor:
    """Shift and scale each image (..., y, x) to mean 0 and variance 1; an image without contrast becomes 0."""
    centred = images - images.mean(dim=(-2, -1), keepdim=True)
    deviation = torch.linalg.vector_norm(centred, dim=(-2, -1), keepdim=True) / math.sqrt(math.prod(images.shape[-2:]))
    return centred / torch.where(deviation > 0, deviation, torch.ones_like(deviation))


def _drawn(expected: Tensor, source: torch.Generator) -> Tensor:
    """Counts of some pixels, each in the way that suits their means."""
    lowest, highest = (float(limit) for limit in torch.aminmax(expected))
    if not lowest >= 0:
        raise ValueError(f"a pixel expects {lowest:g} electrons; must be 0 or more: check intensities and dose")
    if lowest >= NORMAL_FROM:
        return _at_normal_deviates(expected, source)
    if highest < NORMAL_FROM:
        return _few(expected, highest, source)
    few = _few(expected.clamp_max(NORMAL_FROM), NORMAL_FROM, source)
    many = _at_normal_deviates(expected.clamp_min(NORMAL_FROM), source)
    return torch.where(expected < NORMAL_FROM, few, many)


def _at_normal_deviates(expected: Tensor, source: torch.Generator) -> Tensor:
    return poisson_quantile(expected, torch.empty_like(expected).normal_(generator=source))


def _few(expected: Tensor, highest: float, source: torch.Generator) -> Tensor:
    """Counts of means up to NORMAL_FROM, of which ``highest`` is the largest."""
    if highest == 0:
        return torch.zeros_like(expected)
    if highest < SEARCH_BELOW:
        return _searched(expected, _uniform(expected, source))
    row = (expected * _STEPS).floor_()
    rest = _searched(expected - row / _STEPS, _uniform(expected, source))
    return rest.add_(_from_table(row, _uniform(expected, source)))


def _uniform(like: Tensor, source: torch.Generator) -> Tensor:
    return torch.empty_like(like).uniform_(generator=source)


def _from_table(row: Tensor, uniform: Tensor) -> Tensor:
    """Counts of mean row / _STEPS: a column is taken, or its alias where the deviate's fraction is too large."""
    place = uniform * _COLUMNS
    column = place.floor()
    index = (row * _COLUMNS + column).int().flatten()
    entry = _alias_table().index_select(0, index).view_as(uniform)
    alias = entry.floor()
    accepted = (entry - alias).sub_(place).add_(column).ceil_()  # 1 where the fraction is below the share, else 0
    return accepted.mul_(column - alias).add_(alias)


@cache
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def _alias_table() -> Tensor:
    """Flat (row, column) of alias + share of the column's own count, of Poisson means row / _STEPS."""
    means = np.arange(NORMAL_FROM * _STEPS + 1)[:, None] / _STEPS
    share = stats.poisson(means).pmf(np.arange(_COLUMNS)) * _COLUMNS
    rows = np.arange(len(means))
    table = np.tile(np.arange(_COLUMNS, dtype=np.float64), (len(means), 1))
    for _ in range(_COLUMNS - 1):
        poor, rich = share.argmin(axis=1), share.argmax(axis=1)
        own = share[rows, poor]
        short = own < 1 - 1e-9
        table[rows[short], poor[short]] = (rich + own)[short]
        share[rows, rich] -= 1 - own
        share[rows, poor] = 1
    return torch.from_numpy(table.ravel()).float()


def _searched(mean: Tensor, uniform: Tensor) -> Tensor:
    """Counts of small means: how many of the probabilities P(count <= k) a uniform deviate exceeds."""
    term = torch.exp(-mean)
    below = term.clone()
    counts = (uniform - below).ceil_()  # 1 where the deviate exceeds, else 0
    for k in range(1, _steps(float(mean.max())) + 1):
        term.mul_(mean).div_(k)
        counts += (uniform - below.add_(term)).ceil_()
    return counts.clamp_min_(0)  # a deviate of 0 would count below 0


def _steps(mean: float) -> int:
    """How far to search: counts beyond the last one found have a probability of at most _TAIL."""
    return next(k for k in range(_COLUMNS) if special.pdtrc(k + 1, mean) <= _TAIL)
