"""temshift score against hand labels: scores are those of scikit-learn, tables and pages are there, faults are told."""

from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
import tifffile
import torch
from PIL import Image
from sklearn.metrics import f1_score, jaccard_score, log_loss
from typer.testing import CliRunner, Result

from temshift.cli.app import app
from temshift.core import InputError, TemshiftError
from temshift.exitwaves import Origin
from temshift.networks import CompactUNetSettings, export_onnx, initialised, load, write_network
from temshift.vocabulary import HISTORY, RESULTS

SIDE, PIXEL = 160, 0.4
RAW = ("--no-bars", "--no-outliers", "--no-stripes", "--no-background")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that never learned anything, whose card knows its pixels and conditions."""
    folder = tmp_path_factory.mktemp("networks") / "untrained"
    settings = CompactUNetSettings(widths=(8, 16), stem=2)
    weights = initialised(settings, seed=0).state_dict()
    origin = Origin(pixel_angstrom=(PIXEL, PIXEL)).model_dump(mode="json", exclude_none=True)
    conditions = {"defocus_nm": -10.0, "dose_e_per_A2": 400.0}
    card = {"id": "0", "network": settings.model_dump(mode="json"), "trained_on": origin}
    card |= {"training_name": "near", "conditions": conditions}
    write_network(folder, {"weights": weights}, pl.DataFrame(schema=HISTORY), card)
    return folder


def discs(number: int, side: int = SIDE) -> np.ndarray:
    random = np.random.default_rng(number)
    y, x = np.indices((side, side))
    middles = random.uniform(30, side - 30, (3, 2))
    return np.any([np.hypot(y - down, x - across) < 16 for down, across in middles], axis=0)


def image(path: Path, number: int, side: int = SIDE, pixel: float = PIXEL) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = np.random.default_rng(number).poisson(50 + 30 * discs(number, side)).astype(np.uint16)
    tifffile.imwrite(path, counts, imagej=True, resolution=(10 / pixel,) * 2, metadata={"unit": "nm"})
    return counts


def mask(path: Path, number: int, side: int = SIDE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(discs(number, side), 255, 0).astype(np.uint8)).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for number in range(3):
        image(tmp_path / "images" / f"{number}.tif", number)
        mask(tmp_path / "masks" / f"{number}.png", number)
    return tmp_path / "images", tmp_path / "masks"


def run(*given: object) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, given)])


def test_scores_are_those_of_scikit_learn(network: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    images, labels = folders
    result = run("--network", network, "--images", images, "--labels", labels, "-o", tmp_path / "out", *RAW)
    assert result.exit_code == 0, result.exception
    table = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert dict(table.schema) == {name: kind() for name, kind in RESULTS.items()} and table.height == 1
    row = table.row(0, named=True)
    assert row["test_name"] == "images" and row["images"] == 3 and row["training_name"] == "near"
    assert row["training_defocus_nm"] == -10 and row["test_defocus_nm"] is None and row["g_ood"] is None
    model = load(network)
    counts = np.stack([tifffile.imread(images / f"{number}.tif") for number in range(3)]).astype(np.float32)
    standard = (counts - counts.mean((1, 2), keepdims=True)) / counts.std((1, 2), keepdims=True)
    with torch.inference_mode():
        logits = np.stack([model(torch.from_numpy(plane)[None, None])[0, 0].numpy() for plane in standard])
    truth = np.stack([discs(number) for number in range(3)])
    assert row["f1"] == pytest.approx(f1_score(truth.ravel(), logits.ravel() > 0), abs=1e-4)
    assert row["iou"] == pytest.approx(jaccard_score(truth.ravel(), logits.ravel() > 0), abs=1e-4)
    probabilities = 1 / (1 + np.exp(-logits.ravel().astype(np.float64)))
    assert row["cross_entropy"] == pytest.approx(log_loss(truth.ravel(), probabilities), rel=1e-4)
    each = pl.read_csv(tmp_path / "out" / "tables" / "images.csv")
    expected = [f1_score(plane.ravel(), out.ravel() > 0) for plane, out in zip(truth, logits, strict=True)]
    assert each["f1"].to_list() == pytest.approx(expected, abs=1e-4)
    assert each["labelled_particles"].min() > 0 and each["image"].to_list() == ["0.tif", "1.tif", "2.tif"]


def test_the_pages_say_how_it_did(network: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    export_onnx(load(network), tmp_path / "network.onnx")
    given = ["--onnx", tmp_path / "network.onnx", "--images", folders[0], "--labels", folders[1]]
    result = run(*given, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.exception
    page = (tmp_path / "out" / "report.html").read_text()
    words = page.partition('id="verdict">')[2]
    assert words.startswith("On 3 labelled images, F1 is 0.") and "Nothing was checked" not in page
    assert all(f'href="{number}/report.html"' in page for number in range(3))
    single = (tmp_path / "out" / "1" / "report.html").read_text()
    assert single.partition('id="verdict">')[2].startswith("Held against its labels") and 'id="truth"' in single
    assert (tmp_path / "out" / "1" / "mask.tif").is_file()
    assert run(*given, "-o", tmp_path / "out").exit_code == 0  # written again


def test_labels_are_sampled_on_the_networks_pixels(network: Path, tmp_path: Path) -> None:
    image(tmp_path / "a.tif", 1, side=400, pixel=PIXEL / 2)
    mask(tmp_path / "a.png", 1, side=400)
    given = ["--network", network, "--images", tmp_path / "a.tif", "--labels", tmp_path / "a.png"]
    assert run(*given, "-o", tmp_path / "out", *RAW).exit_code == 0
    probability = tifffile.imread(tmp_path / "out" / "a" / "probability.tif")[1::2, 1::2]
    row = pl.read_parquet(tmp_path / "out" / "results.parquet").row(0, named=True)
    assert row["f1"] == pytest.approx(f1_score(discs(1, 400)[1::2, 1::2].ravel(), probability.ravel() > 0.5), abs=0.01)


def test_pixels_under_a_bar_are_left_out(network: Path, tmp_path: Path) -> None:
    counts = image(tmp_path / "a.tif", 1)
    mask(tmp_path / "a.png", 1)
    barred = np.concatenate([counts, np.zeros((40, SIDE), np.uint16)])
    tifffile.imwrite(tmp_path / "b.tif", barred, imagej=True, resolution=(25, 25), metadata={"unit": "nm"})
    drawn = np.concatenate([discs(1), np.ones((40, SIDE), bool)])
    Image.fromarray(drawn).save(tmp_path / "b.png")
    scores = []
    for name in "ab":
        given = ["--images", tmp_path / f"{name}.tif", "--labels", tmp_path / f"{name}.png", "-o", tmp_path / name]
        assert run("--network", network, *given).exit_code == 0
        scores.append(pl.read_parquet(tmp_path / name / "results.parquet").select("f1", "cross_entropy").row(0))
    assert scores[0] == scores[1]


def test_arrays_of_hdf5(network: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file["images"] = np.stack([tifffile.imread(folders[0] / f"{number}.tif") for number in range(3)])
        file["labels"] = np.stack([discs(number) for number in range(3)]).astype(np.uint8)
    both = ["--images", tmp_path / "all.h5", "--labels", tmp_path / "all.h5", "--pixel-angstrom", PIXEL]
    assert run("--network", network, *both, "-o", tmp_path / "h5").exit_code == 0
    files = ["--images", folders[0], "--labels", folders[1]]
    assert run("--network", network, *files, "-o", tmp_path / "files").exit_code == 0
    tables = [pl.read_parquet(tmp_path / name / "results.parquet") for name in ("h5", "files")]
    assert tables[0].select("f1", "iou", "cross_entropy").equals(tables[1].select("f1", "iou", "cross_entropy"))


def test_faults_are_refused_before_anything_is_written(
    network: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    images, labels = folders
    both = ["--images", images, "--labels", labels]
    for given, said in (
        (["--network", network, "--images", images], "--images with --labels"),
        (["--network", network, *both, "--database", tmp_path], "in their place"),
        (["--network", network], "what to score on"),
        (both, "--onnx FILE or as --network"),
        (["--network", network, "--images", images, "--labels", tmp_path / "none"], "does not exist"),
        (["--network", tmp_path, *both], "network.json"),
    ):
        result = run(*given, "-o", tmp_path / "out")
        assert isinstance(result.exception, InputError) and said in str(result.exception), result.exception
        assert not (tmp_path / "out").exists()
    (labels / "1.png").unlink()
    assert "1 of 3 images" in str(run("--network", network, *both, "-o", tmp_path / "out").exception)
    mask(labels / "1.png", 1, side=SIDE + 1)
    assert "another size" in str(run("--network", network, *both, "-o", tmp_path / "out").exception)
    assert not (tmp_path / "out").exists()


def test_what_is_broken_is_listed_and_the_others_are_scored(
    network: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (folders[0] / "0.tif").write_bytes((folders[0] / "0.tif").read_bytes()[:500])
    (folders[1] / "2.png").write_text("no picture")
    result = run("--network", network, "--images", folders[0], "--labels", folders[1], "-o", tmp_path / "out")
    assert isinstance(result.exception, TemshiftError) and result.exception.exit_code == 1
    assert "2 of 3 images could not be scored" in str(result.exception)
    table = pl.read_parquet(tmp_path / "out" / "images.parquet")
    assert table["reason"].is_not_null().to_list() == [True, False, True]
    assert pl.read_parquet(tmp_path / "out" / "results.parquet")["images"].to_list() == [1]
    assert "2 of 3 images could not be scored" in (tmp_path / "out" / "report.html").read_text()
