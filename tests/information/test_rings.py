import numpy as np
import pytest

from temshift.information.transfer.window_spectra import (
    WINDOW,
    frequency_rings,
    hann_window,
    local_spectrum,
    patch_size,
    ring_members,
)

PIXEL = 0.4
HIGHEST = 0.6


def coloured_patches(power: np.ndarray, side: int, count: int) -> np.ndarray:
    """Patches from the middle of large random images whose radial power spectrum is given at 1/(side PIXEL) steps."""
    random = np.random.default_rng(5)
    k = np.fft.fftfreq(side, PIXEL)
    radius = np.hypot(k[:, None], k[None, :])
    amplitude = np.sqrt(np.interp(radius, np.arange(len(power)) / (side * PIXEL), power))
    size = patch_size(PIXEL)
    images = [np.fft.ifft2(np.fft.fft2(random.normal(size=(side, side))) * amplitude).real for _ in range(count)]
    return np.array([one[y : y + size, x : x + size] for one in images for y in (0, 48, 96) for x in (0, 48, 96)])


def ring_powers(patches: np.ndarray) -> np.ndarray:
    size = patches.shape[-1]
    power = np.abs(np.fft.fft2(patches * hann_window(size))) ** 2 / size**2
    edges = frequency_rings(HIGHEST, 0.5 / PIXEL)
    return np.array([power[:, member].mean(axis=1) for member in ring_members(size, PIXEL, edges)]).T


def test_rings_start_beyond_the_mean_end_at_the_band_and_are_never_empty():
    """One more goes from the band to the Nyquist frequency, if there is room for it."""
    for highest, outer in ((0.11, 1), (0.25, 1), (0.6, 1), (1.0, 1), (1.2, 0), (1.25, 0)):
        edges = frequency_rings(highest, 1.25)
        assert edges[0] == pytest.approx(0.5 / WINDOW)
        assert edges[-1 - outer] == pytest.approx(highest)
        assert edges[-1] == pytest.approx(1.25 if outer else highest)
        assert 1 <= len(edges) - 1 - outer <= 10
        assert ring_members(patch_size(PIXEL), PIXEL, edges).any(axis=(1, 2)).all()


def test_a_band_without_a_ring_is_refused():
    with pytest.raises(ValueError, match=r"holds no ring of a 12.8 A window; at least 0.102"):
        frequency_rings(0.09, 1.25)


def test_coarse_pixels_are_refused():
    with pytest.raises(ValueError, match=r"too coarse for a window of 12.8 A; at most 1.6 A"):
        patch_size(3.0)


def test_a_white_spectrum_stays_white():
    q = np.arange(1, 100) / 51.2
    local = local_spectrum(q, HIGHEST, PIXEL)
    np.testing.assert_allclose(local.response.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(local.response @ np.ones(len(q)), 1, rtol=1e-12)


def test_windows_see_a_coloured_spectrum_as_patches_of_images_do():
    steps = np.arange(64)
    power = 1 + 8 * np.exp(-(((steps / 51.2 - 0.3) / 0.06) ** 2)) - 0.5 * np.tanh(4 * (steps / 51.2 - 0.9))
    measured = ring_powers(coloured_patches(power, 128, 250)).mean(axis=0)
    expected = local_spectrum(steps[1:] / 51.2, HIGHEST, PIXEL).response @ power[1:]
    np.testing.assert_allclose(measured, expected, rtol=0.06)
    assert expected.max() / expected.min() > 3


def test_ring_powers_of_white_noise_fluctuate_as_their_modes_tell():
    powers = ring_powers(np.random.default_rng(1).normal(size=(6000, 32, 32)))
    modes = local_spectrum(np.arange(1, 64) / 51.2, HIGHEST, PIXEL).modes
    assert len(modes) == 9
    np.testing.assert_allclose(powers.mean(axis=0) ** 2 / powers.var(axis=0), modes, rtol=0.08)
    np.testing.assert_allclose(powers.mean(axis=0), 1, rtol=0.03)
