"""The camera: signal, noise, motion, binning, seeds and what it refuses."""

import math

import pytest
import torch
from pydantic import ValidationError

from temshift.core.grids import Grid
from temshift.optics import (
    CameraResponse,
    CameraSettings,
    binned,
    binned_masks,
    blur_transfer,
    detect,
    expected_detections,
    poisson_counts,
)

GRID = Grid((32, 48), (0.4, 0.5))
IMAGES = 400
FIELD_DOSE = 100.0  # e/A^2: 20 electrons a pixel
ARRIVING = FIELD_DOSE * GRID.pixel_area


def same(value: float, images: int = 1) -> torch.Tensor:
    return torch.full((images,), value, dtype=torch.float64)


def camera(settings: CameraSettings | None = None, images: int = 1, **given: float) -> CameraResponse:
    values = {name: same(value, images) for name, value in given.items()}
    return CameraResponse.perfect(images, settings or CameraSettings(), **values)


def radial() -> torch.Tensor:
    """Frequencies of a half plane in units of Nyquist."""
    fy, fx = (torch.fft.fftfreq(n, dtype=torch.float64) for n in GRID.shape)
    return 2 * torch.hypot(fy[:, None], fx[: GRID.shape[1] // 2 + 1].abs())


def cosine(cycles: tuple[int, int], amplitude: float = 0.5) -> torch.Tensor:
    """An image 1 + a cos of whole numbers of cycles along (y, x)."""
    y, x = (torch.arange(n, dtype=torch.float64) / n for n in GRID.shape)
    return 1 + amplitude * torch.cos(2 * math.pi * (cycles[0] * y[:, None] + cycles[1] * x))[None]


def amplitude(image: torch.Tensor, cycles: tuple[int, int]) -> float:
    """Amplitude of a cosine of the image, relative to its mean."""
    spectrum = torch.fft.fft2(image)
    return 2 * float(spectrum[cycles].real / spectrum[0, 0].real)


def flat_fields(response: CameraResponse) -> torch.Tensor:
    """Many flat images under 20 electrons a pixel, in float64."""
    flat = torch.ones(IMAGES, *GRID.shape, dtype=torch.float64)
    return detect(flat, same(FIELD_DOSE, IMAGES), GRID, list(range(IMAGES)), response)


def noise_power(images: torch.Tensor) -> torch.Tensor:
    """Mean |spectrum|^2 over images, for each pixel; frequency 0 left out as 0."""
    spectra = torch.fft.rfft2(images - images.mean(dim=(-2, -1), keepdim=True))
    return spectra.abs().square().mean(dim=0) / (GRID.shape[0] * GRID.shape[1])


NOISY = {"dqe_zero": 0.6, "gain": 3.0, "read_noise": 4.0, "mtf_half_frequency": 0.5, "ntf_half_frequency": 0.8}


def test_a_perfect_camera_gives_the_poisson_counts_of_the_image() -> None:
    intensities = torch.rand(2, *GRID.shape, generator=torch.Generator().manual_seed(0)) + 0.5
    dose = same(60.0, 2)
    images = detect(intensities, dose, GRID, [1, 2], CameraResponse.perfect(2))
    assert torch.equal(images, poisson_counts(intensities, dose, GRID.pixel_area, [1, 2]))


def test_a_camera_that_counts_has_a_variance_equal_to_its_mean_and_white_noise_whatever_its_mtf() -> None:
    images = flat_fields(camera(images=IMAGES, mtf_half_frequency=0.4, dqe_zero=0.7))
    assert torch.equal(images, images.round())
    pixels = images.numel()
    assert float(images.mean()) == pytest.approx(0.7 * ARRIVING, abs=5 * math.sqrt(0.7 * ARRIVING / pixels))
    assert float(images.var()) == pytest.approx(0.7 * ARRIVING, rel=5 * math.sqrt(2 / pixels))


@pytest.mark.parametrize("shape", ["gaussian", "exponential", "lorentzian"])
def test_the_noise_of_a_flat_field_has_the_power_that_the_ntf_and_the_read_noise_give_it(shape: str) -> None:
    images = flat_fields(camera(CameraSettings(shape=shape), IMAGES, **NOISY))
    ntf = {
        "gaussian": 0.5 ** (radial() / 0.8) ** 2,
        "exponential": 0.5 ** (radial() / 0.8),
        "lorentzian": 1 / (1 + (radial() / 0.8) ** 2),
    }[shape]
    expected = 3.0**2 * 0.6 * ARRIVING * ntf**2 + 4.0**2
    ratio = (noise_power(images) / expected).flatten()[1:]
    assert float(ratio.mean()) == pytest.approx(1, abs=0.01)
    assert float((ratio - 1).abs().max()) < 6.5 / math.sqrt(IMAGES / 2)  # real frequencies have half the freedom
    assert float(images.mean()) == pytest.approx(3 * 0.6 * ARRIVING, rel=1e-3)


def test_read_noise_alone_has_its_standard_deviation_whatever_the_gain() -> None:
    dark = detect(
        torch.ones(1, 800, 800), same(0.0), Grid((800, 800), (0.4, 0.4)), [1], camera(read_noise=2.5, gain=7.0)
    )
    assert float(dark.std()) == pytest.approx(2.5, rel=5 / math.sqrt(2 * dark.numel()))
    assert float(dark.mean()) == pytest.approx(0, abs=5 * 2.5 / math.sqrt(dark.numel()))


def test_the_noise_falls_as_a_table_of_the_ntf_says() -> None:
    curve = {"frequency_nyquist": [0.0, 0.5, 1.0], "value": [1.0, 0.8, 0.4]}
    settings = CameraSettings.model_validate({"mtf_table": curve, "ntf_table": curve})
    ntf = torch.from_numpy(settings.ntf_table.at(radial().numpy()))
    ratio = noise_power(flat_fields(camera(settings, IMAGES))) / (ARRIVING * ntf**2)
    assert float(ratio.flatten()[1:].mean()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("cycles", [(0, 6), (4, 0), (5, 11), (12, 20)])
def test_the_signal_falls_as_the_mtf_before_the_noise_and_after_it(cycles: tuple[int, int]) -> None:
    frequency = 2 * math.hypot(cycles[0] / GRID.shape[0], cycles[1] / GRID.shape[1])
    image, ratio = cosine(cycles), 0.5 ** ((frequency / 0.5) ** 2 - (frequency / 0.8) ** 2)
    expected = expected_detections(image, same(FIELD_DOSE), GRID, camera(**NOISY))
    assert amplitude(expected[0], cycles) == pytest.approx(0.5 * ratio, rel=1e-9)
    assert float(expected.mean()) == pytest.approx(0.6 * ARRIVING, rel=1e-9)
    mean = detect(
        image.expand(IMAGES, -1, -1), same(FIELD_DOSE, IMAGES), GRID, range(IMAGES), camera(None, IMAGES, **NOISY)
    )
    error = 4 * math.sqrt(2 / (IMAGES * GRID.shape[0] * GRID.shape[1] * 0.6 * ARRIVING))
    assert amplitude(mean.mean(dim=0), cycles) == pytest.approx(0.5 * 0.5 ** (frequency / 0.5) ** 2, abs=1.5 * error)


def test_the_dqe_measured_from_a_point_and_flat_fields_is_that_of_the_transfers() -> None:
    """DQE = signal^2 x electrons / noise power, all measured, against e MTF^2 / NTF^2 in rings of frequency."""
    settings = CameraSettings(shape="lorentzian")
    response = {"dqe_zero": 0.6, "gain": 3.0, "mtf_half_frequency": 0.5, "ntf_half_frequency": 0.8}
    point = torch.ones(1, *GRID.shape, dtype=torch.float64)
    point[0, 0, 0] = 50.0
    strong = detect(point, same(1e10 / GRID.pixel_area), GRID, [0], camera(settings, **response))
    signal = (torch.fft.rfft2(strong) / torch.fft.rfft2(point * 1e10)).abs()[0]
    noise = noise_power(flat_fields(camera(settings, IMAGES, **response)))
    stated = 0.6 * ((1 + (radial() / 0.8) ** 2) / (1 + (radial() / 0.5) ** 2)) ** 2
    inverse = stated * noise / (signal**2 * ARRIVING)
    for low in (0.1, 0.4, 0.7, 1.0):
        ring = (radial() >= low) & (radial() < low + 0.3)
        assert float(inverse[ring].mean()) == pytest.approx(1, abs=0.02)


def test_an_ntf_that_equals_the_mtf_is_a_blur_of_counts() -> None:
    both = camera(mtf_half_frequency=0.5, ntf_half_frequency=0.5)
    image, dose = cosine((3, 2)), same(97.3)  # no mean on a border of the tables, where rounding moves a count
    counts = poisson_counts(image, dose, GRID.pixel_area, [4])
    blurred = torch.fft.irfft2(torch.fft.rfft2(counts) * 0.5 ** (radial() / 0.5) ** 2, s=GRID.shape)
    assert torch.allclose(detect(image, dose, GRID, [4], both), blurred, atol=1e-9)


def test_transfers_that_vanish_leave_finite_means_in_single_precision() -> None:
    response = camera(mtf_half_frequency=0.03, ntf_half_frequency=0.05)
    expected = expected_detections(cosine((0, 1)).float(), same(FIELD_DOSE), GRID, response)
    assert torch.isfinite(expected).all()
    assert float(expected.mean()) == pytest.approx(ARRIVING, rel=1e-5)


def test_a_mean_is_never_below_zero_where_the_filter_rings() -> None:
    spike = torch.zeros(1, *GRID.shape, dtype=torch.float64)
    spike[0, 8, 8] = 1.0
    expected = expected_detections(spike, same(FIELD_DOSE), GRID, camera(mtf_half_frequency=1.3))
    assert float(expected.min()) == 0


def test_vibration_damps_a_cosine_along_every_direction_and_drift_along_its_own() -> None:
    along_x, along_y = (0, 6), (6, 0)
    qx, qy = 6 / GRID.extent[1], 6 / GRID.extent[0]
    moved = camera(vibration_sigma=0.3, drift=1.2, drift_azimuth=0.0)
    turned = camera(drift=1.2, drift_azimuth=math.pi / 2)
    damped = 0.5 * math.exp(-2 * math.pi**2 * (0.09 + 1.44 / 12) * qx**2)
    for response, cycles, amount in [
        (moved, along_x, damped),
        (moved, along_y, 0.5 * math.exp(-2 * math.pi**2 * 0.09 * qy**2)),
        (turned, along_y, 0.5 * math.exp(-2 * math.pi**2 * 1.44 / 12 * qy**2)),
    ]:
        expected = expected_detections(cosine(cycles), same(FIELD_DOSE), GRID, response)
        assert amplitude(expected[0], cycles) == pytest.approx(amount, rel=1e-9)


def test_drift_at_an_angle_runs_from_x_towards_y() -> None:
    one, azimuth = torch.ones(1, dtype=torch.float64), same(math.pi / 4)
    along = blur_transfer(one, one, 0 * one, one, azimuth)
    across = blur_transfer(one, -one, 0 * one, one, azimuth)
    assert float(along) == pytest.approx(math.exp(-2 * math.pi**2 * 2 / 12))
    assert float(across) == pytest.approx(1)


def test_a_short_drift_is_close_to_the_box_that_it_stands_for() -> None:
    q = torch.linspace(0, 0.2, 6, dtype=torch.float64)
    gaussian = blur_transfer(0 * q, q, same(0.0), same(0.8), same(0.0))
    assert torch.allclose(gaussian[0], torch.sinc(0.8 * q), atol=2e-3)


def test_motion_does_not_touch_the_noise() -> None:
    power = noise_power(flat_fields(camera(None, IMAGES, drift=2.0, vibration_sigma=1.0)))
    assert float(power.flatten()[1:].mean()) == pytest.approx(ARRIVING, rel=0.01)


@pytest.mark.parametrize("shape", [(16, 16), (15, 21), (24, 17)])
def test_an_image_is_the_same_bit_for_bit_alone_or_among_others(shape: tuple[int, int]) -> None:
    grid = Grid(shape, (0.4, 0.4))
    intensities = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0)) + 0.5
    dose = torch.tensor([20.0, 75.0, 2000.0])
    values = {
        "mtf_half_frequency": torch.tensor([0.5, math.inf, 0.7]),
        "ntf_half_frequency": torch.tensor([0.5, math.inf, math.inf]),
        "read_noise": torch.tensor([1.0, 0.0, 2.0]),
        "drift": torch.tensor([0.0, 0.0, 1.0]),
    }
    together = detect(intensities, dose, grid, [5, 6, 7], CameraResponse.perfect(3, **values))
    for i in range(3):
        one = slice(i, i + 1)
        alone = CameraResponse.perfect(1, **{name: value[one] for name, value in values.items()})
        assert torch.equal(together[one], detect(intensities[one], dose[one], grid, [5 + i], alone))
    assert torch.equal(together[1:2], poisson_counts(intensities[1:2], dose[1:2], grid.pixel_area, [6]))


def test_every_image_draws_from_its_own_seed_alone() -> None:
    flat, dose = torch.ones(2, *GRID.shape), same(FIELD_DOSE, 2)
    response = camera(images=2, read_noise=1.0)
    first, second = detect(flat, dose, GRID, [1, 1], response)
    assert torch.equal(first, second)
    assert not torch.equal(first, detect(flat, dose, GRID, [2, 1], response)[0])


def test_tables_multiply_the_parametric_transfer() -> None:
    table = {"frequency_nyquist": [0.0, 0.5, 1.0], "value": [1.0, 0.8, 0.4]}
    settings = CameraSettings(mtf_table=table, ntf_table=table)
    response = camera(settings, mtf_half_frequency=0.5)
    expected = expected_detections(cosine((0, 12)), same(FIELD_DOSE), GRID, response)
    assert amplitude(expected[0], (0, 12)) == pytest.approx(0.25)  # at half of Nyquist the tables cancel
    bare = camera(CameraSettings(mtf_table=table))
    expected = expected_detections(cosine((8, 0)), same(FIELD_DOSE), GRID, bare)
    assert amplitude(expected[0], (8, 0)) == pytest.approx(0.4)


def test_binning_sums_blocks_and_keeps_masks_that_fill_half_a_block() -> None:
    counts = torch.arange(24.0).view(1, 4, 6)
    assert torch.equal(binned(counts, 2), torch.tensor([[[14.0, 22.0, 30.0], [62.0, 70.0, 78.0]]]))
    assert torch.equal(binned(counts, 1), counts)
    masks = torch.tensor([[[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]]], dtype=torch.bool)
    assert binned_masks(masks, 2).tolist() == [[[True, False], [False, True]]]
    assert torch.equal(binned_masks(masks, 1), masks)


def test_a_camera_that_bins_sums_its_own_counts() -> None:
    intensities, dose = cosine((2, 3)), same(FIELD_DOSE)
    fine = detect(intensities, dose, GRID, [3], camera(**NOISY))
    coarse = detect(intensities, dose, GRID, [3], camera(CameraSettings(binning=4), **NOISY))
    assert coarse.shape == (1, 8, 12)
    assert torch.allclose(coarse, binned(fine, 4))


@pytest.mark.parametrize("bin_them", [binned, binned_masks])
def test_a_binning_that_does_not_divide_is_refused(bin_them: object) -> None:
    with pytest.raises(ValueError, match="binning = 4 does not divide images of 10 x 8 pixels; take a divisor"):
        bin_them(torch.ones(1, 10, 8), 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mtf_half_frequency": 0.0}, "mtf_half_frequency = 0; must be above 0"),
        ({"ntf_half_frequency": -1.0}, "ntf_half_frequency = -1; must be above 0"),
        ({"dqe_zero": 1.2}, "dqe_zero = 1.2; must be above 0 and at most 1"),
        ({"dqe_zero": math.nan}, "dqe_zero = nan; must be above 0 and at most 1"),
        ({"gain": 0.0}, "gain = 0; must be finite and above 0"),
        ({"read_noise": -2.0}, "read_noise = -2; must be finite and 0 or more"),
        ({"vibration_sigma": -0.1}, "vibration_sigma = -0.1; must be finite and 0 or more"),
        ({"drift": math.inf}, "drift = inf; must be finite and 0 or more"),
        ({"drift_azimuth": math.nan}, "drift_azimuth = nan; must be finite"),
        (
            {"ntf_half_frequency": 0.5},
            "the MTF is 1 and the NTF .* would exceed DQE(.*)give an NTF nowhere below the MTF, or none",
        ),
    ],
)
def test_what_no_camera_has_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        camera(**given)


def test_an_mtf_table_above_the_ntf_table_is_refused() -> None:
    tables = {
        "mtf_table": {"frequency_nyquist": [0.0, 1.0], "value": [1.0, 0.5]},
        "ntf_table": {"frequency_nyquist": [0.0, 1.0], "value": [1.0, 0.4]},
    }
    with pytest.raises(ValidationError, match="the MTF is 0.5 and the NTF 0.4 at 1 of Nyquist"):
        CameraSettings.model_validate(tables)


def test_images_doses_and_responses_that_differ_in_number_are_refused() -> None:
    flat = torch.ones(3, *GRID.shape)
    message = "given 3 images, 2 doses and a response of 1 images; give as many of each"
    with pytest.raises(ValueError, match=message):
        expected_detections(flat, same(9.0, 2), GRID, camera())
    with pytest.raises(ValueError, match=message):
        detect(flat, same(9.0, 2), GRID, [1, 2, 3], camera())


@pytest.mark.parametrize("binning", [0, 9])
def test_a_binning_out_of_bounds_is_refused(binning: int) -> None:
    with pytest.raises(ValidationError, match="binning"):
        CameraSettings(binning=binning)


@pytest.mark.parametrize("shape", ["gaussian", "exponential", "lorentzian"])
def test_expected_detections_take_gradients_of_every_parameter(shape: str) -> None:
    grid = Grid((5, 6), (0.4, 0.4))
    names = ("mtf_half_frequency", "ntf_half_frequency", "dqe_zero", "vibration_sigma", "drift", "drift_azimuth")
    values = [same(value).requires_grad_() for value in (0.6, 0.9, 0.7, 0.2, 0.5, 0.3)]
    intensities = (
        0.5 + torch.rand(1, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ).requires_grad_()

    def expected(image: torch.Tensor, dose: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        response = CameraResponse.perfect(1, CameraSettings(shape=shape), **dict(zip(names, parameters, strict=True)))
        return expected_detections(image, dose, grid, response)

    assert torch.autograd.gradcheck(expected, (intensities, same(30.0).requires_grad_(), *values))


def test_an_image_takes_no_gradients() -> None:
    half = same(0.6).requires_grad_()
    response = CameraResponse.perfect(1, mtf_half_frequency=half, ntf_half_frequency=half)
    assert not detect(cosine((1, 1)), same(9.0), GRID, [0], response).requires_grad


def test_infinite_half_frequencies_give_finite_gradients() -> None:
    half = torch.tensor([0.5, math.inf], dtype=torch.float64, requires_grad=True)
    image = cosine((2, 2)).expand(2, -1, -1)
    response = CameraResponse.perfect(2, mtf_half_frequency=half)
    (gradient,) = torch.autograd.grad(expected_detections(image, same(9.0, 2), GRID, response)[..., 0, 0].sum(), half)
    assert gradient[0] > 0
    assert gradient[1] == 0
