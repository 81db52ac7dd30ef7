"""The error budget of exit waves: OMP_NUM_THREADS=1 python docs/accuracy.py [budget] [full] [memory].

Prints the tables of docs/accuracy.md. Waves are compared inside an aperture of 1.25 1/A, which 0.2 A pixels hold, with
a sum over atoms in Fourier space that has no deposit. `full` repeats the comparison with abTEM on a cell of 12.8 nm;
`memory` measures the resident size of whole runs, and needs Linux.
"""

import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import abtem
import matplotlib
import numpy as np
import torch
from ase import Atoms
from exact_wave import ENERGY, exact_wave, extent_of, pixels_of
from torch import Tensor

from temshift.core import Grid, Stage, generator, wavelength
from temshift.exitwaves import (
    ABTEM_BAND_LIMIT,
    ABTEM_TAPER,
    ExitWaveSettings,
    Multislice,
    Projection,
    Slices,
    displaced,
    downsampled,
    fresnel_propagator,
    propagate_through,
)
from temshift.specimens import SpecimenRecipe, build_specimen

matplotlib.use("Agg")
from matplotlib import pyplot as plt

DOCS = Path(__file__).parent
APERTURE = 1.25  # 1/A
DEFOCUS = -100.0  # A: the middle of the published series
PIXEL = 0.2  # on which waves are compared and images formed [A]
RMS = {6: 0.08, 34: 0.10, 48: 0.12}  # assumed displacements at 300 K [A]
FINE = 0.05  # pixels of references [A]
THICKNESSES = (4.0, 2.0, 1.0, 0.5)  # A
MARKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)  # of the axis of errors
CHOICES = ((0.2, 2.0), (0.2, 1.0), (0.16, 2.0), (0.1, 2.0), (0.1, 1.0))  # sampling, slices [A]
PROJECTIONS: tuple[Projection, ...] = ("infinite", "shared", "finite")
Rows = Iterable[tuple[object, ...]]


def recipe_of(cell_nm: float, particles: int, radius_nm: float) -> SpecimenRecipe:
    """CdSe spheres on 4 nm of amorphous carbon."""
    recipe = {
        "cell_nm": (cell_nm, cell_nm),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 4.0},
        "particles": {"crystal": "CdSe", "radius_nm": radius_nm, "count": particles, "gap_nm": 0.5},
    }
    return SpecimenRecipe.model_validate(recipe)


def specimen(cell_nm: float, particles: int, radius_nm: float) -> Atoms:
    """Build one specimen."""
    return build_specimen(recipe_of(cell_nm, particles, radius_nm), 1, 0)


# Waves: ours and abTEM's; exact_wave is an independent one without deposit


def our_wave(atoms: Atoms, sampling: float, method: Multislice, dtype: torch.dtype = torch.float64) -> Tensor:
    """Wave of the package at the exit plane."""
    grid, height = pixels_of(atoms, sampling), float(atoms.cell.lengths()[2])
    return propagate_through(atoms.positions, atoms.numbers, height, grid, method, dtype=dtype).to(torch.complex128)


def ours(thickness: float = 2.0, projection: Projection = "shared") -> Multislice:
    """Return the package's way through a specimen."""
    return Multislice(ENERGY, thickness, projection)


def abtem_wave(atoms: Atoms, sampling: float, thickness: float, projection: str = "infinite") -> Tensor:
    """Wave of abTEM in its default precision, half a slice before its exit plane: its slices act at their entrance."""
    grid = pixels_of(atoms, sampling)
    potential = abtem.Potential(
        atoms, gpts=grid.shape[::-1], slice_thickness=thickness, parametrization="lobato", projection=projection
    )
    wave = np.asarray(abtem.PlaneWave(energy=ENERGY).multislice(potential, lazy=False).array).T
    half = Slices.through(float(atoms.cell.lengths()[2]), thickness).thickness / 2
    back = fresnel_propagator(grid, ENERGY, -half, dtype=torch.complex128)
    return torch.fft.ifft2(torch.fft.fft2(torch.from_numpy(wave.astype(complex))) * back)


# Errors


def in_aperture(wave: Tensor, atoms: Atoms, cutoff: float = APERTURE) -> Tensor:
    """Bring a wave to 0.2 A pixels, or leave it on coarser ones, inside an aperture [1/A]."""
    grid = pixels_of(atoms, max(PIXEL, extent_of(atoms)[1] / wave.shape[-1]))
    return torch.fft.ifft2(torch.fft.fft2(downsampled(wave, grid.shape)) * inside(grid, cutoff))


def inside(grid: Grid, cutoff: float) -> Tensor:
    """Frequencies inside an aperture [1/A]."""
    qy, qx = map(torch.from_numpy, grid.frequencies())
    return torch.hypot(qy, qx) <= cutoff


def relative(wave: Tensor, truth: Tensor) -> float:
    """rms(dpsi) / rms(psi - 1)."""
    return float((wave - truth).abs().square().mean().sqrt() / (truth - 1).abs().square().mean().sqrt())


def image(wave: Tensor, atoms: Atoms, defocus: float = DEFOCUS) -> Tensor:
    """Intensity of a wave at a defocus [A]; C10 = -defocus acts like more propagation."""
    grid = pixels_of(atoms, extent_of(atoms)[1] / wave.shape[-1])
    lens = fresnel_propagator(grid, ENERGY, -defocus, dtype=torch.complex128)
    return torch.fft.ifft2(torch.fft.fft2(wave) * lens).abs().square()


def image_error(one: Tensor, other: Tensor) -> float:
    """rms(dI) / std(I)."""
    return float((one - other).square().mean().sqrt() / other.std())


def errors(wave: Tensor, truth: Tensor, atoms: Atoms, cutoff: float = APERTURE) -> tuple[float, float, float]:
    """Errors inside the aperture: of the wave, of its image at -10 nm, and of that at the exit plane."""
    one, other = (in_aperture(each, atoms, cutoff) for each in (wave, truth))
    other = downsampled(other, (one.shape[0], one.shape[1]))
    images = ((image(each, atoms, defocus) for each in (one, other)) for defocus in (DEFOCUS, 0.0))
    return relative(one, other), *(image_error(*pair) for pair in images)


# Tables of the budget: each source alone, the rest kept the same


def deposit(atoms: Atoms) -> Rows:
    """The same slices and pixels with and without a deposit, at all frequencies; infinite, as abTEM has it."""
    for sampling in (0.4, 0.2, 0.1):
        exact = exact_wave(atoms, sampling, 2.0)
        abtem_like = {"limit": ABTEM_BAND_LIMIT, "taper": ABTEM_TAPER, "limit_transmission": True}
        whole = exact_wave(atoms, sampling, 2.0, "infinite", **abtem_like)
        mine = relative(our_wave(atoms, sampling, ours()), exact)
        yield f"{sampling} A", mine, relative(abtem_wave(atoms, sampling, 2.0), whole)


def sampling_and_band(atoms: Atoms) -> Rows:
    """Pixels and band limits, without a deposit, in slices of 2 A."""
    truth = exact_wave(atoms, FINE, 2.0)
    for sampling in (0.2, 0.16, 0.1):
        kept = exact_wave(atoms, sampling, 2.0)
        narrow = exact_wave(atoms, sampling, 2.0, limit=2 / 3)
        both = exact_wave(atoms, sampling, 2.0, limit=2 / 3, limit_transmission=True)
        yield f"{sampling} A", *(both_errors(wave, truth, atoms) for wave in (kept, narrow, both))


def slices(atoms: Atoms) -> Rows:
    """Slice thickness, without a deposit, on pixels of 0.1 A."""
    truth = exact_wave(atoms, 0.1, 0.25, "finite")
    for thickness in THICKNESSES:
        waves = [exact_wave(atoms, 0.1, thickness, projection) for projection in PROJECTIONS]
        yield f"{thickness:g} A", *(both_errors(wave, truth, atoms) for wave in waves)


def arithmetic(atoms: Atoms) -> Rows:
    """Precision, propagator, downsampling and the reference itself."""
    double = our_wave(atoms, 0.2, ours())
    single = our_wave(atoms, 0.2, ours(), torch.float32)
    yield "float32 against float64, 0.2 A", both_errors(single, double, atoms)
    paraxial, full = (exact_wave(atoms, 0.1, 2.0, paraxial=flag) for flag in (True, False))
    yield "paraxial against exact propagator, 0.1 A", both_errors(paraxial, full, atoms)
    yield "images of waves stored at 0.2 A against downsampled images, 0.1 A", downsampling(atoms)
    other = exact_wave(atoms, FINE, 1.0, "finite")
    yield "the reference with slices of 1 A", both_errors(other, converged(atoms), atoms)
    other = exact_wave(atoms, 1 / 15, 0.5, "finite")
    yield "the reference on pixels of 0.067 A", both_errors(other, converged(atoms), atoms)


def downsampling(atoms: Atoms) -> float:
    """Error of the image on stored pixels against the image on the simulation's, both under the aperture."""
    wave, stored = our_wave(atoms, 0.1, ours()), pixels_of(atoms, PIXEL)
    grid = pixels_of(atoms, 0.1)
    whole = image(torch.fft.ifft2(torch.fft.fft2(wave) * inside(grid, APERTURE - 0.01)), atoms)
    fewer = image(in_aperture(downsampled(wave, stored.shape), atoms, APERTURE - 0.01), atoms)
    return image_error(fewer, downsampled(whole.to(torch.complex128), stored.shape).real)


def phonons(atoms: Atoms) -> Rows:
    """Error of the mean image of a number of configurations against that of 256 others, averaged over eight groups."""
    rms = np.array([RMS[int(number)] for number in atoms.numbers])
    several = np.stack([displaced(atoms.positions, rms, generator(1, Stage.PHONON, 0, k)) for k in range(384)])
    height, grid = float(atoms.cell.lengths()[2]), pixels_of(atoms, PIXEL)
    waves = propagate_through(several, atoms.numbers, height, grid, ours()).to(torch.complex128)
    images = torch.stack([image(in_aperture(wave, atoms), atoms) for wave in waves])
    truth = images[128:].mean(dim=0)
    still = image(in_aperture(our_wave(atoms, PIXEL, ours()), atoms), atoms)
    yield "atoms at rest", image_error(still, truth)
    damped = propagate_through(atoms.positions, atoms.numbers, height, grid, ours(), rms=rms).to(torch.complex128)
    yield "damped potentials", image_error(image(in_aperture(damped, atoms), atoms), truth)
    for count in (1, 2, 4, 8, 16):
        groups = images[: 8 * count].view(8, count, *grid.shape).mean(dim=1)
        yield count, float(np.mean([image_error(mean, truth) for mean in groups]))


# Tables of the whole: ours and abTEM's against one reference


def converged(atoms: Atoms) -> Tensor:
    """Reference without deposit in slices of 0.5 A: finite projections, or shared atoms in a large cell."""
    return _converged(round(float(atoms.cell.lengths()[0]) / 10, 1))


@cache
def _converged(cell: float) -> Tensor:
    atoms = SPECIMENS[cell]()
    if cell > 10:
        return exact_wave(atoms, 1 / 15, 0.5, dtype=torch.complex64)
    return exact_wave(atoms, FINE, 0.5, "finite")


def whole(atoms: Atoms, choices: Iterable[tuple[float, float]]) -> Rows:
    """Settings (sampling, slice thickness) as users choose them, in the precision that they run in."""
    truth, single = converged(atoms), torch.float32
    for sampling, thickness in choices:
        mine = errors(our_wave(atoms, sampling, ours(thickness), single), truth, atoms)
        theirs = errors(abtem_wave(atoms, sampling, thickness), truth, atoms)
        yield f"{sampling:g} A", f"{thickness:g} A", *mine, *theirs


def quick(atoms: Atoms) -> Rows:
    """The quick study's settings, in its aperture of 12 mrad."""
    cutoff = 12e-3 / wavelength(ENERGY)
    wave = our_wave(atoms, 0.4, ours(4.0), torch.float32)
    yield "0.4 A", "4 A", *errors(wave, converged(atoms), atoms, cutoff)


def draw(atoms: Atoms) -> None:
    """Write docs/accuracy.png."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    truth, samplings = converged(atoms), (0.2, 0.16, 0.125, 0.1, 0.08)
    for name, wave_at in (
        ("temshift", lambda a, s: our_wave(a, s, ours())),
        ("abTEM", lambda a, s: abtem_wave(a, s, 2.0)),
    ):
        left.plot(samplings, [errors(wave_at(atoms, s), truth, atoms)[1] for s in samplings], "o-", label=name)
    left.set(
        xlabel="sampling / Å (slices of 2 Å)", ylabel="error of the image, rms(dI) / std(I)", xscale="log", yscale="log"
    )
    left.set_xticks(samplings, [f"{value:g}" for value in samplings], minor=False)
    left.set_yticks(MARKS, [f"{100 * value:g} %" for value in MARKS], minor=False)
    thickness = exact_wave(atoms, 0.1, 0.25, "finite")
    for projection in PROJECTIONS:
        values = [errors(exact_wave(atoms, 0.1, t, projection), thickness, atoms)[1] for t in THICKNESSES]
        right.plot(THICKNESSES, values, "o-", label=f"{projection}, slices alone")
    values = [errors(abtem_wave(atoms, 0.1, t), truth, atoms)[1] for t in THICKNESSES]
    right.plot(THICKNESSES, values, "s--", color="grey", label="abTEM at 0.1 Å, in all")
    right.set(xlabel="slice thickness / Å", xscale="log")
    right.set_xticks(THICKNESSES, [f"{value:g}" for value in THICKNESSES], minor=False)
    for axes in (left, right):
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(DOCS / "accuracy.png", dpi=110)


# Memory of whole runs

RUN = """
import re, sys
from pathlib import Path
from temshift.exitwaves import ExitWaveSettings, simulate
from temshift.specimens import SpecimenRecipe, build_specimen
recipe = SpecimenRecipe.model_validate_json(sys.argv[1])
simulate(build_specimen(recipe, 1, 0), ExitWaveSettings.model_validate_json(sys.argv[2]), 1, 0)
print(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]))
"""
PROTOCOL = {
    "focus": "minimum_contrast",
    "mask": {"definition": "phase"},
    "rms": {"C": RMS[6], "Se": RMS[34], "Cd": RMS[48]},
}


def memory() -> Rows:
    """Peak of the resident size of fresh processes, in MB, beside the bound."""
    runs = (
        (5.12, 0.4, 0.4, 4.0, 1, "shared"),
        (12.8, 0.2, 0.2, 2.0, 1, "shared"),
        (12.8, 0.2, 0.2, 2.0, 8, "shared"),
        (12.8, 0.1, 0.2, 2.0, 1, "shared"),
        (12.8, 0.1, 0.2, 2.0, 8, "shared"),
        (12.8, 0.2, 0.2, 2.0, 1, "finite"),
    )
    for cell, sampling, stored, thickness, count, projection in runs:
        settings = ExitWaveSettings.model_validate(
            {
                "energy_kev": 300,
                "sampling_angstrom": sampling,
                "stored_sampling_angstrom": stored,
                "slice_thickness_angstrom": thickness,
                "projection": projection,
                "phonons": {"configurations": count, "rms_displacement_angstrom": PROTOCOL["rms"]},
                **{key: PROTOCOL[key] for key in ("focus", "mask")},
            }
        )
        command = [sys.executable, "-c", RUN, recipe_of(cell, 1, 2.0).model_dump_json(), settings.model_dump_json()]
        found = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        bound = settings.peak_bytes((10 * cell, 10 * cell))
        shape = settings.grid((10 * cell, 10 * cell)).shape
        yield f"{shape[0]} x {shape[1]}", f"{stored} A", count, projection, f"{found / 1e6:.0f}", f"{bound / 1e6:.0f}"


# Printing


def number(value: float) -> str:
    """Two digits, such as 2.5e-2."""
    return f"{value:.1e}".replace("e-0", "e-")


def both_errors(wave: Tensor, truth: Tensor, atoms: Atoms) -> str:
    """Errors of the wave and of its image at -10 nm, as one cell of a table."""
    return " / ".join(number(value) for value in errors(wave, truth, atoms)[:2])


def tell(title: str, header: str, rows: Rows) -> None:
    """Print one table in markdown."""
    started = time.perf_counter()
    lines = ["| " + " | ".join(number(v) if isinstance(v, float) else str(v) for v in row) + " |" for row in rows]
    rule = "|" + "---|" * header.count("|")
    print(f"\n{title} ({time.perf_counter() - started:.0f} s)\n", f"| {header}", rule, *lines, sep="\n", flush=True)


def budget() -> None:
    """Print what each source of error costs, and draw the picture."""
    atoms = SPECIMENS[3.2]()
    total = "sampling | slices | ours: wave | image, -10 nm | image, 0 nm | abTEM: wave | image, -10 nm | image, 0 nm |"
    tell("Deposit, rel", "pixels | Kaiser-Bessel | abTEM |", deposit(atoms))
    tell("Sampling and band", "pixels | 0.9, product | 2/3, product | 2/3, both |", sampling_and_band(atoms))
    tell("Slices", "thickness | infinite | shared | finite |", slices(atoms))
    tell("Arithmetic", "approximation | wave / image |", arithmetic(atoms))
    tell("Phonons", "configurations | image |", phonons(atoms))
    tell("In all", total, whole(atoms, CHOICES))
    tell("Quick study", "sampling | slices | wave | image, -10 nm | image, 0 nm |", quick(atoms))
    draw(atoms)


def full() -> None:
    """Print the comparison with abTEM on the full cell."""
    total = "sampling | slices | ours: wave | image, -10 nm | image, 0 nm | abTEM: wave | image, -10 nm | image, 0 nm |"
    tell("In all, 12.8 nm", total, whole(SPECIMENS[12.8](), ((0.2, 2.0), (0.16, 2.0), (0.1, 2.0))))


def main() -> None:
    """Print the tables that are asked for."""
    warnings.filterwarnings("ignore", module="abtem")
    torch.set_num_threads(1)
    parts = {"budget": budget, "full": full, "memory": lambda: tell("Memory, MB", MEMORY_HEADER, memory())}
    for name in sys.argv[1:] or ["budget"]:
        parts[name]()


SPECIMENS: dict[float, Callable[[], Atoms]] = {
    3.2: partial(specimen, 3.2, 1, 1.2),
    12.8: partial(specimen, 12.8, 3, 2.0),
}
MEMORY_HEADER = "simulated | stored | configurations | projection | measured | bound |"

if __name__ == "__main__":
    main()
