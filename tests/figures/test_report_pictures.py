import io
import re

import numpy as np
from matplotlib.image import imread

from temshift.figures.pictures import grey_levels, outline, png


def test_png_is_read_back_as_it_was() -> None:
    levels = np.random.default_rng(1).integers(0, 256, (17, 31)).astype(np.uint8)
    np.testing.assert_array_equal(np.rint(imread(io.BytesIO(png(levels)), format="png") * 255), levels)


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
