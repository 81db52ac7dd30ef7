"""Many small panels on the same axes in one still figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from temshift.figures.labels import literal
from temshift.report.still.figures import empty_figure, labels_of, plain_spines

MOST_PANELS = 24
_COLUMNS = 4
_WIDTH, _HEIGHT = 2.6, 1.75  # of a panel [inch]
_LEFT, _RIGHT, _TOP, _BOTTOM, _BETWEEN_X, _BETWEEN_Y = 0.75, 0.15, 0.75, 0.6, 0.22, 0.34
_LONGEST_TITLE = 38


@dataclass(frozen=True)
class Panels:
    """A grid of panels that share their axes, and the figure that they are part of."""

    figure: Figure
    axes: tuple[Axes, ...]


def panel_grid(titles: Sequence[str], across: str, up: str, heading: str) -> Panels:
    """Lay out a panel for each title, with the names of the axes at the outside and a heading above.

    Parameters
    ----------
    titles : sequence of str
        At least one.
    across, up : str
        What the axes are.
    heading : str

    Returns
    -------
    Panels
    """
    columns = min(_COLUMNS, len(titles))
    rows = math.ceil(len(titles) / columns)
    width = _LEFT + columns * _WIDTH + (columns - 1) * _BETWEEN_X + _RIGHT
    height = _TOP + rows * _HEIGHT + (rows - 1) * _BETWEEN_Y + _BOTTOM
    figure = empty_figure(width, height)
    figure.subplots_adjust(
        left=_LEFT / width,
        right=1 - _RIGHT / width,
        top=1 - _TOP / height,
        bottom=_BOTTOM / height,
        wspace=_BETWEEN_X / _WIDTH,
        hspace=_BETWEEN_Y / _HEIGHT,
    )
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten().tolist()
    for axes, title in zip(grid, labels_of(titles, _LONGEST_TITLE), strict=False):
        axes.set_title(title, fontsize=9, pad=3)
        plain_spines(axes)
    _drop_empty(grid, len(titles), columns)
    figure.supxlabel(literal(across), fontsize=11, y=0.12 / height)
    figure.supylabel(literal(up), fontsize=11, x=0.1 / width)
    figure.suptitle(literal(heading), fontsize=11, x=_LEFT / width, y=1 - 0.1 / height, ha="left", va="top")
    return Panels(figure, tuple(grid[: len(titles)]))


def _drop_empty(grid: Sequence[Axes], used: int, columns: int) -> None:
    """Remove panels without a title; those above them get the numbers of the axis across."""
    for place in range(used, len(grid)):
        grid[place].remove()
        grid[place - columns].xaxis.set_tick_params(labelbottom=True)


def thinned_words(shown: int, of: int, noun: str) -> str:
    """Say that not all are shown; nothing if all are."""
    return f" ({shown} of {of} {noun}, evenly chosen)" if shown < of else ""


def legend_above(panels: Panels, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Put one legend for all panels under the heading."""
    handles = [Line2D([], [], **style) for _, style in entries]
    labels = [literal(name) for name, _ in entries]
    height = panels.figure.get_figheight()
    place = panels.figure.subplotpars.left, 1 - 0.28 / height
    panels.figure.legend(
        handles, labels, loc="upper left", bbox_to_anchor=place, ncols=6, frameon=False, fontsize=9, borderaxespad=0
    )
