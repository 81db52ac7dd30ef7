"""Counting noise against torch.poisson, as a ratio in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/noise.py
"""

import time
from collections.abc import Callable
from statistics import median

import torch

from temshift.optics import poisson_counts

BATCH, SIDE, DOSE, PIXEL_AREA = 16, 128, 400.0, 0.16
ROUNDS = 30


def paired_ratio(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float, float]:
    """Median seconds of both and median ratio peer / ours, timed in turn."""
    pairs = []
    for _ in range(ROUNDS + 2):
        seconds = []
        for action in (ours, peer):
            started = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - started)
        pairs.append(seconds)
    warm = pairs[2:]
    return median(a for a, _ in warm), median(b for _, b in warm), median(b / a for a, b in warm)


def tell(name: str, peer: str, figures: tuple[float, float, float]) -> None:
    ours, theirs, ratio = figures
    print(f"{name}: {ours * 1e3:.2f} ms; {peer}: {theirs * 1e3:.2f} ms; ratio {ratio:.2f}")


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
