"""The picture of a design: predicted loss over the targets, next to sets of other choice."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from temshift.figures.labels import literal, shortened
from temshift.figures.transfer_figures import BLUE, GREEN, GREY, ORANGE, VERMILION, empty_figure

TITLES = {"regret": "largest regret", "worst": "worst loss", "mean": "mean loss"}
LONGEST_NAME = 38  # letters of a target
MOST_NAMED = 60  # targets that have their names below
STYLES: Mapping[str, Mapping[str, Any]] = {
    "design": {"color": BLUE, "linewidth": 2.2, "marker": "o", "markersize": 4.5, "zorder": 4},
    "evenly spaced": {"color": VERMILION, "linewidth": 1.4, "linestyle": "--", "marker": "s", "markersize": 3.5},
    "single best": {"color": GREEN, "linewidth": 1.2, "linestyle": ":", "marker": "^", "markersize": 3.5},
    "full range": {"color": VERMILION, "linewidth": 1.4, "linestyle": "--", "marker": "s", "markersize": 3.5},
    "middle": {"color": ORANGE, "linewidth": 1.2, "linestyle": "-.", "marker": "v", "markersize": 3.5},
}
BEST: Mapping[str, Any] = {"color": "black", "linewidth": 0, "marker": "_", "markersize": 9, "zorder": 5}
OTHERS: Mapping[str, Any] = {"color": GREY, "linewidth": 0.8, "marker": ".", "markersize": 3}


def design_figure(predicted: pl.DataFrame, objective: str) -> Figure:
    """Draw predicted cross-entropy over the targets of a design and of the sets that it is compared with.

    Parameters
    ----------
    predicted : polars.DataFrame
        ``set_name``, ``target_name``, ``cross_entropy`` [nats], ``ln_error``, ``best_cross_entropy`` of single
        conditions, ``hopeless`` and ``regret``, the ratio of both losses.
    objective : str
        The number that was minimised, "regret", "worst" or "mean". The legend gives it for each set; of a loss, a thin
        line shows it.

    Returns
    -------
    Figure
        Of about 0.25 inch a target; bars are one standard error of the finite draws.
    """
    names = predicted["target_name"].unique(maintain_order=True).to_list()
    hopeless = set(predicted.filter("hopeless")["target_name"])
    labels = [literal(shortened(name, LONGEST_NAME)) + " (hopeless)" * (name in hopeless) for name in names]
    below = 0.4 + 0.065 * max(map(len, labels)) if len(names) <= MOST_NAMED else 0.6
    width, height = 2.9 + 0.25 * min(max(len(names), 12), MOST_NAMED), 3.2 + below
    figure = empty_figure(width, height)
    axes = figure.add_axes((0.75 / width, below / height, 1 - 2.6 / width, 1 - (below + 0.4) / height))
    for name, part in predicted.group_by("set_name", maintain_order=True):
        _draw(axes, str(name[0]), part, objective)
    best = predicted.unique("target_name", maintain_order=True)["best_cross_entropy"].to_numpy()
    axes.plot(range(len(best)), best, label="best single condition of each target", **BEST)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("predicted cross-entropy (nat a window)")
    axes.set_xticks(range(len(names)), labels if len(names) <= MOST_NAMED else [""] * len(names), rotation=90)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_title(f"Design for the {TITLES[objective]} over {len(names)} targets", fontsize=10, loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8)
    return figure


def _draw(axes: Axes, name: str, part: pl.DataFrame, objective: str) -> None:
    style, loss = STYLES.get(name, OTHERS), part["cross_entropy"].to_numpy()
    totals = {"worst": loss.max(), "mean": loss.mean()}
    regret = part["regret"].to_numpy().max()
    label = f"{name}: " + (f"{totals[objective]:.3f}" if objective in totals else f"x {regret:.2f}")
    axes.errorbar(range(len(loss)), loss, yerr=loss * part["ln_error"].to_numpy(), elinewidth=0.8, label=label, **style)
    if objective in totals:
        axes.axhline(totals[objective], color=style["color"], linewidth=0.6, alpha=0.6, zorder=1)
