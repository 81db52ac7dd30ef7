"""Fewer pixels: what stays is the same, and images formed on them are the downsampled images."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.exitwaves.downsampling import downsampled
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import simulate
from temshift.optics import image_intensities, wave_spectra
from temshift.specimens import SpecimenRecipe, build_specimen

ENERGY = 300e3
RECIPE = SpecimenRecipe.model_validate(
    {
        "cell_nm": (2.0, 2.4),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.0},
        "particles": {"crystal": "CdSe", "radius_nm": 0.6, "count": 1, "gap_nm": 0.2},
    }
)
SETTINGS = {"energy_kev": 300, "sampling_angstrom": 0.1, "slice_thickness_angstrom": 2.0}


@given(
    old=st.tuples(st.integers(6, 15), st.integers(6, 15)),
    new=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    beam=st.tuples(st.integers(-6, 6), st.integers(-6, 6)),
)
def test_a_plane_wave_stays_or_goes_by_its_frequency(
    old: tuple[int, int], new: tuple[int, int], beam: tuple[int, int]
) -> None:
    y, x = (torch.arange(size, dtype=torch.float64) / size for size in old)
    beam = tuple((k + n // 2) % n - n // 2 for k, n in zip(beam, old, strict=True))  # what the old grid takes it for
    wave = torch.exp(2j * math.pi * (beam[0] * y[:, None] + beam[1] * x[None, :]))
    v, u = (torch.arange(size, dtype=torch.float64) / size for size in new)
    expected = torch.exp(2j * math.pi * (beam[0] * v[:, None] + beam[1] * u[None, :]))
    kept = all(abs(k) < n / 2 or n == m for k, n, m in zip(beam, new, old, strict=True))
    assert torch.allclose(downsampled(wave, new), expected if kept else torch.zeros_like(expected), atol=1e-12)


def test_the_same_shape_changes_nothing() -> None:
    wave = torch.randn(2, 8, 9, dtype=torch.complex128)
    assert torch.equal(downsampled(wave, (8, 9)), wave)


def test_a_finer_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="take fewer"):
        downsampled(torch.zeros(8, 8, dtype=torch.complex128), (8, 10))


@pytest.mark.parametrize("defocus_nm", [-20.0, 0.0, 15.0])
def test_images_of_stored_waves_are_the_downsampled_images(defocus_nm: float) -> None:
    """Downsampling images from 0.1 to 0.2 A and storing waves at 0.2 A are the same up to an aperture of 1.25 1/A."""
    atoms = build_specimen(RECIPE, 1, 0)
    fine, coarse = Grid.covering((24.0, 20.0), 0.1), Grid.covering((24.0, 20.0), 0.2)
    waves = simulate(atoms, ExitWaveSettings.model_validate(SETTINGS), 1, 0).waves
    stored_settings = ExitWaveSettings.model_validate({**SETTINGS, "stored_sampling_angstrom": 0.2})
    stored = simulate(atoms, stored_settings, 1, 0).waves
    assert stored.shape[-2:] == coarse.shape
    image = downsampled(micrograph(waves, fine, defocus_nm).to(torch.complex128), coarse.shape).real
    difference = (micrograph(stored, coarse, defocus_nm) - image).std() / image.std()
    assert float(difference) < 1e-4


def micrograph(waves: torch.Tensor, grid: Grid, defocus_nm: float) -> torch.Tensor:
    """Image under the widest aperture that 0.2 A pixels hold, a little under 1.25 1/A."""
    semiangle = 1.249 * wavelength(ENERGY)
    conditions = ImagingConditions.model_validate(
        {"defocus_nm": defocus_nm, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": semiangle * 1e3}
    )
    spectra = wave_spectra(waves[None].to(torch.complex128), grid, ENERGY, semiangle)
    drawn = conditions.quantiles(np.full((1, 8), 0.5))
    return image_intensities(spectra, torch.tensor([0]), drawn)[0]
