"""Every figure of the report as PNG and SVG, and every table as CSV, in folders beside the page."""

import gzip
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from temshift.report.data.matrix import SCORES, Matrix
from temshift.report.data.study_tables import StudyTables
from temshift.report.still.curve_figures import curve_figure, learning_figure, transfer_figure
from temshift.report.still.figures import learning_curves, matrix_figure, png_bytes, svg_bytes
from temshift.report.still.loss_figures import Quantity, loss_figure, prediction_figure
from temshift.storage import write_bytes

FIGURES, TABLES = "figures", "tables"
_MOST_PLAIN_ROWS = 200_000  # of a CSV table; a longer one is compressed
_SIGMA = Quantity("sigma", "sigma (1: images have the same spectra)")
_EPSILON = Quantity("epsilon_test", "epsilon of the test condition (bits per spatial frequency)")
_AGAINST = (
    ("sigma", _SIGMA, _EPSILON),
    ("epsilon", _EPSILON, _SIGMA),
    ("image-distance", Quantity("distance_image", "d_image, distance of the spectra of images"), _SIGMA),
    ("observer", Quantity("observer_both_cross_entropy", "cross-entropy of the observer (nats)", True), _SIGMA),
)


def write_exports(folder: Path, study: StudyTables, matrix: Matrix) -> None:
    """Write every figure to ``figures`` and every table to ``tables`` of a study folder.

    Parameters
    ----------
    folder : Path
        The study folder.
    study : StudyTables
        Its tables.
    matrix : Matrix
        Gathered from them.

    Raises
    ------
    TemshiftError
        If a file can't be written. Each appears whole or not at all; those of an earlier report that are no longer
        drawn are removed.
    """
    written = []
    for name, figure in figures(study, matrix):
        write_bytes(folder / FIGURES / f"{name}.png", png_bytes(figure))
        write_bytes(folder / FIGURES / f"{name}.svg", svg_bytes(figure, text=True))
        written += [f"{name}.png", f"{name}.svg"]
    _remove_others(folder / FIGURES, written, (".png", ".svg"))
    named = {_file_name(name, table): table for name, table in tables(study, matrix)}
    for name, table in named.items():
        write_bytes(folder / TABLES / name, csv_bytes(table, compressed=name.endswith(".gz")))
    _remove_others(folder / TABLES, list(named), (".csv", ".gz"))


def _remove_others(folder: Path, written: list[str], kinds: tuple[str, ...]) -> None:
    for path in folder.glob("*"):
        if path.suffix in kinds and path.name not in written:
            path.unlink(missing_ok=True)


def figures(study: StudyTables, matrix: Matrix) -> Iterator[tuple[str, Figure]]:
    """Draw the figures of a study one after the other.

    Parameters
    ----------
    study : StudyTables
    matrix : Matrix

    Yields
    ------
    tuple of str and Figure
        A name for its file and the figure; those that the study has no numbers for are left out.
    """
    for score in SCORES:
        yield f"matrix-{_dashed(score)}", matrix_figure(matrix, score)
    yield from _losses(matrix)
    for group in matrix.groups:
        yield f"curves-{_dashed(group.key)}", curve_figure(matrix, group)
    yield from _transfers(study, matrix)
    learning = learning_figure(matrix, learning_curves(study.results, study.histories))
    if learning is not None:
        yield "learning-curves", learning


def _losses(matrix: Matrix) -> Iterator[tuple[str, Figure]]:
    known = [row for row in _AGAINST if row[1].key in matrix.cells]
    drawn = {f"loss-against-{name}": loss_figure(matrix, against, colour) for name, against, colour in known}
    drawn["loss-against-prediction"] = prediction_figure(matrix, "left_out_test", "test condition")
    drawn["loss-against-prediction-new-training"] = prediction_figure(
        matrix, "left_out_training", "training distribution"
    )
    yield from ((name, figure) for name, figure in drawn.items() if figure is not None)


def _transfers(study: StudyTables, matrix: Matrix) -> Iterator[tuple[str, Figure]]:
    trainings = [training.name for training in matrix.trainings if training.told]
    names = {("training", "transfer-training", "Transfer functions of training distributions"): trainings}
    for group in matrix.groups:
        place = "test", f"transfer-{_dashed(group.key)}", f"Transfer functions of test conditions: {group.label}"
        names[place] = [test.name for test in matrix.tests if test.group == group.key]
    for (role, file, heading), conditions in names.items():
        figure = transfer_figure(study.transfer, role, conditions, heading)
        if figure is not None:
            yield file, figure


def _dashed(key: str) -> str:
    return key.replace("_", "-")


def tables(study: StudyTables, matrix: Matrix) -> Iterator[tuple[str, pl.DataFrame]]:
    """Gather the tables of a study.

    Parameters
    ----------
    study : StudyTables
    matrix : Matrix

    Yields
    ------
    tuple of str and DataFrame
        A name for its file and the table.
    """
    yield "results", study.results
    yield "metrics", study.metrics
    yield "transfer", study.transfer
    for score in SCORES:
        yield f"matrix-{_dashed(score)}", _wide(matrix, score)
    yield "prediction-errors", pl.DataFrame([model.model_dump() for model in study.prediction.models])
    yield "prediction-coefficients", _named(("name", "value"), study.prediction.coefficients.items())
    yield "trainings", _named(("training_name", "what_varies"), ((one.name, one.words) for one in matrix.trainings))
    yield "stages", pl.DataFrame([stage.model_dump() for stage in study.manifest.stages])
    yield "versions", _named(("package", "version"), sorted(study.manifest.versions.items()))


def _named(columns: tuple[str, str], rows: Iterable[tuple[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), columns, orient="row")


def _wide(matrix: Matrix, score: str) -> pl.DataFrame:
    """A score as a matrix: a row a test condition, a column a training distribution, means over seeds."""
    names = {"test_name": [test.name for test in matrix.tests]}
    values = zip(matrix.trainings, matrix.cells[score], strict=True)
    return pl.DataFrame(names | {training.name: row for training, row in values}).fill_nan(None)


def _file_name(name: str, table: pl.DataFrame) -> str:
    return f"{name}.csv.gz" if table.height > _MOST_PLAIN_ROWS else f"{name}.csv"


def csv_bytes(table: pl.DataFrame, *, compressed: bool = False) -> bytes:
    """Return a table as CSV in UTF-8; a missing number is an empty cell.

    Parameters
    ----------
    table : DataFrame
    compressed : bool
        Whether as gzip, without a time in it.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    table.write_csv(buffer)
    return gzip.compress(buffer.getvalue(), 6, mtime=0) if compressed else buffer.getvalue()
