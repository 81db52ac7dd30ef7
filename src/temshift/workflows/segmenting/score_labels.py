"""Anyone's network on images that people labelled: tables, a page, and a page for each image."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from temshift.conditions import ImagingConditions
from temshift.core import InputError, content_hash
from temshift.execution import Progress, SilentProgress
from temshift.recordings import LabelledImage
from temshift.report import labelled_html, write_segmentation_page
from temshift.scoring import SCORES_VERSION, PixelSums, labelled_rows, scores_of
from temshift.segmentation import Labelled, Segmentation, against_labels, write_segmentation
from temshift.storage import claim, write_bytes, write_json, write_table, write_text
from temshift.workflows.segmenting.pages import shown_segmentation
from temshift.workflows.segmenting.segment_files import OpenedNetwork, SegmentSettings, folder_names, segmented

LABELLED_VERSION = 1  # raised whenever the same images, labels and settings give other scores or pages
MARKER, PAGE = "labelled_scores.json", "report.html"
_KIND = "scores on labelled images"
_OF_IMAGE = ("cross_entropy", "f1", "iou", "accuracy", "calibration_error", "missed", "invented")
LABELLED_IMAGES: dict[str, Any] = {
    **dict.fromkeys(("image", "mask", "test_name", "folder"), pl.String),
    **dict.fromkeys(_OF_IMAGE, pl.Float64),
    **dict.fromkeys(("particles", "labelled_particles"), pl.Int64),
    **dict.fromkeys(("median_diameter_nm", "labelled_median_diameter_nm"), pl.Float64),
    "reason": pl.String,
}


@dataclass(frozen=True)
class LabelledScores:
    """The folder of scores on labelled images.

    Attributes
    ----------
    root : Path
        The folder.
    results : polars.DataFrame
        One row for each group of images, with the columns of a study's results.
    images : polars.DataFrame
        One row an image, with the columns ``LABELLED_IMAGES``; ``reason`` says why there is no score.
    """

    root: Path
    results: pl.DataFrame
    images: pl.DataFrame

    @property
    def page(self) -> Path:
        """The page of all of them."""
        return self.root / PAGE

    @property
    def failures(self) -> dict[str, str]:
        """Images without a score, and the reasons."""
        failed = self.images.filter(pl.col("reason").is_not_null())
        return dict(zip(failed["image"], failed["reason"], strict=True))


@dataclass
class _Gathered:
    """Rows of images, and the sums of those of a group."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, list[PixelSums]] = field(default_factory=dict)
    hashes: dict[str, list[str]] = field(default_factory=dict)


def score_labels(
    opened: OpenedNetwork,
    images: Sequence[LabelledImage],
    output: Path | str,
    settings: SegmentSettings | None = None,
    *,
    training: tuple[str, ImagingConditions] | None = None,
    progress: Progress | None = None,
) -> LabelledScores:
    """Score a network on labelled images, and write tables, a page, and a folder for each image.

    Each image is cleaned, brought to the network's pixels and segmented as `segment_files` does, and its labels are
    sampled there. Images that can't be scored are listed with the reason, and the others go on.

    Parameters
    ----------
    opened : OpenedNetwork
        The network, see `network_and_files`.
    images : sequence of LabelledImage
        See :func:`temshift.recordings.labelled_images`.
    output : path
        A new or empty folder, or one of an earlier call, which is then written again.
    settings : SegmentSettings, optional
        How images are cleaned and segmented, and particles split.
    training : (str, ImagingConditions), optional
        Name and conditions of its training, for the table.
    progress : Progress, optional
        Reports each image; silent by default.

    Returns
    -------
    LabelledScores

    Raises
    ------
    InputError
        If the folder can't be taken.
    TemshiftError
        If the disk is full.
    """
    settings, progress, output = settings or SegmentSettings(), progress or SilentProgress(), Path(output)
    with claim(output, output / MARKER, _KIND):
        write_json(output / MARKER, {"network": opened.name, "identity": opened.identity, "images": len(images)})
        gathered = _Gathered()
        progress.start("labelled images", len(images))
        names = folder_names([each.name for each in images])
        for image, name in zip(images, names, strict=True):
            _score(opened, image, output / name, settings, gathered)
            reason = gathered.rows[-1]["reason"]
            if reason is not None:
                progress.warning(str(reason))
            progress.advance()
        progress.finish()
        return _conclude(opened, output, settings, training, gathered)


def _score(
    opened: OpenedNetwork, image: LabelledImage, folder: Path, settings: SegmentSettings, gathered: _Gathered
) -> None:
    """Score one image into its folder, and add its row and its sums."""
    row: dict[str, Any] = {**dict.fromkeys(LABELLED_IMAGES), "image": image.name, "mask": image.mask}
    row["test_name"] = image.condition
    try:
        micrograph, labels = image.read()
        result = segmented(opened, micrograph, settings)
        compared = against_labels(result, labels, split=settings.split, smallest_nm=settings.smallest_nm)
    except InputError as refused:
        gathered.rows.append({**row, "reason": str(refused)})
        return
    row |= {**_scores(compared), **_particles(result, compared), "folder": folder.name}
    gathered.rows.append(row)
    gathered.sums.setdefault(image.condition, []).append(compared.sums)
    content = [hashlib.sha256(plane.tobytes()).hexdigest() for plane in (micrograph.counts, labels)]
    gathered.hashes.setdefault(image.condition, []).append(content_hash([image.name, *content]))
    write_segmentation_page(folder / PAGE, shown_segmentation(result, opened.name, compared, _checked(row)))
    write_segmentation(folder, result, {"labels": image.mask, "scores": _scores(compared)})


def _scores(compared: Labelled) -> dict[str, float | None]:
    scores = scores_of([compared.sums])
    return {name: getattr(scores, name) for name in _OF_IMAGE}


def _particles(result: Segmentation, compared: Labelled) -> dict[str, Any]:
    tables = {"": result.particles, "labelled_": compared.particles}
    counts = {f"{prefix}particles": len(table) for prefix, table in tables.items()}
    medians = {
        f"{prefix}median_diameter_nm": table.filter(~pl.col("on_border"))["equivalent_diameter_nm"].median()
        for prefix, table in tables.items()
    }
    return {**counts, **medians}


def _checked(row: dict[str, Any]) -> str:
    """Say how the network did on an image."""
    if row["f1"] is None:
        return "Held against its labels, this image has no particle, neither in them nor for the network."
    return (
        f"Held against its labels, the mask of this image has F1 {row['f1']:.3f} and IoU {row['iou']:.3f}, with "
        f"{row['cross_entropy']:.3f} nat a pixel. The labels have {row['labelled_particles']} particles, the network "
        f"{row['particles']}. The page of all labelled images, a folder above, has the rest."
    )


def _conclude(
    opened: OpenedNetwork,
    output: Path,
    settings: SegmentSettings,
    training: tuple[str, ImagingConditions] | None,
    gathered: _Gathered,
) -> LabelledScores:
    """Write the tables and the page."""
    scores = {name: scores_of(sums) for name, sums in gathered.sums.items()}
    versions = [LABELLED_VERSION, SCORES_VERSION, asdict(settings)]
    ids = {name: content_hash([*hashes, versions]) for name, hashes in gathered.hashes.items()}
    results = labelled_rows(scores, ids, opened.identity, training)
    done = LabelledScores(output, results, pl.DataFrame(gathered.rows, schema=LABELLED_IMAGES))
    for name, table in (("results", done.results), ("images", done.images)):
        write_table(output / f"{name}.parquet", table)
        write_bytes(output / "tables" / f"{name}.csv", table.write_csv().encode())
    page = labelled_html(done.results.to_dicts(), gathered.rows, opened.name, _facts(opened, settings, training))
    write_text(done.page, page)
    return done


def _facts(
    opened: OpenedNetwork, settings: SegmentSettings, training: tuple[str, ImagingConditions] | None
) -> list[tuple[str, str]]:
    """Names and values for the page: the network, and the options."""
    skipped = [name for name, taken in asdict(settings.cleaning).items() if not taken and name != "invert"]
    given = [f"{name} {value}" for name, value in settings.overrides.items() if value is not None]
    return [
        ("network", f"{opened.name}, {opened.identity}"),
        ("trained on", "not known" if training is None else training[0]),
        ("cleaning left out", ", ".join(skipped) or "nothing"),
        ("bright and dark exchanged", "yes" if settings.cleaning.invert else "no"),
        ("in place of the files' facts", ", ".join(given) or "nothing"),
    ]
