"""Figure of two distributions of conditions: their transfer, their spectra, and where information is lost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from temshift.figures.labels import literal, shortened
from temshift.figures.transfer_figures import BLUE, GREEN, GREY, VERMILION, empty_figure

Array = NDArray[np.float64]

_LONGEST_NAME = 48  # letters
_SHADES = {"lost": VERMILION, "new": GREEN}
_SPACINGS = (20.0, 10.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.2, 1.0)


@dataclass(frozen=True)
class ComparedCurves:
    """Curves of one of the two distributions, each (rings,); the spectrum reaches farther.

    Attributes
    ----------
    name : str
        What it is called.
    transfer : ndarray
        Root mean square of the transfer of particles.
    spectrum_q, spectrum : ndarray (all rings,)
        Spatial frequencies up to Nyquist [1/A], and the standardised power of its images.
    bits : ndarray
        Information at each frequency.
    """

    name: str
    transfer: Array
    spectrum_q: Array
    spectrum: Array
    bits: Array


def compare_figure(
    q: Array, training: ComparedCurves, test: ComparedCurves, bands: Sequence[tuple[str, float, float]], title: str
) -> Figure:
    """Draw transfer, image spectra and information of two distributions over one axis of frequencies.

    Parameters
    ----------
    q : ndarray (rings,)
        Spatial frequencies [1/A].
    training, test : ComparedCurves
        Both distributions.
    bands : sequence of (str, float, float)
        "lost" or "new", and the ends of the band [1/A]; shaded.
    title : str
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        For ``temshift.figures.transfer_figures.save_figure``.
    """
    figure = empty_figure(7.2, 7.6)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(3, 1, sharex=True)
    rows = (
        ("transfer", "transfer of particles,\nroot mean square"),
        ("spectrum", "image spectrum S\n(mean 1)"),
        ("bits", "information\n(bits)"),
    )
    for axes, (quantity, label) in zip(panels, rows, strict=True):
        for role, curves, colour, style in (("training", training, BLUE, "-"), ("test", test, VERMILION, "--")):
            name = f"{role}: {literal(shortened(curves.name, _LONGEST_NAME))}"
            along = curves.spectrum_q if quantity == "spectrum" else q
            axes.plot(along, getattr(curves, quantity), color=colour, linestyle=style, label=name)
        axes.set_ylabel(label)
        _shade(axes, bands)
    panels[1].set_yscale("log")
    panels[1].yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    panels[1].yaxis.set_major_formatter("{x:g}")
    panels[1].yaxis.set_minor_formatter("{x:g}")
    panels[0].set_ylim(0, 1)
    panels[2].set_ylim(bottom=0)
    panels[2].set_xlabel("spatial frequency q (1/Å)")
    end = float(training.spectrum_q[-1])
    panels[2].set_xlim(0, end)
    _spacings(panels[0], end)
    handles = {text: line for axes in panels for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title)
    return figure


def _shade(axes: Axes, bands: Sequence[tuple[str, float, float]]) -> None:
    for kind, low, high in bands:
        hatch = "//" if kind == "lost" else ".."
        label = f"information {kind}"
        axes.axvspan(low, high, facecolor=_SHADES[kind], alpha=0.15, edgecolor=GREY, hatch=hatch, lw=0, label=label)


def _spacings(axes: Axes, end: float) -> None:
    """Add an axis of spacings at the top."""
    top = axes.secondary_xaxis("top")
    shown = [spacing for spacing in _SPACINGS if 1 / spacing <= end]
    top.set_xticks([1 / spacing for spacing in shown], [f"{spacing:g}" for spacing in shown])
    top.set_xlabel("spacing (Å)")
