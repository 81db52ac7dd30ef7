"""Multislice against abTEM, two processes against one, and the full protocol on a CUDA device, as ratios in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/multislice.py [--quick]

Both sides get the same atoms, grid, slices and form factors (Lobato and Van Dyck), compute in single precision on one
thread, and build their potentials from the atoms in every round. abTEM has what was fastest for it: pyFFTW with plans
measured in the warm-up rounds, infinite projections, no task graph, and potentials made slice by slice (building them
all beforehand took longer). Errors are of waves inside an aperture of 1.25 1/A, against finite projections on a fine
grid in thin slices; abTEM's wave is moved by half a slice first, since its slices act at their entrance.
"""

import argparse
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import abtem
import numba
import numpy as np
import torch
from ase import Atoms
from timing import paired_ratio, tell
from torch import Tensor

from temshift.core import Grid
from temshift.execution import make_executor
from temshift.exitwaves import (
    ExitWaveSettings,
    Multislice,
    downsampled,
    fresnel_propagator,
    propagate_through,
    simulate,
)
from temshift.specimens import SpecimenRecipe, build_specimen

ENERGY, SLICE, APERTURE = 300e3, 2.0, 1.25
FULL, QUICK, SMALL = 12.8, 6.4, 2.4  # sides of cells [nm]
DISPLACEMENTS = {"C": 0.08, "Cd": 0.1, "Se": 0.1}  # assumed; they change no time

# Bytes that a pixel moves in a slice if each step reads and writes once, and each transform does so along each axis:
# wave 32 + 16 + 32 (transform, propagate, transform back), potential 4 + 16 + 8 + 16 (deposit, transform, scattering
# factor, transform back), transmission 20 (phase and wave read, wave written).
TRAFFIC = 144


def specimen(side: float, index: int = 0) -> Atoms:
    """CdSe spheres on 5 nm of carbon."""
    recipe = {
        "cell_nm": (side, side),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 5.0},
        "particles": {
            "crystal": "CdSe",
            "radius_nm": 0.8 if side < QUICK else {"minimum": 1.5, "maximum": 2.5},
            "count": 4 if side >= FULL else 1,
            "gap_nm": 0.5,
        },
    }
    return build_specimen(SpecimenRecipe.model_validate(recipe), 1, index)


def grid_of(atoms: Atoms, sampling: float) -> Grid:
    width, depth, _ = atoms.cell.lengths()
    return Grid.covering((depth, width), sampling)


def ours(atoms: Atoms, sampling: float, method: Multislice) -> Tensor:
    height = float(atoms.cell.lengths()[2])
    return propagate_through(atoms.positions, atoms.numbers, height, grid_of(atoms, sampling), method)


def theirs(atoms: Atoms, sampling: float, thickness: float = SLICE) -> np.ndarray:
    """abTEM's exit wave (x, y)."""
    height = float(atoms.cell.lengths()[2])
    potential = abtem.Potential(
        atoms,
        gpts=grid_of(atoms, sampling).shape[::-1],
        slice_thickness=height / math.ceil(height / thickness - 1e-9),
        parametrization="lobato",
        projection="infinite",
    )
    return abtem.PlaneWave(energy=ENERGY).multislice(potential, lazy=False).array


def compare_speed(side: float, rounds: int) -> None:
    """Ours against abTEM on the same grid and slices, then on a coarser grid."""
    atoms = specimen(side)
    print(f"{len(atoms)} atoms in {side:g} x {side:g} nm, slices of {SLICE:g} A, one thread, CPU time")
    for mine, peers, projection in ((0.1, 0.1, "infinite"), (0.2, 0.2, "infinite"), (0.2, 0.1, "shared")):
        method = Multislice(ENERGY, SLICE, projection)
        engine, peer = partial(ours, atoms, mine, method), partial(theirs, atoms, peers)
        figures = paired_ratio(engine, peer, rounds, time.process_time)
        tell(f"temshift at {mine} A ({projection} projection)", f"abTEM at {peers} A", figures)


def compare_errors() -> None:
    """Both against a converged wave, in a small cell of the same thickness."""
    atoms = specimen(SMALL)
    print(f"errors inside {APERTURE:g} 1/A, rms(dpsi) / rms(psi - 1); {len(atoms)} atoms in {SMALL:g} x {SMALL:g} nm")
    converged = within_aperture(ours(atoms, 0.05, Multislice(ENERGY, 0.5, "finite")), atoms)
    waves = {
        "temshift at 0.2 A": ours(atoms, 0.2, Multislice(ENERGY, SLICE)),
        "abTEM at 0.1 A": at_middle(theirs(atoms, 0.1), atoms, SLICE),
        "the reference on a coarser grid (0.1 A)": ours(atoms, 0.1, Multislice(ENERGY, 0.5, "finite")),
        "abTEM at 0.025 A in slices of 0.5 A": at_middle(theirs(atoms, 0.025, 0.5), atoms, 0.5),
    }
    for name, wave in waves.items():
        error = rms(within_aperture(wave, atoms) - converged) / rms(converged - 1)
        print(f"  {name}: {float(error):.2e}", flush=True)


def rms(wave: Tensor) -> Tensor:
    return wave.abs().square().mean().sqrt()


def at_middle(wave: np.ndarray, atoms: Atoms, thickness: float) -> Tensor:
    """abTEM's wave (y, x) as if its slices acted at their middle."""
    height = float(atoms.cell.lengths()[2])
    slices = math.ceil(height / thickness - 1e-9)
    grid = grid_of(atoms, float(atoms.cell.lengths()[0]) / len(wave))
    back = fresnel_propagator(grid, ENERGY, -height / slices / 2, dtype=torch.complex64)
    return torch.fft.ifft2(torch.fft.fft2(torch.from_numpy(np.ascontiguousarray(wave.T))) * back)


def within_aperture(wave: Tensor, atoms: Atoms) -> Tensor:
    """The wave below the aperture's cutoff, on pixels that hold it."""
    coarse = grid_of(atoms, 0.2)
    qy, qx = map(torch.from_numpy, coarse.frequencies())
    return torch.fft.ifft2(torch.fft.fft2(downsampled(wave, coarse.shape)) * (torch.hypot(qy, qx) <= APERTURE))


def protocol(sampling: float, phonons: int) -> ExitWaveSettings:
    return ExitWaveSettings.model_validate(
        {
            "energy_kev": ENERGY / 1e3,
            "sampling_angstrom": sampling,
            "stored_sampling_angstrom": 0.2,
            "slice_thickness_angstrom": SLICE,
            "focus": "minimum_contrast",
            "memory_mb": 40_000,
            "phonons": {"configurations": phonons, "rms_displacement_angstrom": DISPLACEMENTS},
            "mask": {"definition": "phase"},
        }
    )


def simulate_some(atoms: Atoms, index: int) -> None:
    """What a worker does for a specimen but for writing; the waves stay where they are."""
    torch.set_num_threads(1)
    simulate(atoms, protocol(0.2, 1), 1, index)


def compare_workers(side: float, rounds: int, tasks: int = 8) -> None:
    """Throughput of two processes against one; both pools are warm."""
    atoms = specimen(side)
    with make_executor(1) as one, make_executor(2) as two:
        figures = paired_ratio(partial(run_all, two, atoms, tasks), partial(run_all, one, atoms, tasks), rounds)
    tell(f"{tasks} specimens of {side:g} nm at 0.2 A in two processes", "in one", figures)


def run_all(executor: Executor, atoms: Atoms, tasks: int) -> None:
    for future in [executor.submit(simulate_some, atoms, index) for index in range(tasks)]:
        future.result()


def time_device(rounds: int) -> None:
    """The full protocol on a CUDA device, beside what its memory allows."""
    if not torch.cuda.is_available():
        print("full protocol on a GPU: not run, for there is no CUDA device here")
        return
    atoms, settings = specimen(FULL), protocol(0.1, 8)
    device = torch.device("cuda")
    figures = paired_ratio(
        on_device(partial(simulate, atoms, settings, 1, 0, device=device)),
        on_device(partial(move, settings, atoms, device)),
        rounds,
    )
    name = torch.cuda.get_device_name(device)
    tell(f"full protocol, a structure, on {name}", "its least memory traffic as copies", figures)


def on_device(action: Callable[[], object]) -> Callable[[], None]:
    def whole() -> None:
        action()
        torch.cuda.synchronize()

    return whole


def move(settings: ExitWaveSettings, atoms: Atoms, device: torch.device) -> None:
    """Copy as many bytes as multislice must move: the whole specimen at 0.1 A, and particles alone at 0.2 A."""
    particles = atoms[atoms.arrays["particle"] >= 0]
    passages = ((atoms, 0.1), (particles, 0.2))
    pixel_slices = sum(math.prod(grid_of(some, sampling).shape) * planes(some) for some, sampling in passages)
    total = TRAFFIC * pixel_slices * settings.phonons.configurations
    source = torch.empty(2**30, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    for _ in range(round(total / 2 / source.numel())):
        target.copy_(source)


def planes(atoms: Atoms) -> int:
    return math.ceil(float(np.ptp(atoms.positions[:, 2])) / SLICE) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the area, fewer rounds, no errors")
    parser.add_argument(
        "--device-only", action="store_true", help="the full protocol on a CUDA device, and nothing else"
    )
    asked = parser.parse_args()
    quick = asked.quick
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    abtem.config.set({"precision": "float32", "fft": "fftw", "fftw.threads": 1, "dask.lazy": False})
    abtem.config.set({"diagnostics.progress_bar": False})
    side, rounds = (QUICK, 5) if quick else (FULL, 7)
    if asked.device_only:
        time_device(rounds)
        return
    if not quick:
        compare_errors()
    compare_speed(side, rounds)
    compare_workers(side, 3 if quick else 5)
    time_device(rounds)


if __name__ == "__main__":
    main()
