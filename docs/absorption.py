"""The most that absorption beyond the band can do at 300 kV: OMP_NUM_THREADS=1 python docs/absorption.py.

Transmission functions are made on pixels half as wide, then limited to the band, so that each plane loses exactly what
it scatters beyond. Prints errors of images at 0.2 A and slices of 2 A without and with that.
"""

import torch
from ase import Atoms
from exact_wave import ENERGY, extent_of, pixels_of, plane_spectra
from torch import Tensor

from temshift.exitwaves import (
    Multislice,
    Slices,
    band_mask,
    downsampled,
    fresnel_propagator,
    image_error,
    plain_image,
    propagate_through,
)
from temshift.specimens import SpecimenRecipe, build_specimen

SAMPLING, THICKNESS = 0.2, 2.0
CASES = {"Au": (1, 1, 0), "Ag": (1, 1, 0), "CdSe": (0, 0, 1), "Au, random": None}
DTYPE = torch.complex128


def specimen(name: str) -> Atoms:
    """One sphere on a film."""
    axis = CASES[name]
    particles = {"crystal": name.split(",")[0], "radius_nm": 0.9, "count": 1, "gap_nm": 0.5}
    film = {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.0}
    particles["orientation"] = {"zone_axis": axis} if axis else "random"
    recipe = {"cell_nm": (2.5, 2.5), "substrate": film, "particles": particles}
    return build_specimen(SpecimenRecipe.model_validate(recipe), 5, 0)


def wave_of(atoms: Atoms, finer: int) -> Tensor:
    """Wave with transmission functions made on pixels so many times finer."""
    grid, fine = pixels_of(atoms, SAMPLING), pixels_of(atoms, SAMPLING / finer)
    height = float(atoms.cell.lengths()[2])
    slices = Slices.through(height, THICKNESS)
    band, heights = band_mask(grid), slices.plane_heights("shared")
    wave, here = torch.ones(grid.shape, dtype=DTYPE), 0.0
    for plane, spectrum in sorted(plane_spectra(atoms, fine, slices, "shared", DTYPE).items()):
        step = fresnel_propagator(grid, ENERGY, heights[plane] - here, dtype=DTYPE) * band
        passed = torch.exp(1j * torch.fft.irfft2(spectrum, s=fine.shape))
        wave, here = torch.fft.ifft2(torch.fft.fft2(wave) * step) * downsampled(passed, grid.shape), heights[plane]
    last = fresnel_propagator(grid, ENERGY, height - here, dtype=DTYPE) * band
    return torch.fft.ifft2(torch.fft.fft2(wave) * last)


def main() -> None:
    """Print the table."""
    print("| | without | with |\n|---|---|---|")
    for name in CASES:
        atoms = specimen(name)
        extent, height = extent_of(atoms), float(atoms.cell.lengths()[2])
        fine = propagate_through(
            atoms.positions, atoms.numbers, height, pixels_of(atoms, 0.05), Multislice(ENERGY, 0.5)
        )
        truth = plain_image(fine, extent, ENERGY, -100.0, 15e-3)
        images = [plain_image(wave_of(atoms, finer), extent, ENERGY, -100.0, 15e-3) for finer in (1, 2)]
        print(f"| {name} | {' | '.join(f'{image_error(each, truth):.3f}' for each in images)} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
