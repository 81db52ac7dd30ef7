"""Histograms as rectangles and ticks, which the template ``histogram.html`` draws."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

_LEFT, _RIGHT, _BOTTOM, _TOP = 50, 630, 250, 20


def histogram(values: Sequence[float], unit: str, things: str = "particles") -> dict[str, Any] | None:
    """Return a histogram as rectangles and ticks in bins of round numbers; None if there are no values.

    Parameters
    ----------
    values : sequence of float
    unit : str
        What stands below it, such as "diameter, nm".
    things : str
        What is counted.
    """
    if not len(values):
        return None
    edges = MaxNLocator(nbins=18, steps=[1, 2, 2.5, 5, 10], min_n_ticks=4).tick_values(min(values), max(values))
    counts, _ = np.histogram(values, edges)
    across = np.interp(edges, (edges[0], edges[-1]), (_LEFT, _RIGHT))
    most = int(counts.max())
    height = (_BOTTOM - _TOP) / most
    rectangles = [
        {
            "x": round(float(left), 1),
            "y": round(_BOTTOM - height * int(count), 1),
            "width": round(float(right - left) - 1, 1),
            "height": round(height * int(count), 1),
            "words": f"{count} {things} from {low:.3g} to {high:.3g}",
        }
        for left, right, low, high, count in zip(across, across[1:], edges, edges[1:], counts, strict=False)
    ]
    every = max(1, len(edges) // 8)
    ticks = [
        {"at": round(float(at), 1), "words": f"{edge:.3g}"}
        for at, edge in list(zip(across, edges, strict=True))[::every]
    ]
    levels = [int(level) for level in MaxNLocator(nbins=4, integer=True).tick_values(0, most) if 0 <= level <= most]
    up = [{"at": round(_BOTTOM - height * level, 1), "words": str(level)} for level in levels]
    return {"rectangles": rectangles, "across": ticks, "up": up, "unit": unit, "things": things}
