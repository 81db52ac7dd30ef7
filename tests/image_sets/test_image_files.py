"""Image sets on disk: formats, tables, resuming, and folders that hold something else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import matplotlib.image
import numpy as np
import polars as pl
import pytest
import tifffile

from temshift.configuration.model import parse_configuration
from temshift.core.errors import InputError, TemshiftError
from temshift.core.grids import Grid
from temshift.exitwaves import ExitWave, StoreLayout, create_store, read_settings, write_shard
from temshift.exitwaves.sources import wave_sources
from temshift.figures.pictures import grey_levels
from temshift.image_sets.files import ImageFolder
from temshift.image_sets.image_set import ImageFormat, ImagePlan, ImageSet
from temshift.image_sets.writing import write_images
from temshift.storage.files import read_table
from temshift.storage.records import read_record
from temshift.vocabulary.columns import CONDITION_COLUMNS, IMAGES

TEXT = """
seed: 5
images_per_specimen: 2
default: {dose_e_per_A2: 400, semiangle_cutoff_mrad: 12, defocus_nm: 8}
conditions:
  - {name: "defocus {value:+g} nm", series: defocus_nm, values: [-10, 10], sd: 1.5}
  - {name: "dose 30 e/A2", dose_e_per_A2: 30}
"""
WITHOUT_DEFAULT = {
    *("semiangle_cutoff_mrad", "mtf_half_frequency", "ntf_half_frequency"),
    *("transfer_exponent", "scattering_share", "counting_frames"),
}
FOLDERS = ("defocus_-10_nm", "defocus_+10_nm", "dose_30_e_A2")


def plan_of(database: Path, written_as: ImageFormat, text: str = TEXT) -> ImagePlan:
    return ImagePlan(parse_configuration(text, ImageSet, "conditions.yaml"), wave_sources(database), written_as)


@pytest.fixture(scope="module")
def made(database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImageFolder]:
    """The image set in every format; no test changes them."""
    root = tmp_path_factory.mktemp("images")
    return {name: write_images(plan_of(database, name), root / name, workers=0) for name in ("tiff", "png", "hdf5")}


def bytes_of(root: Path) -> dict[str, bytes]:
    """All but the lock and the manifest, which tells the time."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name not in (".lock", "manifest.json")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_the_table_has_a_row_for_every_image_in_its_columns(made: dict[str, ImageFolder]) -> None:
    for folder in made.values():
        table = read_table(folder.table)
        assert dict(table.schema) == IMAGES
        assert len(table) == 2 * 3 * (5 + 2)
        assert pl.read_csv(folder.table.with_suffix(".csv"))["seed"].equals(table["seed"])
        assert table["seed"].n_unique() == len(table)
        assert all((folder.root / name).exists() for name in (*table["file"], *table["mask_file"]))
        counts = table.group_by("set").len().sort("set")
        assert counts.rows() == [("test", 12), ("training", 30)]


def test_rows_tell_how_well_masks_cover_their_particles(
    made: dict[str, ImageFolder], exit_waves: dict[str, list[ExitWave]]
) -> None:
    table = read_table(made["tiff"].table).filter(pl.col("set") == "training")
    for number, one in enumerate(exit_waves["training"]):
        rows = table.filter(pl.col("specimen") == number)
        assert set(rows["mask_fraction"]) == {one.mask.mean()}
        assert set(rows["coverage_min"]) == {min(one.geometry["coverage"])}  # type: ignore[call-overload]
        assert set(rows["particles"]) == {1}


def test_every_format_holds_the_same_images(made: dict[str, ImageFolder]) -> None:
    tables = {name: read_table(folder.table).drop("file", "mask_file") for name, folder in made.items()}
    assert tables["tiff"].equals(tables["hdf5"]) and tables["tiff"].equals(tables["png"])
    names = [condition.name for condition in made["hdf5"].plan.conditions]
    with h5py.File(made["hdf5"].single_file) as file:
        for row in read_table(made["tiff"].table).iter_rows(named=True):
            group, place = file[row["set"]], names.index(row["condition"])
            pixels = tifffile.imread(made["tiff"].root / row["file"])
            assert pixels.dtype == np.uint16 and pixels.shape == (80, 64)
            assert np.array_equal(group["images"][place, row["number"]], pixels)
            grey = png_levels(made["png"].root / row["file"].replace(".tif", ".png"))
            assert np.array_equal(grey, grey_levels((pixels - pixels.mean()) / pixels.std()))
            assert group["specimen_of_image"][row["number"]] == row["specimen"]
            for key in ("defocus_nm", "dose_e_per_A2", "seed", "counts_mean"):
                assert group["drawn"][key][place, row["number"]] == row[key]


def png_levels(path: Path) -> np.ndarray:
    return np.rint(matplotlib.image.imread(path) * 255).astype(np.uint8)


def test_masks_are_those_of_the_specimens(made: dict[str, ImageFolder], exit_waves: dict[str, list[ExitWave]]) -> None:
    for name, waves in exit_waves.items():
        for number, one in enumerate(waves):
            stem = f"{name}/masks/mask-{number:05d}"
            assert np.array_equal(tifffile.imread(made["tiff"].root / f"{stem}.tif"), one.mask.astype(np.uint8))
            assert np.array_equal(png_levels(made["png"].root / f"{stem}.png"), one.mask * np.uint8(255))
            with h5py.File(made["hdf5"].single_file) as file:
                assert np.array_equal(file[name]["masks"][number], one.mask)
    particle = read_table(made["tiff"].table)["mask_file"][0]
    assert tifffile.imread(made["tiff"].root / particle).any()


CAMERA = """
seed: 5
imaging: {camera: {binning: 2}}
default: {dose_e_per_A2: 400, defocus_nm: 8, gain_counts_per_e: 3, read_noise_counts: 2}
conditions:
  - {name: still, focal_spread_sigma_nm: 3}
  - {name: sized, pixel_size_error_percent: {uniform: {minimum: 10, maximum: 20}}}
"""


@pytest.fixture(scope="module")
def sized(database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImageFolder]:
    """Binned images of a camera that does not count, whose masks differ; in every format."""
    root = tmp_path_factory.mktemp("sized")
    plans = {name: plan_of(database, name, CAMERA) for name in ("tiff", "png", "hdf5")}
    return {name: write_images(plan, root / name, workers=0) for name, plan in plans.items()}


def test_masks_that_differ_stand_beside_their_images(
    sized: dict[str, ImageFolder], exit_waves: dict[str, list[ExitWave]]
) -> None:
    table = read_table(sized["tiff"].table)
    assert table["mask_file"].n_unique() == len(table) == 2 * 7
    assert not (sized["tiff"].root / "training/masks").exists()
    names = [condition.name for condition in sized["hdf5"].plan.conditions]
    with h5py.File(sized["hdf5"].single_file) as file:
        for row in table.iter_rows(named=True):
            assert Path(row["mask_file"]).parent == Path(row["file"]).parent
            mask = tifffile.imread(sized["tiff"].root / row["mask_file"])
            assert mask.shape == (40, 32) and mask.mean() == row["mask_fraction"]
            grey = png_levels(sized["png"].root / row["mask_file"].replace(".tif", ".png"))
            assert np.array_equal(grey, mask * 255)
            group, place = file[row["set"]], (names.index(row["condition"]), row["number"])
            assert np.array_equal(group["masks"][group["mask_of_image"][place]], mask)
            blocks = exit_waves[row["set"]][row["specimen"]].mask.reshape(40, 2, 32, 2).sum(axis=(1, 3))
            assert np.array_equal(mask, blocks >= 2) == (row["condition"] == "still")


def test_images_of_a_camera_are_told_as_such(sized: dict[str, ImageFolder]) -> None:
    row = read_table(sized["tiff"].table).row(0, named=True)
    with tifffile.TiffFile(sized["tiff"].root / row["file"]) as file:
        page = file.pages.first
        facts, tags, pixels = json.loads(page.description), page.tags, page.asarray()
    assert pixels.dtype == np.float32 and pixels.shape == (40, 32)
    assert pixels.mean() == pytest.approx(row["counts_mean"]) == pytest.approx(3 * 400 * 0.64, rel=0.05)
    sizes = [1e8 * below / above for above, below in (tags["XResolution"].value, tags["YResolution"].value)]
    assert sizes == pytest.approx([0.8, 0.8]) == facts["sampling_angstrom"]
    assert facts["unit"] == "counts per pixel" and facts["gain_counts_per_e"] == 3
    told = read_record(sized["tiff"].manifest).facts["pixels"]
    assert told == {"type": "float32", "unit": "counts per pixel", "binning": 2}


def test_what_is_absent_is_null_in_the_table_and_nan_in_the_file(sized: dict[str, ImageFolder]) -> None:
    table = read_table(sized["hdf5"].table)
    absent = {name for name in CONDITION_COLUMNS if table[name].null_count() == len(table)}
    assert absent == WITHOUT_DEFAULT
    assert not any(table[name].null_count() for name in set(CONDITION_COLUMNS) - absent)
    with h5py.File(sized["hdf5"].single_file) as file:
        drawn = file["test/drawn"]
        assert set(CONDITION_COLUMNS) < set(drawn)
        assert {name for name in CONDITION_COLUMNS if np.isnan(drawn[name]).all()} == absent
        assert file["test"].attrs["sampling_angstrom"] == pytest.approx([0.8, 0.8])
        assert file["test/images"].attrs["unit"] == "counts per pixel"


def test_lost_masks_are_made_again_with_their_images(
    sized: dict[str, ImageFolder], tmp_path: Path, listening: Any
) -> None:
    root = shutil.copytree(sized["tiff"].root, tmp_path / "images")
    (root / "training/sized/mask-00002.tif").unlink()
    listener = listening()
    write_images(sized["tiff"].plan, root, workers=0, progress=listener)
    assert listener.stages["training images"] == (10, 8)
    assert bytes_of(root) == bytes_of(sized["tiff"].root)


def test_a_tiff_tells_its_pixel_size_and_its_conditions(made: dict[str, ImageFolder]) -> None:
    row = read_table(made["tiff"].table).row(7, named=True)
    with tifffile.TiffFile(made["tiff"].root / row["file"]) as file:
        page = file.pages.first
        assert page.tags["ResolutionUnit"].value == 3  # centimetre
        for axis in ("X", "Y"):
            above, below = page.tags[f"{axis}Resolution"].value
            assert 1e8 * below / above == pytest.approx(0.4)
        assert not file.is_imagej and not file.is_ome
        facts = json.loads(page.description)
    for key in (
        "set",
        "condition",
        "specimen",
        "image",
        "defocus_nm",
        "dose_e_per_A2",
        "semiangle_cutoff_mrad",
        "seed",
    ):
        assert facts[key] == row[key]
    assert facts["unit"] == "electrons per pixel"
    assert facts["energy_kev"] == 300 and facts["sampling_angstrom"] == pytest.approx([0.4, 0.4])
    assert facts["focus_plane"].startswith("defocus counts from the exit plane")


def test_a_tiff_tells_the_size_of_pixels_that_are_longer_along_x(
    stored, tmp_path: Path, exit_waves: dict[str, list[ExitWave]]
) -> None:
    store = tmp_path / "database" / "waves" / "oblong"
    settings = read_settings(stored(tmp_path / "template", "test"))
    create_store(store, StoreLayout(1, 2, Grid((80, 64), (0.4, 0.5)), 1), settings)
    write_shard(store, 0, exit_waves["test"][:1])
    text = TEXT.replace("cutoff_mrad: 12", "cutoff_mrad: 9")
    folder = write_images(plan_of(tmp_path / "database", "tiff", text), tmp_path / "images", workers=0)
    with tifffile.TiffFile(folder.root / read_table(folder.table)["file"][0]) as file:
        tags = file.pages.first.tags
        sizes = [1e8 * below / above for above, below in (tags["XResolution"].value, tags["YResolution"].value)]
    assert sizes == pytest.approx([0.5, 0.4])


def test_one_hdf5_file_explains_itself(made: dict[str, ImageFolder]) -> None:
    assert sorted(path.name for path in made["hdf5"].root.iterdir() if path.name != ".lock") == [
        "image_set.json", "images.h5", "manifest.json", "table.csv", "table.parquet",
    ]  # fmt: skip
    with h5py.File(made["hdf5"].single_file) as file:
        images = file["training/images"]
        assert (images.shape, images.chunks) == ((3, 10, 80, 64), (1, 1, 80, 64))
        assert list(images.attrs["axes"]) == ["condition", "image", "y", "x"]
        assert images.attrs["unit"] == "electrons per pixel"
        assert images.fletcher32
        assert file["training"].attrs["energy_eV"] == 300e3
        assert file["training/condition_names"].asstr()[2] == "dose 30 e/A2"
        assert json.loads(file["image_set"].asstr()[()])["seed"] == 5


def test_a_second_call_makes_nothing_again(made: dict[str, ImageFolder], tmp_path: Path, listening: Any) -> None:
    for name, folder in made.items():
        root = shutil.copytree(folder.root, tmp_path / name)
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.name != ".lock"}
        listener = listening()
        write_images(folder.plan, root, workers=0, progress=listener)
        files = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.name != ".lock"}
        assert {path: at for path, at in files.items() if path.is_file()} == {
            path: at for path, at in before.items() if path.is_file()
        }
        assert listener.told == ["everything was there already"]


@pytest.mark.parametrize("name", ["tiff", "png"])
def test_only_what_is_lost_or_damaged_is_made_again(
    made: dict[str, ImageFolder], tmp_path: Path, name: str, listening: Any
) -> None:
    folder = made[name]
    root = shutil.copytree(folder.root, tmp_path / "images")
    victims = sorted((root / "training" / FOLDERS[1]).glob("image-0000[02].*"))
    victims[0].write_bytes(victims[0].read_bytes()[:-1])
    shutil.rmtree(root / "test" / FOLDERS[2])
    (root / "training/masks/shard-00001.json").unlink()
    (root / "training" / FOLDERS[0] / ".unfinished-0" / "image-00000.tif").mkdir(parents=True)
    listener = listening()
    write_images(folder.plan, root, workers=0, progress=listener)
    assert listener.stages["training images"] == (30, 26)
    assert listener.stages["test images"] == (12, 8)
    assert listener.stages["training masks"] == (5, 3)
    assert len(listener.told) == 1 and "made again" in listener.told[0]
    assert bytes_of(root) == bytes_of(folder.root)
    assert list(root.rglob(".unfinished-*")) == []


def test_parts_of_an_unfinished_hdf5_file_are_kept(
    made: dict[str, ImageFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listening: Any,
) -> None:
    plan = made["hdf5"].plan
    with monkeypatch.context() as patch, pytest.raises(TemshiftError, match="cannot write .*images.h5"):
        patch.setattr("temshift.image_sets.files.h5py.File", full_disk)
        write_images(plan, tmp_path / "images", workers=0)
    assert not (tmp_path / "images/images.h5").exists() and not (tmp_path / "images/manifest.json").exists()
    listener = listening()
    write_images(plan, tmp_path / "images", workers=0, progress=listener)
    assert listener.stages["training images"] == (30, 30)
    assert read_table(tmp_path / "images/table.parquet").equals(read_table(made["hdf5"].table))
    assert not (tmp_path / "images/.parts").exists()


def full_disk(*_: object) -> None:
    raise OSError(28, os.strerror(28))


def test_a_damaged_hdf5_file_is_made_again(made: dict[str, ImageFolder], tmp_path: Path) -> None:
    root = shutil.copytree(made["hdf5"].root, tmp_path / "images")
    (root / "images.h5").write_bytes((root / "images.h5").read_bytes()[:-9])
    write_images(made["hdf5"].plan, root, workers=0)
    with h5py.File(root / "images.h5") as again, h5py.File(made["hdf5"].single_file) as first:
        assert np.array_equal(again["test/images"][:], first["test/images"][:])


def test_the_manifest_vouches_for_every_file_and_can_make_the_set_again(made: dict[str, ImageFolder]) -> None:
    for folder in made.values():
        record = read_record(folder.manifest)
        sealed = {path.relative_to(folder.root).as_posix() for path in record.files}
        for path in record.files:
            if path.name.startswith("shard-"):
                sealed |= {file.relative_to(folder.root).as_posix() for file in read_record(path).files}
        assert sealed == set(bytes_of(folder.root))
        again = ImageSet.model_validate(record.facts["identity"]["image_set"])
        assert again == folder.plan.image_set
        assert record.facts["sets"]["test"]["seed"] == 1
        assert record.facts["images"] == 42


@pytest.mark.parametrize(
    ("changed", "told"),
    [("seed: 5", "image_set differ"), ("sd: 1.5", "image_set differ"), (None, "format differ")],
)
def test_a_folder_of_other_images_is_refused(
    made: dict[str, ImageFolder], database: Path, tmp_path: Path, changed: str | None, told: str
) -> None:
    root = shutil.copytree(made["tiff"].root, tmp_path / "images")
    before = bytes_of(root)
    plan = plan_of(database, "tiff", TEXT.replace(changed, f"{changed}1")) if changed else plan_of(database, "png")
    with pytest.raises(InputError, match=f"holds other images: {told}; name another folder"):
        write_images(plan, root, workers=0)
    assert bytes_of(root) == before


def test_waves_in_other_shards_are_another_source(made: dict[str, ImageFolder], stored, tmp_path: Path) -> None:
    """The same images would come out, but parts that are there would not be those that are looked for."""
    root = shutil.copytree(made["tiff"].root, tmp_path / "images")
    for name in ("training", "test"):
        stored(tmp_path / "database" / "waves" / name, name, per_shard=3)
    with pytest.raises(InputError, match="sets differ"):
        write_images(plan_of(tmp_path / "database", "tiff"), root, workers=0)


def test_a_folder_of_something_else_is_refused(made: dict[str, ImageFolder], tmp_path: Path) -> None:
    plan = made["tiff"].plan
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match=r"is not empty and holds no images of temshift \(letter.txt\); name a new"):
        write_images(plan, tmp_path, workers=0)
    with pytest.raises(InputError, match="letter.txt is a file; name a folder with --output"):
        write_images(plan, tmp_path / "letter.txt", workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_damaged_marker_is_told(made: dict[str, ImageFolder], tmp_path: Path) -> None:
    (tmp_path / "image_set.json").write_text("{")
    with pytest.raises(InputError, match=r"image_set.json is damaged; name another folder"):
        write_images(made["tiff"].plan, tmp_path, workers=0)


def test_a_damaged_shard_of_waves_is_told_and_the_rest_is_kept(database: Path, tmp_path: Path, listening: Any) -> None:
    copied = shutil.copytree(database, tmp_path / "database")
    victim = next(path for path in (copied / "waves/training/waves/c/1").rglob("*") if path.is_file())
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1])
    with pytest.raises(TemshiftError, match="(?s)training masks: 1 of 3 failed; .* shard 1 of .* is damaged"):
        write_images(plan_of(copied, "tiff"), tmp_path / "images", workers=0)
    assert not (tmp_path / "images/manifest.json").exists()
    victim.write_bytes(whole)
    listener = listening()
    write_images(plan_of(copied, "tiff"), tmp_path / "images", workers=0, progress=listener)
    assert listener.stages["test images"] == (12, 12)


def test_a_wave_shard_is_loaded_alone(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is that of a shard: each is asked for alone, and nothing else reads waves."""
    from temshift.image_sets import formation as image_formation

    asked: list[int] = []
    read = image_formation.read_shard

    def watched(store: Path, shard: int) -> object:
        asked.append(shard)
        return read(store, shard)

    monkeypatch.setattr(image_formation, "read_shard", watched)
    write_images(plan_of(database, "png"), tmp_path / "images", workers=0)
    assert sorted(asked) == [0, 0, 1, 2]


@pytest.mark.slow
def test_a_killed_call_goes_on_to_the_same_images_with_any_number_of_workers(database: Path, tmp_path: Path) -> None:
    text = TEXT.replace("images_per_specimen: 2", "images_per_specimen: 12")
    inline = write_images(plan_of(database, "tiff", text), tmp_path / "inline", workers=0)
    (tmp_path / "conditions.yaml").write_text(text)
    words = [sys.executable, "-m", "temshift.cli.app", "images", str(database), str(tmp_path / "conditions.yaml")]
    words += ["--output", str(tmp_path / "images"), "--workers", "2"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "images").glob(f"test/{FOLDERS[0]}/shard-*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert not (tmp_path / "images/manifest.json").exists()
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "made again" not in done.stderr
    assert bytes_of(tmp_path / "images") == bytes_of(inline.root)
