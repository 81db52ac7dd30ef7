"""How long metrics of many distributions take, each against a peer in the same run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/information.py [distributions a side]
"""

import sys
import time

import numpy as np
import torch
from timing import paired_ratio, seconds, tell

from temshift.conditions import COLUMNS, ImagingConditions
from temshift.core import Stage, generator, wavelength
from temshift.information import (
    Bench,
    Information,
    as_conditions,
    band_of,
    compare,
    distance_matrix,
    fit_observer,
    information,
    ring_draws,
    shipped_library,
    spectral_distance,
    survey_for,
)
from temshift.optics import azimuthal_transfer, phase_transfers

LAMBDA = wavelength(300e3)
LIBRARY = shipped_library()
TILT = {"C12_nm": 5.0, "phi12_deg": 20.0}
ROUND = {"dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0}


def main() -> None:
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    _transfer()
    for name, extra in (("round lens", {}), ("astigmatism, 64 azimuths", TILT)):
        one = _conditions(-10.0, **extra)
        cost = np.median([seconds(lambda one=one: _inform(one), time.process_time) for _ in range(9)])
        print(f"information of one distribution, 256 draws, {name}: {cost * 1e3:.1f} ms of processor time")
    _matrix(count)
    _observers(count)
    example = {"defocus_nm": 10.0, **ROUND}
    cost = np.median([seconds(lambda: compare(example, {**example, "defocus_nm": -10.0}), time.process_time)] * 3)
    print(f"compare with the linear observer both ways: {cost:.2f} s of processor time")


def _conditions(focus: float, **extra: float) -> ImagingConditions:
    return as_conditions({"defocus_nm": {"normal": {"mean": focus, "sd": 1.5}}, **ROUND, **extra}, "benchmark")


def _inform(one: ImagingConditions) -> Information:
    survey, _ = survey_for([one], LIBRARY, Bench())
    return information(one, band_of(LIBRARY.mean, survey), survey.microscope)


def _transfer() -> None:
    """T^2 in two planes, in real numbers against complex ones."""
    q = LIBRARY.q[LIBRARY.q < 0.61]
    drawn = _conditions(-10.0).quantiles(generator(0, Stage.METRIC).random((256, len(COLUMNS))))
    figures = paired_ratio(
        lambda: [one.squared for one in phase_transfers(q, LAMBDA, drawn, (12.0, 41.0))],
        lambda: [azimuthal_transfer(q, LAMBDA, drawn, height).phase.abs().square() for height in (12.0, 41.0)],
        clock=time.process_time,
    )
    tell("phase_transfers, 256 draws, two planes", "azimuthal_transfer", figures)


def _matrix(count: int) -> None:
    started = time.process_time()
    sides = [[_inform(_conditions(focus)) for focus in np.linspace(*ends, count)] for ends in ((-25, 25), (-30, 20))]
    formed = time.process_time()
    matrix = distance_matrix(*sides)
    ended = time.process_time()
    print(
        f"{count} x {count} sigma from conditions, of a round lens: {ended - started:.1f} s of processor time, of them "
        f"{formed - started:.1f} s for {2 * count} spectra and {ended - formed:.1f} s for the matrix with its errors"
    )
    few = range(min(count, 30))
    figures = paired_ratio(
        lambda: distance_matrix(sides[0][:30], sides[1][:30]),
        lambda: [spectral_distance(sides[0][one], sides[1][two]) for one in few for two in few],
        rounds=5,
        clock=time.process_time,
    )
    tell("30 x 30 distances with errors", "pair by pair without", figures)
    assert np.allclose(matrix.value[0, 0], spectral_distance(sides[0][0], sides[1][0]))


def _observers(count: int) -> None:
    """The linear observer's matrix, from the costs of its parts."""
    one = _conditions(-10.0)
    survey, _ = survey_for([one], LIBRARY, Bench())
    ring_draws(one, LIBRARY, survey)
    drawing = float(np.median([seconds(lambda: ring_draws(one, LIBRARY, survey), time.process_time) for _ in "abcde"]))
    draws = ring_draws(one, LIBRARY, survey)
    fitting = float(np.median([seconds(lambda: fit_observer(draws, "linear"), time.process_time) for _ in "abcde"]))
    observer = fit_observer(draws, "linear")
    testing = float(np.median([seconds(lambda: observer.expected(draws), time.process_time) for _ in range(31)]))
    total = 2 * count * drawing + count * fitting + count**2 * testing
    print(
        f"linear observer: {drawing * 1e3:.0f} ms to draw a distribution, {fitting * 1e3:.0f} ms to fit, "
        f"{testing * 1e3:.2f} ms a test; {count} x {count}: {total / 60:.1f} minutes of one core"
    )


if __name__ == "__main__":
    main()
