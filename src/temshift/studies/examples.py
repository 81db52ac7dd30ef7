"""Pictures for the report: test specimens, their micrographs, and what some networks make of them."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.core.files import write_bytes, write_json
from temshift.core.records import read_record, record_state
from temshift.datasets.micrographs import Batch, MicrographSource, form_micrographs
from temshift.networks.stored import CARD, has_weights
from temshift.studies.folder import StudyFolder
from temshift.studies.plan import NetworkRun, Part, Plan, TestCondition
from temshift.studies.study import Study
from temshift.studies.tasks import load_network, source_of
from temshift.studies.work import one_thread

SHOWN_CONDITIONS = 6
SHOWN_NETWORKS = 3

Item = TypeVar("Item")


def write_examples(root: Path, study: Study, device: str) -> None:
    """Form the example micrographs, segment them, and write examples/examples.npz and examples.json."""
    one_thread()
    folder, part = StudyFolder(root), Plan(study).parts[0]
    source = source_of(root, part.sources["test"], device)
    specimens = np.arange(min(study.examples.specimens, len(source)))
    tests, runs = _chosen_tests(part), [run for run in example_networks(part) if _is_there(folder, run)]
    formed = [_formed(source, test, specimens) for test in tests]
    images, masks = (torch.stack(parts, dim=1) for parts in zip(*formed, strict=True))
    arrays: dict[str, NDArray[Any]] = {
        "images": images[:, :, 0].cpu().numpy().astype(np.float32),
        "masks": masks[:, :, 0].cpu().numpy().astype(np.uint8),
        "probabilities": _probabilities(root, runs, images, device),
    }
    _write(folder, arrays, _labels(study, tests, runs, len(specimens)))


def example_networks(part: Part) -> list[NetworkRun]:
    """Return the networks whose work the report shows; their weights are kept whatever is asked."""
    first = [run for run in part.networks if run.seed == 0]
    wanted = part.study.examples.networks
    if wanted:
        names = dict(zip((name for name, _ in part.study.conditions.resolved("training")), part.trainings, strict=True))
        return [run for name in wanted for run in first if run.name == names[name]]
    return _spread_out(first, SHOWN_NETWORKS)


def _is_there(folder: StudyFolder, run: NetworkRun) -> bool:
    """Tell whether a network and its weights are there, unaltered."""
    card = folder.network(run.id) / CARD
    return record_state(card).state == "complete" and has_weights(read_record(card))


def _chosen_tests(part: Part) -> list[TestCondition]:
    wanted = part.study.examples.conditions
    if wanted:
        return [test for name in wanted for test in part.tests if test.name == name]
    return _spread_out(part.tests, SHOWN_CONDITIONS)


def _spread_out(items: Sequence[Item], count: int) -> list[Item]:
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places]


def _formed(source: MicrographSource, test: TestCondition, specimens: NDArray[np.int64]) -> Batch:
    """The very images and masks (specimen, 1, y, x) that networks are scored on."""
    return form_micrographs(source, test.conditions, specimens, specimens.tolist(), test.stream)


def _probabilities(root: Path, runs: list[NetworkRun], images: torch.Tensor, device: str) -> NDArray[np.float16]:
    """What each network makes of the images (network, specimen, condition, y, x)."""
    every = np.zeros((len(runs), *images[:, :, 0].shape), np.float16)
    with torch.inference_mode():
        for number, run in enumerate(runs):
            logits = load_network(root, run, device)(images.flatten(0, 1)).view(images.shape)
            every[number] = torch.sigmoid(logits)[:, :, 0].cpu().numpy()
    return every


def _labels(study: Study, tests: list[TestCondition], runs: list[NetworkRun], specimens: int) -> dict[str, Any]:
    return {
        "conditions": [test.name for test in tests],
        "specimens": [f"test specimen {number}" for number in range(specimens)],
        "networks": [run.name for run in runs],
        "sampling_angstrom": study.image_grid.sampling[1],
    }


def _write(folder: StudyFolder, arrays: dict[str, NDArray[Any]], labels: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(folder.examples / "examples.npz", buffer.getvalue())
    write_json(folder.examples / "examples.json", labels)
