"""What a card can do at most, measured: copies of its memory and products of matrices in bfloat16.

Run as: python benchmarks/card.py
"""

import time
from collections.abc import Callable
from statistics import median

import torch

COPIED = 2**30  # bytes
SIDE = 8192
ROUNDS = 20


def main() -> None:
    """Print both limits beside the name of the card."""
    if not torch.cuda.is_available():
        print("no CUDA device is usable here")
        return
    source = torch.empty(COPIED, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    left, right = (torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    moved = 2 * COPIED / seconds(lambda: target.copy_(source))
    rate = 2 * SIDE**3 / seconds(lambda: left @ right)
    print(
        f"{torch.cuda.get_device_name()}: memory {moved / 1e12:.2f} TB/s read and written, "
        f"bfloat16 {rate / 1e12:.0f} TFLOP/s in products of {SIDE} x {SIDE}"
    )


def seconds(action: Callable[[], object]) -> float:
    """Median time of an action on the card, after two that are not counted."""
    times = []
    for _ in range(ROUNDS + 2):
        torch.cuda.synchronize()
        started = time.perf_counter()
        action()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return median(times[2:])


if __name__ == "__main__":
    main()
