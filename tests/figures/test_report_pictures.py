import io
import re

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from temshift.figures.pictures import grey_levels, outline, png, webp


def test_png_is_read_back_as_it_was() -> None:
    levels = np.random.default_rng(1).integers(0, 256, (17, 31)).astype(np.uint8)
    content = png(levels)
    np.testing.assert_array_equal(np.rint(imread(io.BytesIO(content), format="png") * 255), levels)
    assert Image.open(io.BytesIO(content)).mode == "L"  # 8 bits of grey, neither colours nor a palette


@pytest.mark.parametrize("greys", [2, 16, 256])
def test_webp_without_a_quality_loses_nothing_in_less_bytes_than_png(greys: int) -> None:
    levels = (np.random.default_rng(1).integers(0, greys, (64, 96)) * (255 // (greys - 1))).astype(np.uint8)
    content = webp(levels, None)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content)).convert("L")), levels)
    assert len(content) < len(png(levels))


def test_outline_runs_along_the_edge_of_the_mask() -> None:
    mask = np.zeros((12, 20))
    mask[3:8, 5:15] = 1
    path = outline(mask)
    points = np.array([[float(n) for n in pair.split()] for pair in re.split("[MLZ]", path) if pair])
    assert path.startswith("M")
    assert path.endswith("Z")
    np.testing.assert_allclose(points.min(axis=0), (5, 3))  # (x, y): left and upper edges of the pixels
    np.testing.assert_allclose(points.max(axis=0), (15, 8))


def test_an_empty_or_full_mask_has_no_outline() -> None:
    assert outline(np.zeros((8, 8))) == ""
    assert outline(np.ones((8, 8))) == ""


def test_grey_levels_leave_their_argument_alone() -> None:
    image = np.array([[-9.0, 0.0], [1.0, 9.0]])
    assert grey_levels(image).tolist() == [[0, 128], [178, 255]]
    assert image[0, 0] == -9.0
