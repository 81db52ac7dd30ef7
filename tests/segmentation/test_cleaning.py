"""Each step of cleaning takes away what it is for, leaves clean images alone, and says so."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from temshift.core import InputError
from temshift.segmentation.cleaning.background import without_background
from temshift.segmentation.cleaning.bars import picture_without_bars, scale_bars
from temshift.segmentation.cleaning.outliers import without_outliers
from temshift.segmentation.cleaning.steps import Cleaning, cleaned
from temshift.segmentation.cleaning.stripes import without_stripes

NOTHING = Cleaning(bars=False, outliers=False, stripes=False, background=False)


def micrograph(dose: float = 100.0, shape: tuple[int, int] = (256, 320)) -> np.ndarray:
    """Counts of a film with fringes in a round particle."""
    random = np.random.default_rng(5)
    film = gaussian_filter(random.normal(size=shape), 1.5)
    y, x = np.indices(shape)
    particle = np.hypot(y - 120, x - 150) < 40
    scene = 1 + 0.1 * film / film.std() + 0.2 * particle * np.sin(2 * np.pi * x / 6)
    return random.poisson(dose * np.clip(scene, 0.01, None)).astype(np.float32)


@pytest.mark.parametrize("dose", [2.0, 20.0, 1000.0])
def test_clean_images_stay_as_they_are(dose: float) -> None:
    image = micrograph(dose)
    result = cleaned(image, Cleaning())
    assert result.counts.shape == image.shape and not result.hidden.any()
    assert (result.counts != image).mean() < 2e-4
    assert {step.name for step in result.steps if step.changed} <= {"outliers", "clipped"}
    assert [step.name for step in result.steps] == ["bars", "clipped", "outliers", "stripes", "background"]


def test_no_step_means_no_change() -> None:
    image = micrograph()
    result = cleaned(image, NOTHING)
    assert np.array_equal(result.counts, image)
    assert [step.name for step in result.steps] == ["clipped"]


def test_hot_and_dead_pixels() -> None:
    image = micrograph()
    spoilt = image.copy()
    places = np.random.default_rng(0).integers(0, [[256], [320]], (2, 60))
    spoilt[tuple(places)] = np.repeat([0, 5000], 30)
    mended, number = without_outliers(spoilt)
    assert number >= len(set(map(tuple, places.T)))
    assert np.abs(mended - image).max() < 200 and np.abs(mended - image).mean() < 0.5


def test_gain_of_columns_and_rows() -> None:
    image = micrograph()
    spoilt = image.copy()
    spoilt[:, 40] *= 1.2
    spoilt[:, 200:202] *= 0.85
    spoilt[77] *= 1.1
    levelled, columns, rows = without_stripes(spoilt)
    assert (columns, rows) == (3, 1)
    assert np.abs(levelled[:, 40].mean() / image[:, 40].mean() - 1) < 0.02
    assert np.abs(levelled[77].mean() / image[77].mean() - 1) < 0.02
    untouched = np.ones(320, bool)
    untouched[[40, 200, 201]] = False
    assert np.array_equal(np.delete(levelled, 77, 0)[:, untouched], np.delete(image, 77, 0)[:, untouched])


def test_stripes_of_counts_around_zero() -> None:
    image = micrograph() - 100
    spoilt = image.copy()
    spoilt[:, 40] += 30
    levelled, columns, _ = without_stripes(spoilt)
    assert columns == 1 and abs(float(levelled[:, 40].mean() - image[:, 40].mean())) < 3


def test_a_background_goes_only_if_there_is_one() -> None:
    image = micrograph()
    assert without_background(image)[1] is None
    y, x = np.meshgrid(np.linspace(-1, 1, 256), np.linspace(-1, 1, 320), indexing="ij")
    surface = 1 + 0.3 * x - 0.2 * y + 0.1 * x * y
    flat, rise = without_background((image * surface).astype(np.float32))
    assert rise == pytest.approx(float(surface.max() - surface.min()), rel=0.15)
    quarters = [
        flat[rows, columns].mean()
        for rows in (slice(128), slice(128, None))
        for columns in (slice(160), slice(160, None))
    ]
    assert np.ptp(quarters) / np.mean(quarters) < 0.03


@pytest.mark.parametrize("side", ["bottom", "top", "left", "right"])
def test_bars_at_the_borders(side: str) -> None:
    turn = {"bottom": 0, "right": 1, "top": 2, "left": 3}[side]
    image = micrograph(shape=(256, 256))
    bar = np.zeros((30, 256), np.float32)
    bar[8:20, 20:100:3] = 255  # letters
    spoilt = np.rot90(np.concatenate([image, bar]), turn)
    rows, columns = picture_without_bars(spoilt)
    assert np.array_equal(spoilt[rows, columns], np.rot90(image, turn))


def test_eight_bits_are_no_bars() -> None:
    image = np.clip(micrograph(4.0), 0, 8)
    assert picture_without_bars(image) == (slice(0, 256), slice(0, 320))


def test_a_scale_bar_is_hidden_with_its_letters() -> None:
    image = micrograph()
    spoilt = image.copy()
    spoilt[230:235, 20:80] = 255
    spoilt[219:226, 40:60:3] = 255
    bars = scale_bars(spoilt)
    assert bars[230:235, 20:80].all() and bars[219:226, 40:60:3].all() and bars.sum() < 600
    result = cleaned(spoilt, replace(NOTHING, bars=True))
    assert result.hidden[230:235, 20:80].all() and result.hidden.mean() < 0.03
    assert result.counts.max() < 200 and np.array_equal(result.counts[~result.hidden], spoilt[~result.hidden])
    assert "under a scale bar" in result.steps[0].sentence


def test_clipped_pixels_are_said() -> None:
    image = np.clip(micrograph(), 0, 120)
    (step,) = cleaned(image, NOTHING).steps
    assert step.changed and "the highest" in step.sentence
    assert (
        not cleaned(micrograph().astype(np.float32) + np.random.default_rng(0).random((256, 320), np.float32), NOTHING)
        .steps[0]
        .changed
    )


def test_inverting_twice_gives_the_image() -> None:
    image = micrograph()
    inverted = cleaned(image, replace(NOTHING, invert=True)).counts
    assert np.corrcoef(inverted.ravel(), image.ravel())[0, 1] == pytest.approx(-1)
    assert np.allclose(cleaned(inverted, replace(NOTHING, invert=True)).counts, image)


def test_nothing_left_is_refused() -> None:
    flat = np.ones((64, 64), np.float32)
    flat[3, 3] = 2
    with pytest.raises(InputError, match="nothing but one value"):
        cleaned(np.where(flat == 2, 1, flat), NOTHING, "a.tif")
