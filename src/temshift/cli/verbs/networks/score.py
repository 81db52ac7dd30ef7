"""The verb ``score``: anyone's network on a wave database."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from temshift.cli.verbs.networks.given import LONGEST_NAME, Files, Given, open_network
from temshift.cli.verbs.networks.score_labels import LabelledPlace, score_labelled
from temshift.cli.verbs.progress import progress_for, warn_of
from temshift.cli.verbs.run import require_device
from temshift.cli.verbs.shared import Interrupted, refuse_faults
from temshift.cli.verbs.tables import formula_text, number_text, say, text_table
from temshift.conditions import ImagingConditions
from temshift.core import InputError
from temshift.exitwaves import WaveSource
from temshift.optics import imaging_remarks
from temshift.scoring import (
    Asked,
    Reading,
    ScoringConditions,
    ask,
    faults_on,
    origin_of_network,
    pixel_text,
    scoring_conditions,
    wave_source,
)
from temshift.storage import read_json, read_table
from temshift.studies import StudyFolder
from temshift.workflows import OwnSpecimens, cost_sentence, open_conditions, score_opened

NO_CLEANING = {"bars": True, "outliers": True, "stripes": True, "background": True, "invert": False}  # asked for
COLUMNS = {"CE": "cross_entropy", "F1": "f1", "IoU": "iou", "ECE": "calibration_error", "G_OOD": "g_ood"}


class Where(NamedTuple):
    """The specimens and conditions to score on: a database, one of its sets, and the file of the conditions.

    ``own`` is a database of the specimens that the network was trained on, if these are others.
    """

    database: Path
    one_set: str
    conditions: Path
    own: Path | None = None


def where(
    simulated: tuple[Path | None, Path | None, Path | None],
    labelled: tuple[Path | None, Path | None, float | None],
    one_set: str,
) -> Where | LabelledPlace:
    """Return the images that a network is scored on: those of a database under conditions, or labelled ones.

    Parameters
    ----------
    simulated : tuple
        Database, conditions, and the database of the specimens that the network was trained on, as far as given.
    labelled : tuple
        Images, masks and the size of their pixels [A], as far as given.
    one_set : str
        Name of the specimens in a database, or in an HDF5 file.

    Raises
    ------
    InputError
        If it is neither of them, or both.
    """
    (database, conditions, own), (images, labels, pixel_angstrom) = simulated, labelled
    if not any(simulated) and images is not None and labels is not None:
        return LabelledPlace(images, labels, one_set, pixel_angstrom)
    if images is not None or labels is not None or database is None or conditions is None:
        raise InputError(
            "give what to score on: --database FOLDER with --conditions YAML, or --images with --labels in their place"
        )
    if pixel_angstrom is not None:
        raise InputError("--pixel-angstrom is for --images; simulated ones have the pixels of their waves")
    return Where(database, one_set, conditions, own)


def score(
    files: Files,
    where: Where | LabelledPlace,
    output: Path,
    device: str,
    reading: dict[str, Any],
    cleaning: dict[str, bool],
) -> None:
    """Score a network and print a short summary."""
    if (files.onnx is None) == (files.network is None):
        raise InputError("give a network, either as --onnx FILE or as --network FOLDER")
    if isinstance(where, LabelledPlace):
        score_labelled(files, where, output, device, reading, cleaning)
        return
    if cleaning != NO_CLEANING:
        raise InputError("--invert and --no-... are for --images; simulated ones are not cleaned")
    how = Reading(**reading)
    source, scoring = _simulated(where)
    require_device(device)
    given = open_network(files, device)
    progress = progress_for(Console(stderr=True))
    if _contradicts(scoring, given):
        progress.warning(
            f"{where.conditions} gives other training conditions than the card of {files.network}; leave training out "
            "of it, and those of the card are taken"
        )
    scoring = _completed(scoring, given)
    asked, own = ask(given.network, source, scoring, how), None
    if where.own is not None:
        own = OwnSpecimens.of(where.own, where.one_set, source, given.network, scoring, how)
    warn_of([*_remarks(scoring, source), *_remarks_on(asked, own)], progress)
    if scoring.trained_on is None:
        progress.message("the training conditions of the network are unknown: sigma and G_OOD will be missing")
    try:
        folder = score_opened(
            asked, source, scoring, output, identity=given.identity, own=own, device=device, progress=progress
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the same command begins again") from None
    _summarise(folder, Console())


def _simulated(where: Where) -> tuple[WaveSource, ScoringConditions]:
    """Open the waves and the conditions to form images of them under, which have to go together."""
    opened, source = open_conditions(where.conditions), wave_source(where.database, where.one_set)
    scoring = opened.scoring()
    faults = opened.energy_faults(source.exit_waves.energy) or faults_on(scoring, source)
    refuse_faults(where.conditions, [(opened.place(place), fault) for place, fault in faults])
    return source, scoring


def _contradicts(scoring: ScoringConditions, given: Given) -> bool:
    """Whether a file gives other training conditions than the network's card."""
    if scoring.trained_on is None or given.training is None:
        return False
    conditions = {key: value for key, value in given.training.items() if key != "name"}
    return scoring.trained_on[1] != ImagingConditions.model_validate_json(json.dumps(conditions), strict=True)


def _completed(scoring: ScoringConditions, given: Given) -> ScoringConditions:
    """Add the name of the network and the conditions of its training, if the file lacks them."""
    completed = scoring.model_dump(mode="json", exclude_none=True)
    if "name" not in scoring.model_fields_set:
        completed["name"] = given.name[:LONGEST_NAME]
    if scoring.training is None and given.training is not None:
        completed["training"] = [given.training]
    return scoring_conditions(completed)


def _remarks(scoring: ScoringConditions, source: WaveSource) -> list[str]:
    return imaging_remarks(scoring.every, scoring.imaging, source.layout.grid, source.exit_waves.energy)


def _remarks_on(asked: Asked, own: OwnSpecimens | None) -> list[str]:
    """Say if something is not known of a network, and if its scores leave numbers out for that reason."""
    origin = origin_of_network(asked.network.network)
    remarks = []
    if origin is None or origin.pixel_angstrom is None:
        remarks.append(
            "the pixel size and the specimens that the network was trained on are not known: it is not checked if "
            "these fit"
        )
    elif "pixel_angstrom" in asked.foreign:
        remarks.append(
            f"the network was trained on pixels of {pixel_text(origin.pixel_angstrom)} A: none are resampled"
        )
    if asked.shape is not None:
        remarks.append(
            f"images are resampled to {asked.shape[0]} x {asked.shape[1]} pixels, those that the network was trained on"
        )
    if asked.foreign and own is None:
        remarks.append(
            f"if specimens are other ones than the network's, its loss in distribution and G_OOD are missing: "
            f"these differ in {', '.join(asked.foreign[:5])}; --own-specimens gives those that it was trained on"
        )
    return remarks


def _summarise(folder: StudyFolder, console: Console) -> None:
    results = read_table(folder.table("results"))
    columns = {short: column for short, column in COLUMNS.items() if results[column].null_count() < len(results)}
    rows = [
        [row["test_name"], *(number_text(row[column]) for column in columns.values())]
        for row in results.iter_rows(named=True)
    ]
    console.print(text_table(("test condition", *columns), rows, numbers=list(columns)))
    sentence = cost_sentence(results)
    if sentence is not None:
        say(console, sentence)
    formula = formula_text(read_json(folder.root / "prediction.json"))
    say(console, f"{formula}\nreport: {folder.report.resolve()}")
