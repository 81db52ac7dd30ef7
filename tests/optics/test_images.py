"""Images: gradients, planes of several sizes, errors of the pixel size, vacuum, the aperture."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import Conditions, ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.optics import ImagingSettings, expected_electrons, image_intensities
from temshift.optics.frame import frame_of
from temshift.optics.image_formation import WaveSpectra, wave_spectra
from temshift.optics.resampling import magnified, magnified_masks, resampled

ENERGY = 300e3
GRID = Grid((24, 32), (0.4, 0.4))
ONE = torch.zeros(1, dtype=torch.long)
LOOSE = ImagingSettings(tolerance=1e-2)


def waves(grid: Grid = GRID, phonons: int = 1) -> torch.Tensor:
    draws = np.random.default_rng(1)
    phases = torch.from_numpy(draws.normal(0, 0.4, (1, phonons, *grid.shape)))
    return torch.polar(torch.ones_like(phases), phases)


def spectra(cutoff: float = 10e-3, grid: Grid = GRID, phonons: int = 1) -> WaveSpectra:
    return wave_spectra(waves(grid, phonons), grid, ENERGY, cutoff, 1e-3)


def central(**values: float) -> Conditions:
    given_values = {"dose_e_per_A2": 1.0, "defocus_nm": 5.0, "semiangle_cutoff_mrad": 10.0, **values}
    return ImagingConditions.model_validate(given_values).central()


@pytest.mark.parametrize("coherence", ["exact", "envelope"])
def test_gradients_reach_every_aberration(coherence: str) -> None:
    """Against finite differences; coefficients in units that turn chi by about a radian at the edge."""
    names = ["C10", "C12", "phi12", "C21", "phi21", "C30", "C34", "phi34", "C50"]
    units = torch.tensor([6e1, 6e1, 1.0, 8e3, 1.0, 1e6, 1e6, 1.0, 1e10], dtype=torch.float64)
    imaging = ImagingSettings(coherence=coherence)
    given_spectra = spectra()

    def formed(numbers: torch.Tensor) -> torch.Tensor:
        values = dict(zip(names, (numbers * units)[:, None], strict=True))
        spread = torch.full((1,), 8.0, dtype=torch.float64)
        drawn = Conditions.of(
            dose=torch.ones(1), semiangle_cutoff=torch.full((1,), 10e-3), focal_spread_sigma=spread, **values
        )
        return image_intensities(given_spectra, ONE, drawn, imaging)

    start = torch.tensor([1.0, 0.6, 0.3, -0.5, 1.0, 0.7, 0.4, -0.2, 0.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(formed, (start,), eps=1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(formed(start).square().sum(), start)
    assert (slope.abs() > 1e-4).all()


@pytest.mark.parametrize("start", [(0.0, 0.0), (0.0, 2.0), (3.0, -1.0)])
def test_gradients_reach_cartesian_components_even_at_none(start: tuple[float, float]) -> None:
    given_spectra = spectra()

    def formed(pair: torch.Tensor) -> torch.Tensor:
        values = {"C10": torch.full((1,), -60.0), "C12a": 10 * pair[:1], "C12b": 10 * pair[1:]}
        drawn = Conditions.of(dose=torch.ones(1), semiangle_cutoff=torch.full((1,), 10e-3), **values)
        return image_intensities(given_spectra, ONE, drawn)

    pair = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(formed, (pair,), eps=1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(formed(pair).square().sum(), pair)
    assert slope.isfinite().all() and (slope.abs() > 1e-4).all()


def test_gradients_reach_the_dose_and_pass_through_tilted_illumination() -> None:
    start = torch.tensor([1.0, 3.0], dtype=torch.float64, requires_grad=True)
    given_spectra = spectra()

    def electrons(numbers: torch.Tensor) -> torch.Tensor:
        drawn = Conditions.of(
            C10=-30 * numbers[:1],
            dose=numbers[1:],
            semiangle_cutoff=torch.full((1,), 10e-3),
            angular_spread_sigma=torch.full((1,), 2e-4, dtype=torch.float64),
        )
        return expected_electrons(image_intensities(given_spectra, ONE, drawn, LOOSE), drawn.dose, GRID.pixel_area)

    assert torch.autograd.gradcheck(electrons, (start,), eps=1e-6, atol=1e-4)  # nodes move a little with C10


def test_defocus_can_be_found_by_its_gradient() -> None:
    target = image_intensities(spectra(), ONE, central(defocus_nm=7.0))
    defocus = torch.tensor([40.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([defocus], lr=2.0)
    for _ in range(120):
        drawn = Conditions.of(C10=-defocus, dose=torch.ones(1), semiangle_cutoff=torch.full((1,), 10e-3))
        loss = (image_intensities(spectra(), ONE, drawn) - target).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(defocus.detach()) == pytest.approx(70.0, abs=0.5)


@pytest.mark.parametrize("shape", [(48, 64), (50, 63), (49, 70)])
@pytest.mark.parametrize(
    "values", [{}, {"focal_spread_sigma_nm": 3.0, "angular_spread_sigma_mrad": 0.2, "C21_nm": 400.0}]
)
def test_a_smaller_plane_gives_the_same_image(
    shape: tuple[int, int], values: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An aperture of a fifth of the band needs fewer pixels; the image on them is brought to the grid exactly."""
    grid = Grid(shape, (0.3, 0.3))
    cutoff = 0.2 * grid.nyquist * wavelength(ENERGY)
    drawn = central(semiangle_cutoff_mrad=1e3 * cutoff, **values)
    assert np.prod(frame_of(spectra(cutoff, grid).band, cutoff, waves=2).plane) < 0.5 * np.prod(shape)
    small = spectra(cutoff, grid, 2)
    found = image_intensities(small, ONE, drawn)
    monkeypatch.setattr("temshift.optics.frame.RESAMPLING", np.inf)
    assert frame_of(spectra(cutoff, grid).band, cutoff, waves=2).plane == shape
    assert torch.allclose(found, image_intensities(spectra(cutoff, grid, 2), ONE, drawn), atol=1e-12)


def test_the_plane_depends_on_the_aperture_of_the_image_alone() -> None:
    """Images under a narrow aperture are the same to the bit, whatever wider aperture the spectra were kept for."""
    grid = Grid((60, 60), (0.2, 0.2))
    narrow, wide = (wave_spectra(waves(grid).to(torch.complex64), grid, ENERGY, cutoff) for cutoff in (5e-3, 20e-3))
    drawn = central(semiangle_cutoff_mrad=4.0, focal_spread_sigma_nm=2.0)
    assert torch.equal(image_intensities(narrow, ONE, drawn), image_intensities(wide, ONE, drawn))


@settings(max_examples=20)
@given(st.floats(-60, 60), st.floats(0, 3), st.floats(0, 1))
def test_vacuum_is_one_whatever_the_lens(defocus: float, spread: float, angle: float) -> None:
    vacuum = wave_spectra(torch.ones(1, 2, 24, 32, dtype=torch.complex128), GRID, ENERGY, 10e-3, 5e-3)
    drawn = central(defocus_nm=defocus, C12_nm=5.0, focal_spread_sigma_nm=spread, angular_spread_sigma_mrad=angle)
    assert torch.allclose(image_intensities(vacuum, ONE, drawn, LOOSE), torch.ones(1, 24, 32, dtype=torch.float64))


def test_without_an_aperture_all_passes_that_the_grid_holds() -> None:
    limit = wavelength(ENERGY) * GRID.nyquist
    spread = {"defocus_nm": 5.0, "angular_spread_sigma_mrad": 0.2}
    drawn = ImagingConditions.model_validate({"dose_e_per_A2": 1.0, **spread}).central()
    found = image_intensities(wave_spectra(waves(), GRID, ENERGY, margin=1e-3), ONE, drawn)
    stopped = image_intensities(spectra(limit), ONE, central(semiangle_cutoff_mrad=1e3 * limit, **spread))
    assert torch.equal(found, stopped)


def test_a_softer_edge_lets_through_more_beyond_and_less_before_it() -> None:
    hard, soft = (central(aperture_edge_mrad=edge) for edge in (0.0, 6.0))
    plane = torch.exp(2j * math.pi * 5 * torch.arange(32, dtype=torch.float64) / 32).expand(1, 1, 24, 32)
    angle = wavelength(ENERGY) * 5 / 12.8  # 7.7 mrad: the soft edge runs from 7 to 13 mrad
    through = wave_spectra(plane, GRID, ENERGY, 10e-3, 3e-3)
    found = [float(image_intensities(through, ONE, drawn).mean()) for drawn in (hard, soft)]
    assert found == pytest.approx([1.0, ((10e-3 - angle) / 6e-3 + 0.5) ** 2])


def test_a_soft_edge_is_kept_as_far_as_it_reaches() -> None:
    """Against a plain Fourier sum: what the widest aperture keeps of a wave includes the outer half of its edge."""
    soft = {"semiangle_cutoff_mrad": 9.0, "aperture_edge_mrad": 6.0}
    chosen = ImagingConditions.model_validate({"dose_e_per_A2": 1.0, "defocus_nm": 5.0, **soft})
    assert chosen.widest_semiangle == pytest.approx(12e-3)
    kept = wave_spectra(waves(), GRID, ENERGY, chosen.widest_semiangle)
    qy, qx = GRID.frequencies()
    alpha = wavelength(ENERGY) * np.hypot(qx, qy)
    lens = np.clip((9e-3 - alpha) / 6e-3 + 0.5, 0, 1) * np.exp(1j * math.pi / wavelength(ENERGY) * 50.0 * alpha**2)
    expected = np.abs(np.fft.ifft2(np.fft.fft2(waves()[0, 0].numpy()) * lens)) ** 2
    assert np.allclose(image_intensities(kept, ONE, chosen.central())[0].numpy(), expected, atol=1e-12)


def band_limited(shape: tuple[int, int]) -> np.ndarray:
    """Some waves over a cell of 1 x 1, as a function of sampled places."""
    y, x = (np.arange(size) / size for size in shape)
    return pattern(y[:, None], x[None])


def pattern(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (
        1
        + 0.5 * np.cos(2 * np.pi * (2 * x - y) + 0.3)
        + 0.2 * np.sin(2 * np.pi * (3 * y + x))
        + 0.1 * np.cos(8 * np.pi * x)
    )


@pytest.mark.parametrize("shape", [(20, 24), (21, 30), (16, 16)])
def test_finer_pixels_are_the_same_function(shape: tuple[int, int]) -> None:
    for few in ((12, 13), (9, 12)):
        coarse = torch.from_numpy(band_limited(few))[None]
        assert resampled(coarse, shape)[0].numpy() == pytest.approx(band_limited(shape), abs=1e-12)


@pytest.mark.parametrize("error", [-0.08, 0.03])
def test_larger_pixels_sample_the_same_function_farther_apart(error: float) -> None:
    image = torch.from_numpy(band_limited((24, 31)))[None]
    places = [(size - 1) / 2 + (np.arange(size) - (size - 1) / 2) * (1 + error) for size in (24, 31)]
    expected = pattern(places[0][:, None] / 24, places[1][None] / 31)
    found = magnified(image, torch.tensor([error]))
    assert found[0].numpy() == pytest.approx(expected, abs=1e-6)


def test_masks_are_sampled_where_images_are() -> None:
    """A disc of radius 6 pixels covers (6 / 1.2)^2 pi pixels that are 20 % larger."""
    y, x = np.meshgrid(np.arange(40), np.arange(40), indexing="ij")
    disc = torch.from_numpy(np.hypot(y - 19.5, x - 19.5) < 10)[None].repeat(2, 1, 1)
    sampled = magnified_masks(disc, torch.tensor([0.0, 0.25]))
    assert torch.equal(sampled[0], disc[0])
    assert int(sampled[1].sum()) == pytest.approx(math.pi * 8**2, rel=0.05)
    assert torch.equal(magnified_masks(disc, torch.zeros(2)), disc)


def test_a_mask_lies_on_the_image_of_its_particle_whatever_the_pixel() -> None:
    """An off-centre blob, cut at half its height, against the disc that it is that high in: only borders differ."""
    y, x = np.meshgrid(np.arange(64), np.arange(64), indexing="ij")
    distance = np.hypot(y - 40.0, x - 24.0)
    blob = torch.from_numpy(np.exp(-math.log(2) * (distance / 10) ** 2))[None]
    for error in (-0.2, -0.05, 0.1, 0.3):
        change = torch.tensor([error])
        seen = magnified(blob, change)[0] > 0.5
        mask = magnified_masks(torch.from_numpy(distance < 10)[None], change)[0]
        assert int((seen & mask).sum()) > 0.9 * int((seen | mask).sum())
        middles = [plane.nonzero().double().mean(dim=0).numpy() for plane in (seen, mask)]
        assert middles[0] == pytest.approx(middles[1], abs=0.3)


def test_pixels_as_large_as_stated_leave_even_the_highest_frequencies() -> None:
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 8, 10)))
    assert torch.allclose(magnified(image, torch.tensor([1e-12], dtype=torch.float64)), image, atol=1e-9)


def test_an_image_on_larger_pixels_shows_its_object_smaller() -> None:
    """The second moment of a blob, in pixels, shrinks by (1 + error)^2."""
    y, x = np.meshgrid(np.arange(64) - 31.5, np.arange(64) - 31.5, indexing="ij")
    blob = torch.from_numpy(np.exp(-(x**2 + y**2) / (2 * 4.0**2)))[None]
    for error in (0.1, -0.1):
        smaller = magnified(blob, torch.tensor([error]))[0].numpy()
        assert (smaller * x**2).sum() / smaller.sum() == pytest.approx((4 / (1 + error)) ** 2, rel=1e-3)


@pytest.mark.parametrize("values", [{"angular_spread_sigma_mrad": 0.2}, {"aperture_edge_mrad": 1.0}, {}])
def test_an_image_ignores_how_far_the_band_reaches(values: dict[str, float]) -> None:
    """Other conditions of a study may need a wider band; last bits must not tell."""
    chosen = central(focal_spread_sigma_nm=2.0, **values)
    single = waves().to(torch.complex64)
    images = [
        image_intensities(wave_spectra(single, GRID, ENERGY, cutoff, margin), ONE, chosen)
        for cutoff, margin in ((10e-3, 1e-3), (10e-3, 4e-3), (12e-3, 2e-3))
    ]
    assert torch.equal(images[0], images[1]) and torch.equal(images[0], images[2])


def test_tilted_and_straight_images_are_formed_side_by_side() -> None:
    """A tilt far below a step of frequency has the same frame as none."""
    both = ImagingConditions.model_validate({"dose_e_per_A2": 1.0, "defocus_nm": 5.0, "semiangle_cutoff_mrad": 10.0})
    spread = {"choice": {"values": [0.0, 0.02]}}
    mixed = ImagingConditions.model_validate({**both.model_dump(), "angular_spread_sigma_mrad": spread})
    drawn = mixed.quantiles(np.tile([[0.1], [0.9], [0.2]], (1, len(COLUMNS))))
    together = image_intensities(spectra(), torch.zeros(3, dtype=torch.long), drawn)
    for number in range(3):
        alone = image_intensities(spectra(), ONE, drawn.only(slice(number, number + 1)))
        assert torch.equal(together[number : number + 1], alone)
    assert torch.equal(together[0], together[2]) and not torch.equal(together[0], together[1])


@pytest.mark.parametrize("cutoff", [0.3, 0.6, 0.8, math.inf])
@pytest.mark.parametrize("values", [{}, {"focal_spread_sigma_nm": 2.0}, {"angular_spread_sigma_mrad": 0.2}])
def test_images_of_wide_apertures_do_not_alias(cutoff: float, values: dict[str, float]) -> None:
    """What the grid holds of |psi|^2 is the same on pixels of half the size, where all of it has room."""
    nyquist = wavelength(ENERGY) * GRID.nyquist
    given_values = {"dose_e_per_A2": 1.0, "defocus_nm": 5.0, **values}
    if math.isfinite(cutoff):
        given_values["semiangle_cutoff_mrad"] = 1e3 * cutoff * nyquist
    drawn = ImagingConditions.model_validate(given_values).central()
    whole = GRID.shape[0] * 2, GRID.shape[1] * 2
    fine = Grid(whole, (0.2, 0.2))
    spectrum = torch.fft.fft2(waves(), norm="forward")
    spectrum[..., 12, :] = 0
    spectrum[..., 16] = 0
    refined_wave = torch.zeros(1, 1, *whole, dtype=torch.complex128)
    rows, columns = (torch.fft.fftfreq(size, 1 / size).long() for size in GRID.shape)
    refined_wave[0, 0, rows[:, None], columns] = spectrum[0, 0]
    found = image_intensities(wave_spectra(waves(), GRID, ENERGY, margin=1e-3), ONE, drawn)
    stopped = min(cutoff * nyquist, nyquist)
    same = Conditions.of(
        **{name: getattr(drawn, name) for name in ("dose", "focal_spread_sigma", "angular_spread_sigma")},
        semiangle_cutoff=torch.full((1,), stopped, dtype=torch.float64),
        **drawn.aberrations,
    )
    finer = wave_spectra(torch.fft.ifft2(refined_wave, norm="forward"), fine, ENERGY, margin=1e-3)
    expected = resampled(image_intensities(finer, ONE, same), GRID.shape).clamp_min(0)
    assert torch.allclose(found, expected, atol=1e-10)
    assert float(found.std()) > 0.05


def test_fewer_pixels_leave_out_what_they_cannot_hold() -> None:
    image = torch.from_numpy(band_limited((24, 30)))[None]
    y, x = np.arange(8)[:, None] / 8, np.arange(7)[None] / 7
    slow, fast = np.cos(2 * np.pi * (2 * x - y) + 0.3), np.sin(2 * np.pi * (3 * y + x))
    assert resampled(image, (8, 7))[0].numpy() == pytest.approx(1 + 0.5 * slow + 0.2 * fast, abs=1e-12)


def test_spectra_that_keep_too_little_are_refused() -> None:
    for values in ({"semiangle_cutoff_mrad": 11.0}, {"aperture_edge_mrad": 2.0}, {"angular_spread_sigma_mrad": 0.5}):
        with pytest.raises(
            ValueError, match=r"need frequencies up to 1[0-3][.]\d+ mrad.* keep 10.00; give wave_spectra"
        ):
            image_intensities(wave_spectra(waves(), GRID, ENERGY, 10e-3), ONE, central(**values))
