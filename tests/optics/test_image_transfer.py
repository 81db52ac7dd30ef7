"""Motion, camera and noise against their formulas; the lens's transfer against sine and cosine of chi."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions.drawn import Conditions
from temshift.conditions.imaging import ImagingConditions
from temshift.optics import ImagingSettings, Microscope, azimuthal_transfer, transfer_functions
from temshift.optics.image_transfer import (
    azimuthal_motion,
    has_azimuths,
    image_transfer,
    motion_transfer,
    signal_and_noise,
)
from temshift.optics.transfer import displacement, polar_plane

MICROSCOPE = Microscope(300e3, nyquist=1.25)
LAMBDA = MICROSCOPE.wavelength
Q = np.arange(1, 33) / 51.2
ODD = {"C12_nm": 8.0, "phi12_deg": 20.0, "C21_nm": 700.0, "phi21_deg": 77.0, "angular_spread_sigma_mrad": 0.4}


def drawn(**given_values: object) -> Conditions:
    return ImagingConditions.model_validate({"defocus_nm": 9.0, "dose_e_per_A2": 200.0, **given_values}).central()


def test_noise_is_that_of_detected_electrons_and_of_reading_out() -> None:
    camera = {"mtf_half_frequency": 0.5, "ntf_half_frequency": 0.7, "dqe_zero": 0.6, "gain_counts_per_e": 3.0}
    noisy = drawn(**camera, read_noise_counts=2.0, pixel_size_error_percent=5.0)
    mtf, noise = signal_and_noise(torch.from_numpy(Q), MICROSCOPE, noisy)
    electrons = 200.0 * 0.6 * (0.4 * 1.05) ** 2
    assert mtf[0].numpy() == pytest.approx(2 ** -((Q / 1.25 / 0.5) ** 2))
    assert noise[0].numpy() == pytest.approx(4 ** -((Q / 1.25 / 0.7) ** 2) + (2 / 3) ** 2 / electrons)


def test_pixels_of_unknown_size_leave_the_camera_out() -> None:
    blurred = drawn(mtf_half_frequency=0.3, ntf_half_frequency=0.5)
    mtf, noise = signal_and_noise(torch.from_numpy(Q), Microscope(300e3), blurred)
    assert (mtf == 1).all() and (noise == 1).all()
    assert math.isinf(Microscope(300e3).image_nyquist)


def test_binning_lowers_the_nyquist_frequency_of_images() -> None:
    imaging = ImagingSettings.model_validate({"camera": {"binning": 2}})
    assert Microscope(300e3, imaging, 1.25).image_nyquist == 0.625


@pytest.mark.parametrize(
    ("further", "differ"),
    [
        ({}, False),
        ({"C30_mm": 1.0, "vibration_sigma_nm": 0.02}, False),
        ({"C12_nm": 3.0}, True),
        ({"C23_nm": 90.0}, True),
        ({"drift_nm": 0.1}, True),
    ],
)
def test_azimuths_matter_where_transfer_differs_between_them(further: dict[str, float], differ: bool) -> None:
    conditions = drawn(**further, angular_spread_sigma_mrad=0.3)
    assert has_azimuths(conditions) == differ
    squared = azimuthal_transfer(Q, LAMBDA, conditions, 0.0, azimuths=7).phase.abs().square().numpy()
    moved = squared * azimuthal_motion(Q, conditions, azimuths=7) ** 2
    assert (np.ptp(moved, axis=1).max() > 1e-6) == differ


def test_motion_along_azimuths_is_that_of_their_frequencies() -> None:
    conditions = drawn(vibration_sigma_nm=0.02, drift_nm=0.1, drift_azimuth_deg=30)
    (along, _, across) = azimuthal_motion(Q, conditions, azimuths=3)[0][[0, 1, 2]]
    for phi, values in ((0.0, along), (2 * math.pi / 3, across)):
        expected = 0.2**2 + 1.0**2 / 12 * math.cos(phi - math.radians(30)) ** 2
        assert values == pytest.approx(np.exp(-2 * math.pi**2 * expected * Q**2))


def test_displacement_is_the_slope_of_chi_over_frequency() -> None:
    conditions, directions, step = drawn(C30_mm=0.7, **ODD), 8, 1e-5
    moved = displacement(Q, LAMBDA, conditions, 30.0, directions=directions)[0]
    q = polar_plane(Q, np.arange(directions) * 2 * np.pi / directions)

    def chi(shift: complex) -> np.ndarray:
        return transfer_functions(q + shift, LAMBDA, conditions, 30.0, step=0.02).chi[0].numpy()

    along_x, along_y = ((chi(shift) - chi(-shift)) / (2 * step) for shift in (step, 1j * step))
    assert moved.ravel() == pytest.approx((along_x + 1j * along_y) / (2 * np.pi), rel=1e-5, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.floats(-30, 30), st.floats(-100, 100), st.floats(0, 1000), st.floats(0, 0.5))
def test_transfer_is_sine_and_cosine_of_even_chi_turned_by_odd_chi(
    defocus: float, height: float, coma: float, spread: float
) -> None:
    """T_p = exp(-i odd) (S sin even + i D cos even), S and D half the sum and difference of the envelopes."""
    conditions = drawn(**{**ODD, "defocus_nm": defocus, "C21_nm": coma, "angular_spread_sigma_mrad": spread})
    lens = azimuthal_transfer(Q, LAMBDA, conditions, height, azimuths=5)
    round_part = lens.aperture * lens.temporal / 2
    total, difference = (round_part * (lens.spatial + sign * lens.opposite_spatial) for sign in (1, -1))
    turned = torch.polar(torch.ones_like(lens.odd), lens.odd)
    phase, amplitude = lens.phase * turned, lens.amplitude * turned
    sine, cosine = torch.sin(lens.even), torch.cos(lens.even)
    torch.testing.assert_close(phase, torch.complex(total * sine, difference * cosine), rtol=0, atol=1e-9)
    torch.testing.assert_close(amplitude, torch.complex(total * cosine, -difference * sine), rtol=0, atol=1e-9)
    torch.testing.assert_close(lens.signed, phase.real, rtol=0, atol=1e-9)
    torch.testing.assert_close(lens.signed_amplitude, amplitude.real, rtol=0, atol=1e-9)


def test_image_transfer_is_that_of_lens_motion_and_camera() -> None:
    conditions = drawn(**ODD, mtf_half_frequency=0.5, drift_nm=0.1, semiangle_cutoff_mrad=11.0)
    q, step = polar_plane(Q, np.arange(4) * math.pi / 4), float(Q[0])
    whole = image_transfer(q, MICROSCOPE, conditions, step=step)
    lens = transfer_functions(q, LAMBDA, conditions, step=step)
    opposite = transfer_functions(-q, LAMBDA, conditions, step=step)
    mtf, _ = signal_and_noise(q.abs(), MICROSCOPE, conditions)
    rest = (motion_transfer(q, conditions) * mtf).numpy()
    assert whole.phase == pytest.approx(lens.signed.numpy() * rest)
    assert whole.amplitude == pytest.approx(lens.signed_amplitude.numpy() * rest)
    assert whole.spatial == pytest.approx((lens.spatial + opposite.spatial).numpy() / 2)
    assert whole.envelope == pytest.approx((lens.envelope + opposite.envelope).numpy() / 2 * rest)
    assert whole.shaped(4).phase == pytest.approx(whole.phase.reshape(4, len(Q)))
    assert np.exp(1j * whole.shift) == pytest.approx(np.exp(-1j * lens.odd.numpy()))
