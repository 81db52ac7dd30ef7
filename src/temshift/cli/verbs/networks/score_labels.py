"""The verb ``score`` on images that people labelled."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from temshift.cli.verbs.networks.given import Files, Given, open_network
from temshift.cli.verbs.progress import progress_for, warn_of
from temshift.cli.verbs.run import require_device
from temshift.cli.verbs.shared import Interrupted
from temshift.cli.verbs.tables import number_text, say, table_console, text_table
from temshift.conditions import ImagingConditions
from temshift.core import TemshiftError
from temshift.recordings import labelled_images
from temshift.scoring import Reading, origin_of_network
from temshift.segmentation import Cleaning
from temshift.workflows import LabelledScores, OpenedNetwork, SegmentSettings, score_labels

_COLUMNS = {"CE": "cross_entropy", "F1": "f1", "IoU": "iou", "ECE": "calibration_error"}
_UNKNOWN = "the pixels that the network was trained on are not known: images are segmented as they are"


class LabelledPlace(NamedTuple):
    """Images and their labels, the set of specimens in files that hold several, and a pixel size [A]."""

    images: Path
    labels: Path
    one_set: str
    pixel_angstrom: float | None


def score_labelled(
    files: Files,
    where: LabelledPlace,
    output: Path,
    device: str,
    reading: dict[str, Any],
    cleaning: dict[str, bool],
) -> None:
    """Score a network against hand labels and print a short summary.

    Raises
    ------
    TemshiftError
        After all images, if some could not be scored.
    """
    settings = SegmentSettings(
        overrides={"pixel_angstrom": where.pixel_angstrom}, cleaning=Cleaning(**cleaning), reading=Reading(**reading)
    )
    images = labelled_images(where.images, where.labels, settings.overrides, set=where.one_set)
    require_device(device)
    given = open_network(files, device)
    opened = OpenedNetwork(given.network, given.name, given.identity, device)
    progress = progress_for(Console(stderr=True))
    origin = origin_of_network(given.network)
    warn_of([_UNKNOWN] if origin is None or origin.pixel_angstrom is None else [], progress)
    try:
        done = score_labels(opened, images, output, settings, training=_training(given), progress=progress)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the same command begins again") from None
    _summarise(done)
    if done.failures:
        raise TemshiftError(
            f"{len(done.failures)} of {len(images)} images could not be scored; the reasons stand in tables/images.csv"
        )


def _training(given: Given) -> tuple[str, ImagingConditions] | None:
    """Name and conditions of the training, as the network's card has them."""
    if given.training is None:
        return None
    conditions = {key: value for key, value in given.training.items() if key != "name"}
    return str(given.training["name"]), ImagingConditions.model_validate_json(json.dumps(conditions), strict=True)


def _summarise(done: LabelledScores) -> None:
    rows = [
        [row["test_name"], str(row["images"]), *(number_text(row[column]) for column in _COLUMNS.values())]
        for row in done.results.iter_rows(named=True)
    ]
    console = table_console()
    console.print(text_table(("images of", "images", *_COLUMNS), rows, numbers=("images", *_COLUMNS)))
    say(console, f"report: {done.page.resolve()}")
