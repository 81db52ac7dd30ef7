"""Still figures of the loss of all pairs: against a quantity that optics gives, and against its prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from temshift.figures.labels import literal
from temshift.report.data.matrix import Matrix
from temshift.report.still.figures import SEED_COLOURS, empty_figure, plain_spines, round_ticks

MOST_POINTS = 6000  # drawn; medians and bands are of all pairs
_MOST_BARS = 600  # pairs, from which on bars hide more than they show
_MARKERS = "osD^P*Xvp<>h"
_PER_BIN, _MOST_BINS, _LEAST_BINNED = 12, 12, 36
_RIM = "#1b1f24"
_LOSS = "cross-entropy (nats per pixel)"

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """What a loss is drawn against: a grid of the matrix, how it is called, and whether its logarithm is drawn."""

    key: str
    label: str
    logarithmic: bool = False


def loss_figure(matrix: Matrix, against: Quantity, colour: Quantity) -> Figure | None:
    """Draw the cross-entropy of every pair of training distribution and test condition against a quantity.

    Parameters
    ----------
    matrix : Matrix
    against, colour : Quantity
        What goes across, and what gives points their colour.

    Returns
    -------
    Figure or None
        With the median and the middle 90 % of pairs in bins of as many pairs each, and bars of one standard deviation
        over seeds where there are few pairs. None if fewer than two pairs have both numbers.
    """
    x, y = matrix.cells[against.key], np.exp(matrix.cells["ln_cross_entropy"])
    known = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not against.logarithmic))
    if np.count_nonzero(known) < 2:
        return None
    figure, axes = _axes(against.label)
    _band(axes, x[known], y[known])
    _points(figure, axes, matrix, known, x, y, colour)
    _seed_bars(axes, matrix, known, x, y)
    _scale(axes, "y", y[known])
    if against.logarithmic:
        _scale(axes, "x", x[known])
    _legend(axes, matrix, ["median", "middle 90 % of pairs"])
    return figure


def prediction_figure(matrix: Matrix, left_out: str, noun: str) -> Figure | None:
    """Draw the measured cross-entropy of every pair against what was predicted without its condition.

    Parameters
    ----------
    matrix : Matrix
    left_out : str
        Beginning of the names of the grids: ``left_out_test`` or ``left_out_training``.
    noun : str
        What was left out, in words.

    Returns
    -------
    Figure or None
        With the intervals of the study or, where it has none, the middle 90 % of the errors. None if fewer than two
        pairs have both numbers.
    """
    missing = np.full_like(matrix.cells["cross_entropy"], np.nan)
    x = np.exp(matrix.cells.get(f"{left_out}_prediction", missing))
    y = np.exp(matrix.cells["ln_cross_entropy"])
    known = np.isfinite(x) & np.isfinite(y)
    if np.count_nonzero(known) < 2:
        return None
    figure, axes = _axes(f"predicted cross-entropy, its {noun} left out of the fit")
    ends = [float(min(x[known].min(), y[known].min())), float(max(x[known].max(), y[known].max()))]
    axes.plot(ends, ends, color="#333333", linewidth=1.2, linestyle="--", zorder=4)
    names = _intervals(axes, matrix, left_out, known, x) or _errors(axes, ends, np.log(y[known] / x[known]))
    _points(figure, axes, matrix, known, x, y, Quantity("sigma", "sigma"))
    for side in ("x", "y"):
        _scale(axes, side, np.concatenate([x[known], y[known]]))
    _legend(axes, matrix, ["measured = predicted", *names])
    return figure


def _axes(across: str) -> tuple[Figure, Axes]:
    figure = empty_figure(8.4, 6.2)
    axes = figure.add_axes((0.095, 0.225, 0.79, 0.755))
    axes.set_xlabel(across)
    axes.set_ylabel(_LOSS)
    plain_spines(axes)
    return figure, axes


def _band(axes: Axes, x: Numbers, y: Numbers) -> None:
    """Median and middle 90 % of y in bins of as many pairs each along x."""
    if x.size < _LEAST_BINNED:
        return
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, min(_MOST_BINS, x.size // _PER_BIN))
    middle = [float(np.median(x[part])) for part in parts]
    low, median, high = (np.array([np.quantile(y[part], share) for part in parts]) for share in (0.05, 0.5, 0.95))
    axes.fill_between(middle, low, high, color=SEED_COLOURS[0], alpha=0.15, linewidth=0, zorder=1)
    axes.plot(middle, median, color="black", linewidth=1.8, zorder=5)


def _points(
    figure: Figure, axes: Axes, matrix: Matrix, known: NDArray[np.bool_], x: Numbers, y: Numbers, colour: Quantity
) -> None:
    shade = matrix.cells[colour.key]
    shown = known & _thinned(known)
    present = shade[shown & np.isfinite(shade)]
    norm = Normalize(float(present.min()), float(present.max())) if present.size else Normalize(0, 1)
    groups = np.array([test.group for test in matrix.tests])
    for number, group in enumerate(matrix.groups):
        own = shown & (groups == group.key)[None]
        style: dict[str, Any] = {"marker": _MARKERS[number % len(_MARKERS)], "cmap": "viridis", "plotnonfinite": True}
        axes.scatter(x[own], y[own], 22, shade[own], norm=norm, linewidths=0.3, edgecolors=_RIM, zorder=3, **style)
    if present.size:
        figure.colorbar(
            ScalarMappable(norm, "viridis"), cax=figure.add_axes((0.9, 0.225, 0.02, 0.755)), label=colour.label
        )


def _thinned(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every so manieth pair, so that at most ``MOST_POINTS`` are drawn."""
    step = -(-int(np.count_nonzero(known)) // MOST_POINTS)
    numbers = np.cumsum(known.ravel()) - 1
    return np.asarray((numbers % max(1, step) == 0).reshape(known.shape))


def _seed_bars(axes: Axes, matrix: Matrix, known: NDArray[np.bool_], x: Numbers, y: Numbers) -> None:
    spread = matrix.cells.get("ln_cross_entropy_sd")
    if spread is None or np.count_nonzero(known) > _MOST_BARS:
        return
    sd = np.nan_to_num(spread[known])
    sides = [y[known] * (1 - np.exp(-sd)), y[known] * (np.exp(sd) - 1)]
    axes.errorbar(x[known], y[known], yerr=sides, fmt="none", ecolor="#6b7683", elinewidth=0.6, zorder=2)


def _intervals(axes: Axes, matrix: Matrix, left_out: str, known: NDArray[np.bool_], x: Numbers) -> list[str]:
    """Draw the interval of every prediction as a band along the diagonal, and name it; nothing if there are none."""
    ends = [matrix.cells.get(f"{left_out}_{end}") for end in ("lower", "upper")]
    if ends[0] is None or ends[1] is None:
        return []
    both = known & np.isfinite(ends[0]) & np.isfinite(ends[1])
    if not both.any():
        return []
    shown = both & _thinned(both)
    low, high = np.exp(ends[0][shown]), np.exp(ends[1][shown])
    axes.vlines(x[shown], low, high, color=SEED_COLOURS[0], alpha=0.18, linewidth=1.2, zorder=1)
    return ["predicted interval, 90 %"]


def _errors(axes: Axes, ends: Sequence[float], errors: Numbers) -> list[str]:
    """Draw the middle 90 % of the errors of ln(cross-entropy) about the diagonal, and name it."""
    if errors.size < _PER_BIN:
        return []
    low, high = (float(np.exp(np.quantile(errors, share))) for share in (0.05, 0.95))
    line = np.array(ends)
    axes.fill_between(line, low * line, high * line, color=SEED_COLOURS[0], alpha=0.15, linewidth=0, zorder=1)
    return ["middle 90 % of the errors"]


def _scale(axes: Axes, side: str, values: Numbers) -> None:
    lowest, highest = 0.92 * float(values.min()), 1.09 * float(values.max())
    if side == "x":
        axes.set_xscale("log")
        axes.set_xlim(lowest, highest)
        round_ticks(axes.xaxis, lowest, highest)
    else:
        axes.set_yscale("log")
        axes.set_ylim(lowest, highest)
        round_ticks(axes.yaxis, lowest, highest)


_LINES = {
    "median": Line2D([], [], color="black", linewidth=1.8),
    "middle 90 % of pairs": Line2D([], [], color=SEED_COLOURS[0], alpha=0.25, linewidth=8),
    "measured = predicted": Line2D([], [], color="#333333", linewidth=1.2, linestyle="--"),
    "middle 90 % of the errors": Line2D([], [], color=SEED_COLOURS[0], alpha=0.25, linewidth=8),
    "predicted interval, 90 %": Line2D([], [], color=SEED_COLOURS[0], alpha=0.3, linewidth=3),
}


def _legend(axes: Axes, matrix: Matrix, names: Sequence[str]) -> None:
    style: dict[str, Any] = {"linestyle": "", "markersize": 6, "markerfacecolor": "#9aa5b1", "markeredgecolor": _RIM}
    groups = [
        (literal(group.label), Line2D([], [], marker=_MARKERS[number % len(_MARKERS)], **style))
        for number, group in enumerate(matrix.groups)
    ]
    entries = [*((name, _LINES[name]) for name in names), *groups]
    handles, labels = [handle for _, handle in entries], [name for name, _ in entries]
    axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(-0.06, -0.09), ncols=3, frameon=False, fontsize=8.5)
