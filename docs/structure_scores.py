"""Scores without labels, or with few, of the networks of the structure study: a table for docs/structure_study.py.

    OMP_NUM_THREADS=1 python docs/structure_scores.py STUDY_FOLDER [TABLE.parquet]

Every network trained at -10 nm sees 32 specimens of each set, under the conditions of its training. They are specimens
that others train on: no network is scored on them. TABLE (examples/structure_study/unlabelled.parquet) has a row a
network x set.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from temshift import MicrographDataset
from temshift.networks import load
from temshift.scoring import (
    disagreement,
    feature_distance,
    h_score,
    leep,
    loss_against,
    mean_confidence,
    mean_entropy,
    thresholded_error,
)
from temshift.studies import Plan, StudyFolder, load_study

HOME = "-10 nm"
IMAGES = 32
LABELLED = (1, 2, 4, 8, 16)  # images whose loss is taken
PIXELS = 4096  # that the H-score is taken from
TABLE = Path(__file__).parents[1] / "examples" / "structure_study" / "unlabelled.parquet"
Array = NDArray[np.float64]


class Output(NamedTuple):
    """Probabilities (n, y, x), mean features of each image (n, channels), and the H-score of the features of blocks."""

    probability: NDArray[np.float32]
    features: Array
    h_score: float


def main(root: Path, table: Path) -> None:
    """Form the images of each set, run the networks over them, and write the table."""
    torch.set_num_threads(1)
    folder = StudyFolder(root)
    plan = Plan(load_study(folder.study_file))
    networks = dict(networks_of(plan, folder))
    kinds = {name.partition(", ")[2]: name for name in networks}
    images, truths = {}, {}
    for kind, conditions, waves in sources(plan, folder):
        images[kind], truths[kind] = images_of(waves, conditions)
    outputs = {
        (name, kind): outputs_of(network, images[kind], truths[kind])
        for name, network in networks.items()
        for kind in images
    }
    rows = [
        {"training_specimens": own, "test_specimens": kind, **scores(own, kind, kinds, outputs, truths)}
        for own in kinds
        for kind in images
    ]
    table.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).with_columns(pl.selectors.float().cast(pl.Float32)).write_parquet(table, compression="zstd")
    print(f"{len(rows)} rows: {table}")


def networks_of(plan: Plan, folder: StudyFolder) -> Iterator[tuple[str, nn.Module]]:
    """Networks of the first seed that were trained at home, by name."""
    for run in plan.networks:
        if run.name.startswith(f"{HOME}, ") and run.seed == 0 and (folder.root / "networks" / run.id).is_dir():
            yield run.name, load(folder.root / "networks" / run.id)


def sources(plan: Plan, folder: StudyFolder) -> Iterator[tuple[str, Any, Path]]:
    """Sets that are no mixtures, the conditions at home, and the folder of their training waves."""
    for part in plan.parts:
        name = f"{HOME}, {part.specimens}"
        waves = folder.waves(part.databases["training"].id)
        if name in part.trainings and waves.is_dir():
            yield part.specimens, part.trainings[name], waves


def images_of(waves: Path, conditions: Any) -> tuple[Tensor, NDArray[np.bool_]]:
    """Micrographs (n, 1, y, x) of the first specimens, and their masks (n, y, x)."""
    dataset = MicrographDataset(waves, conditions, set=None, fixed=True, seed=190)
    pairs = [dataset[number] for number in range(IMAGES)]
    return torch.stack([image for image, _ in pairs]), np.stack([mask[0].numpy() > 0.5 for _, mask in pairs])


def outputs_of(network: Any, images: Tensor, truth: NDArray[np.bool_]) -> Output:
    """Run a network over images, and keep the features of its last block before it grows finer."""
    seen: list[Tensor] = []
    hook = network.up[0].register_forward_hook(lambda module, given, result: seen.append(result))
    with torch.inference_mode():
        probability = torch.sigmoid(network(images))[:, 0].numpy()
    hook.remove()
    features = seen[0].double().permute(0, 2, 3, 1).numpy()
    inside = shrunk(truth, features.shape[1:3])
    chosen = np.random.default_rng(0).choice(inside.size, min(PIXELS, inside.size), replace=False)
    told_apart = h_score(features.reshape(-1, features.shape[-1])[chosen], inside.ravel()[chosen])
    return Output(probability, features.mean(axis=(1, 2)), told_apart)


def scores(
    own: str,
    kind: str,
    kinds: Mapping[str, str],
    outputs: Mapping[tuple[str, str], Output],
    truths: Mapping[str, NDArray[np.bool_]],
) -> dict[str, float | None]:
    """All scores of the network of one set on another; those against its own images are missing for mixtures."""
    probability, features, told_apart = outputs[kinds[own], kind]
    truth = truths[kind]
    others = np.mean(
        [outputs[name, kind].probability for other, name in kinds.items() if other not in (own, kind)], axis=0
    )
    at_home = outputs.get((kinds[own], own))
    return {
        "entropy": mean_entropy(probability),
        "confidence": mean_confidence(probability),
        "predicted_share": float(np.mean(probability >= 0.5)),
        "expected_error": None if at_home is None else thresholded_error(probability, at_home.probability, truths[own]),
        "feature_distance": None if at_home is None else feature_distance(features, at_home.features),
        "disagreement": disagreement(probability, others),
        "consensus_loss": loss_against(probability, others),
        "leep": leep(probability, truth),
        "h_score": told_apart,
        **{f"loss_{count}": loss_against(probability[:count], truth[:count]) for count in (*LABELLED, IMAGES)},
    }


def shrunk(truth: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Majority of the mask in each block of pixels that a feature stands for."""
    count, height, width = truth.shape
    blocks = truth.reshape(count, shape[0], height // shape[0], shape[1], width // shape[1])
    return np.asarray(blocks.mean(axis=(2, 4)) >= 0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else TABLE)
