"""The correlation of neighbouring pixels in the images that networks were trained on, from their first layers.

A first layer's batch normalisation keeps the running variance of w * x, w a kernel of 3 x 3 and x the standardised
images: sum over pairs of places of w(a) w(b) R(a - b), R their autocorrelation. Of images without direction R has six
values at the lags of a kernel; each network gives four equations, so that five networks overdetermine them.
"""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from published_unet import PublishedUNet

from temshift.conditions import ImagingConditions
from temshift.scoring import score

Array = NDArray[np.float64]
LAGS = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2))  # pixels, either way round


class Measured(NamedTuple):
    """Correlation (lags - 1,) over that at lag 0, and the largest share of a variance that the fit misses."""

    correlation: Array
    misfit: float


def measured_correlation(networks: Iterable[PublishedUNet]) -> Measured:
    """Solve the running variances of first layers for the autocorrelation, by least squares of relative errors."""
    blocks = [network.downs[0] for network in networks]
    kernels = torch.cat([block.conv1.weight.detach()[:, 0] for block in blocks]).double().numpy()
    variances = torch.cat([block.bn1.running_var for block in blocks]).double().numpy()
    equations = np.array([_products(kernel) for kernel in kernels]) / variances[:, None]
    autocorrelation = np.linalg.lstsq(equations, np.ones(len(variances)), rcond=None)[0]
    misfit = np.abs(equations @ autocorrelation - 1).max()
    return Measured(autocorrelation[1:] / autocorrelation[0], float(misfit))


def _products(kernel: Array) -> Array:
    """Sum w(a) w(b) over all pairs of places of each lag."""
    sums = dict.fromkeys(LAGS, 0.0)
    for (a, w), (b, v) in itertools.product(np.ndenumerate(kernel), repeat=2):
        lag = tuple(sorted(abs(i - j) for i, j in zip(a, b, strict=True)))
        sums[lag] += w * v  # type: ignore[index]
    return np.array(list(sums.values()))


def correlation(images: Array) -> Array:
    """Return the mean correlation (lags - 1,) of neighbouring pixels of standardised periodic images (n, y, x)."""
    power = np.abs(np.fft.fft2(images)) ** 2
    plane = np.fft.ifft2(power.mean(axis=0)).real
    values = [(plane[lag] + plane[lag[::-1]]) / 2 for lag in LAGS]
    return np.array(values[1:]) / values[0]


class _Kept:
    """A network that keeps the images which it is asked about."""

    def __init__(self) -> None:
        self.images: list[torch.Tensor] = []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.images.append(images[:, 0])
        return images


def camera_correlations(waves: Path, conditions: Mapping[str, Any]) -> dict[str, Array]:
    """Return the correlation of neighbouring pixels in simulated images, by the name of their conditions."""
    correlations = {}
    for name, keys in conditions.items():
        kept = _Kept()
        score(kept, waves, {name: ImagingConditions.model_validate(keys)}, gives="logits")
        correlations[name] = correlation(torch.cat(kept.images).double().numpy())
    return correlations
