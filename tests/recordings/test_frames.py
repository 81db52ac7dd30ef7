"""Stacks and movies: a chosen frame, plain sums, and sums after alignment."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile
from dm_files import write_dm
from scipy.ndimage import gaussian_filter

from temshift.core import InputError
from temshift.recordings import read_micrograph

SIDE = 128


def movie(shifts: list[tuple[int, int]], dose: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Counted frames of an object that moves, and the object."""
    random = np.random.default_rng(3)
    scene = gaussian_filter(random.normal(size=(SIDE + 60, SIDE + 60)), 3)
    scene = 1 + 0.3 * scene / scene.std()
    views = [scene[30 - y : 30 - y + SIDE, 30 - x : 30 - x + SIDE] for y, x in shifts]
    return random.poisson(np.clip(views, 0.01, None) * dose).astype(np.uint16), scene[30 : 30 + SIDE, 30 : 30 + SIDE]


def write(path: Path, frames: np.ndarray) -> Path:
    tifffile.imwrite(path, frames, imagej=True, resolution=(20, 20), metadata={"unit": "nm", "axes": "TYX"})
    return path


def test_a_frame_is_chosen(tmp_path: Path) -> None:
    frames, _ = movie([(0, 0)] * 5)
    micrograph = read_micrograph(write(tmp_path / "a.tif", frames), frame=3)
    assert np.array_equal(micrograph.counts, frames[3])
    assert micrograph.remarks == ("frame 3 of 5 is taken",)
    with pytest.raises(InputError, match="0 to 4"):
        read_micrograph(tmp_path / "a.tif", frame=5)


def test_frames_at_rest_are_summed_as_they_are(tmp_path: Path) -> None:
    frames, _ = movie([(0, 0)] * 5)
    micrograph = read_micrograph(write(tmp_path / "a.tif", frames))
    assert np.array_equal(micrograph.counts, frames.sum(0, dtype=np.float32))
    assert "a pixel or less" in micrograph.remarks[0]


def test_frames_that_drift_are_aligned(tmp_path: Path) -> None:
    shifts = [(0, 0), (2, -1), (5, -3), (7, -6), (10, -8)]
    frames, scene = movie(shifts)
    micrograph = read_micrograph(write(tmp_path / "a.tif", frames))
    assert micrograph.counts.shape == (SIDE - 10, SIDE - 8)
    assert "drifted by up to 13 pixels" in micrograph.remarks[0]
    truth = scene[: SIDE - 10, 8:]
    aligned = np.corrcoef(micrograph.counts.ravel(), truth.ravel())[0, 1]
    plain = np.corrcoef(frames.sum(0).ravel(), scene.ravel())[0, 1]
    pairs = zip(frames, shifts, strict=True)
    exact = sum(frame[y : y + SIDE - 10, 8 + x : SIDE + x].astype(float) for frame, (y, x) in pairs)
    assert np.array_equal(micrograph.counts, exact.astype(np.float32))
    assert aligned > 0.75 > plain


def test_hot_pixels_do_not_hold_frames_in_place(tmp_path: Path) -> None:
    frames, _ = movie([(0, 0), (4, 0), (8, 0)])
    frames[:, 50, 70] = 60_000
    assert read_micrograph(write(tmp_path / "a.tif", frames)).counts.shape == (SIDE - 8, SIDE)


def test_frames_of_mrc_and_dm(tmp_path: Path) -> None:
    pytest.importorskip("rsciio", reason="the extra formats is not installed")
    frames, _ = movie([(0, 0)] * 3)
    with mrcfile.new(tmp_path / "a.mrcs") as file:
        file.set_data(frames)
        file.set_image_stack()
        file.voxel_size = 0.5
    write_dm(tmp_path / "a.dm4", frames, (1.0, 0.05, 0.05), ("", "nm", "nm"), version=4)
    for name in ("a.mrcs", "a.dm4"):
        assert np.array_equal(read_micrograph(tmp_path / name).counts, frames.sum(0, dtype=np.float32))
        assert read_micrograph(tmp_path / name).pixel_angstrom.value == pytest.approx((0.5, 0.5))
