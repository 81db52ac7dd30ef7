"""A GPU gives the images that a CPU gives, and counts of the same statistics; skipped where there is none."""

import numpy as np
import pytest
import torch

from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.core.grids import Grid
from temshift.optics import CameraSettings, ImagingSettings, detect, image_intensities, wave_spectra
from temshift.optics.camera import camera_response
from temshift.optics.sums import band_margin

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is usable here"),
]

GRID = Grid((60, 84), (0.4, 0.4))
VALUES = {
    "defocus_nm": {"normal": {"mean": 10, "sd": 5}},
    "dose_e_per_A2": 400.0,
    "semiangle_cutoff_mrad": {"uniform": {"minimum": 6, "maximum": 12}},
    "focal_spread_sigma_nm": {"uniform": {"minimum": 0, "maximum": 6}},
    "C12_nm": 5.0,
    "C30_mm": 0.5,
}


@pytest.mark.parametrize("coherence", ["exact", "envelope"])
@pytest.mark.parametrize("changed", [{}, {"angular_spread_sigma_mrad": {"choice": {"values": [0, 0.2]}}}])
def test_images_on_a_gpu_are_those_on_the_cpu(changed: dict[str, object], coherence: str) -> None:
    """Images of several apertures, numbers of nodes and tilts in one batch."""
    imaging = ImagingSettings.model_validate({"coherence": coherence, "tolerance": 1e-2})
    draws = np.random.default_rng(0)
    phases = torch.from_numpy(draws.normal(0, 0.3, (3, 2, *GRID.shape)))
    waves = torch.polar(torch.ones_like(phases), phases)
    drawn = ImagingConditions.model_validate({**VALUES, **changed}).quantiles(draws.random((6, len(COLUMNS))))
    images = []
    for device in ("cpu", "cuda"):
        spectra = wave_spectra(waves.to(device), GRID, 300e3, 12e-3, band_margin(2e-4))
        images.append(image_intensities(spectra, torch.arange(6, device=device) % 3, drawn, imaging).cpu())
    assert torch.allclose(*images, atol=1e-9)


@pytest.mark.parametrize("dose", [2.0, 50.0, 2000.0])
def test_counts_on_a_gpu_have_the_mean_and_the_variance_of_those_on_the_cpu(dose: float) -> None:
    camera = {"mtf_half_frequency": 0.6, "ntf_half_frequency": 0.9, "gain_counts_per_e": 3.0, "read_noise_counts": 1.0}
    values = {"defocus_nm": 0.0, "dose_e_per_A2": dose, **camera}
    drawn = ImagingConditions.model_validate(values).central()
    response = camera_response(drawn, CameraSettings())
    grid = Grid((512, 512), (0.4, 0.4))
    on_cpu, on_gpu = (
        detect(torch.ones(1, 512, 512, device=device), drawn.dose, grid, [1], response).cpu().double()
        for device in ("cpu", "cuda")
    )
    assert float(on_gpu.mean()) == pytest.approx(float(on_cpu.mean()), rel=0.02)
    assert float(on_gpu.var()) == pytest.approx(float(on_cpu.var()), rel=0.02)


def test_images_and_counts_on_a_gpu_repeat_bit_for_bit() -> None:
    phases = torch.from_numpy(np.random.default_rng(0).normal(0, 0.3, (2, 1, *GRID.shape))).float()
    waves = torch.polar(torch.ones_like(phases), phases).cuda()
    drawn = ImagingConditions.model_validate(VALUES).quantiles(np.random.default_rng(1).random((4, len(COLUMNS))))
    spectra = wave_spectra(waves, GRID, 300e3, 12e-3)
    chosen = torch.arange(4, device="cuda") % 2
    response = camera_response(drawn, CameraSettings())
    once, again = (
        detect(image_intensities(spectra, chosen, drawn), drawn.dose, GRID, range(4), response) for _ in range(2)
    )
    assert torch.equal(once, again)
