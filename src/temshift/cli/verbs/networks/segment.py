"""The verb ``segment``: micrographs from the files of microscopes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from temshift.cli.verbs.progress import progress_for, warn_of
from temshift.cli.verbs.run import require_device
from temshift.cli.verbs.shared import Interrupted
from temshift.cli.verbs.tables import number_text, say, table_console, text_table
from temshift.core import TemshiftError
from temshift.scoring import Reading
from temshift.segmentation import Cleaning
from temshift.storage import read_json
from temshift.workflows import Segmented, SegmentSettings, network_and_files, segment_files

_NUMBERS = ("particles", "pixel, A", "median diameter, nm")


class Given(NamedTuple):
    """A network and files, as the command line has them."""

    paths: Sequence[Path]
    onnx: Path | None
    study: Path | None
    code: Path | None


def settings(
    overrides: dict[str, Any],
    steps: dict[str, bool],
    reading: dict[str, Any],
    *,
    invert: bool,
    particles: dict[str, Any],
) -> SegmentSettings:
    """Gather the options: facts in place of those in files, steps of cleaning, the network's output, and particles."""
    cleaning = Cleaning(**steps, invert=invert)
    return SegmentSettings(overrides=overrides, cleaning=cleaning, reading=Reading(**reading), **particles)


def segment(given: Given, output: Path, device: str, settings: SegmentSettings) -> None:
    """Segment micrographs and print a row for each.

    Raises
    ------
    TemshiftError
        After all files, if some could not be segmented.
    """
    require_device(device)
    opened, files = network_and_files(given.paths, given.onnx, given.study, device, given.code)
    progress = progress_for(Console(stderr=True))
    try:
        done = segment_files(opened, files, output, settings, progress=progress)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; what is done is kept, the same command goes on") from None
    _summarise(done)
    warn_of(_mismatches(done), progress)
    if done.failures:
        raise TemshiftError(f"{len(done.failures)} of {len(files)} files have no mask; the reasons stand in images.csv")


def _summarise(done: Segmented) -> None:
    rows = [
        [
            row["image"],
            "-" if row["particles"] is None else str(row["particles"]),
            number_text(row["pixel_x_angstrom"], 4),
            number_text(row["median_diameter_nm"], 2),
            row["reason"] or "",
        ]
        for row in done.images.iter_rows(named=True)
    ]
    console = table_console()
    console.print(text_table(("image", *_NUMBERS, "reason"), rows, numbers=_NUMBERS))
    say(console, "nothing was checked on labelled images of the microscope: look at the masks before numbers are used")
    say(console, f"report: {done.page.resolve()}")


def _mismatches(done: Segmented) -> list[str]:
    """Sentences on pixel sizes that the lattice contradicts."""
    folders = [str(folder) for folder in done.images["folder"] if folder is not None]
    records = [read_json(done.root / folder / "segmentation.json") for folder in folders]
    return [
        f"{record['image']}: {step['sentence']}"
        for record in records
        for step in record["steps"]
        if step["name"] == "lattice" and step["changed"]
    ]
