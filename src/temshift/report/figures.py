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

from temshift.report.markup import data_uri, told_apart
from temshift.report.matrix import Matrix

SEED_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito's palette
_SMOOTHED_POINTS = 40
_LONGEST_NAME = 32  # letters beside the matrix


@dataclass(frozen=True)
class LearningCurve:
    """The loss of one network against the step of its training."""

    training: str
    seed: int
    steps: NDArray[np.float64]
    losses: NDArray[np.float64]


def matrix_figure(matrix: Matrix) -> Figure:
    """Draw the cross-entropy of every training distribution (rows) on every test condition (columns).

    Parameters
    ----------
    matrix : Matrix

    Returns
    -------
    Figure
        Of about 0.2 inch a column; a missing number is left blank.
    """
    rows, columns = len(matrix.trainings), len(matrix.tests)
    names = _labels([test.name for test in matrix.tests])
    figure = _figure(3.4 + 0.2 * max(columns, 12), 0.8 + 0.065 * max(map(len, names)) + max(2.2, 0.28 * rows))
    axes = figure.add_subplot()
    loss = np.ma.masked_where(~(matrix.cells["cross_entropy"] > 0), matrix.cells["cross_entropy"])
    norm = LogNorm(float(loss.min()), float(loss.max())) if loss.count() else None
    picture = axes.imshow(loss, cmap="cividis_r", norm=norm, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(columns), names, rotation=90, fontsize=8)
    axes.set_yticks(range(rows), _labels([training.name for training in matrix.trainings]), fontsize=9)
    axes.set_xlabel("test condition")
    axes.set_ylabel("trained on")
    _divide(axes, [test.group for test in matrix.tests])
    bar = figure.colorbar(picture, ax=axes, label="cross-entropy (nats per pixel)", fraction=0.03, pad=0.01)
    if loss.count():
        _round_ticks(bar.ax.yaxis, float(loss.min()), float(loss.max()))
    return figure


def _labels(names: Sequence[str]) -> list[str]:
    return [name.replace("$", r"\$") for name in told_apart(names, _LONGEST_NAME)]  # no mathematics in names


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
        steps, losses = _smoothed(curve)
        axes.plot(steps, losses, color=colour, linewidth=1.5, label=f"seed {curve.seed}")
    axes.set_yscale("log")
    axes.set_ylim(0.9 * lowest, 1.1 * highest)
    axes.set_xlabel("training step")
    axes.set_ylabel("training loss")
    _round_ticks(axes.yaxis, 0.9 * lowest, 1.1 * highest)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _round_ticks(axis: Axis, lowest: float, highest: float) -> None:
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if lowest <= tick <= highest]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _smoothed(curve: LearningCurve) -> tuple[list[float], list[float]]:
    parts = min(_SMOOTHED_POINTS, len(curve.steps))
    pieces = zip(np.array_split(curve.steps, parts), np.array_split(curve.losses, parts), strict=True)
    means = [(float(s.mean()), float(losses.mean())) for s, losses in pieces]
    return [step for step, _ in means], [loss for _, loss in means]


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def svg_uri(figure: Figure) -> str:
    """Return a figure as the data: address of an SVG picture, the same for the same figure.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    str
    """
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.hashsalt": "temshift", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    return data_uri(buffer.getvalue(), "image/svg+xml")
