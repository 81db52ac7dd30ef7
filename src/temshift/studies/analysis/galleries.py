"""Small pictures of every test condition for the report, next to the masks of a few networks."""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.conditions import ImagingConditions
from temshift.core import content_hash, spread_out
from temshift.execution import Task, Work
from temshift.figures.pictures import binned, binning_of, grey_levels, standardised_again
from temshift.micrographs import MicrographSource, Stream, form_micrographs
from temshift.micrographs.threads import one_thread
from temshift.optics import OPTICS_VERSION
from temshift.report.data.galleries import INDEX, PARTS
from temshift.scoring.scores import Network
from temshift.storage.files import write_json
from temshift.storage.records import record_state, write_recorded
from temshift.studies.analysis.example_pictures import example_networks, shown_parts
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.part import NetworkRun, Part, TestCondition
from temshift.studies.planning.plan import Plan
from temshift.studies.planning.sweep import label_of
from temshift.studies.sources import load_network, source_of

GALLERIES_VERSION = 1
CONDITIONS_PER_TASK = 8
MOST_PICTURES = 900  # of one kind of specimens; if there would be more, conditions are thinned evenly

_PROBABILITY_LEVELS = 255

Tested = tuple[str, ImagingConditions, Stream]


@dataclass(frozen=True)
class _Chunk:
    """Some test conditions on the same specimens, drawn by one task into one file."""

    tests: tuple[TestCondition, ...]
    networks: tuple[NetworkRun, ...]
    specimens: int

    @property
    def id(self) -> str:
        """Hash of all that the pictures depend on."""
        tests = [[test.id, test.name] for test in self.tests]
        networks = [[run.id, run.name] for run in self.networks]
        return content_hash([tests, networks, self.specimens, GALLERIES_VERSION, OPTICS_VERSION])


def make_galleries(plan: Plan, folder: StudyFolder, work: Work, drawable: Collection[str]) -> None:
    """Draw the pictures of every test condition that are missing, and write down which are shown.

    Parameters
    ----------
    plan : Plan
        The study's plan.
    folder : StudyFolder
        With trained networks and waves.
    work : Work
        Who draws; a task is a few conditions, and finished ones are kept.
    drawable : collection of str
        Ids of networks that are there with their weights; see `drawable_networks`.
    """
    parts = shown_parts(plan)
    chunks = {_label(part, parts): _chunks(part, drawable) for part in parts}
    every = [chunk for some in chunks.values() for chunk in some]
    missing = work.missing(every, lambda chunk: record_state(_record(folder, chunk.id)))
    tasks = [
        Task(draw_chunk, (folder.root, chunk, work.device), f"pictures of {chunk.tests[0].name}") for chunk in missing
    ]
    sizes = [len(chunk.tests) for chunk in missing]
    work.perform("pictures of test conditions", tasks, sizes, sum(len(chunk.tests) for chunk in every) - sum(sizes))
    sets = [
        {"label": label, "parts": [chunk.id for chunk in some], "of": len(part.own_specimens)}
        for part, (label, some) in zip(parts, chunks.items(), strict=True)
    ]
    write_index(folder.examples, sets)


def _label(part: Part, parts: Sequence[Part]) -> str:
    """The settings that set the images of a part apart from those of the others."""
    if len(parts) == 1:
        return ""
    own = {key: value for key, value in part.settings.items() if key.partition(".")[0] not in ("network", "training")}
    return ", ".join(text for text in (part.specimens, label_of(own)) if text)


def _chunks(part: Part, drawable: Collection[str]) -> list[_Chunk]:
    networks = tuple(run for run in example_networks(part) if run.id in drawable)
    specimens = part.study.examples.specimens
    tests = spread_out(part.own_specimens, max(1, MOST_PICTURES // specimens))
    return [
        _Chunk(tuple(tests[start : start + CONDITIONS_PER_TASK]), networks, specimens)
        for start in range(0, len(tests), CONDITIONS_PER_TASK)
    ]


def _record(folder: StudyFolder, id_: str) -> Path:
    return folder.examples / PARTS / f"{id_}.json"


def draw_chunk(root: Path, chunk: _Chunk, device: str) -> None:
    """Form and segment the micrographs of some conditions, and write their pictures with a record."""
    one_thread()
    source = source_of(root, chunk.tests[0].source, device, specimens=chunk.specimens)
    networks = [(run.name, load_network(root, run, device)) for run in chunk.networks]
    tests = [(test.name, test.conditions, test.stream) for test in chunk.tests]
    draw_pictures(StudyFolder(root).examples, chunk.id, source, tests, networks, chunk.specimens)


def draw_pictures(
    place: Path | str,
    id_: str,
    source: MicrographSource,
    tests: Sequence[Tested],
    networks: Sequence[tuple[str, Network]],
    specimens: int,
) -> None:
    """Write small pictures of the very images that networks are scored on, with the masks of some networks.

    Parameters
    ----------
    place : Path
        The folder of examples.
    id_ : str
        Name of the file.
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
    drawn = [_drawn(source, test, networks, chosen) for test in tests]
    arrays = {name: np.stack([one[name] for one in drawn], axis=-3) for name in ("levels", "masks", "probabilities")}
    arrays["overlaps"] = np.stack([one["overlaps"] for one in drawn], axis=-1)
    grid = source.imaging.image_grid(source.spectra.grid)
    facts = {
        "conditions": [name for name, _, _ in tests],
        "specimens": [f"test specimen {number}" for number in chosen],
        "networks": [name for name, _ in networks],
        "pixel_angstrom": grid.sampling[1] * binning_of(grid.shape),
        "binned": binning_of(grid.shape),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_recorded(place / PARTS / f"{id_}.json", {f"{id_}.npz": buffer.getvalue()}, facts)


def _drawn(
    source: MicrographSource,
    test: Tested,
    networks: Sequence[tuple[str, Network]],
    chosen: NDArray[np.int64],
) -> dict[str, NDArray[Any]]:
    """Pictures of one condition: levels and masks (specimen, y, x), probabilities (network, specimen, y, x)."""
    _, conditions, stream = test
    images, masks = form_micrographs(source, conditions, chosen, chosen.tolist(), stream)
    with torch.inference_mode():
        segmented = [torch.sigmoid(network(images))[:, 0].cpu().numpy() for _, network in networks]
    probabilities = np.stack(segmented) if segmented else np.zeros((0, *images[:, 0].shape), np.float32)
    plain, true = images[:, 0].cpu().numpy(), masks[:, 0].cpu().numpy()
    factor = binning_of(true.shape[-2:])
    return {
        "levels": grey_levels(standardised_again(binned(plain, factor))),
        "masks": (binned(true, factor) > 0.5).astype(np.uint8),
        "probabilities": np.rint(binned(probabilities, factor) * _PROBABILITY_LEVELS).astype(np.uint8),
        "overlaps": _overlaps(true, probabilities > np.float32(0.5)),
    }


def _overlaps(true: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Intersection over union (network, specimen) on all pixels of the micrographs; NaN if both masks are empty."""
    both, either = (true & predicted).sum(axis=(-2, -1)), (true | predicted).sum(axis=(-2, -1))
    share = np.full(both.shape, np.nan, np.float32)
    np.divide(both, either, out=share, where=either > 0, casting="unsafe")
    return share


def write_index(place: Path | str, sets: Sequence[Mapping[str, Any]]) -> None:
    """Write which pictures belong to the study, and remove those of before that no longer do.

    Parameters
    ----------
    place : Path
        The folder of examples.
    sets : sequence of mapping
        One a kind of specimens: its ``label``, the ``parts`` its pictures lie in, and the number ``of`` conditions.
    """
    place = Path(place)
    write_json(place / INDEX, {"sets": list(sets)})
    kept = {part for one in sets for part in one["parts"]}
    for path in (place / PARTS).glob("*.*"):
        if path.stem not in kept:
            path.unlink(missing_ok=True)
