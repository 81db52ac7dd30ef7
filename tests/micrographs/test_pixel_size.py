"""Pixels of another size than stated: electrons, motion and masks go with them."""

import numpy as np
import pytest
import torch

from temshift.conditions import ImagingConditions
from temshift.core.grids import Grid
from temshift.micrographs import MicrographSource, Stream, count_electrons, form_micrographs
from temshift.optics import CameraSettings, ImagingSettings, wave_spectra
from temshift.optics.camera import camera_response

GRID = Grid((64, 64), (0.4, 0.4))
FIRST = np.array([0])


def conditions(**values: object) -> ImagingConditions:
    return ImagingConditions.model_validate({"defocus_nm": 0.0, "dose_e_per_A2": 1e4, **values})


def source(wave: np.ndarray, mask: np.ndarray) -> MicrographSource:
    waves = torch.from_numpy(wave.astype(np.complex128))[None, None]
    return MicrographSource(wave_spectra(waves, GRID, 300e3), torch.from_numpy(mask)[None])


@pytest.mark.parametrize("percent", [-10.0, 25.0])
def test_larger_pixels_catch_more_electrons(percent: float) -> None:
    vacuum = source(np.ones(GRID.shape), np.zeros(GRID.shape, bool))
    drawn = conditions(pixel_size_error_percent=percent).central()
    expected = 1e4 * (0.4 * (1 + percent / 100)) ** 2
    assert float(count_electrons(vacuum, drawn, FIRST, [1]).mean()) == pytest.approx(expected, rel=2e-3)


def test_motion_is_shorter_in_larger_pixels() -> None:
    drawn = conditions(pixel_size_error_percent=25.0, drift_nm=0.5, vibration_sigma_nm=0.1).central()
    response = camera_response(drawn, CameraSettings())
    assert (float(response.drift), float(response.vibration_sigma)) == pytest.approx((4.0, 0.8))


@pytest.mark.parametrize("percent", [-20.0, 10.0])
@pytest.mark.parametrize("binning", [1, 2])
def test_a_mask_lies_on_its_particle(percent: float, binning: int) -> None:
    """An off-centre disc that absorbs, seen through a perfect lens."""
    y, x = np.meshgrid(np.arange(64), np.arange(64), indexing="ij")
    disc = np.hypot(y - 40.0, x - 27.0) < 12
    imaging = ImagingSettings.model_validate({"camera": {"binning": binning}})
    plain = source(np.where(disc, 0.5, 1.0), disc)
    binned = MicrographSource(plain.spectra, plain.masks, imaging)
    images, masks = form_micrographs(binned, conditions(pixel_size_error_percent=percent), FIRST, [0], Stream(1))
    image, mask = images[0, 0], masks[0, 0]
    dark = image < (image.max() + image.min()) / 2
    assert int((dark & mask).sum()) > 0.85 * int((dark | mask).sum())
    assert int(mask.sum()) == pytest.approx(disc.sum() / ((1 + percent / 100) * binning) ** 2, rel=0.1)
