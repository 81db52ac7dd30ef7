"""Particles of known size and shape: split, measured, and written so that other programs open them."""

import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import roifile
import tifffile
import torch

from temshift.core import Grid, InputError
from temshift.recordings import Known, Micrograph, read_micrograph
from temshift.segmentation import (
    FILES,
    PARTICLES,
    Segmentation,
    imagej_rois,
    measure,
    napari_shapes,
    outlines,
    segment,
    write_segmentation,
)
from temshift.segmentation.instances import instances

SIDE = 300
PIXEL = (0.4, 0.5)  # A
DISCS = ((60, 70, 25), (70, 200, 18), (200, 150, 30), (200, 198, 24), (299, 20, 20))  # y, x, radius; two touch


def discs(*given: tuple[int, int, int]) -> np.ndarray:
    y, x = np.indices((SIDE, SIDE))
    return np.any([np.hypot(y - down, x - across) < radius for down, across, radius in given], axis=0)


def none() -> np.ndarray:
    return np.zeros((SIDE, SIDE), bool)


def test_touching_discs_are_split_and_single_shapes_are_not() -> None:
    labels, specks = instances(discs(*DISCS), 10)
    assert labels.max() == 5 and specks == 0
    for (down, across, radius), error in zip(DISCS[:4], (0.02, 0.02, 0.05, 0.05), strict=True):
        assert (labels == labels[down, across]).sum() == pytest.approx(np.pi * radius**2, rel=error)
    assert instances(discs(*DISCS), 10, split=False)[0].max() == 4
    y, x = np.indices((SIDE, SIDE))
    ellipse = ((y - 100) / 20) ** 2 + ((x - 150) / 60) ** 2 < 1
    rough = np.hypot(y - 230, x - 100) < 30 + 2 * np.sin(9 * np.arctan2(y - 230, x - 100))
    hexagon = np.max([np.abs((y - 230) * np.sin(a) + (x - 230) * np.cos(a)) for a in np.pi / 3 * np.arange(3)], 0) < 30
    assert instances(ellipse | rough | hexagon, 10)[0].max() == 3


def test_specks_are_left_out_and_counted() -> None:
    mask = discs((60, 70, 25))
    mask[200, 200:203] = mask[250, 250] = True
    labels, specks = instances(mask, 10)
    assert labels.max() == 1 and specks == 2
    assert instances(none(), 10)[0].max() == 0


def test_sizes_of_discs_and_ellipses_on_unequal_pixels() -> None:
    y, x = np.indices((SIDE, SIDE))
    true_disc = np.hypot((y - 80) * 0.4, (x - 80) * 0.5) < 20
    ellipse = np.hypot((y - 200) * 0.4 / 15, (x - 200) * 0.5 / 30) < 1
    mask = true_disc | ellipse
    labels, _ = instances(mask, 10)
    table = measure(labels, np.where(mask, 9, -9).astype(np.float32), Grid((SIDE, SIDE), PIXEL), none())
    assert dict(table.schema) == PARTICLES
    assert table["equivalent_diameter_nm"].to_list() == pytest.approx([4.0, 2 * np.sqrt(1.5 * 3.0)], rel=0.005)
    assert table["area_nm2"].to_list() == pytest.approx([np.pi * 4, np.pi * 4.5], rel=0.01)
    assert table["eccentricity"][0] < 0.15 and table["eccentricity"][1] == pytest.approx(np.sqrt(0.75), abs=0.01)
    assert table["y_nm"].to_list() == pytest.approx([80.5 * 0.04, 200.5 * 0.04], abs=0.01)
    assert table["x_nm"].to_list() == pytest.approx([80.5 * 0.05, 200.5 * 0.05], abs=0.01)
    assert table["confidence"].to_list() == [1, 1] and table["mean_probability"].min() > 0.999


def test_confidence_falls_with_the_steepness_of_the_outline() -> None:
    y, x = np.indices((SIDE, SIDE))
    steep = 2.0 * (25 - np.hypot(y - 80, x - 80))
    gentle = 0.2 * (25 - np.hypot(y - 220, x - 220))
    logits = np.maximum(steep, gentle).clip(-20).astype(np.float32)
    labels, _ = instances(logits > 0, 10)
    table = measure(labels, logits, Grid((SIDE, SIDE), (0.4, 0.4)), none())
    assert table["confidence"].to_list() == pytest.approx([(24.5 / 25.5) ** 2, (20 / 30) ** 2], rel=0.02)


def test_particles_at_borders_and_under_scale_bars_are_marked() -> None:
    mask = discs(*DISCS)
    hidden = none()
    hidden[60:70, 70:120] = True
    labels, _ = instances(mask & ~hidden, 10)
    table = measure(labels, np.where(mask, 9, -9).astype(np.float32), Grid((SIDE, SIDE), PIXEL), hidden)
    marked = {labels[40, 70], labels[298, 20]}
    assert set(table.filter("on_border")["particle"]) == marked


def bright(images: torch.Tensor) -> torch.Tensor:
    """A network that knows bright particles."""
    return 6 * (images - 1)


def segmented(counts: np.ndarray, **options: object) -> Segmentation:
    micrograph = Micrograph("image.tif", counts.astype(np.float32), Known(PIXEL, "a test"))
    return segment(bright, micrograph, **options)  # type: ignore[arg-type]


def image(mask: np.ndarray) -> np.ndarray:
    return 100 + 80 * mask + np.random.default_rng(0).normal(0, 3, mask.shape)


def test_segment_with_a_bar_inverted_and_on_a_networks_pixels() -> None:
    from temshift.exitwaves import Origin

    mask = discs(*DISCS[:4])
    bar = np.zeros((20, SIDE))
    bar[5:15, 20:100] = 255

    class Coarse:
        origin = Origin(pixel_angstrom=(0.6, 0.6))
        __call__ = staticmethod(bright)

    from temshift.segmentation import Cleaning

    micrograph = Micrograph("a", (-np.concatenate([image(mask), bar])).astype(np.float32), Known(PIXEL, "a test"))
    result = segment(Coarse(), micrograph, cleaning=Cleaning(invert=True))
    assert result.grid.shape == (200, 250) and result.cleaned.counts.shape == (SIDE, SIDE)
    assert len(result.particles) == 4
    true = measure(instances(mask, 10)[0], np.where(mask, 9, -9).astype(np.float32), Grid((SIDE, SIDE), PIXEL), none())
    diameters = sorted(result.particles["equivalent_diameter_nm"])
    assert diameters == pytest.approx(sorted(true["equivalent_diameter_nm"]), rel=0.03)
    names = [step.name for step in result.steps]
    assert names == ["bars", "clipped", "outliers", "stripes", "background", "invert", "pixels", "specks"]


def test_written_planes_have_the_size_of_the_file_and_its_calibration(tmp_path: Path) -> None:
    mask = discs(*DISCS)
    result = segmented(np.concatenate([image(mask), np.zeros((20, SIDE))]))
    write_segmentation(tmp_path, result)
    for name in ("mask", "probability", "labels"):
        plane = read_micrograph(tmp_path / FILES[name])
        assert plane.counts.shape == (320, SIDE) and not plane.counts[300:].any()
        assert plane.pixel_angstrom.value == pytest.approx(PIXEL)
    differing = (tifffile.imread(tmp_path / "mask.tif")[:300] > 0) != mask
    assert differing.sum() < 20  # corners of discs, which cleaning takes for hot pixels
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert set(np.unique(labels)) == {0, *result.particles["particle"]}
    assert pl.read_csv(tmp_path / "particles.csv").height == 5


def test_outlines_of_fiji_and_napari_enclose_the_particles(tmp_path: Path) -> None:
    mask = discs(*DISCS[:4])
    bar = np.zeros((20, SIDE))
    result = segmented(np.concatenate([bar, image(mask)]))  # a bar above: outlines are shifted by it
    drawn = outlines(result)
    assert len(drawn) == 4
    for number, points in drawn.items():
        y, x = points[:-1].T
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert area == pytest.approx((result.labels == number).sum(), rel=0.03)
        assert y.min() >= 20 and np.array_equal(points[0], points[-1])
    (tmp_path / "outlines.zip").write_bytes(imagej_rois(drawn))
    rois = roifile.ImagejRoi.fromfile(tmp_path / "outlines.zip")
    assert len(rois) == 4
    for roi, (number, points) in zip(rois, drawn.items(), strict=True):
        assert roi.name == f"particle-{number:04d}"
        assert np.allclose(roi.coordinates(), points[:-1, ::-1], atol=1e-3)
    table = napari_shapes(drawn)
    assert table.columns == ["index", "shape-type", "vertex-index", "axis-0", "axis-1"]
    assert table["index"].n_unique() == 4
    assert imagej_rois(drawn) == imagej_rois(drawn)
    assert len(zipfile.ZipFile(io.BytesIO(imagej_rois({}))).namelist()) == 0 and napari_shapes({}).height == 0


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="at least 128"):
        segmented(image(discs(*DISCS))[:100])
    with pytest.raises(InputError, match="smallest_nm"):
        segmented(image(discs(*DISCS)), smallest_nm=-1)


def test_logits_that_are_no_numbers_are_refused() -> None:
    micrograph = Micrograph("a", image(none()).astype(np.float32), Known(PIXEL, "a test"))
    with pytest.raises(InputError, match="no numbers"):
        segment(lambda images: images * float("nan"), micrograph)


def test_nothing_found_is_an_empty_table(tmp_path: Path) -> None:
    micrograph = Micrograph("a", image(none()).astype(np.float32), Known(PIXEL, "a test"))
    result = segment(lambda images: images - 100, micrograph)
    write_segmentation(tmp_path, result)
    assert result.particles.is_empty() and dict(result.particles.schema) == PARTICLES
