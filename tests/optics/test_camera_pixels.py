"""A camera's own pixels: apart from those of waves and images, and the noise that binning leaves in an image."""

import math

import numpy as np
import pytest
import torch

from temshift.conditions import ImagingConditions
from temshift.core.grids import Grid
from temshift.micrographs.formation import MicrographSource, camera_masks, count_electrons, masks_of
from temshift.optics import CameraResponse, CameraSettings, ImagingSettings, Microscope, detect, wave_spectra
from temshift.optics.camera.image_noise import bin_aperture, binned_noise_power
from temshift.optics.image_transfer import image_efficiency, image_signal_and_noise, signal_and_noise

WAVES = Grid((48, 64), (0.4, 0.4))
FINE = Grid((96, 128), (0.2, 0.2))
CAMERA = {"pixel_angstrom": 0.2, "binning": 2}
BLUR = {"mtf_half_frequency": 0.3, "transfer_exponent": 1.0, "scattering_share": 0.0, "dqe_zero": 0.5}


def imaging(**camera: object) -> ImagingSettings:
    return ImagingSettings.model_validate({"camera": camera})


def source(grid: Grid, settings: ImagingSettings) -> MicrographSource:
    """A weak wave of few frequencies, the same on any grid."""
    y, x = (torch.arange(n, dtype=torch.float64) / n for n in grid.shape)
    phase = 0.2 * torch.cos(2 * math.pi * (3 * y[:, None] + 5 * x)) + 0.1 * torch.sin(2 * math.pi * 7 * x)
    wave = torch.polar(torch.ones(grid.shape, dtype=torch.float64), phase)
    spectra = wave_spectra(wave[None, None], grid, 300e3, 20e-3)
    return MicrographSource(spectra, torch.zeros(1, *grid.shape, dtype=torch.bool), settings)


def drawn(**given: float) -> ImagingConditions:
    return ImagingConditions.model_validate(
        {"defocus_nm": 20, "semiangle_cutoff_mrad": 20, "dose_e_per_A2": 500} | given
    )


def test_a_fine_camera_binned_by_two_counts_what_fine_waves_binned_by_two_would_give() -> None:
    """To the bit of the Poisson counts: the same means, from waves on coarse pixels."""
    conditions, none = drawn(**BLUR).central(), np.array([0])
    coarse = count_electrons(source(WAVES, imaging(**CAMERA)), conditions, none, [3])
    fine = count_electrons(source(FINE, imaging(binning=2)), conditions, none, [3])
    assert coarse.shape == fine.shape == (1, 48, 64)
    assert torch.allclose(coarse, fine, atol=1e-6)
    plain = count_electrons(source(WAVES, imaging()), conditions, none, [3])
    assert float(plain.var()) < 0.8 * float(coarse.var())  # half at 0.3 of a Nyquist that is half as far blurs more


@pytest.mark.parametrize(("pixel", "binning", "shape"), [(0.2, 2, (48, 64)), (0.19, 2, (51, 67)), (0.8, 1, (24, 32))])
def test_images_have_the_pixels_of_the_camera_in_whole_bins(pixel: float, binning: int, shape: tuple[int, int]) -> None:
    settings = imaging(pixel_angstrom=pixel, binning=binning)
    grid = settings.image_grid(WAVES)
    assert grid.shape == shape and grid.extent == pytest.approx(WAVES.extent)
    assert not list(settings.faults(WAVES))
    made = source(WAVES, settings)
    assert count_electrons(made, drawn().central(), np.array([0]), [1]).shape == (1, *shape)
    assert masks_of(made, drawn().central(), np.array([0])).shape == (1, *shape)


def test_pixels_on_the_chip_are_refused() -> None:
    (fault,) = imaging(pixel_angstrom=50.0).faults(WAVES)
    assert "give the pixels at the specimen" in fault


def test_masks_keep_their_place_on_the_pixels_of_images() -> None:
    mask = torch.zeros(1, *WAVES.shape, dtype=torch.bool)
    mask[:, 10:30, 20:40] = True
    assert torch.equal(camera_masks(mask, WAVES, imaging()), mask)
    fine = camera_masks(mask, WAVES, imaging(**CAMERA))
    assert fine.shape == mask.shape and float((fine ^ mask).double().mean()) < 0.03


def test_a_microscope_has_the_pixels_of_its_camera() -> None:
    scope = Microscope(300e3, imaging(**CAMERA), nyquist=1.25)
    assert (scope.nyquist, scope.image_nyquist) == (2.5, 1.25)
    assert Microscope(300e3, imaging(binning=2), nyquist=1.25).image_nyquist == 0.625


@pytest.mark.parametrize("binning", [2, 3])
def test_the_noise_of_binned_flat_fields_is_that_of_the_formula_with_its_aliases(binning: int) -> None:
    grid, images = Grid((48, 72), (0.2, 0.2)), 600
    values = {"mtf_half_frequency": 0.5, "ntf_half_frequency": 0.7, "gain": 2.0, "read_noise": 2.0}
    response = CameraResponse.perfect(
        images,
        CameraSettings(binning=binning),
        **{name: torch.full((images,), value, dtype=torch.float64) for name, value in values.items()},
    )
    flat, dose = torch.ones(images, *grid.shape, dtype=torch.float64), torch.full((images,), 250.0)
    counts = detect(flat, dose, grid, list(range(images)), response)
    measured = torch.fft.rfft2(counts - counts.mean(dim=(-2, -1), keepdim=True)).abs().square().mean(dim=0)
    rows, columns = counts.shape[-2:]
    cycles_y = torch.fft.fftfreq(rows, dtype=torch.float64)[:, None].expand(-1, columns // 2 + 1).flatten()
    cycles_x = torch.fft.rfftfreq(columns, dtype=torch.float64).expand(rows, -1).flatten()
    only = CameraResponse.perfect(1, **{name: getattr(response, name)[:1] for name in values})
    electrons = torch.tensor([10.0], dtype=torch.float64)
    power = binned_noise_power(cycles_y, cycles_x, only, electrons, binning)[0] * 4 * 10 * binning**2
    ratio = ((measured / (rows * columns)).flatten() / power)[1:]
    assert float(ratio.mean()) == pytest.approx(1, abs=0.01)
    assert float((ratio - 1).abs().max()) < 6.5 / math.sqrt(images / 2)


def test_white_noise_stays_white_and_a_bin_is_a_box() -> None:
    cycles = torch.linspace(-0.5, 0.5, 21, dtype=torch.float64)
    white = binned_noise_power(cycles, 0.3 * cycles, CameraResponse.perfect(1), torch.tensor([5.0]), 3)
    assert torch.allclose(white, torch.ones_like(white))
    by_sum = sum(torch.cos(2 * math.pi * cycles * step) for step in (-1, 0, 1)) / 3
    assert torch.allclose(bin_aperture(cycles, 0 * cycles, 3), by_sum)


def test_without_binning_signal_and_noise_in_the_image_are_those_of_the_camera() -> None:
    conditions = drawn(**BLUR, read_noise_counts=2.0, counting_frames=60.0).central()
    q = torch.tensor([0.1, 0.3 + 0.2j, 1j], dtype=torch.complex128)
    for settings, nyquist in ((imaging(), 1.25), (imaging(pixel_angstrom=0.2), 1.0)):
        scope = Microscope(300e3, settings, nyquist)
        for ours, theirs in zip(
            image_signal_and_noise(q, scope, conditions), signal_and_noise(q.abs(), scope, conditions), strict=True
        ):
            assert torch.allclose(ours, theirs)
        mtf, noise = signal_and_noise(q.abs(), scope, conditions)
        assert torch.allclose(image_efficiency(q.abs(), scope, conditions), 0.5 * mtf**2 / noise)
