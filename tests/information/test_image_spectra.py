"""d_image: white and coloured noise of known spectra, laws, its error against repeated draws, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from temshift.core.errors import InputError
from temshift.core.grids import Grid
from temshift.information import ImageSpectra, image_distance, image_distances, image_spectra

SAMPLING = 0.4
BAND = 0.6
GRID = Grid((64, 64), (SAMPLING, SAMPLING))

Array = NDArray[np.float64]


def noise(count: int, seed: int, slope: float = 0.0, shape: tuple[int, int] = (64, 64)) -> Array:
    """Gaussian images of the power spectrum exp(slope q)."""
    grid = Grid(shape, (SAMPLING, SAMPLING))
    amplitude = np.exp(slope * np.hypot(*grid.frequencies()) / 2)
    white = np.random.default_rng(seed).normal(size=(count, *shape))
    return np.asarray(np.fft.ifft2(np.fft.fft2(white) * amplitude).real)


def spectra(count: int, seed: int, slope: float = 0.0) -> ImageSpectra:
    return image_spectra(noise(count, seed, slope), SAMPLING, BAND)


def test_white_noise_has_the_same_power_everywhere() -> None:
    white = spectra(400, 0)
    whole = image_spectra(noise(400, 0), SAMPLING)
    assert whole.q[-1] <= 1.25 and len(whole.q) == 31
    assert np.average(whole.power, axis=1, weights=whole.q).mean() == pytest.approx(1, abs=5e-3)
    assert np.abs(white.mean[2:] - 1).max() < 0.04
    assert white.q[0] == pytest.approx(1 / 25.6)
    assert white.q[-1] <= BAND + 1 / 25.6


@pytest.mark.parametrize("slope", [-4.0, 3.0])
def test_the_distance_of_coloured_noise_has_a_closed_form(slope: float) -> None:
    """Sqrt S' = exp(slope q / 2) / sqrt <exp(slope q)>, the mean over the square; a window blurs it in small images."""
    white, coloured = (
        image_spectra(noise(60, seed, each, (192, 192)), SAMPLING) for seed, each in ((1, 0.0), (2, slope))
    )
    q, weight = white.q, white.q / white.q.sum()
    mean = np.exp(slope * np.hypot(*Grid((192, 192), (SAMPLING, SAMPLING)).frequencies())).mean()
    difference = np.exp(slope * q / 2) / np.sqrt(mean) - 1
    found = image_distance(white, coloured)
    assert found.distance == pytest.approx(np.sqrt(difference**2 @ weight), rel=0.03)
    assert found.distance > 10 * found.chance


@settings(max_examples=20)
@given(st.floats(1e-3, 1e6), st.floats(-5, 5), st.integers(0, 1000))
def test_scale_and_offset_do_not_count(scale: float, offset: float, seed: int) -> None:
    images = noise(3, seed, -2.0)
    one, other = (image_spectra(each, SAMPLING, BAND) for each in (images, scale * (images + offset)))
    assert image_distance(one, other).distance == pytest.approx(0, abs=1e-6)


def test_the_distance_is_symmetric_and_zero_to_itself() -> None:
    one, other = spectra(6, 3), spectra(8, 4, -3.0)
    there, back = image_distance(one, other), image_distance(other, one)
    assert there.distance == pytest.approx(back.distance, rel=1e-12)
    assert there.error == pytest.approx(back.error, rel=1e-9)
    assert image_distance(one, one).distance == 0


def test_the_matrix_holds_the_distances_of_pairs() -> None:
    sets = [spectra(4, seed, slope) for seed, slope in enumerate([0.0, -1.0, 2.0])]
    matrix = image_distances(sets, sets[:2])
    pairs = [[image_distance(one, other).distance for other in sets[:2]] for one in sets]
    assert np.allclose(matrix, pairs, rtol=1e-12)


def test_the_error_is_the_scatter_of_repeated_draws() -> None:
    found = [image_distance(spectra(12, 2 * seed), spectra(12, 2 * seed + 1, -3.0)) for seed in range(60)]
    scatter = np.std([one.distance for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(scatter, rel=0.3)


def test_chance_is_the_distance_where_nothing_differs() -> None:
    found = [image_distance(spectra(12, 2 * seed), spectra(12, 2 * seed + 1)) for seed in range(30)]
    assert np.mean([one.distance for one in found]) == pytest.approx(np.mean([one.chance for one in found]), rel=0.1)


def test_pixels_need_not_be_square_nor_images() -> None:
    found = image_spectra(np.random.default_rng(0).normal(size=(300, 32, 48)), (0.4, 0.3), BAND)
    assert np.abs(found.mean[2:] - 1).max() < 0.15


NOT_FINITE = noise(3, 0)
NOT_FINITE[1, 5, 5] = np.nan
CONSTANT = noise(3, 0)
CONSTANT[2] = 7.3


@pytest.mark.parametrize(
    ("images", "given", "told"),
    [
        (NOT_FINITE, {}, "1 of 3 images have pixels that are not finite, such as number 1; leave them out"),
        (CONSTANT, {}, "1 of 3 images have no contrast, such as number 2; leave them out"),
        (np.ones((3, 64)), {}, r"shape \(3, 64\); give one or more as \(images, y, x\)"),
        (np.ones((0, 64, 64)), {}, "give one or more"),
        (noise(2, 0) * 1j, {}, "images are of complex128; give real numbers, of waves the intensity"),
        (noise(2, 0), {"sampling": 0.0}, "sampling = 0.0 A; give the size of a pixel"),
        (noise(2, 0), {"highest": 1.5}, "highest = 1.5 1/A; these pixels hold frequencies above 0 and up to 1.25 1/A"),
        (noise(2, 0), {"highest": float("nan")}, "highest = nan"),
        (noise(2, 0), {"highest": 0.1}, "images of .* hold 3 rings up to 0.1 1/A, 4 are needed; give larger images"),
    ],
)
def test_what_has_no_spectrum_is_refused(images: Array, given: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        image_spectra(images, **{"sampling": SAMPLING, **given})


@pytest.mark.parametrize("other", [image_spectra(noise(2, 0), 0.5, BAND), image_spectra(noise(2, 0), SAMPLING, 0.5)])
def test_sets_of_other_rings_are_refused(other: ImageSpectra) -> None:
    for compare in (lambda: image_distance(spectra(2, 0), other), lambda: image_distances([spectra(2, 0)], [other])):
        with pytest.raises(InputError, match="other rings: 15 of 0.03906 to 0.5859 1/A and .* one size and pixel size"):
            compare()


def test_images_of_another_size_are_refused() -> None:
    other = image_spectra(noise(2, 0, shape=(96, 96)), SAMPLING, BAND)
    with pytest.raises(InputError, match="cut and resample the images to one size"):
        image_distance(spectra(2, 0), other)


def test_images_in_place_of_their_spectra_are_refused() -> None:
    with pytest.raises(InputError, match="given ndarray; give what image_spectra returns"):
        image_distance(noise(2, 0), noise(2, 1))  # type: ignore[arg-type]


def test_one_image_tells_no_error() -> None:
    with pytest.raises(InputError, match="one image tells no error; give two or more"):
        image_distance(spectra(1, 0), spectra(2, 1))
