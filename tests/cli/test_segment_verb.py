"""temshift segment: networks from folders, studies and ONNX, many files of which some are broken, and its options."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from typer.testing import CliRunner, Result

from temshift.cli.app import app
from temshift.core import InputError, TemshiftError
from temshift.exitwaves import Origin
from temshift.networks import CompactUNetSettings, export_onnx, initialised, load, write_network
from temshift.vocabulary import HISTORY

PIXEL = 0.4


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that never learned anything, whose card knows its pixels, as one of a study."""
    folder = tmp_path_factory.mktemp("study") / "networks" / "0123456789abcdef"
    settings = CompactUNetSettings(widths=(8, 16), stem=2)
    weights = initialised(settings, seed=0).state_dict()
    origin = Origin(pixel_angstrom=(PIXEL, PIXEL)).model_dump(mode="json", exclude_none=True)
    card = {"id": "0", "network": settings.model_dump(mode="json"), "trained_on": origin}
    write_network(folder, {"weights": weights}, pl.DataFrame(schema=HISTORY), card)
    return folder


def micrograph(path: Path, side: int = 160, pixel_nm: float = PIXEL / 10, frames: int = 1) -> Path:
    image = np.random.default_rng(side).poisson(50, (frames, side, side)).astype(np.uint16)
    tifffile.imwrite(path, image, imagej=True, resolution=(1 / pixel_nm,) * 2, metadata={"unit": "nm", "axes": "TYX"})
    return path


def run(*given: object) -> Result:
    return CliRunner().invoke(app, ["segment", *map(str, given)])


def test_a_folder_of_a_network_and_its_weights(network: Path, tmp_path: Path) -> None:
    file = micrograph(tmp_path / "a.tif")
    for name, given in (("1", network), ("2", network / "weights.safetensors"), ("3", network / "network.json")):
        result = run(given, file, "--output", tmp_path / name)
        assert result.exit_code == 0, result.exception
        assert (tmp_path / name / "a" / "mask.tif").is_file()
    masks = [(tmp_path / name / "a" / "labels.tif").read_bytes() for name in "123"]
    assert masks[0] == masks[1] == masks[2]
    assert "nothing was checked on labelled images" in result.output
    page = (tmp_path / "1" / "report.html").read_text()
    assert "a/report.html" in page and (tmp_path / "1" / "a" / "report.html").is_file()


def test_an_id_of_a_study_and_onnx(network: Path, tmp_path: Path) -> None:
    file = micrograph(tmp_path / "a.tif")
    assert run(network.name, file, "--study", network.parents[1], "-o", tmp_path / "study").exit_code == 0
    export_onnx(load(network), tmp_path / "network.onnx")
    assert run(file, "--onnx", tmp_path / "network.onnx", "-o", tmp_path / "onnx").exit_code == 0
    planes = [tifffile.imread(tmp_path / name / "a" / "probability.tif") for name in ("study", "onnx")]
    assert np.ptp(planes[0]) > 0.01 and np.abs(planes[0] - planes[1]).max() < 1e-4


def test_wrong_networks_are_refused_before_anything_is_written(network: Path, tmp_path: Path) -> None:
    file = micrograph(tmp_path / "a.tif")
    for given in (
        [file, file],
        [network],
        ["unknown", file, "--study", network.parents[1]],
        [file, "--onnx", tmp_path / "none.onnx"],
        [tmp_path, file],
    ):
        result = run(*given, "-o", tmp_path / "out")
        assert isinstance(result.exception, InputError), given
        assert not (tmp_path / "out").exists()


def test_broken_files_are_listed_and_the_others_go_on(network: Path, tmp_path: Path) -> None:
    files = [micrograph(tmp_path / f"{number:02d}.tif", 130 + number) for number in range(12)]
    (tmp_path / "03.tif").write_bytes(files[3].read_bytes()[:600])
    (tmp_path / "05.tif").write_text("no image")
    micrograph(tmp_path / "08.tif", 90)
    result = run(network, *files, "-o", tmp_path / "out")
    assert isinstance(result.exception, TemshiftError) and result.exception.exit_code == 1
    assert "3 of 12 files have no mask" in str(result.exception)
    images = pl.read_csv(tmp_path / "out" / "images.csv")
    assert images.height == 12 and images["reason"].is_not_null().to_list() == [n in (3, 5, 8) for n in range(12)]
    assert "at least 128" in images["reason"][8]
    folders = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert folders == [f"{n:02d}" for n in range(12) if n not in (3, 5, 8)]
    particles = pl.read_csv(tmp_path / "out" / "particles.csv")
    assert set(particles["image"]) <= {f"{n:02d}.tif" for n in range(12)}


def test_the_same_command_makes_nothing_twice(network: Path, tmp_path: Path) -> None:
    files = [micrograph(tmp_path / f"{name}.tif", 130 + number) for number, name in enumerate("abc")]
    assert run(network, *files[:2], "-o", tmp_path / "out").exit_code == 0
    tables = [(tmp_path / "out" / "b" / name).read_bytes() for name in ("particles.csv", "segmentation.json")]
    times = {name: (tmp_path / "out" / name / "mask.tif").stat().st_mtime_ns for name in "ab"}
    (tmp_path / "out" / "b" / "labels.tif").unlink()
    assert run(network, *files, "-o", tmp_path / "out").exit_code == 0
    again = {name: (tmp_path / "out" / name / "mask.tif").stat().st_mtime_ns for name in "abc"}
    assert again["a"] == times["a"] and again["b"] > times["b"]
    assert tables == [(tmp_path / "out" / "b" / name).read_bytes() for name in ("particles.csv", "segmentation.json")]
    assert run(network, *files, "-o", tmp_path / "new").exit_code == 0
    for name in ("particles.csv", "images.csv", "report.html"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "new" / name).read_bytes()
    assert run(network, *files, "-o", tmp_path / "out", "--no-split").exit_code == 0
    assert (tmp_path / "out" / "a" / "mask.tif").stat().st_mtime_ns > times["a"]


def test_files_of_one_name_have_folders_of_their_own(network: Path, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        micrograph(tmp_path / folder / "a.tif", 130 + len(folder))
    assert run(network, tmp_path / "x/a.tif", tmp_path / "y/a.tif", "-o", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out/a/mask.tif").is_file() and (tmp_path / "out/a-2/mask.tif").is_file()


def test_options_reach_the_image(network: Path, tmp_path: Path) -> None:
    file = micrograph(tmp_path / "a.tif", 320, pixel_nm=0.02, frames=3)
    options = ["--frame", 1, "--energy-kev", 300, "--camera", "K3", "--invert", "--no-outliers", "--crystal", "Au"]
    assert run(network, file, "-o", tmp_path / "out", *options, "--pixel-angstrom", 0.25).exit_code == 0
    record = json.loads((tmp_path / "out/a/segmentation.json").read_text())
    assert record["facts"]["pixel_angstrom"] == {"value": [0.25, 0.25], "source": "--pixel-angstrom"}
    assert record["facts"]["camera"]["value"] == "K3" and record["facts"]["energy_kev"]["value"] == 300
    assert record["network_pixels"] == [200, 200]
    names = [step["name"] for step in record["steps"]]
    assert names == ["read", "bars", "clipped", "stripes", "background", "invert", "pixels", "lattice", "specks"]
    assert record["steps"][0]["sentence"] == "frame 1 of 3 is taken"
    assert record["lattice"]["crystal"] == "Au"


def test_pixels_too_coarse_are_refused_unless_any_will_do(network: Path, tmp_path: Path) -> None:
    file = micrograph(tmp_path / "a.tif", 200, pixel_nm=0.1)
    assert isinstance(run(network, file, "-o", tmp_path / "1").exception, TemshiftError)
    assert "too coarse" in pl.read_csv(tmp_path / "1" / "images.csv")["reason"][0]
    assert run(network, file, "-o", tmp_path / "2", "--any-pixel").exit_code == 0


def test_numbers_that_are_none_are_refused_for_each_file(network: Path, tmp_path: Path) -> None:
    result = run(network, micrograph(tmp_path / "a.tif"), "-o", tmp_path / "out", "--pixel-angstrom", "nan")
    assert isinstance(result.exception, TemshiftError)
    assert "--pixel-angstrom" in pl.read_csv(tmp_path / "out" / "images.csv")["reason"][0]


def test_pipes_are_refused_and_not_read(network: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    result = run(network, tmp_path / "pipe.tif", micrograph(tmp_path / "a.tif"), "-o", tmp_path / "out")
    assert "1 of 2 files" in str(result.exception)


def test_a_strange_folder_is_left_alone(network: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    result = run(network, micrograph(tmp_path / "a.tif"), "-o", tmp_path / "out")
    assert isinstance(result.exception, InputError) and "not empty" in str(result.exception)
