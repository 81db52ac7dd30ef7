"""Coincidence loss: a frame of a counting camera counts at most one electron in a pixel."""

import torch
from torch import Tensor


def coincident(electrons: Tensor, frames: Tensor) -> Tensor:
    """Mean number of electrons counted, F (1 - exp(-x)) with x = electrons / F: a pixel and frame has one or none.

    Parameters
    ----------
    electrons : Tensor (...)
        Mean number of electrons on a pixel in all frames, >= 0.
    frames : Tensor (...)
        F, >= 1, rounded to whole frames; infinite where none is lost.

    Returns
    -------
    Tensor (...)
        Takes gradients with respect to both.

    Examples
    --------
    >>> round(float(coincident(torch.tensor(50.0), torch.tensor(100.0))), 3)
    39.347
    """
    lossless = torch.isinf(frames)
    whole = _whole(frames)
    return torch.where(lossless, electrons, -whole * torch.expm1(-electrons / whole))


def coincidence_noise(electrons: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Noise and slope of what is counted of n electrons a pixel.

    The count is binomial: its mean F (1 - e^-x) rises with n by the slope e^-x, its variance is F e^-x (1 - e^-x), less
    than the mean. What stands to the signal is variance / slope^2 = n (e^x - 1) / x: coincidence takes the share
    1 - x / (e^x - 1), about x / 2, of the DQE at every frequency.

    Frames and pixels are independent here. A real detector has a dead area of several pixels, A: then F / A in place of
    F gives this loss to slope and to noise at low frequencies, while at high ones its noise stays nearer to that of
    Poisson counts.

    Parameters
    ----------
    electrons : Tensor (n,)
        n, as for :func:`coincident`.
    frames : Tensor (n,)
        F.

    Returns
    -------
    noise : Tensor (n,)
        (e^x - 1) / x, in units of the shot noise of n electrons; 1 without loss.
    slope : Tensor (n,)
        e^-x.

    References
    ----------
    The binomial count follows from Poisson arrivals by itself, as derived above. P. Zambon, Front. Phys. (2024), DOI
    10.3389/fphy.2024.1408430, derives mean and variance of counters that make binary images. X. Li, P. Mooney, S. Zheng
    et al., Nat. Methods 10, 584 (2013), DOI 10.1038/nmeth.2472, measure the DQE of a camera that counts.
    """
    x = torch.where(torch.isinf(frames), 0.0, electrons / _whole(frames))
    some = x > 0
    safe = torch.where(some, x, 1.0)
    return torch.where(some, torch.expm1(safe) / safe, 1.0), torch.exp(-x)


def coincident_counts(expected: Tensor, frames: float, source: torch.Generator) -> Tensor:
    """Draw how many electrons are counted in every pixel of one image: a binomial number of F frames.

    Parameters
    ----------
    expected : Tensor (y, x)
        Mean electrons on each pixel, >= 0.
    frames : float
        F, finite.
    source : torch.Generator
        On the device of ``expected``.

    Returns
    -------
    Tensor (y, x)
        Whole numbers as floats, at most F.

    Raises
    ------
    ValueError
        On a CPU, where a mean is negative or no number.
    """
    expected = expected.detach()
    if not expected.is_cuda and not float(expected.min()) >= 0:
        raise ValueError(
            f"a pixel expects {float(expected.min()):g} electrons; must be 0 or more: check intensities and dose"
        )
    whole = float(round(frames))
    share = -torch.expm1(-expected.double() / whole)
    return torch.binomial(torch.full_like(share, whole), share, generator=source).to(expected)


def _whole(frames: Tensor) -> Tensor:
    """Whole frames with the gradient of any; 1 in place of infinitely many."""
    finite = torch.where(torch.isinf(frames), 1.0, frames)
    return finite + (finite.round() - finite).detach()
