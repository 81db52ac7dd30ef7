"""Pictures for the report: test specimens, their micrographs, and the masks of some networks."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.conditions.imaging import ImagingConditions
from temshift.core.errors import TemshiftError
from temshift.core.selection import spread_out
from temshift.micrographs.formation import MicrographSource, Stream, form_micrographs
from temshift.micrographs.threads import one_thread
from temshift.networks.stored import CARD, has_weights
from temshift.scoring.scores import Network
from temshift.storage.files import write_bytes, write_json
from temshift.storage.records import read_record
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.part import NetworkRun, Part, TestCondition
from temshift.studies.planning.plan import Plan
from temshift.studies.planning.study import Study
from temshift.studies.sources import load_network, source_of

SHOWN_CONDITIONS = 6
SHOWN_NETWORKS = 3
SHOWN_PARTS = 3


def write_examples(root: Path, study: Study, shown: Sequence[NetworkRun], device: str) -> None:
    """Form the example micrographs, have some networks segment them, and write examples.npz and examples.json."""
    one_thread()
    folder, part = StudyFolder(root), Plan(study).parts[0]
    source = source_of(root, part.sources["test"], device, specimens=study.examples.specimens)
    networks = [(run.name, load_network(root, run, device)) for run in shown]
    tests = [(test.name, test.conditions, test.stream) for test in _chosen_tests(part)]
    draw_examples(folder.examples, source, tests, networks, study.examples.specimens)


def draw_examples(
    place: Path | str,
    source: MicrographSource,
    tests: Sequence[tuple[str, ImagingConditions, Stream]],
    networks: Sequence[tuple[str, Network]],
    specimens: int,
) -> None:
    """Write pictures of the very images that networks are scored on, with the masks of some networks.

    Parameters
    ----------
    place : Path
        Folder to write examples.npz and examples.json to.
    source : MicrographSource
        Waves and masks.
    tests : sequence of (str, ImagingConditions, Stream)
        Name of each condition, its distribution, and the stream that its images draw from.
    networks : sequence of (str, callable)
        Each from images to logits, both (n, 1, y, x), with its name.
    specimens : int
        How many of the first specimens to show.
    """
    place = Path(place)
    chosen = np.arange(min(specimens, len(source)))
    formed = [form_micrographs(source, one, chosen, chosen.tolist(), stream) for _, one, stream in tests]
    images, masks = (torch.stack(parts, dim=1) for parts in zip(*formed, strict=True))
    arrays: dict[str, NDArray[Any]] = {
        "images": images[:, :, 0].cpu().numpy().astype(np.float32),
        "masks": masks[:, :, 0].cpu().numpy().astype(np.uint8),
        "probabilities": _probabilities([network for _, network in networks], images),
    }
    labels = {
        "conditions": [name for name, _, _ in tests],
        "specimens": [f"test specimen {number}" for number in chosen],
        "networks": [name for name, _ in networks],
        "sampling_angstrom": source.image_grid.sampling[1],
    }
    _write(place, arrays, labels)


def shown_parts(plan: Plan) -> list[Part]:
    """Return the parts of a plan whose pictures the report shows: those whose test images differ, a few at most."""
    different = {tuple(test.id for test in part.own_specimens): part for part in reversed(plan.parts)}
    return spread_out(list(reversed(different.values())), SHOWN_PARTS)


def shown_networks(plan: Plan) -> set[str]:
    """Return the ids of the networks whose work the report shows; their weights are always kept."""
    return {run.id for part in shown_parts(plan) for run in example_networks(part)}


def drawable_networks(plan: Plan, folder: StudyFolder) -> set[str]:
    """Return the ids of the networks whose work the report shows that are there with their weights, unaltered."""
    shown = {run.id for part in [plan.parts[0], *shown_parts(plan)] for run in example_networks(part)}
    return {id_ for id_ in shown if _is_there(folder, id_)}


def example_networks(part: Part) -> list[NetworkRun]:
    """Return the networks of a part whose work the report shows."""
    first = [run for run in part.networks if run.seed == 0]
    chosen = part.study.examples.networks
    if chosen:
        names = {plain: name for name, plain in part.distributions.items()}
        return [run for name in chosen for run in first if run.name == names[name]]
    return spread_out(first, SHOWN_NETWORKS)


def _is_there(folder: StudyFolder, network_id: str) -> bool:
    try:
        return has_weights(read_record(folder.network(network_id) / CARD))
    except TemshiftError:
        return False


def _chosen_tests(part: Part) -> list[TestCondition]:
    chosen = part.study.examples.conditions
    if chosen:
        shown = part.own_specimens
        return [test for name in chosen for test in shown if test.name in (name, f"{name}, {test.specimens}")]
    return spread_out(part.own_specimens, SHOWN_CONDITIONS)


def _probabilities(networks: Sequence[Network], images: torch.Tensor) -> NDArray[np.float16]:
    """Probabilities of each network for the images (network, specimen, condition, y, x)."""
    every = np.zeros((len(networks), *images[:, :, 0].shape), np.float16)
    with torch.inference_mode():
        for number, network in enumerate(networks):
            logits = network(images.flatten(0, 1)).view(images.shape)
            every[number] = torch.sigmoid(logits)[:, :, 0].cpu().numpy()
    return every


def _write(place: Path, arrays: dict[str, NDArray[Any]], labels: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(place / "examples.npz", buffer.getvalue())
    write_json(place / "examples.json", labels)
