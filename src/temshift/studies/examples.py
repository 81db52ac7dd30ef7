"""Pictures for the report: test specimens, their micrographs, and what some networks make of them."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.core.files import write_bytes, write_json
from temshift.datasets.micrographs import Batch, MicrographSource, form_micrographs
from temshift.studies.folder import StudyFolder
from temshift.studies.plan import NetworkRun, Plan, TestCondition
from temshift.studies.study import Study
from temshift.studies.tasks import load_network, source_of
from temshift.studies.work import one_thread

SHOWN_CONDITIONS = 6
SHOWN_NETWORKS = 3

Item = TypeVar("Item")


def write_examples(root: Path, study: Study, device: str) -> None:
    """Form the example micrographs, segment them, and write examples/examples.npz and examples.json."""
    one_thread()
    folder, plan = StudyFolder(root), Plan(study)
    source = source_of(folder, plan, "test", device)
    specimens = np.arange(min(study.examples.specimens, len(source)))
    tests, runs = _chosen_tests(plan), _chosen_networks(plan)
    formed = [_formed(source, plan, test, specimens) for test in tests]
    images, masks = (torch.stack(parts, dim=1) for parts in zip(*formed, strict=True))
    arrays: dict[str, NDArray[Any]] = {
        "images": images[:, :, 0].cpu().numpy().astype(np.float32),
        "masks": masks[:, :, 0].cpu().numpy().astype(np.uint8),
        "probabilities": np.stack([_probabilities(folder, study, run, images, device) for run in runs]),
    }
    _write(folder, arrays, _labels(study, tests, runs, len(specimens)))


def _chosen_tests(plan: Plan) -> list[TestCondition]:
    wanted = plan.study.examples.conditions
    if wanted:
        return [test for name in wanted for test in plan.tests if test.name == name]
    return _spread_out(plan.tests, SHOWN_CONDITIONS)


def _chosen_networks(plan: Plan) -> list[NetworkRun]:
    first = [run for run in plan.networks if run.seed == 0]
    wanted = plan.study.examples.networks
    if wanted:
        return [run for name in wanted for run in first if run.training_name == name]
    return _spread_out(first, SHOWN_NETWORKS)


def _spread_out(items: Sequence[Item], count: int) -> list[Item]:
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places]


def _formed(source: MicrographSource, plan: Plan, test: TestCondition, specimens: NDArray[np.int64]) -> Batch:
    """The very images and masks (specimen, 1, y, x) that networks are scored on."""
    return form_micrographs(source, test.conditions, specimens, specimens.tolist(), plan.test_stream(test))


def _probabilities(
    folder: StudyFolder, study: Study, run: NetworkRun, images: torch.Tensor, device: str
) -> NDArray[np.float16]:
    network = load_network(folder, study, run, device)
    with torch.inference_mode():
        logits = network(images.flatten(0, 1)).view(images.shape)
    return torch.sigmoid(logits)[:, :, 0].cpu().numpy().astype(np.float16)


def _labels(study: Study, tests: list[TestCondition], runs: list[NetworkRun], specimens: int) -> dict[str, Any]:
    return {
        "conditions": [test.name for test in tests],
        "specimens": [f"test specimen {number}" for number in range(specimens)],
        "networks": [run.training_name for run in runs],
        "sampling_angstrom": study.image_grid.sampling[1],
    }


def _write(folder: StudyFolder, arrays: dict[str, NDArray[Any]], labels: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(folder.examples / "examples.npz", buffer.getvalue())
    write_json(folder.examples / "examples.json", labels)
