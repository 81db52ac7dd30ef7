"""Images on a network's pixels, and in windows that leave no seam."""

import numpy as np
import pytest
import torch

from temshift.core import Grid, InputError
from temshift.networks import CompactUNetSettings, ResNetUNetSettings, initialised, segmented_in_windows
from temshift.segmentation.pixels import on_pixels, shape_for


def waves(shape: tuple[int, int], sampling: tuple[float, float]) -> np.ndarray:
    """A band-limited function of the place, sampled at the middles of pixels, with mirror symmetry at the borders."""
    y, x = ((np.arange(size) + 0.5) * step for size, step in zip(shape, sampling, strict=True))
    height, width = (size * step for size, step in zip(shape, sampling, strict=True))
    return (
        np.cos(np.pi * 8 * y / height)[:, None] * np.cos(np.pi * 13 * x / width) + 0.5 * np.cos(np.pi * 30 * x / width)
    ).astype(np.float32)


@pytest.mark.parametrize("shape", [(150, 90), (64, 100), (101, 203), (128, 96)])
def test_a_band_limited_image_stays_the_same_function(shape: tuple[int, int]) -> None:
    image = waves((128, 96), (1.0, 1.0))
    expected = waves(shape, (128 / shape[0], 96 / shape[1]))
    assert np.abs(on_pixels(image, shape) - expected).max() < 2e-6


def test_frequencies_beyond_the_new_pixels_are_left_out() -> None:
    x = np.arange(400) + 0.5
    fine = np.tile(np.cos(np.pi * 300 * x / 400), (200, 1)).astype(np.float32)
    assert np.abs(on_pixels(fine, (200, 200))).max() < 1e-5


def test_a_ramp_does_not_ring_at_its_borders() -> None:
    ramp = np.tile(np.linspace(0, 1, 300, dtype=np.float32), (200, 1))
    smaller = on_pixels(ramp, (100, 150))
    assert np.abs(smaller - np.linspace(smaller[0, 0], smaller[0, -1], 150)).max() < 0.01


def test_shapes_and_refusals() -> None:
    grid = Grid((1000, 800), (0.2, 0.25))
    assert shape_for(grid, (0.4, 0.4), "a") == (500, 500)
    assert shape_for(grid, None, "a") == (1000, 800)
    assert shape_for(grid, (0.2, 0.251), "a") == (1000, 800)
    assert shape_for(grid, (0.05, 0.05), "a", any_pixel=True) == (1000, 800)
    with pytest.raises(InputError, match="too coarse"):
        shape_for(grid, (0.1, 0.1), "a")
    with pytest.raises(InputError, match="too fine"):
        shape_for(grid, (2.5, 2.5), "a")
    with pytest.raises(InputError, match="at least 128"):
        shape_for(Grid((1000, 200), (0.2, 0.2)), (0.4, 0.4), "a")


@pytest.mark.parametrize(
    "settings", [CompactUNetSettings(widths=(8, 16, 32), stem=2), ResNetUNetSettings()], ids=["compact", "resnet"]
)
def test_windows_give_the_mask_of_the_whole(settings: CompactUNetSettings | ResNetUNetSettings) -> None:
    network = initialised(settings, seed=0).eval()
    image = torch.randn(1, 1, 741, 680, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = network(image)
        parts = segmented_in_windows(network, image, core=96)
    middle = whole.median()  # an untrained network is undecided: its own median makes a mask with many borders
    assert torch.equal(parts > middle, whole > middle)
    assert (parts - whole).abs().max() < 1e-5 * whole.std()


def test_windows_are_no_larger_than_said() -> None:
    sides: set[tuple[int, ...]] = set()

    def network(part: torch.Tensor) -> torch.Tensor:
        sides.add(tuple(part.shape[-2:]))
        return part

    image = torch.randn(1, 1, 300, 500)
    assert torch.equal(segmented_in_windows(network, image, core=64, margin=32), image)
    assert max(max(each) for each in sides) == 128
    with pytest.raises(ValueError, match="multiples of 32"):
        segmented_in_windows(network, image, core=100)
