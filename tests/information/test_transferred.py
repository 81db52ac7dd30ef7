import numpy as np
import pytest
import torch

from temshift.conditions.drawn import Conditions
from temshift.conditions.imaging import ImagingConditions
from temshift.information.transfer.power_transfer import DIRECTIONS, WHOLE, power_transfer
from temshift.optics.microscope import Microscope
from temshift.optics.transfer import azimuthal_transfer

SCOPE = Microscope(300e3, nyquist=1.25)
Q = np.arange(1, 31) / 51.2


def drawn(**columns: float) -> Conditions:
    given = {"defocus_nm": -10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12, "focal_spread_sigma_nm": 1} | columns
    return ImagingConditions.model_validate(given).central()


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"C30_mm": 0.8},
        {"C12_nm": 12, "phi12_deg": 30},
        {"C21_nm": 2000, "phi21_deg": 40},
        {"vibration_sigma_nm": 0.05},
        {"mtf_half_frequency": 0.4},
    ],
)
@pytest.mark.parametrize("height", [-20.0, 0.0, 15.0, 60.0])
def test_transfer_at_any_height_is_that_of_a_lens_refocused_by_it(columns, height):
    conditions, one, none = drawn(**columns), np.ones((1, len(Q))), np.zeros((1, len(Q)))
    power, direct = (power_transfer(conditions, Q, SCOPE, at) for at in (12.0, height))
    first, there = np.zeros(1, int), np.array([height])
    phase = power.of(first, there, (one, none, none), WHOLE)
    amplitude = power.of(first, there, (none, one, none), WHOLE)
    cross = power.of(first, there, (none, none, one), WHOLE)
    np.testing.assert_allclose(phase, direct.phase, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(amplitude, direct.amplitude, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cross, -2 * direct.cross, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("defocus_nm", [-15, 0, 8])
@pytest.mark.parametrize("height", [0.0, 25.0])
def test_the_power_of_a_small_object_is_that_of_its_image(defocus_nm, height):
    """An object of phase and amplitude, at some height, through the lens by Fourier transforms."""
    size, pixel = 128, 0.4
    k = np.fft.fftfreq(size, pixel)
    q2 = k[:, None] ** 2 + k[None, :] ** 2
    place = (np.arange(size) - size / 2) * pixel
    r2 = place[:, None] ** 2 + place[None, :] ** 2
    phase, absorbed = 1e-4 * np.exp(-r2 / 2), 0.4e-4 * np.exp(-r2 / 4)
    lens = power_transfer(drawn(defocus_nm=defocus_nm, focal_spread_sigma_nm=0), Q, SCOPE, 12.0)
    wave = np.fft.fft2(1 + 1j * phase - absorbed) * np.exp(-1j * np.pi * SCOPE.wavelength * height * q2)
    chi = -np.pi * SCOPE.wavelength * defocus_nm * 10 * q2
    image = np.abs(np.fft.ifft2(wave * np.exp(-1j * chi))) ** 2
    rows = np.arange(1, 25)  # along x, at steps of 1 / 51.2 A, within the aperture
    measured = np.abs(np.fft.fft2(image - 1))[0, rows] ** 2
    along, across = (np.fft.fft2(part)[0, rows] for part in (phase, absorbed))
    parts = (np.abs(along) ** 2, np.abs(across) ** 2, (along * across.conj()).real)
    padded = [np.pad(part, (0, len(Q) - len(rows)))[None] for part in parts]
    told = lens.of(np.zeros(1, int), np.array([height]), padded, WHOLE)[0, : len(rows)] / 400
    np.testing.assert_allclose(told, measured, rtol=1e-3, atol=1e-3 * measured.max())


def test_frequencies_are_displaced_by_the_gradient_of_chi():
    power = power_transfer(drawn(defocus_nm=-20, C30_mm=1.2), Q, SCOPE, 30.0)
    alpha = SCOPE.wavelength * Q
    radial = (200 + 30) * alpha + 1.2e7 * alpha**3  # C10 = -defocus, and the height
    direction = np.exp(2j * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
    np.testing.assert_allclose(power.displacement[0], direction[:, None] * radial, rtol=1e-9)


def test_transfer_at_the_reference_height_is_four_doses_of_squared_t():
    power = power_transfer(drawn(), Q, SCOPE, 7.0)
    transfer = azimuthal_transfer(Q, SCOPE.wavelength, drawn(), 7.0).phase[0, 0]
    np.testing.assert_allclose(power.phase[0], 4 * 400 * transfer.abs().square().numpy(), rtol=1e-12)
    np.testing.assert_allclose(power.noise, 1)


def test_a_film_has_the_mean_transfer_over_its_depth():
    power, zero = power_transfer(drawn(C30_mm=0.4), Q, SCOPE, 12.0), np.zeros(1, int)
    depths = np.linspace(22, 62, 4001)
    one, none = np.ones((len(depths), len(Q))), np.zeros((len(depths), len(Q)))
    slices = power.of(np.zeros(len(depths), int), depths, (one, none, none), WHOLE).mean(axis=0)
    film = power.over(zero, np.array([42.0]), np.array([40.0]))[0]
    np.testing.assert_allclose(film, slices, rtol=1e-3, atol=1e-3 * film.max())


def test_no_electrons_transfer_nothing():
    conditions = drawn()
    none = Conditions.of(**{**vars(conditions)["aberrations"], "dose": torch.zeros(1, dtype=torch.float64)})
    power, one = power_transfer(none, Q, SCOPE, 12.0), np.ones((1, len(Q)))
    assert not power.of(np.zeros(1, int), np.array([5.0]), (one, one, one), WHOLE).any()
