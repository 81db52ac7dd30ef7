"""The signs of the project: underfocus, height of an object, weak phases; and aberrations and apertures."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import Conditions, ImagingConditions
from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.exitwaves.multislice import fresnel_propagator
from temshift.optics import azimuthal_transfer, image_intensities, wave_spectra
from temshift.optics.limits import point_resolution, scherzer_defocus

ENERGY = 300e3
LAMBDA = wavelength(ENERGY)
GRID = Grid((64, 64), (0.25, 0.25))
CUTOFF = 15.0


def conditions(**values: float) -> ImagingConditions:
    return ImagingConditions.model_validate(
        {"defocus_nm": 0.0, "dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": CUTOFF, **values}
    )


def image(wave: torch.Tensor, **values: float) -> torch.Tensor:
    spectra = wave_spectra(wave[None, None], GRID, ENERGY, CUTOFF * 1e-3)
    return image_intensities(spectra, torch.zeros(1, dtype=torch.long), conditions(**values).central())[0]


def signed(q: np.ndarray, drawn: Conditions, height: float = 0.0, azimuths: int = 1) -> torch.Tensor:
    return azimuthal_transfer(q, LAMBDA, drawn, height, azimuths=azimuths).signed


def cosine_phase(strength: float, cycles: int = 4) -> torch.Tensor:
    """A weak phase grating along x with ``cycles`` periods."""
    x = torch.arange(64, dtype=torch.float64) / 64
    return (strength * torch.cos(2 * math.pi * cycles * x)).expand(64, 64)


@pytest.mark.parametrize("strength", [1e-4, -1e-4])
@pytest.mark.parametrize("defocus_nm", [-12.0, 9.0])
def test_a_weak_phase_gives_two_sin_chi(strength: float, defocus_nm: float) -> None:
    phase = cosine_phase(strength)
    contrast = image(torch.polar(torch.ones_like(phase), phase), defocus_nm=defocus_nm) - 1
    transfer = signed(np.array([4 / 16.0]), conditions(defocus_nm=defocus_nm).central())
    assert torch.allclose(contrast, 2 * transfer[0, 0, 0] * phase, atol=1e-3 * abs(strength))


def test_underfocus_shows_atoms_dark() -> None:
    """chi = -pi lambda defocus q^2 < 0, so the contrast 2 phi sin chi of a positive phase is negative."""
    phase = cosine_phase(1e-4)
    wave = torch.polar(torch.ones_like(phase), phase)
    chi = -math.pi * LAMBDA * 100.0 * (4 / 16.0) ** 2
    contrast = float(image(wave, defocus_nm=10.0)[0, 0] - 1)
    assert contrast < 0
    assert math.isclose(contrast, 2e-4 * math.sin(chi), rel_tol=1e-3)


@settings(max_examples=15)
@given(st.floats(1, 40))
def test_an_object_at_height_h_is_in_focus_at_defocus_plus_h(height_nm: float) -> None:
    phase = cosine_phase(0.1)
    at_plane = torch.polar(torch.ones_like(phase), phase)
    step = fresnel_propagator(GRID, ENERGY, 10 * height_nm, dtype=torch.complex128)
    at_exit = torch.fft.ifft2(torch.fft.fft2(at_plane) * step)
    assert torch.allclose(image(at_exit, defocus_nm=height_nm), image(at_plane), atol=1e-9)
    transfer = signed(np.linspace(0.1, 0.7, 9), conditions(defocus_nm=height_nm).central(), 10 * height_nm)
    assert torch.allclose(transfer, torch.zeros_like(transfer), atol=1e-9)


@pytest.mark.parametrize("height_nm", [3.0, -3.0])
def test_transfer_of_an_object_at_height_h_has_the_sign_of_its_image(height_nm: float) -> None:
    phase = cosine_phase(1e-4)
    step = fresnel_propagator(GRID, ENERGY, 10 * height_nm, dtype=torch.complex128)
    wave = torch.fft.ifft2(torch.fft.fft2(torch.polar(torch.ones_like(phase), phase)) * step)
    transfer = signed(np.array([4 / 16.0]), conditions(defocus_nm=8.0).central(), 10 * height_nm)
    contrast = image(wave, defocus_nm=8.0) - 1
    assert torch.allclose(contrast, 2 * transfer[0, 0, 0] * phase, atol=1e-7)


def test_under_and_overfocus_of_a_weak_object_are_contrast_inverses() -> None:
    phase = cosine_phase(1e-4)
    wave = torch.polar(torch.ones_like(phase), phase)
    assert torch.allclose(image(wave, defocus_nm=11.0) - 1, 1 - image(wave, defocus_nm=-11.0), atol=1e-7)


def test_astigmatism_focuses_along_its_azimuth() -> None:
    """C12 adds to C10 along phi12 and is taken from it at right angles."""
    astigmatic = conditions(defocus_nm=10.0, C12_nm=10.0, phi12_deg=0.0)
    transfer = signed(np.array([0.2, 0.4]), astigmatic.central(), azimuths=2)
    assert torch.allclose(transfer[0, 0], torch.zeros(2, dtype=torch.float64), atol=1e-9)
    doubled = signed(np.array([0.2, 0.4]), conditions(defocus_nm=20.0).central())
    assert torch.allclose(transfer[0, 1], doubled[0, 0])


def test_point_resolution_is_the_first_zero_at_scherzer_defocus() -> None:
    """The published 0.66 Cs^(1/4) lambda^(3/4) for Cs = 1.2 mm at 200 kV and 300 kV, and the zero itself."""
    for energy, published in ((200e3, 2.45), (300e3, 2.04)):
        assert point_resolution(1.2e7, wavelength(energy)) == pytest.approx(published, abs=0.02)
    q = np.linspace(0.05, 0.7, 5000)
    scherzer = conditions(defocus_nm=scherzer_defocus(1.2e7, LAMBDA) / 10, C30_mm=1.2).central()
    transfer = signed(q, scherzer)[0, 0].numpy()
    zero = q[np.nonzero(np.diff(np.sign(transfer)))[0][0]]
    assert 1 / zero == pytest.approx(point_resolution(1.2e7, LAMBDA), rel=0.03)


def test_vacuum_is_one_whatever_the_lens() -> None:
    wave = torch.ones(64, 64, dtype=torch.complex128)
    values = {"defocus_nm": 30.0, "C12_nm": 5.0, "C30_mm": 1.0, "focal_spread_sigma_nm": 3.0}
    assert torch.allclose(image(wave, **values), torch.ones(64, 64, dtype=torch.float64))


def test_an_aperture_beyond_the_band_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lies beyond the band of waves on 0.25 A .* at most 39.37 mrad"):
        wave_spectra(torch.ones(1, 1, 64, 64, dtype=torch.complex64), GRID, ENERGY, 39.4e-3)
