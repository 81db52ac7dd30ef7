"""Counting noise against torch.poisson at many means, and the camera against counts alone, as ratios in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/noise.py
"""

import torch
from timing import paired_ratio, tell
from torch import Tensor

from temshift.core import Grid
from temshift.optics import CameraResponse, detect, expected_electrons, poisson_counts

BATCH, SIDE, SAMPLING = 16, 128, 0.4
GRID = Grid((SIDE, SIDE), (SAMPLING, SAMPLING))
MEANS = (0.01, 0.1, 0.3, 1.0, 3.0, 8.0, 12.0, 16.0, 64.0, 1e4)  # electrons a pixel; images reach 5 % either way
SEEDS = list(range(BATCH))


def main() -> None:
    torch.set_num_threads(1)
    intensities = 0.95 + 0.1 * torch.rand(BATCH, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    for mean in MEANS:
        _counts(intensities, mean)
    for name, response in _cameras().items():
        _camera(name, intensities, response)


def _dose(mean: float) -> Tensor:
    return torch.full((BATCH,), mean / GRID.pixel_area)


def _counts(intensities: Tensor, mean: float) -> None:
    dose = _dose(mean)
    expected = expected_electrons(intensities, dose, GRID.pixel_area)
    tell(
        f"poisson_counts, {BATCH} images of {SIDE} x {SIDE} at {mean:g} e/pixel",
        "torch.poisson",
        paired_ratio(
            lambda: poisson_counts(intensities, dose, GRID.pixel_area, SEEDS),
            lambda: torch.poisson(expected),
        ),
    )


def _cameras() -> dict[str, CameraResponse]:
    half = torch.full((BATCH,), 0.7, dtype=torch.float64)
    blur = {"mtf_half_frequency": half, "ntf_half_frequency": half}
    return {
        "perfect": CameraResponse.perfect(BATCH),
        "MTF": CameraResponse.perfect(BATCH, mtf_half_frequency=half),
        "MTF, NTF, read noise, drift": CameraResponse.perfect(BATCH, **blur, read_noise=half, drift=half),
    }


def _camera(name: str, intensities: Tensor, response: CameraResponse) -> None:
    dose = _dose(64.0)
    tell(
        f"detect, {name}, the same images at 64 e/pixel",
        "torch.poisson",
        paired_ratio(
            lambda: detect(intensities, dose, GRID, SEEDS, response),
            lambda: torch.poisson(expected_electrons(intensities, dose, GRID.pixel_area)),
        ),
    )


if __name__ == "__main__":
    main()
