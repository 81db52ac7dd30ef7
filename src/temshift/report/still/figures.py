"""Still figures, drawn with matplotlib without any global state: the matrix and the learning curves."""

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from temshift.core import spread_out
from temshift.figures.encoding import data_uri
from temshift.figures.labels import literal, told_apart
from temshift.report.data.matrix import Matrix

SEED_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito's palette
CONTEXT = "#c4cbd3"  # what is not the matter itself
PNG_DPI = 150
MOST_ROWS, MOST_COLUMNS = 120, 240  # of a still matrix
_MOST_TICKS = 9
_STEPS = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,), (1e300,))  # the last: no tick at all
_SMOOTHED_POINTS = 40
_LONGEST_NAME = 32  # letters beside the matrix


@dataclass(frozen=True)
class LearningCurve:
    """The loss of one network against the step of its training."""

    training: str
    seed: int
    steps: NDArray[np.float64]
    losses: NDArray[np.float64]

    def smoothed(self) -> tuple[list[float], list[float]]:
        """Return steps and losses averaged over short stretches."""
        parts = min(_SMOOTHED_POINTS, len(self.steps))
        pieces = zip(np.array_split(self.steps, parts), np.array_split(self.losses, parts), strict=True)
        means = [(float(s.mean()), float(losses.mean())) for s, losses in pieces]
        return [step for step, _ in means], [loss for _, loss in means]


@dataclass(frozen=True)
class _Shade:
    """How a score is coloured: its name, and whether its logarithm is, which is better low."""

    label: str
    logarithmic: bool


_SHADES = {
    "cross_entropy": _Shade("cross-entropy (nats per pixel)", True),
    "f1": _Shade("F1", False),
    "iou": _Shade("IoU", False),
    "calibration_error": _Shade("calibration error", True),
}


def matrix_figure(matrix: Matrix, score: str = "cross_entropy") -> Figure:
    """Draw a score of every training distribution (rows) on every test condition (columns).

    Parameters
    ----------
    matrix : Matrix
    score : {"cross_entropy", "f1", "iou", "calibration_error"}

    Returns
    -------
    Figure
        Of about 0.2 inch a column; a missing number is left blank, and of very many rows some are drawn.
    """
    rows = spread_out(range(len(matrix.trainings)), MOST_ROWS)
    columns = spread_out(range(len(matrix.tests)), MOST_COLUMNS)
    tests = [matrix.tests[column] for column in columns]
    names = labels_of([test.name for test in tests])
    rows_names = labels_of([matrix.trainings[row].name for row in rows])
    figure, axes, bar = _matrix_axes(rows_names, names)
    _shaded(figure, axes, bar, matrix.cells[score][np.ix_(rows, columns)], _SHADES[score])
    axes.set_xticks(range(len(columns)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(rows)), rows_names, fontsize=9)
    axes.set_xlabel("test condition" + _some(len(columns), len(matrix.tests)))
    axes.set_ylabel("trained on" + _some(len(rows), len(matrix.trainings)))
    _divide(axes, [test.group for test in tests])
    return figure


def _matrix_axes(rows: Sequence[str], columns: Sequence[str]) -> tuple[Figure, Axes, Axes]:
    """A figure with room for names of some lengths: the axes of the matrix and those of its colour bar."""
    left, bottom = 0.55 + 0.078 * max(map(len, rows)), 0.5 + 0.068 * max(map(len, columns))
    across, up = 0.2 * max(len(columns), 12), max(2.2, 0.28 * len(rows))
    width, height = left + across + 1.1, bottom + up + 0.15
    figure = empty_figure(width, height)
    axes = figure.add_axes((left / width, bottom / height, across / width, up / height))
    bar = figure.add_axes(((left + across + 0.12) / width, bottom / height, 0.2 / width, up / height))
    return figure, axes, bar


def _some(shown: int, of: int) -> str:
    return f" ({shown} of {of} are drawn)" if shown < of else ""


def _shaded(figure: Figure, axes: Axes, bar: Axes, values: NDArray[np.float64], shade: _Shade) -> None:
    known = values > 0 if shade.logarithmic else np.isfinite(values)
    shown = np.ma.masked_where(~known, values)
    lowest, highest = (float(shown.min()), float(shown.max())) if shown.count() else (math.nan, math.nan)
    norm = LogNorm(lowest, highest) if shade.logarithmic and shown.count() else None
    cmap = "cividis_r" if shade.logarithmic else "cividis"
    picture = axes.imshow(shown, cmap=cmap, norm=norm, aspect="auto", interpolation="nearest")
    figure.colorbar(picture, cax=bar, label=shade.label)
    if norm is not None:
        round_ticks(bar.yaxis, lowest, highest)


def labels_of(names: Sequence[str], longest: int = _LONGEST_NAME) -> list[str]:
    """Return names short enough for a figure that still differ where they did."""
    return [literal(name) for name in told_apart(names, longest)]


def plain_spines(axes: Axes) -> None:
    """Leave the frame out above and to the right."""
    axes.spines[["top", "right"]].set_visible(False)


def _divide(axes: Axes, groups: Sequence[str]) -> None:
    for column in range(1, len(groups)):
        if groups[column] != groups[column - 1]:
            axes.axvline(column - 0.5, color="white", linewidth=2.5)


def learning_curves(results: pl.DataFrame, histories: Mapping[str, pl.DataFrame]) -> list[LearningCurve]:
    """Find the learning curve of every network that kept one.

    Parameters
    ----------
    results : DataFrame
        Tells each network's training distribution and seed.
    histories : mapping of str to DataFrame
        By network: the mean cross-entropy of every epoch.

    Returns
    -------
    list of LearningCurve
        By training distribution and seed.
    """
    networks = results.unique("network_id").sort("training_name", "seed")
    rows = networks.select("network_id", "training_name", "seed").rows()
    return [_curve(name, seed, histories[key]) for key, name, seed in rows if key in histories]


def _curve(training: str, seed: int, history: pl.DataFrame) -> LearningCurve:
    steps = history["steps"].to_numpy().astype(np.float64)
    return LearningCurve(training, seed, steps, history["cross_entropy"].fill_null(math.nan).to_numpy())


def learning_figures(matrix: Matrix, curves: Sequence[LearningCurve]) -> Iterator[tuple[str, Figure]]:
    """Draw one small figure a training distribution, all on the same axes.

    Parameters
    ----------
    matrix : Matrix
        Gives the order.
    curves : sequence of LearningCurve

    Yields
    ------
    tuple of str and Figure
        The name of the training distribution and its curves, a line a seed.
    """
    present = np.concatenate([curve.losses for curve in curves]) if curves else np.array([])
    present = present[np.isfinite(present) & (present > 0)]
    for training in matrix.trainings:
        own = [curve for curve in curves if curve.training == training.name]
        if own and present.size:
            yield training.name, _learning_figure(own, float(present.min()), float(present.max()))


def _learning_figure(curves: Sequence[LearningCurve], lowest: float, highest: float) -> Figure:
    figure = _figure(2.9, 1.9)
    axes = figure.add_subplot()
    for curve, colour in zip(curves, SEED_COLOURS * len(curves), strict=False):
        steps, losses = curve.smoothed()
        axes.plot(steps, losses, color=colour, linewidth=1.5, label=f"seed {curve.seed}")
    axes.set_yscale("log")
    axes.set_ylim(0.9 * lowest, 1.1 * highest)
    axes.set_xlabel("training step")
    axes.set_ylabel("training loss")
    round_ticks(axes.yaxis, 0.9 * lowest, 1.1 * highest)
    axes.legend(frameon=False, fontsize=8)
    plain_spines(axes)
    return figure


def round_ticks(axis: Axis, lowest: float, highest: float, most: int = _MOST_TICKS) -> None:
    """Put ticks of a logarithmic axis at round numbers, at most so many."""
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    ticks = next(few for steps in _STEPS if len(few := _ticks(powers, steps, lowest, highest)) <= most)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _ticks(powers: Sequence[int], steps: Sequence[float], lowest: float, highest: float) -> list[float]:
    ticks = [float(f"{step * 10.0**power:.3g}") for power in powers for step in steps]
    return [tick for tick in ticks if lowest <= tick <= highest]


def _figure(width: float, height: float) -> Figure:
    figure = empty_figure(width, height)
    figure.set_layout_engine("constrained")
    return figure


def empty_figure(width: float, height: float) -> Figure:
    """Return a figure of some size [inch] that no window and no global state knows of."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def svg_bytes(figure: Figure, *, text: bool = False) -> bytes:
    """Return a figure as SVG, the same for the same figure.

    Parameters
    ----------
    figure : Figure
    text : bool
        Whether its words stay text, which can be searched and edited, or become shapes that look alike everywhere.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.hashsalt": "temshift", "svg.fonttype": "none" if text else "path"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def png_bytes(figure: Figure) -> bytes:
    """Return a figure as PNG, the same for the same figure and version of matplotlib."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg_uri(figure: Figure) -> str:
    """Return a figure as the data: address of an SVG picture, the same for the same figure.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    str
    """
    return data_uri(svg_bytes(figure), "image/svg+xml")
