"""Counting noise against torch.poisson, as a ratio in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/noise.py
"""

import torch
from timing import paired_ratio, tell

from temshift.optics import poisson_counts

BATCH, SIDE, DOSE, PIXEL_AREA = 16, 128, 400.0, 0.16


def main() -> None:
    torch.set_num_threads(1)
    intensities = 1 + 0.1 * torch.rand(BATCH, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    dose, seeds = torch.full((BATCH,), DOSE), list(range(BATCH))
    expected = intensities * DOSE * PIXEL_AREA
    tell(
        "poisson_counts, 16 images of 128 x 128 at 64 e/pixel",
        "torch.poisson",
        paired_ratio(
            lambda: poisson_counts(intensities, dose, PIXEL_AREA, seeds),
            lambda: torch.poisson(expected),
        ),
    )


if __name__ == "__main__":
    main()
