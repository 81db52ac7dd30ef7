"""The plane of least contrast, where it is known."""

import abtem
import numpy as np
import pytest
import torch

from temshift.core.grids import Grid
from temshift.exitwaves.focus import minimum_contrast_height
from temshift.exitwaves.multislice import Multislice, propagate_through

GRID = Grid((64, 80), (0.25, 0.2))


def wave_of(heights: list[float], exit_plane: float = 60.0) -> torch.Tensor:
    """Exit wave of hydrogen atoms, weak phase objects, at heights upstream of the exit plane."""
    draws = np.random.default_rng(0)
    xy = draws.uniform(0, 16, (len(heights), 2))
    positions = np.column_stack([xy, exit_plane - np.array(heights)])
    method = Multislice(300e3, 0.5)
    wave = propagate_through(positions, np.full(len(heights), 1), exit_plane, GRID, method, dtype=torch.float64)
    return wave[None]


@pytest.mark.parametrize("height", [0.0, 12.0, 34.5])
def test_a_thin_phase_object_has_least_contrast_at_its_own_plane(height: float) -> None:
    wave = wave_of([height] * 12)
    assert minimum_contrast_height(wave, GRID, 300e3, (-10.0, 50.0)) == pytest.approx(height, abs=0.3)


def test_a_thick_object_has_least_contrast_inside_it() -> None:
    wave = wave_of([10.0, 15.0, 20.0, 25.0, 30.0] * 4)
    assert 12 < minimum_contrast_height(wave, GRID, 300e3, (-10.0, 50.0)) < 28


def test_a_focal_series_of_abtem_has_least_variance_at_the_same_plane() -> None:
    """Every 0.1 A of the range, where the search takes two stages."""
    wave = wave_of([10.0, 12.0, 18.0, 29.0] * 5)
    qy, qx = map(torch.from_numpy, GRID.frequencies())
    inside = torch.hypot(qy, qx) < GRID.nyquist / 2
    limited = torch.fft.ifft2(torch.fft.fft2(wave[0]) * inside)
    heights = np.arange(0, 40, 0.1)
    with abtem.config.set({"precision": "float64"}):
        waves = abtem.Waves(limited.numpy().T.copy(), energy=300e3, sampling=GRID.sampling[::-1])
        series = waves.apply_ctf(abtem.CTF(energy=300e3, defocus=heights)).intensity()
    found = heights[np.argmin(np.asarray(series.array).var(axis=(1, 2)))]
    assert minimum_contrast_height(wave, GRID, 300e3, (0.0, 40.0)) == pytest.approx(found, abs=0.05)


def test_phonon_configurations_count_by_their_mean_intensity() -> None:
    wave = wave_of([20.0] * 12)
    both = torch.cat([wave, wave])
    heights = (0.0, 40.0)
    assert minimum_contrast_height(both, GRID, 300e3, heights) == minimum_contrast_height(wave, GRID, 300e3, heights)
