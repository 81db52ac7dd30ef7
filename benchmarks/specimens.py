"""Amorphous carbon against the plain loop with a cell list, as a ratio in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/specimens.py
"""

import itertools
import math
import time
from collections import defaultdict
from statistics import median

import numpy as np

from temshift.specimens import add_sequentially, number_density

BOX = np.array([128.0, 128.0, 50.0])  # A
DENSITY, DISTANCE, TARGET = 2.0, 1.4, 1.5  # g/cm3, A, s
ROUNDS = 3
NEIGHBOURS = list(itertools.product((-1, 0, 1), repeat=3))


def plain_loop(box: np.ndarray, count: int, distance: float, generator: np.random.Generator) -> np.ndarray:
    """Random sequential addition one by one; each candidate is compared with the atoms of 27 small cells."""
    sides = box.tolist()
    counts = [math.floor(side / distance) for side in sides]
    cells: dict[tuple[int, ...], list[tuple[float, float, float]]] = defaultdict(list)
    placed: list[tuple[float, float, float]] = []
    candidates = iter(())
    while len(placed) < count:
        point = next(candidates, None)
        if point is None:
            candidates = iter((generator.random((65536, 3)) * box).tolist())
            continue
        home = tuple(min(int(p / s * n), n - 1) for p, s, n in zip(point, sides, counts, strict=True))
        if not crowded(point, home, cells, counts, sides, distance):
            cells[home].append(point)
            placed.append(point)
    return np.array(placed)


def crowded(point, home, cells, counts, sides, distance) -> bool:
    for i, j, k in NEIGHBOURS:
        for other in cells.get(((home[0] + i) % counts[0], (home[1] + j) % counts[1], home[2] + k), ()):
            dx, dy = abs(point[0] - other[0]), abs(point[1] - other[1])
            dx, dy, dz = min(dx, sides[0] - dx), min(dy, sides[1] - dy), point[2] - other[2]
            if dx * dx + dy * dy + dz * dz < distance * distance:
                return True
    return False


def main() -> None:
    count = round(float(BOX.prod()) * number_density(DENSITY))
    seconds = []
    for seed in range(ROUNDS):
        times, films = [], []
        for add in (add_sequentially, plain_loop):
            started = time.perf_counter()
            films.append(add(BOX, count, DISTANCE, np.random.default_rng(seed)))
            times.append(time.perf_counter() - started)
        seconds.append(times)
        prefix = min(1000, count)
        if not np.array_equal(films[0][:prefix], films[1][:prefix]):
            raise SystemExit("the two do not place the same atoms")
    ours, theirs = (median(column) for column in zip(*seconds, strict=True))
    ratio = median(b / a for a, b in seconds)
    print(
        f"carbon of {BOX[0] / 10:g} x {BOX[1] / 10:g} x {BOX[2] / 10:g} nm, {count} atoms: {ours:.2f} s "
        f"(wanted: {TARGET} s); plain loop with a cell list: {theirs:.2f} s; ratio {ratio:.1f}"
    )


if __name__ == "__main__":
    main()
