"""Kinds of cameras: scattering, coincidence loss, exponents, and the quantum efficiency that they leave."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.autograd import gradcheck

from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.core.grids import Grid
from temshift.core.hashes import content_hash
from temshift.optics import (
    CameraResponse,
    CameraSettings,
    camera_transfer,
    detect,
    expected_detections,
    parametric_transfer,
    quantum_efficiency,
)
from temshift.optics.camera import camera_response, noise_power
from temshift.optics.camera.coincidence import coincidence_noise, coincident, coincident_counts

GRID = Grid((32, 48), (0.4, 0.5))
IMAGES = 400
ARRIVING = 20.0  # electrons a pixel
DOSE = ARRIVING / GRID.pixel_area
FREQUENCY = torch.linspace(0, 1.4, 29, dtype=torch.float64)
SCINTILLATOR = CameraSettings(kind="scintillator")


def same(value: float, images: int = 1) -> torch.Tensor:
    return torch.full((images,), value, dtype=torch.float64)


def camera(settings: CameraSettings | None = None, images: int = 1, **given: float) -> CameraResponse:
    values = {name: same(value, images) for name, value in given.items()}
    return CameraResponse.perfect(images, settings or CameraSettings(), **values)


def flat_fields(response: CameraResponse) -> torch.Tensor:
    flat = torch.ones(IMAGES, *GRID.shape, dtype=torch.float64)
    return detect(flat, same(DOSE, IMAGES), GRID, list(range(IMAGES)), response)


def measured_power(images: torch.Tensor) -> torch.Tensor:
    """Mean |spectrum|^2 over images, but at frequency 0, as a flat list."""
    spectra = torch.fft.rfft2(images - images.mean(dim=(-2, -1), keepdim=True))
    return (spectra.abs().square().mean(dim=0) / math.prod(GRID.shape)).flatten()[1:]


def radial() -> torch.Tensor:
    fy, fx = (torch.fft.fftfreq(n, dtype=torch.float64) for n in GRID.shape)
    return (2 * torch.hypot(fy[:, None], fx[: GRID.shape[1] // 2 + 1].abs())).flatten()[1:]


def test_a_later_setting_that_is_left_out_changes_no_id() -> None:
    plain = {"shape": "gaussian", "mtf_table": None, "ntf_table": None, "binning": 1}
    assert content_hash(CameraSettings()) == content_hash(plain)
    assert content_hash(SCINTILLATOR) != content_hash(plain)
    assert CameraSettings.model_validate(SCINTILLATOR.model_dump(mode="json")) == SCINTILLATOR


# Scattering ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", ["gaussian", "lorentzian"])
def test_the_ntf_lies_between_the_mtf_and_1_by_the_share_of_scattering(shape: str, share: float) -> None:
    response = camera(CameraSettings(shape=shape), mtf_half_frequency=0.4, scattering_share=share)
    mtf, ntf = camera_transfer(FREQUENCY, response)
    assert torch.allclose(ntf.log(), (1 - share) * mtf.log(), atol=1e-12)


def test_a_scintillator_spreads_noise_as_signal_unless_the_conditions_say_otherwise() -> None:
    mtf, ntf = camera_transfer(FREQUENCY, camera(SCINTILLATOR, mtf_half_frequency=0.4))
    assert torch.equal(mtf, ntf)
    _, measured = camera_transfer(FREQUENCY, camera(SCINTILLATOR, mtf_half_frequency=0.4, ntf_half_frequency=0.6))
    assert torch.allclose(measured[0], 0.5 ** (FREQUENCY / 0.6) ** 2)
    _, counting = camera_transfer(FREQUENCY, camera(mtf_half_frequency=0.4))
    assert torch.equal(counting, torch.ones_like(counting))


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_flat_fields_of_a_scintillator_have_the_noise_of_its_ntf_and_signals_fall_as_its_mtf(share: float) -> None:
    given = {"mtf_half_frequency": 0.5, "scattering_share": share, "dqe_zero": 0.5, "gain": 3.0}
    images = flat_fields(camera(SCINTILLATOR, IMAGES, **given))
    expected = 9 * 0.5 * ARRIVING * 0.5 ** (2 * (1 - share) * (radial() / 0.5) ** 2)
    ratio = measured_power(images) / expected
    assert float(ratio.mean()) == pytest.approx(1, abs=0.01)
    assert float((ratio - 1).abs().max()) < 6.5 / math.sqrt(IMAGES / 2)
    x = torch.arange(GRID.shape[1], dtype=torch.float64) / GRID.shape[1]
    wave = (1 + 0.5 * torch.cos(2 * math.pi * 8 * x))[None, None].expand(1, *GRID.shape)  # a third of Nyquist
    kept = expected_detections(wave, same(DOSE), GRID, camera(SCINTILLATOR, **given))
    scattered = 0.5 ** (share * (1 / 3 / 0.5) ** 2)
    assert float(kept.max() / kept.mean() - 1) == pytest.approx(0.5 * scattered, rel=1e-9)


# Coincidence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("electrons", "frames"), [(6.0, 20), (40.0, 10), (12.0, 4000), (0.5, 3)])
def test_counts_are_those_of_frames_that_count_one_electron_a_pixel(
    electrons: float, frames: int, dtype: torch.dtype
) -> None:
    """Mean, variance and slope of a brute force: Poisson electrons in every frame, of which at most one counts."""
    pixels = 20_000
    source = torch.Generator().manual_seed(3)
    arriving = torch.full((frames, pixels), electrons / frames, dtype=torch.float64)
    brute = (torch.poisson(arriving, generator=source) > 0).sum(dim=0).double()
    expected = torch.full((100, 200), electrons, dtype=dtype)
    counts = coincident_counts(expected, frames, source).flatten().double()
    n, m = torch.tensor([electrons], dtype=torch.float64), torch.tensor([float(frames)], dtype=torch.float64)
    mean = float(coincident(n, m))
    noise, slope = (float(part) for part in coincidence_noise(n, m))
    variance = noise * slope**2 * electrons
    error = math.sqrt(variance / pixels)
    for drawn in (brute, counts):
        assert float(drawn.mean()) == pytest.approx(mean, abs=5 * error)
        assert float(drawn.var()) == pytest.approx(variance, rel=5 * math.sqrt(3 / pixels))
    assert variance < mean < electrons
    step = 1e-4 * n
    assert float((coincident(n + step, m) - coincident(n - step, m)) / (2 * step)) == pytest.approx(slope, rel=1e-5)
    assert counts.max() <= frames and torch.equal(counts, counts.round())


def test_many_frames_lose_nothing() -> None:
    n = torch.tensor([5.0], dtype=torch.float64)
    assert float(coincident(n, same(1e9))) == pytest.approx(5, rel=1e-8)
    assert float(coincident(n, same(math.inf))) == 5
    assert [float(one) for one in coincidence_noise(n, same(math.inf))] == [1, 1]


def test_flat_fields_of_a_camera_with_coincidence_loss_are_sub_poissonian_and_white() -> None:
    images = flat_fields(camera(CameraSettings(kind="counting"), IMAGES, counting_frames=40.0, dqe_zero=0.8))
    n = torch.tensor([0.8 * ARRIVING], dtype=torch.float64)
    noise, slope = coincidence_noise(n, same(40.0))
    variance = float(noise * slope**2 * n)
    assert float(images.mean()) == pytest.approx(40 * -math.expm1(-0.4), rel=1e-3)
    assert float(measured_power(images).mean()) == pytest.approx(variance, rel=0.01)
    assert variance < 0.7 * float(images.mean())


def test_the_quantum_efficiency_is_that_of_measured_signal_and_noise() -> None:
    """DQE = (d mean / d arriving)^2 x arriving / variance, at the frequencies where MTF and NTF are 1."""
    response = camera(counting_frames=40.0, dqe_zero=0.8, gain=2.0, read_noise=3.0)
    expected = quantum_efficiency(FREQUENCY, response, same(0.8 * ARRIVING))
    n = 0.8 * ARRIVING
    slope, variance = 0.8 * math.exp(-n / 40), 40 * math.exp(-n / 40) * -math.expm1(-n / 40) + (3 / 2) ** 2
    assert torch.allclose(expected, same(slope**2 * ARRIVING / variance))
    coloured = camera(mtf_half_frequency=0.4, ntf_half_frequency=0.7, dqe_zero=0.6)
    mtf, ntf = camera_transfer(FREQUENCY, coloured)
    assert torch.allclose(quantum_efficiency(FREQUENCY, coloured, same(5.0)), 0.6 * mtf**2 / ntf**2)
    lossless = camera(mtf_half_frequency=0.4, counting_frames=math.inf, read_noise=1.0)
    assert torch.allclose(noise_power(FREQUENCY, lossless, same(4.0)), same(1.25))


# Exponents, and cameras side by side ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "exponent"), [("gaussian", 2.0), ("exponential", 1.0)])
def test_an_exponent_stands_for_a_shape_and_overrides_it(shape: str, exponent: float) -> None:
    half = same(0.4)
    by_shape = parametric_transfer(FREQUENCY, half, shape)
    for given in ("gaussian", "exponential", "lorentzian"):
        assert torch.allclose(parametric_transfer(FREQUENCY, half, given, same(exponent)), by_shape)
    assert torch.equal(parametric_transfer(FREQUENCY, half, shape, same(math.inf)), by_shape)


def test_one_set_of_images_holds_a_counting_a_gaussian_and_an_exponential_camera() -> None:
    """Each with the bits that it has alone."""
    names = ("mtf_half_frequency", "transfer_exponent", "scattering_share", "counting_frames", "dqe_zero")
    columns = [
        (0.8, 2.0, 1.0, 100.0, 0.8),
        (0.6, math.inf, 0.0, math.inf, 1.0),
        (0.3, 1.0, 0.0, math.inf, 0.5),
        (math.inf, math.inf, math.inf, math.inf, 1.0),
    ]
    values = dict(zip(names, torch.tensor(columns, dtype=torch.float64).T, strict=True))
    image = torch.rand(1, *GRID.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.5
    together = detect(image.expand(4, -1, -1), same(DOSE, 4), GRID, [1, 2, 3, 4], CameraResponse.perfect(4, **values))
    for number in range(4):
        own = CameraResponse.perfect(1, **{name: value[number : number + 1] for name, value in values.items()})
        assert torch.equal(together[number], detect(image, same(DOSE), GRID, [number + 1], own)[0])
    _, ntf = camera_transfer(FREQUENCY, CameraResponse.perfect(4, **values))
    assert torch.equal(ntf[0], torch.ones_like(FREQUENCY))
    assert torch.allclose(ntf[1], 0.5 ** (FREQUENCY / 0.6) ** 2)
    assert torch.allclose(ntf[2], 0.5 ** (FREQUENCY / 0.3))


def test_every_key_of_a_camera_may_be_a_distribution() -> None:
    spread = {"uniform": {"minimum": 0.2, "maximum": 0.9}}
    conditions = ImagingConditions.model_validate(
        {
            "defocus_nm": 0,
            "dose_e_per_A2": 100,
            "mtf_half_frequency": spread,
            "scattering_share": spread,
            "transfer_exponent": {"uniform": {"minimum": 0.8, "maximum": 2.5}},
            "dqe_zero": spread,
            "counting_frames": {"choice": {"values": [50, 400]}},
            "gain_counts_per_e": spread,
            "read_noise_counts": spread,
        }
    )
    drawn = conditions.quantiles(np.random.default_rng(0).random((20, len(COLUMNS))))
    response = camera_response(drawn, CameraSettings())
    for name in ("mtf_half_frequency", "scattering_share", "transfer_exponent", "dqe_zero", "gain", "read_noise"):
        assert len(getattr(response, name).unique()) == 20
    assert set(response.counting_frames.tolist()) == {50.0, 400.0}


# Refusals and gradients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        (None, {"scattering_share": 0.5, "ntf_half_frequency": 0.5}, "scattering_share gives the NTF, and so does"),
        ("scintillator", {"counting_frames": 50.0}, "counting_frames needs a camera that counts"),
        ("counting", {"scattering_share": 0.5}, "scattering_share below 1 makes a camera integrate"),
        (None, {"scattering_share": 1.5}, "scattering_share = 1.5; must be 0 to 1"),
        (None, {"transfer_exponent": 0.0}, "transfer_exponent = 0; must be above 0"),
        (None, {"counting_frames": 0.5}, "counting_frames = 0.5; must be 1 or more"),
    ],
)
def test_contradictions_are_refused(kind: str | None, given: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        camera(CameraSettings(kind=kind), **{"mtf_half_frequency": 0.4, **given})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="counting"):
        CameraSettings.model_validate({"kind": "film"})


def test_no_count_is_drawn_of_a_mean_that_is_negative_or_no_number() -> None:
    for value in (-1.0, math.nan):
        with pytest.raises(ValueError, match="must be 0 or more"):
            coincident_counts(torch.full((2, 2), value), 5, torch.Generator())


@pytest.mark.parametrize("exponent", [0.7, 1.5])
def test_means_take_gradients_of_exponent_share_and_electrons(exponent: float) -> None:
    names = ("mtf_half_frequency", "transfer_exponent", "scattering_share", "dqe_zero")
    intensities = torch.rand(1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.5
    dose = same(30.0).requires_grad_()

    def means(dose: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        values = dict(zip(names, parameters, strict=True)) | {"counting_frames": same(9.0)}
        response = CameraResponse.perfect(1, **values)
        return expected_detections(intensities, dose, Grid((8, 8), (0.5, 0.5)), response)

    values = [same(value).requires_grad_() for value in (0.5, exponent, 0.4, 0.8)]
    assert gradcheck(means, (dose, *values))


def test_quantum_efficiency_takes_gradients_of_every_key() -> None:
    names = ("mtf_half_frequency", "transfer_exponent", "scattering_share", "dqe_zero", "read_noise", "gain")
    values = [same(value).requires_grad_() for value in (0.5, 0.8, 0.4, 0.8, 2.0, 3.0)]

    def efficiency(*parameters: torch.Tensor) -> torch.Tensor:
        response = CameraResponse.perfect(1, **dict(zip(names, parameters, strict=True)), counting_frames=same(30.0))
        return quantum_efficiency(FREQUENCY, response, 20 * parameters[3])

    assert gradcheck(efficiency, values)
    frames = same(30.0).requires_grad_()
    (slope,) = torch.autograd.grad(coincident(same(20.0), frames).sum(), frames)
    assert float(slope) == pytest.approx(-math.expm1(-2 / 3) - 2 / 3 * math.exp(-2 / 3))


def test_a_camera_without_a_later_setting_has_the_identity_that_it_had() -> None:
    known = {"shape", "mtf_table", "ntf_table", "binning"}
    assert set(CameraSettings().model_dump()) == known
    assert set(CameraSettings(bits=8).model_dump()) == known | {"bits"}
