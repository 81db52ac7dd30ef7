"""Still figures of curves: scores along a parameter, transfer functions, learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temshift.core import spread_out
from temshift.report.data.axes import DEFOCUS, Axis
from temshift.report.data.matrix import Matrix, Test, Training, drawn_axis
from temshift.report.still.figures import CONTEXT, SEED_COLOURS, LearningCurve, round_ticks
from temshift.report.still.panels import MOST_PANELS, Panels, legend_above, panel_grid, thinned_words

_MOST_CONTEXT = 40  # grey curves of other networks
_MOST_LINES = 5  # of one training distribution, those of the most test conditions
_APART, _ROOM = 1.5, 4  # least ratio, or share of the axis, between a number and a word beside it
_LOSS = "cross-entropy (nats per pixel)"


def curve_figure(matrix: Matrix, group: Axis) -> Figure:
    """Draw the cross-entropy along one parameter, a panel a training distribution, those of all others in grey.

    Parameters
    ----------
    matrix : Matrix
    group : Axis
        One of the groups of the matrix.

    Returns
    -------
    Figure
        Bars are the standard deviation over seeds; the training distribution is shaded to one standard deviation.
    """
    rows = spread_out(range(len(matrix.trainings)), MOST_PANELS)
    lines, defoci = _lines(matrix, group), {test.defocus_nm for test in matrix.tests if test.group == group.key}
    few = f", {len(lines)} of {len(defoci)} defoci" if len(defoci) > _MOST_LINES and len(lines) > 1 else ""
    heading = f"Cross-entropy along {group.label}{few}" + thinned_words(len(rows), len(matrix.trainings), "trainings")
    titles = [matrix.trainings[row].name for row in rows]
    panels = panel_grid(titles, group.along, _LOSS, heading)
    places = _places(matrix, group)
    context = spread_out(range(len(matrix.trainings)), _MOST_CONTEXT)
    grey = _all_lines(matrix, lines, places, context)
    for row, axes in zip(rows, panels.axes, strict=True):
        axes.plot(*grey, color=CONTEXT, linewidth=0.8, zorder=1)
        _draw_own(axes, matrix, lines, places, row)
        _shade(axes, matrix.trainings[row], group)
    _finish_curves(panels, matrix, group, lines)
    return panels.figure


def _lines(matrix: Matrix, group: Axis) -> dict[float, list[int]]:
    """Test conditions of a group with the usual ones beside them, by their defocus; along defocus one line."""
    own = [i for i, test in enumerate(matrix.tests) if test.group == group.key]
    if group.column == DEFOCUS.column:
        return {0.0: own}
    parts: dict[float, list[int]] = {matrix.tests[i].defocus_nm: [] for i in own}
    usual = [i for i, test in enumerate(matrix.tests) if test.group == DEFOCUS.key]
    for i in own + usual:
        if matrix.tests[i].defocus_nm in parts:
            parts[matrix.tests[i].defocus_nm].append(i)
    longest = sorted(parts, key=lambda defocus: -len(parts[defocus]))[:_MOST_LINES]
    return {defocus: parts[defocus] for defocus in sorted(longest)}


def _places(matrix: Matrix, group: Axis) -> NDArray[np.float64]:
    """Where each test condition stands on the axis of a group; a missing number stands beyond the others."""
    beyond = drawn_axis(group, _members(matrix, group))["beyond"]
    values = [test.values.get(group.column) for test in matrix.tests]
    return np.array([beyond if value is None else value for value in values], dtype=np.float64)


def _members(matrix: Matrix, group: Axis) -> list[Test]:
    return [matrix.tests[i] for line in _lines(matrix, group).values() for i in line]


def _along(line: Sequence[int], places: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[Any, Any, list[int]]:
    order = [i for i in sorted(line, key=lambda i: places[i]) if values[i] > 0]
    return places[order], values[order], order


def _all_lines(
    matrix: Matrix, lines: dict[float, list[int]], places: NDArray[np.float64], rows: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lines of several rows as one, with gaps between them."""
    gap = np.array([np.nan])
    curves = [_along(line, places, matrix.cells["cross_entropy"][row]) for row in rows for line in lines.values()]
    x, y = ([part for curve in curves for part in (curve[side], gap)] for side in (0, 1))
    return np.concatenate(x), np.concatenate(y)


def _draw_own(axes: Axes, matrix: Matrix, lines: dict[float, list[int]], places: NDArray[np.float64], row: int) -> None:
    for line, colour in zip(lines.values(), SEED_COLOURS * len(lines), strict=False):
        x, y, order = _along(line, places, matrix.cells["cross_entropy"][row])
        spread = np.nan_to_num(matrix.cells["cross_entropy_seed_sd"][row][order])
        low = np.minimum(spread, 0.95 * y)  # a logarithmic axis has no place for what is not positive
        style: dict[str, Any] = {"linewidth": 1.8, "marker": "o", "markersize": 3.5, "capsize": 2}
        axes.errorbar(x, y, yerr=[low, spread], color=colour, zorder=3, **style)


def _shade(axes: Axes, training: Training, group: Axis) -> None:
    center, sd = training.settings.get(group.key, (None, 0.0))
    if center is not None and sd > 0:
        axes.axvspan(center - sd, center + sd, color=SEED_COLOURS[0], alpha=0.12, linewidth=0, zorder=0)


def _finish_curves(panels: Panels, matrix: Matrix, group: Axis, lines: dict[float, list[int]]) -> None:
    members = _members(matrix, group)
    shape, first = drawn_axis(group, members), panels.axes[0]
    first.set_yscale("log")
    loss = matrix.cells["cross_entropy"][:, [i for line in lines.values() for i in line]]
    present = loss[np.isfinite(loss) & (loss > 0)]
    if present.size:
        first.set_ylim(0.85 * present.min(), 1.18 * present.max())
        round_ticks(first.yaxis, 0.85 * float(present.min()), 1.18 * float(present.max()))
    places = _places(matrix, group)[[i for line in lines.values() for i in line]]
    _finish_across(first, shape, places)
    named = [] if len(lines) < 2 else [(f"at defocus {value:g} nm", value) for value in lines]
    colours = SEED_COLOURS * (len(lines) or 1)
    entries = [(name, {"color": colour, "marker": "o"}) for (name, _), colour in zip(named, colours, strict=False)]
    legend_above(panels, [*entries, ("other networks", {"color": CONTEXT})])


def _finish_across(axes: Axes, shape: dict[str, Any], places: NDArray[np.float64]) -> None:
    lowest, highest = float(places.min()), float(places.max())
    if shape["log"]:
        axes.set_xscale("log")
        axes.set_xlim(0.85 * lowest, 1.18 * highest)
        round_ticks(axes.xaxis, 0.85 * lowest, 1.18 * highest, most=5)
    else:
        margin = 0.05 * (highest - lowest) or 1.0
        axes.set_xlim(lowest - margin, highest + margin)
    if shape["beyond"] is not None:
        _name_beyond(axes, shape)


def _name_beyond(axes: Axes, shape: dict[str, Any]) -> None:
    """Name the place of what has no number, such as no aperture."""
    lowest, beyond = axes.get_xlim()[0], shape["beyond"]
    last = beyond / _APART if shape["log"] else beyond - (beyond - lowest) / _ROOM
    ticks = [tick for tick in axes.get_xticks() if lowest <= tick <= last]
    axes.set_xticks([*ticks, beyond], [*(f"{tick:g}" for tick in ticks), shape["absent"]])


# ---- transfer functions

_CURVES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("particle_transfer", "T, particles", {"color": SEED_COLOURS[0], "linewidth": 1.6}),
    ("particle_transfer_rms", "rms of T over draws", {"color": SEED_COLOURS[1], "linewidth": 1.2, "linestyle": "--"}),
    ("envelope", "envelope", {"color": "#555555", "linewidth": 1.0, "linestyle": ":"}),
)


def transfer_figure(transfer: pl.DataFrame, role: str, names: Sequence[str], heading: str) -> Figure | None:
    """Draw contrast transfer functions, a panel a distribution of conditions.

    Parameters
    ----------
    transfer : DataFrame
        One row a distribution x spatial frequency.
    role : {"training", "test"}
        Which of them.
    names : sequence of str
        Those of the role that may be drawn, in order; where there are many, some of them are.
    heading : str

    Returns
    -------
    Figure or None
        None if none of them is there.
    """
    known = {part["name"][0]: part for part in transfer.filter(pl.col("role") == role).partition_by("name")}
    present = [name for name in names if name in known]
    if not present:
        return None
    shown = spread_out(present, MOST_PANELS)
    words = heading + thinned_words(len(shown), len(present), "conditions")
    panels = panel_grid(shown, "spatial frequency q [1/Å]", "T(q)", words)
    for name, axes in zip(shown, panels.axes, strict=True):
        part = known[name].sort("q_per_A")
        axes.axhline(0, color="#999999", linewidth=0.7)
        for column, _, style in _CURVES:
            axes.plot(part["q_per_A"].to_numpy(), part[column].to_numpy(), **style)
    panels.axes[0].set_ylim(-1.05, 1.05)
    panels.axes[0].set_xlim(left=0)
    legend_above(panels, [(name, style) for _, name, style in _CURVES])
    return panels.figure


# ---- learning curves


def learning_figure(matrix: Matrix, curves: Sequence[LearningCurve]) -> Figure | None:
    """Draw learning curves, a panel a training distribution, a line a seed.

    Parameters
    ----------
    matrix : Matrix
        Gives the order.
    curves : sequence of LearningCurve

    Returns
    -------
    Figure or None
        None if there are no losses to draw.
    """
    losses = np.concatenate([curve.losses for curve in curves]) if curves else np.array([])
    present = losses[np.isfinite(losses) & (losses > 0)]
    names = [one.name for one in matrix.trainings if any(curve.training == one.name for curve in curves)]
    if not names or not present.size:
        return None
    shown = spread_out(names, MOST_PANELS)
    heading = "Training loss" + thinned_words(len(shown), len(matrix.trainings), "trainings")
    panels = panel_grid(shown, "training step", "training loss (nats per pixel)", heading)
    for name, axes in zip(shown, panels.axes, strict=True):
        own = [curve for curve in curves if curve.training == name]
        for curve, colour in zip(own, SEED_COLOURS * len(own), strict=False):
            steps, smooth = curve.smoothed()
            axes.plot(steps, smooth, color=colour, linewidth=1.3)
    lowest, highest = 0.9 * float(present.min()), 1.1 * float(present.max())
    panels.axes[0].set_yscale("log")
    panels.axes[0].set_ylim(lowest, highest)
    round_ticks(panels.axes[0].yaxis, lowest, highest)
    seeds = sorted({curve.seed for curve in curves})
    legend_above(panels, [(f"seed {n}", {"color": c}) for n, c in zip(seeds, SEED_COLOURS, strict=False)])
    return panels.figure
