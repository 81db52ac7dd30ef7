"""Sizes of particles on simulated micrographs, by a small network that is trained for it, against the true ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from ruamel.yaml import YAML
from typer.testing import CliRunner

from temshift.cli.app import app
from temshift.networks import load
from temshift.recordings import read_micrograph
from temshift.segmentation import measure, segment
from temshift.segmentation.instances import instances
from temshift.studies import Study, run_study

ROOT = Path(__file__).parents[2]
CONDITIONS = {"name": "near", "defocus_nm": {"normal": {"mean": 10, "sd": 1.5}}}


def study() -> Study:
    """The quick study with fewer specimens and a single network, in cells that hold a whole particle."""
    settings = YAML(typ="safe").load((ROOT / "examples" / "quick_study.yaml").read_text())
    settings["specimens"]["cell_nm"] = [6.4, 6.4]
    settings["conditions"] = {"default": settings["conditions"]["default"], "training": [CONDITIONS]}
    settings["conditions"]["test"] = [CONDITIONS]
    del settings["examples"]
    return Study.model_validate(
        {**settings, "counts": {"training": 160, "test": 32}, "seeds": 1}
        | {"training": {"steps": 150, "batch": 16, "learning_rate": 0.01}}
    )


def to_the_middle(mask: np.ndarray) -> tuple[int, ...]:
    """By how many pixels the one particle of a periodic cell has to move so that no border cuts it."""
    moves = []
    for axis, size in enumerate(mask.shape):
        waves = np.exp(2j * np.pi * np.arange(size) / size)
        middle = np.angle((mask.sum(1 - axis) * waves).sum()) / (2 * np.pi) * size
        moves.append(round(size / 2 - middle))
    return tuple(moves)


def diameters(labels: np.ndarray, logits: np.ndarray, sides: object) -> list[float]:
    table = measure(labels, logits.astype(np.float32), sides, np.zeros(labels.shape, bool))  # type: ignore[arg-type]
    return table.filter(~pl.col("on_border"))["equivalent_diameter_nm"].to_list()


@pytest.mark.slow
def test_the_median_size_of_simulated_particles_is_right_to_3_percent(tmp_path: Path) -> None:
    folder = run_study(study(), tmp_path / "study", workers=0)
    network = load(next((folder.root / "networks").iterdir()))
    scene = {"seed": 3, "default": {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12, "focal_spread_sigma_nm": 1}}
    with (tmp_path / "images.yaml").open("w") as file:
        YAML().dump({**scene, "conditions": [CONDITIONS]}, file)
    given = ["images", folder.root, tmp_path / "images.yaml", "--set", "test", "-o", tmp_path / "images", "-w", 0]
    assert CliRunner().invoke(app, [str(each) for each in given]).exit_code == 0
    seen, true = [], []
    for path in sorted((tmp_path / "images").glob("*/near/image-*.tif")):
        mask = tifffile.imread(path.parents[1] / "masks" / path.name.replace("image", "mask")) > 0
        move = to_the_middle(mask)
        micrograph = read_micrograph(path)
        result = segment(network, replace(micrograph, counts=np.roll(micrograph.counts, move, (0, 1))))
        seen += diameters(result.labels, result.logits, result.grid)
        truth, _ = instances(np.roll(mask, move, (0, 1)), 50, split=False)
        true += diameters(truth, np.where(truth, 9, -9), result.grid)
    assert len(true) == 32 and abs(len(seen) - 32) <= 2
    assert np.median(seen) == pytest.approx(np.median(true), rel=0.03)
    assert np.quantile(seen, [0.25, 0.75]) == pytest.approx(np.quantile(true, [0.25, 0.75]), rel=0.05)
