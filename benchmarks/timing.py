"""Two ways to do one thing, timed in turn: ratios of pairs hold on a busy machine, seconds do not."""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

WARM_UP = 2

Clock = Callable[[], float]


class Figures(NamedTuple):
    """Median seconds of both, and the median of the ratios peer / ours."""

    ours: float
    peer: float
    ratio: float


def paired_ratio(
    ours: Callable[[], object], peer: Callable[[], object], rounds: int = 30, clock: Clock = time.perf_counter
) -> Figures:
    """Time both in turn; the first rounds, which plan transforms and fill caches, do not count.

    ``time.process_time`` counts the processor time of all threads of this process, which other programs disturb less.
    """
    pairs = [(seconds(ours, clock), seconds(peer, clock)) for _ in range(rounds + WARM_UP)][WARM_UP:]
    return Figures(median(a for a, _ in pairs), median(b for _, b in pairs), median(b / a for a, b in pairs))


def seconds(action: Callable[[], object], clock: Clock) -> float:
    started = clock()
    action()
    return clock() - started


def tell(name: str, peer: str, figures: Figures) -> None:
    ours, theirs, ratio = figures
    print(f"{name}: {ours * 1e3:.2f} ms; {peer}: {theirs * 1e3:.2f} ms; ratio {ratio:.2f}", flush=True)
