"""Image formation against abTEM: every aberration, envelope and axis, on one exit wave without symmetry."""

import math

import abtem
import numpy as np
import pytest
import torch

from temshift.core.grids import Grid
from temshift.exitwaves.multislice import Multislice, propagate_through
from temshift.optics.conditions import ImagingConditions
from temshift.optics.images import image_intensities, wave_spectra

ENERGY = 300e3
GRID = Grid.covering((16.0, 12.8), 0.2)
CUTOFF = 20.0  # mrad


@pytest.fixture(scope="module")
def exit_wave() -> torch.Tensor:
    draws = np.random.default_rng(3)
    positions = draws.uniform(0, 1, (60, 3)) * (9.0, 8.0, 16.0)
    numbers = draws.choice([6, 34, 48], 60)
    return propagate_through(positions, numbers, 16.0, GRID, Multislice(ENERGY, 2.0), dtype=torch.float64)


CASES = {
    "underfocus": {"defocus_nm": 12.0},
    "overfocus": {"defocus_nm": -7.0},
    "spherical aberration": {"defocus_nm": 5.0, "C30_mm": -0.8},
    "astigmatism": {"defocus_nm": 3.0, "C12_nm": 6.0, "phi12_deg": 25.0},
    "focal spread": {"defocus_nm": 10.0, "focal_spread_sigma_nm": 3.0},
    "angular spread": {"defocus_nm": 20.0, "C30_mm": 0.5, "angular_spread_sigma_mrad": 0.3},
    "mixture": {
        "defocus_nm": 8.0,
        "C12_nm": 4.0,
        "phi12_deg": -60.0,
        "C30_mm": 0.3,
        "focal_spread_sigma_nm": 2.0,
        "angular_spread_sigma_mrad": 0.2,
    },
}


@pytest.mark.parametrize("case", CASES)
def test_images_agree(exit_wave: torch.Tensor, case: str) -> None:
    ours, theirs = our_image(exit_wave, CASES[case]), abtem_image(exit_wave, CASES[case])
    assert np.abs(ours - theirs).max() <= 1e-5 * theirs.std()
    assert np.abs(ours[:, ::-1] - theirs).max() > 0.1 * theirs.std()


def our_image(wave: torch.Tensor, values: dict[str, float]) -> np.ndarray:
    given = {"dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": CUTOFF, **values}
    conditions = ImagingConditions.model_validate(given)
    spectra = wave_spectra(wave[None, None], GRID, ENERGY, CUTOFF * 1e-3)
    return image_intensities(spectra, torch.zeros(1, dtype=torch.long), conditions.central())[0].numpy()


def abtem_image(wave: torch.Tensor, values: dict[str, float]) -> np.ndarray:
    """The same image by abTEM, whose widths are 1/e widths, sqrt(2) sigma."""
    with abtem.config.set({"precision": "float64"}):
        waves = abtem.Waves(wave.numpy().T.copy(), energy=ENERGY, sampling=GRID.sampling[::-1])
        ctf = abtem.CTF(
            energy=ENERGY,
            semiangle_cutoff=CUTOFF,
            defocus=10 * values["defocus_nm"],
            Cs=1e7 * values.get("C30_mm", 0.0),
            C12=10 * values.get("C12_nm", 0.0),
            phi12=math.radians(values.get("phi12_deg", 0.0)),
            focal_spread=10 * math.sqrt(2) * values.get("focal_spread_sigma_nm", 0.0),
            angular_spread=math.sqrt(2) * values.get("angular_spread_sigma_mrad", 0.0),
        )
        image = waves.apply_ctf(ctf).intensity()
    return np.asarray(image.array).T
