"""An image is the same to the bit alone, in any company and in any order; memory stays bounded."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.conditions.drawn import Conditions
from temshift.conditions.imaging import COLUMNS
from temshift.core.grids import Grid
from temshift.micrographs import MicrographSource, Stream, form_micrographs
from temshift.optics import ImagingSettings, detect, image_intensities, wave_spectra
from temshift.optics import frame as frames
from temshift.optics.camera import camera_response
from temshift.optics.image_formation import CACHE, CHUNK
from temshift.optics.sums import band_margin, coherence_nodes

GRID = Grid((30, 42), (0.4, 0.4))
IMAGES = 6
COMPANIES = st.permutations(range(IMAGES)).flatmap(lambda order: st.integers(1, IMAGES).map(lambda n: order[:n]))
LOOSE = {"tolerance": 1e-2}


def spread(center: float, width: float) -> dict[str, dict[str, float]]:
    return {"uniform": {"minimum": center - width, "maximum": center + width}}


KINDS: dict[str, dict[str, object]] = {
    "aberrations": {"C12_nm": spread(5, 4), "phi12_deg": spread(0, 90), "C21_nm": spread(300, 200), "C30_mm": 0.5},
    "focal spread": {"focal_spread_sigma_nm": spread(3, 2.9)},
    "one focal spread": {"focal_spread_sigma_nm": 4.0},
    "angular spread": {"angular_spread_sigma_mrad": {"choice": {"values": [0, 0.1, 0.2]}}, "focal_spread_sigma_nm": 2},
    "apertures": {"semiangle_cutoff_mrad": spread(8, 4), "aperture_edge_mrad": spread(1, 0.9)},
    "pixel size": {"pixel_size_error_percent": {"choice": {"values": [-2, 0, 2]}}},
    "camera": {
        "mtf_half_frequency": spread(0.6, 0.1),
        "ntf_half_frequency": {"choice": {"values": [0.9, 1.1]}},
        "dqe_zero": 0.8,
        "gain_counts_per_e": spread(5, 4),
        "read_noise_counts": spread(2, 1),
        "vibration_sigma_nm": spread(0.05, 0.04),
        "drift_nm": spread(0.05, 0.04),
    },
}


def distribution(kind: str) -> ImagingConditions:
    values = {"defocus_nm": spread(0, 30), "dose_e_per_A2": spread(200, 190), "semiangle_cutoff_mrad": 9.0}
    return ImagingConditions.model_validate({**values, **KINDS[kind]})


def source(imaging: ImagingSettings, phonons: int = 2) -> MicrographSource:
    phases = torch.from_numpy(np.random.default_rng(0).normal(0, 0.3, (3, phonons, *GRID.shape)))
    waves = torch.polar(torch.ones_like(phases), phases).to(torch.complex64)
    return MicrographSource(wave_spectra(waves, GRID, 300e3, 12.1e-3, band_margin(2e-4)), phases[:, 0] > 0.1, imaging)


def drawn_of(kind: str) -> Conditions:
    return distribution(kind).quantiles(np.random.default_rng(1).random((IMAGES, len(COLUMNS))))


@pytest.mark.parametrize("coherence", ["exact", "envelope"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8)
@given(chosen=COMPANIES)
def test_an_intensity_ignores_its_companions(kind: str, coherence: str, chosen: list[int]) -> None:
    imaging = ImagingSettings.model_validate({"coherence": coherence, **LOOSE})
    held, drawn = source(imaging).spectra, drawn_of(kind)
    specimens = torch.arange(IMAGES) % 3
    together = image_intensities(held, specimens, drawn, imaging)
    some = image_intensities(held, specimens[chosen], drawn.only(chosen), imaging)
    assert torch.equal(some, together[chosen])
    assert not torch.equal(together[0], together[3])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8)
@given(chosen=COMPANIES)
def test_counts_ignore_their_companions(kind: str, chosen: list[int]) -> None:
    imaging, drawn = ImagingSettings(), drawn_of(kind)
    intensities = 0.5 + torch.rand(IMAGES, *GRID.shape, generator=torch.Generator().manual_seed(0))
    together = detect(intensities, drawn.dose, GRID, range(IMAGES), camera_response(drawn, imaging.camera))
    some = drawn.only(chosen)
    found = detect(intensities[chosen], some.dose, GRID, chosen, camera_response(some, imaging.camera))
    assert torch.equal(found, together[chosen])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5)
@given(chosen=COMPANIES)
def test_a_micrograph_ignores_its_companions(kind: str, chosen: list[int]) -> None:
    held, stream = source(ImagingSettings.model_validate(LOOSE)), Stream(3, (1,))
    numbers = np.arange(IMAGES)
    images, masks = form_micrographs(held, distribution(kind), numbers % 3, numbers.tolist(), stream)
    some = form_micrographs(held, distribution(kind), np.array(chosen) % 3, chosen, stream)
    assert torch.equal(some[0], images[chosen]) and torch.equal(some[1], masks[chosen])


@pytest.mark.parametrize(
    "side, cutoff",
    [(160, 8.0), pytest.param(640, 20.0, marks=pytest.mark.slow)],
)
def test_an_image_of_many_waves_needs_little_memory(side: int, cutoff: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """8 phonons and more than a hundred nodes: one wave is transformed at a time, and few spectra are held."""
    grid = Grid((side, side), (0.2, 0.2))
    phases = 0.1 * torch.randn(1, 8, side, side, generator=torch.Generator().manual_seed(0))
    waves = torch.polar(torch.ones_like(phases), phases)
    spectra = wave_spectra(waves, grid, 300e3, cutoff * 1e-3, band_margin(2e-4))
    values = {"defocus_nm": 5.0, "dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": cutoff}
    values |= {"angular_spread_sigma_mrad": 0.2, "focal_spread_sigma_nm": 5.0}
    drawn = ImagingConditions.model_validate(values).central()
    nodes = len(coherence_nodes(spectra.band, drawn, 1e-3)[0].weight)
    sizes: list[tuple[int, int]] = []
    transform = torch.fft.ifft

    def watched(values: torch.Tensor, **options: object) -> torch.Tensor:
        found: torch.Tensor = transform(values, **options)  # type: ignore[arg-type]
        sizes.append((found.numel(), values.untyped_storage().nbytes() // values.element_size()))
        return found

    monkeypatch.setattr(frames.torch.fft, "ifft", watched)
    image_intensities(spectra, torch.zeros(1, dtype=torch.long), drawn)
    assert nodes > 100
    assert max(transformed for transformed, _ in sizes) <= max(CACHE, side**2)
    assert max(held for _, held in sizes) <= CHUNK


def test_the_number_of_waves_at_once_does_not_change_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    held, drawn = source(ImagingSettings()).spectra, drawn_of("angular spread")
    specimens = torch.arange(IMAGES) % 3
    before = image_intensities(held, specimens, drawn)
    monkeypatch.setattr("temshift.optics.image_formation.CACHE", 1)
    monkeypatch.setattr("temshift.optics.image_formation.CHUNK", 1)
    assert torch.allclose(image_intensities(held, specimens, drawn), before, atol=1e-6)
