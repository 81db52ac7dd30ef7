"""Marks of beam and camera against their stated laws, and what they leave alone."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from temshift.conditions import ImagingConditions, lens_remarks, summary
from temshift.conditions.imaging import COLUMNS
from temshift.configuration.model import parse_configuration
from temshift.core.grids import Grid
from temshift.image_sets.image_set import ImageSet, counts_whole
from temshift.information import Bench, compare
from temshift.optics import CameraResponse, CameraSettings, detect, expected_detections
from temshift.optics.camera import camera_response
from temshift.optics.camera.nuisances import illuminated, nuisances_of
from temshift.vocabulary.parameters import CANONICAL

GRID = Grid((64, 96), (0.5, 0.5))
PIXELS = math.prod(GRID.shape)
ARRIVING = 20.0  # electrons a pixel
DOSE = ARRIVING / GRID.pixel_area
EVERY = {
    "illumination_sd": 0.1,
    "gain_residue_sd": 0.05,
    "dead_pixels": 0.01,
    "hot_pixels": 0.02,
    "hot_pixel_level": 7.0,
    "xray_hits": 0.003,
    "xray_counts": 500.0,
    "camera_number": 3.0,
}
KEYS = {row.field: row for row in CANONICAL}


def same(value: float, images: int = 1) -> torch.Tensor:
    return torch.full((images,), value, dtype=torch.float64)


def response(images: int = 1, settings: CameraSettings | None = None, **given: float) -> CameraResponse:
    values = {name: same(value, images) for name, value in given.items()}
    return CameraResponse.perfect(images, settings or CameraSettings(), **values)


def flat(images: int = 1, seeds: Any = None, settings: CameraSettings | None = None, **given: float) -> torch.Tensor:
    intensities = torch.ones(images, *GRID.shape, dtype=torch.float64)
    answer = response(images, settings, **given)
    return detect(intensities, same(DOSE, images), GRID, seeds or list(range(images)), answer)


# Off -----------------------------------------------------------------------------------------------------------------


def test_without_nuisances_images_keep_their_bits_and_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums are those of images that were made before there were nuisances."""
    image = 1 + 0.5 * torch.cos(torch.arange(PIXELS, dtype=torch.float64).view(1, *GRID.shape) / 17)
    given = {"mtf_half_frequency": 0.5, "ntf_half_frequency": 0.7, "gain": 2.0, "read_noise": 1.5}
    counts = detect(image, same(DOSE), GRID, [11], CameraResponse.perfect(1))
    blurred = detect(image, same(DOSE), GRID, [11], response(**given))
    still = {"hot_pixel_level": 9.0, "camera_number": 5.0, "xray_counts": 100.0}
    monkeypatch.setattr(torch, "poisson", None)
    assert torch.equal(detect(image, same(DOSE), GRID, [11], response(**given, **still)), blurred)
    assert illuminated(image, nuisances_of(response()), [1]) is image
    assert (float(counts.sum()), float(counts.square().sum())) == OLD_SUMS
    assert float(blurred.double().sum()) == pytest.approx(OLD_BLURRED, rel=1e-12)


OLD_SUMS = (122714.0, 2883464.0)
OLD_BLURRED = 245541.12103294086


# Laws ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [0.02, 0.2])
def test_illumination_has_mean_1_and_its_standard_deviation_in_every_image(spread: float) -> None:
    marks = nuisances_of(response(200, illumination_sd=spread))
    fields = illuminated(torch.ones(200, *GRID.shape, dtype=torch.float64), marks, range(200))
    assert torch.allclose(fields.mean((-2, -1)), same(1, 200), atol=1e-12)
    assert torch.allclose(fields.std((-2, -1), correction=0), same(spread, 200), rtol=1e-9)
    assert float(fields.min()) > 1 - 5 * spread
    shapes = (fields - 1) / spread
    y, x = (torch.linspace(-1, 1, side, dtype=torch.float64) for side in GRID.shape)
    terms = [y[:, None] + 0 * x, 0 * y[:, None] + x, y[:, None] * x]
    terms += [(y.square() - y.square().mean())[:, None] + 0 * x, 0 * y[:, None] + x.square() - x.square().mean()]
    basis = torch.stack([term / term.std(correction=0) for term in terms])
    weights = torch.einsum("nyx,kyx->nk", shapes, basis) / PIXELS
    assert torch.allclose(torch.einsum("nk,kyx->nyx", weights, basis), shapes, atol=1e-9)  # nothing but these terms
    assert torch.allclose(weights.square().sum(1), same(1, 200))
    assert torch.allclose(weights.square().mean(0), same(0.2, 5), atol=5 * math.sqrt(2 * 4 / (25 * 7) / 200))


def test_counts_follow_the_illumination() -> None:
    even, uneven = flat(300), flat(300, [4] * 300, illumination_sd=0.2)
    other = flat(1, [4], illumination_sd=0.2)
    assert torch.equal(uneven[7], other[0])
    field = illuminated(
        torch.ones(1, *GRID.shape, dtype=torch.float64), nuisances_of(response(illumination_sd=0.2)), [4]
    )
    many = detect(field.expand(300, -1, -1), same(DOSE, 300), GRID, list(range(300)), response(300))
    ratio = many.mean(0) / (ARRIVING * field[0])
    assert float((ratio - 1).abs().max()) < 6 / math.sqrt(300 * ARRIVING * float(field.min()))
    assert float(even.mean()) == pytest.approx(ARRIVING, rel=0.002)


def test_x_ray_hits_add_their_counts_at_their_rate_and_change_no_other_bit() -> None:
    clean, hit = flat(100), flat(100, xray_hits=0.003, xray_counts=500.0)
    hits = (hit - clean) / 500
    assert torch.equal(hits, hits.round()) and float(hits.min()) == 0
    number = 100 * PIXELS * 0.003
    assert float(hits.sum()) == pytest.approx(number, abs=5 * math.sqrt(number))
    assert float(hits.var()) == pytest.approx(0.003, rel=5 / math.sqrt(number))
    assert len({tuple(one.nonzero().flatten().tolist()) for one in hits}) == 100


def test_gain_residue_is_one_pattern_of_a_camera_of_its_standard_deviation() -> None:
    clean, marked = flat(3), flat(3, gain_residue_sd=0.05, camera_number=8.0)
    gains = marked / clean
    assert torch.allclose(gains[0], gains[1]) and torch.allclose(gains[0], gains[2])
    assert float(gains[0].mean()) == pytest.approx(1, abs=5 * 0.05 / math.sqrt(PIXELS))
    assert float(gains[0].std()) == pytest.approx(0.05, rel=5 / math.sqrt(2 * PIXELS))
    white = torch.fft.rfft2(gains[0] - gains[0].mean()).abs().square() / PIXELS
    assert float(white[:8, :8].mean()) == pytest.approx(0.05**2, rel=5 / 8)
    other = flat(1, gain_residue_sd=0.05, camera_number=9.0) / clean[:1]
    assert abs(float(torch.corrcoef(torch.stack([other.flatten(), gains[0].flatten()]))[0, 1])) < 5 / math.sqrt(PIXELS)
    rounded = flat(1, gain_residue_sd=0.05, camera_number=8.4)
    assert torch.equal(rounded[0], marked[0])
    expected = ARRIVING + 0.05**2 * (ARRIVING + ARRIVING**2)
    assert float(marked.var()) == pytest.approx(expected, rel=0.05)


def test_dead_and_hot_pixels_have_their_shares_and_levels_and_larger_shares_contain_smaller_ones() -> None:
    clean = flat(2, gain=10.0)
    marked = flat(2, gain=10.0, dead_pixels=0.02, hot_pixels=0.03, hot_pixel_level=7.0)
    changed = marked != clean
    assert torch.equal(changed[0], changed[1])  # of the camera, not of the image
    level = 7 * clean.mean((-2, -1))
    dead, hot = marked == 0, marked == level[:, None, None]
    assert torch.equal(dead | hot, changed)
    for share, faulty in ((0.02, dead), (0.03, hot)):
        assert float(faulty[0].double().mean()) == pytest.approx(share, abs=5 * math.sqrt(share / PIXELS))
    fewer = flat(2, gain=10.0, dead_pixels=0.005, hot_pixels=0.01, hot_pixel_level=7.0)
    assert bool((dead | (fewer != 0)).all()) and bool((hot | (fewer != level[:, None, None])).all())
    assert int((fewer == 0).sum()) < int(dead.sum())


def test_marks_stand_on_the_pixels_before_binning() -> None:
    given = {"dead_pixels": 0.05, "gain_residue_sd": 0.03, "xray_hits": 0.01, "xray_counts": 50.0}
    fine, coarse = flat(1, **given), flat(1, settings=CameraSettings(binning=4), **given)
    assert torch.allclose(fine.view(1, 16, 4, 24, 4).sum((2, 4)), coarse)


# Independence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_marks_ignore_the_batch_and_repeat(dtype: torch.dtype) -> None:
    image = torch.rand(1, *GRID.shape, dtype=dtype, generator=torch.Generator().manual_seed(0)) + 0.5
    values = {name: torch.tensor([0.0, value, value / 2]).double() for name, value in EVERY.items()}
    together = detect(image.expand(3, -1, -1), same(DOSE, 3), GRID, [1, 2, 3], CameraResponse.perfect(3, **values))
    assert together.dtype == dtype
    for number in range(3):
        own = CameraResponse.perfect(1, **{name: value[number : number + 1] for name, value in values.items()})
        assert torch.equal(together[number], detect(image, same(DOSE), GRID, [number + 1], own)[0])
    assert torch.equal(together[0], detect(image, same(DOSE), GRID, [1], CameraResponse.perfect(1))[0])


def test_each_mark_has_numbers_of_its_own() -> None:
    """Taking one mark away changes nothing that another one made, where they do not meet."""
    faults = {name: EVERY[name] for name in ("dead_pixels", "hot_pixels", "hot_pixel_level")}
    hits = {name: EVERY[name] for name in ("xray_hits", "xray_counts")}
    clean, faulty, hit, both = flat(), flat(**faults), flat(**hits), flat(**faults, **hits)
    untouched = faulty == clean
    assert torch.equal(both[untouched], hit[untouched]) and torch.equal(both[~untouched], faulty[~untouched])
    patterns = [flat(gain_residue_sd=0.1) / clean, flat(**faults) != clean]
    correlation = torch.corrcoef(torch.stack([pattern.double().flatten() for pattern in patterns]))[0, 1]
    assert abs(float(correlation)) < 5 / math.sqrt(PIXELS)


def test_expected_detections_leave_marks_out_and_detection_takes_no_gradient() -> None:
    image = torch.ones(1, *GRID.shape, dtype=torch.float64, requires_grad=True)
    marked = response(**EVERY)
    assert torch.equal(expected_detections(image, same(DOSE), GRID, marked), torch.full_like(image, ARRIVING))
    assert not detect(image, same(DOSE), GRID, [1], marked).requires_grad


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("illumination_sd", 0.3, "0 to 0.2"),
        ("dead_pixels", 0.6, "0 to 0.5"),
        ("xray_hits", -1.0, "finite and 0 or more"),
    ],
)
def test_impossible_marks_are_refused(name: str, value: float, text: str) -> None:
    with pytest.raises(ValueError, match=f"{name} = {value:g}; must be {text}"):
        response(**{name: value})


# Conditions ----------------------------------------------------------------------------------------------------------


def conditions(**given: Any) -> ImagingConditions:
    return ImagingConditions.model_validate({"defocus_nm": 10, "dose_e_per_A2": 400, **given})


@pytest.mark.parametrize("field", EVERY)
def test_every_mark_takes_distributions_and_series_and_moves_no_other_draw(field: str) -> None:
    row = KEYS[field]
    ends = {"minimum": 0.1 * EVERY[field] / row.factor, "maximum": EVERY[field] / row.factor}
    uniform = np.random.default_rng(3).random((50, len(COLUMNS)))
    spread = {"normal": {"mean": 0, "sd": 3}}
    drawn = conditions(C12a_nm=spread, **{row.key: {"uniform": ends}}).quantiles(uniform)
    values = getattr(drawn, field)
    assert len(values.unique()) == 50 and float(values.max()) <= EVERY[field] * (1 + 1e-12)
    assert torch.equal(drawn.aberrations["C12"], conditions(C12a_nm=spread).quantiles(uniform).aberrations["C12"])
    assert torch.equal(getattr(camera_response(drawn, CameraSettings()), field), values)
    text = f"""
        seed: 1
        default: {{defocus_nm: 10, dose_e_per_A2: 400}}
        conditions:
          - name: "{row.key} {{value:g}}"
            series: {row.key}
            values: [0, {ends["maximum"]!r}]
    """
    named = dict(parse_configuration(text, ImageSet, "series").resolved())
    assert [float(getattr(one.central(), field)) for one in named.values()] == pytest.approx([0, EVERY[field]])
    assert summary(conditions(**{row.key: {"uniform": ends}}))[row.key].sd > 0


def test_conditions_with_marks_are_remarked_wherever_metrics_are_computed() -> None:
    marked = conditions(illumination_sd_percent=2, dead_pixels_ppm=50, camera_number=3)
    none = conditions(illumination_sd_percent=0, hot_pixel_level=10)
    assert marked.nuisances() == ["illumination_sd_percent", "dead_pixels_ppm"] and none.nuisances() == []
    text = (
        "images alone have illumination_sd_percent, dead_pixels_ppm; epsilon, sigma, observers and predictions leave "
        "it out"
    )
    assert ("marked", text) in lens_remarks([("marked", marked), ("none", none)])
    told = compare(marked, conditions(), bench=Bench(rules=(), draws=16))
    assert f"'training': {text}" in told.remarks
    assert told.pair.sigma.value == 1


def test_keys_that_need_a_companion_say_so() -> None:
    assert conditions(hot_pixel_level=10, xray_hits_per_megapixel=5).idle() == {
        "hot_pixel_level": "hot_pixels",
        "xray_hits_per_megapixel": "xray_counts",
    }
    assert any("without hot_pixel_level" in remark for remark in conditions(hot_pixels_ppm=100).remarks())
    assert not conditions(hot_pixels_ppm=100, hot_pixel_level=10).remarks()


@pytest.mark.parametrize(
    ("keys", "whole"),
    [
        ({"gain_residue_sd_percent": 1}, False),
        ({"hot_pixels_ppm": 10, "hot_pixel_level": 3}, False),
        ({"xray_hits_per_megapixel": 10, "xray_counts": 33.3}, False),
        ({"illumination_sd_percent": 5, "dead_pixels_ppm": 10}, True),
    ],
)
def test_counts_are_whole_unless_a_mark_makes_fractions(keys: dict[str, float], whole: bool) -> None:
    given = {"name": "one", "defocus_nm": 1, "dose_e_per_A2": 400, **keys}
    assert counts_whole(ImageSet.model_validate({"seed": 1, "conditions": [given]})) == whole


@pytest.mark.parametrize(
    ("camera", "keys", "whole"),
    [
        ({}, {"mtf_half_frequency": 0.5, "scattering_share": 1}, True),
        ({}, {"mtf_half_frequency": 0.5, "scattering_share": 0.5}, False),
        ({"kind": "scintillator"}, {"mtf_half_frequency": 0.5}, False),
        ({"kind": "scintillator"}, {"mtf_half_frequency": 0.5, "scattering_share": 1}, True),
        ({"kind": "counting"}, {"mtf_half_frequency": 0.5, "counting_frames": 50}, True),
    ],
)
def test_counts_are_whole_where_the_ntf_is_1(camera: dict[str, str], keys: dict[str, float], whole: bool) -> None:
    given = {"name": "one", "defocus_nm": 1, "dose_e_per_A2": 400, **keys}
    images = {"seed": 1, "imaging": {"camera": camera}, "conditions": [given]}
    assert counts_whole(ImageSet.model_validate(images)) == whole
    values = {name: same(value) for name, value in keys.items()}
    image = torch.rand(1, *GRID.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 0.5
    counts = detect(
        image, same(DOSE), GRID, [1], CameraResponse.perfect(1, CameraSettings.model_validate(camera), **values)
    )
    assert torch.equal(counts, counts.round()) == whole
