"""Images and the masks that people drew: read from any format, paired by name, and refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from temshift.core import InputError
from temshift.recordings import labelled_images, read_labels

SHAPE = (40, 60)
COUNTS = np.random.default_rng(0).poisson(50, SHAPE).astype(np.uint16)
MASK = np.hypot(*(np.indices(SHAPE) - [[[20]], [[30]]])) < 9


def image(path: Path, shape: tuple[int, int] = SHAPE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = np.random.default_rng(0).poisson(50, shape).astype(np.uint16)
    tifffile.imwrite(path, counts, imagej=True, resolution=(20, 20), metadata={"unit": "nm"})
    return path


def mask(path: Path, plane: np.ndarray = MASK) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, plane)
    elif path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, plane, photometric="minisblack")
    else:
        Image.fromarray(plane).save(path)
    return path


def refusal(images: Path, labels: Path, **more: Any) -> str:
    with pytest.raises(InputError) as refused:
        labelled_images(images, labels, more)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.npy", "a.bmp", "a.gif"])
@pytest.mark.parametrize(
    "plane", [MASK, np.where(MASK, 255, 0).astype("u1"), MASK.astype("u1")], ids=["bit", "255", "1"]
)
def test_masks_of_every_format(tmp_path: Path, name: str, plane: np.ndarray) -> None:
    read = read_labels(mask(tmp_path / name, plane))
    assert read.dtype == np.int32 and np.array_equal(read > 0, MASK)


def test_numbered_particles_stay_numbered(tmp_path: Path) -> None:
    numbers = np.where(MASK, 70_000, 0).astype(np.float32)
    numbers[:5, :5] = 3
    assert set(np.unique(read_labels(mask(tmp_path / "a.tif", numbers)))) == {0, 3, 70_000}


def test_compressed_masks(tmp_path: Path) -> None:
    for kind in ("tiff_lzw", "group4", "packbits"):
        plane = MASK if kind == "group4" else MASK.astype("u1")
        Image.fromarray(plane).save(tmp_path / "a.tif", compression=kind)
        assert np.array_equal(read_labels(tmp_path / "a.tif") > 0, MASK), kind


def test_grey_and_palette_pictures_are_masks(tmp_path: Path) -> None:
    grey = np.where(MASK, 200, 0).astype("u1")
    assert np.array_equal(read_labels(mask(tmp_path / "a.png", np.stack([grey] * 3, -1))) > 0, MASK)
    opaque = np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)
    assert np.array_equal(read_labels(mask(tmp_path / "b.png", opaque)) > 0, MASK)
    palette = Image.fromarray(MASK.astype("u1"), mode=None).convert("P")
    palette.putpalette([9, 9, 9, 255, 0, 0] + [0] * 762)
    palette.save(tmp_path / "c.png")
    assert np.array_equal(read_labels(tmp_path / "c.png"), MASK)


@pytest.mark.parametrize(
    ("plane", "said"),
    [
        (np.random.default_rng(0).random(SHAPE).astype(np.float32), "fractions"),
        (np.where(MASK, 1, -1).astype(np.int16), "-1 to 1"),
        (np.ones(SHAPE, np.uint8), "no 0"),
        (np.zeros((3, *SHAPE), np.uint8), "one mask an image"),
        (np.where(MASK, np.nan, 0).astype(np.float32), "fractions"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, plane: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_labels(mask(tmp_path / "a.tif", plane))


def test_colours_and_lossy_pictures_are_refused(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    with pytest.raises(InputError, match="colours"):
        read_labels(mask(tmp_path / "a.png", colours))
    with pytest.raises(InputError, match="lossy"):
        read_labels(mask(tmp_path / "a.jpg", MASK.astype("u1")))
    (tmp_path / "b.png").write_text("no picture")
    with pytest.raises(InputError, match="damaged"):
        read_labels(tmp_path / "b.png")


def test_one_image_and_its_mask(tmp_path: Path) -> None:
    (pair,) = labelled_images(image(tmp_path / "a.tif"), mask(tmp_path / "b.png"))
    micrograph, labels = pair.read()
    assert micrograph.pixel_angstrom.value == pytest.approx((0.5, 0.5)) and np.array_equal(labels > 0, MASK)
    assert (pair.name, pair.mask, pair.condition) == ("a.tif", "b.png", "a")


@pytest.mark.parametrize(
    ("named", "masked"),
    [
        ("{}.tif", "{}.png"),
        ("image-{}.tif", "mask-{}.tif"),
        ("{}_img.tif", "{}_mask.tif"),
        ("{}.tif", "{}.tif_Label.png"),
        ("Au {}.tif", "au {}-segmentation.npy"),
    ],
)
def test_folders_are_paired_by_names(tmp_path: Path, named: str, masked: str) -> None:
    for number in ("001", "002", "010"):
        image(tmp_path / "images" / named.format(number))
        mask(tmp_path / "masks" / masked.format(number))
    (tmp_path / "images" / "notes.txt").write_text("no image")
    (tmp_path / "images" / ".hidden.tif").write_text("no image")
    pairs = labelled_images(tmp_path / "images", tmp_path / "masks")
    assert [pair.name for pair in pairs] == [named.format(number) for number in ("001", "002", "010")]
    assert [pair.mask for pair in pairs] == [masked.format(number) for number in ("001", "002", "010")]


def test_images_and_masks_in_one_folder(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / f"{name}.tif")
        mask(tmp_path / f"{name}_mask.tif")
    pairs = labelled_images(tmp_path, tmp_path)
    assert [(pair.name, pair.mask) for pair in pairs] == [("a.tif", "a_mask.tif"), ("b.tif", "b_mask.tif")]


def test_folders_in_a_folder_are_conditions(tmp_path: Path) -> None:
    for condition in ("focus", "far"):
        image(tmp_path / condition / "image-00000.tif")
    mask(tmp_path / "masks" / "mask-00000.tif")
    pairs = labelled_images(tmp_path, tmp_path / "masks")
    assert [pair.condition for pair in pairs] == ["far", "focus"]
    mask(tmp_path / "masks" / "far" / "mask-00000.tif", np.where(MASK, 7, 0).astype("u1"))
    far, focus = labelled_images(tmp_path, tmp_path / "masks")
    assert far.labels().max() == 7 and focus.labels().max() == 1


def test_missing_masks_and_masks_of_other_sizes_are_one_sentence(tmp_path: Path) -> None:
    for number in range(8):
        image(tmp_path / "images" / f"{number}.tif")
        mask(tmp_path / "masks" / f"{number}.png")
    (tmp_path / "masks" / "3.png").unlink()
    assert "1 of 8 images" in (text := refusal(tmp_path / "images", tmp_path / "masks")) and "3.tif" in text
    mask(tmp_path / "masks" / "3.png", MASK[:-1])
    text = refusal(tmp_path / "images", tmp_path / "masks")
    assert "1 of 8 masks have another size" in text and "3.png has 39 x 60 pixels and 3.tif 40 x 60" in text


def test_what_is_not_clear_is_refused(tmp_path: Path) -> None:
    one, drawn = image(tmp_path / "a" / "x.tif"), mask(tmp_path / "b" / "x.png")
    assert "does not exist" in refusal(tmp_path / "none", drawn)
    assert "two folders" in refusal(one, tmp_path / "b")
    assert "two folders" in refusal(tmp_path / "a", drawn)
    (tmp_path / "c").mkdir()
    assert "holds no image" in refusal(tmp_path / "c", tmp_path / "b")
    mask(tmp_path / "b" / "x_mask.tif")
    assert "can't be told apart" in refusal(tmp_path / "a", tmp_path / "b")


def test_a_broken_image_does_not_stop_the_pairing(tmp_path: Path) -> None:
    for number in range(3):
        image(tmp_path / "images" / f"{number}.tif")
        mask(tmp_path / "masks" / f"{number}.png")
    (tmp_path / "images" / "1.tif").write_text("no image")
    pairs = labelled_images(tmp_path / "images", tmp_path / "masks")
    assert len(pairs) == 3
    with pytest.raises(InputError):
        pairs[1].read()


def arrays(path: Path, **named: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in named.items():
            file[name] = values
    return path


@pytest.mark.parametrize("shape", [(5, *SHAPE), (5, *SHAPE, 1), (5, 1, *SHAPE), (1, *SHAPE), SHAPE])
def test_arrays_of_anyone(tmp_path: Path, shape: tuple[int, ...]) -> None:
    counts = np.random.default_rng(0).poisson(50, shape).astype(np.float32)
    drawn = np.broadcast_to(MASK, (5 if shape[0] == 5 else 1, *SHAPE)).reshape(shape)
    one = arrays(tmp_path / "a.h5", images=counts, labels=drawn)
    two = arrays(tmp_path / "b.h5", map=drawn.astype(np.int64))
    assert "--pixel-angstrom" in refusal(one, one)
    for labels in (one, two):
        pairs = labelled_images(one, labels, {"pixel_angstrom": 0.5})
        assert len(pairs) == (5 if shape[0] == 5 else 1)
        micrograph, read = pairs[-1].read()
        assert np.array_equal(micrograph.counts, counts.reshape(-1, *SHAPE)[-1]) and np.array_equal(read > 0, MASK)
        assert micrograph.pixel_angstrom.value == (0.5, 0.5)


def test_labels_of_two_classes_are_those_of_the_last(tmp_path: Path) -> None:
    both = np.stack([~MASK, MASK], -1)[None].astype(np.uint8)
    one = arrays(tmp_path / "a.h5", images=COUNTS[None], labels=both)
    (pair,) = labelled_images(one, one, {"pixel_angstrom": 0.5})
    assert np.array_equal(pair.labels() > 0, MASK)


def test_arrays_that_do_not_fit(tmp_path: Path) -> None:
    given = {"pixel_angstrom": 0.5}
    images = arrays(tmp_path / "a.h5", images=np.stack([COUNTS] * 3))
    assert "a mask of its size" in refusal(images, arrays(tmp_path / "b.h5", labels=np.stack([MASK] * 2)), **given)
    assert "a mask of its size" in refusal(images, arrays(tmp_path / "c.h5", labels=np.stack([MASK.T] * 3)), **given)
    assert "name the array labels" in refusal(images, arrays(tmp_path / "d.h5", x=MASK, y=MASK), **given)
    assert "no array with planes" in refusal(images, arrays(tmp_path / "e.h5", x=np.arange(3)), **given)
    assert "as HDF5, too" in refusal(images, mask(tmp_path / "m.png"), **given)
    (tmp_path / "f.h5").write_text("no HDF5")
    assert "damaged" in refusal(tmp_path / "f.h5", images, **given)
    waves = arrays(tmp_path / "g.h5", images=np.stack([COUNTS] * 3).astype(complex))
    assert "complex" in refusal(waves, arrays(tmp_path / "h.h5", labels=np.stack([MASK] * 3)), **given)


def test_the_images_of_temshift(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file.attrs["format"] = "temshift images"
        file["image_set"] = json.dumps({})
        for name in ("training", "test"):
            group = file.create_group(name)
            group.attrs["sampling_angstrom"], group.attrs["energy_eV"] = (0.4, 0.5), 300e3
            group["images"] = np.random.default_rng(1).poisson(9, (2, 3, *SHAPE)).astype(np.uint16)
            group["masks"] = np.stack([MASK, MASK[::-1], MASK[:, ::-1]]).astype(np.uint8)
            group["mask_of_image"] = np.array([[0, 1, 2], [2, 1, 0]])
            group["condition_names"] = ["focus", "far"]
    with pytest.raises(InputError, match="--set"):
        labelled_images(tmp_path / "images.h5", tmp_path / "images.h5", set="other")
    pairs = labelled_images(tmp_path / "images.h5", tmp_path / "images.h5", set="test")
    assert [pair.condition for pair in pairs] == ["focus"] * 3 + ["far"] * 3
    micrograph, labels = pairs[3].read()
    assert micrograph.pixel_angstrom.value == (0.4, 0.5) and micrograph.energy_kev is not None
    assert np.array_equal(labels > 0, MASK[:, ::-1])
    with h5py.File(tmp_path / "images.h5") as file:
        assert np.array_equal(micrograph.counts, file["test/images"][1, 0])
