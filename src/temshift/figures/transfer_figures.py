"""Figures of contrast transfer functions: curves with their envelopes, and an overview of several."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import matplotlib
import numpy as np
import polars as pl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from temshift.figures.labels import shortened

# Okabe and Ito's palette, which colour-blind people can distinguish
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#808080"
OVERVIEW_COLUMNS = 3
_BANDS = ("draws, 10 to 90 %", "all azimuths")
_LONGEST_NAME, _LONGEST_SMALL = 70, 38  # letters of a title
_LINE = 0.17  # inch between lines of small text
MOST_MEMBERS = 16  # conditions with the same curves that a figure lists


Style: TypeAlias = Literal["-", "--", "-.", ":"] | tuple[float, tuple[float, float]]
_ROWS: tuple[tuple[Style, str], ...] = (("-", BLUE), ((0, (4, 1.5)), BLACK))  # of the one azimuth and the other


@dataclass(frozen=True)
class TransferPlane:
    """Transfer of a weak phase over the plane of frequencies.

    Attributes
    ----------
    axis : ndarray (n,)
        Frequencies along q_x and along q_y [1/A].
    transfer : ndarray (q_y, q_x)
        T or |T|.
    shift : ndarray (q_y, q_x), optional
        Phase of T apart from its sign [rad], if aberrations that are odd in the angle give it one.
    """

    axis: NDArray[np.float64]
    transfer: NDArray[np.float64]
    shift: NDArray[np.float64] | None


class Member(NamedTuple):
    """A condition of several with equal curves: its name, its dose [e/A^2], and epsilon [bits], if it is known."""

    name: str
    dose: float | None
    bits: float | None


@dataclass(frozen=True)
class TransferCurves:
    """All that figures show of one distribution of conditions.

    Attributes
    ----------
    name : str
        Its name.
    table : polars.DataFrame
        With the columns of ``vocabulary.columns.TRANSFER_CURVES``, of one azimuth or of two.
    limits : mapping
        With the columns of ``vocabulary.columns.TRANSFER_LIMITS`` except the name; None is no limit.
    plane : TransferPlane
    signed : bool
        Whether T is drawn, or |T|.
    members : tuple of Member
        All conditions with these curves, if there are several.
    """

    name: str
    table: pl.DataFrame
    limits: Mapping[str, float | None]
    plane: TransferPlane
    signed: bool
    members: tuple[Member, ...] = ()

    def azimuths(self) -> Iterator[tuple[float, pl.DataFrame]]:
        """Yield each azimuth [degree] and its rows."""
        for azimuth in self.table["azimuth_deg"].unique(maintain_order=True).to_list():
            yield azimuth, self.table.filter(pl.col("azimuth_deg") == azimuth)


@dataclass(frozen=True)
class _Mark:
    column: str
    label: str
    colour: str
    style: Style


_MARKS = (
    _Mark("point_resolution_angstrom", "point resolution", VERMILION, "-"),
    _Mark("information_limit_angstrom", "information limit", GREEN, "--"),
    _Mark("aperture_angstrom", "aperture", GREY, "-"),
    _Mark("nyquist_angstrom", "Nyquist", PURPLE, ":"),
)
_ENVELOPES: dict[str, tuple[str, Style]] = {
    "aperture": (GREY, "-"),
    "temporal": (GREEN, "--"),
    "spatial": (ORANGE, "-."),
    "motion": (SKY, "-"),
    "camera": (PURPLE, ":"),
}


def curve_figure(curves: TransferCurves) -> Figure:
    """Draw T of a weak phase and of a weak amplitude, and below them every envelope by itself.

    Parameters
    ----------
    curves : TransferCurves

    Returns
    -------
    Figure
        Of 7.2 x 4.9 inch, and higher by a line for each of several conditions with these curves. Limits are marked with
        their distance; a second axis gives the angle.
    """
    lines = _member_lines(curves)
    below = _LINE * (len(lines) + 1) if lines else 0.0  # inch
    height = 4.9 + below
    figure = empty_figure(7.2, height)
    upper = figure.add_axes((0.1, (0.4 * 4.9 + below) / height, 0.57, 0.43 * 4.9 / height))
    lower = figure.add_axes((0.1, (0.11 * 4.9 + below) / height, 0.57, 0.25 * 4.9 / height), sharex=upper)
    _draw_transfer(upper, curves)
    _draw_envelopes(lower, curves)
    for axes in (upper, lower):
        _draw_marks(axes, curves, named=axes is upper)
        _add_legend(axes)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("spatial frequency q (1/Å)")
    _add_angles(upper, curves)
    add_title(figure, curves)
    _add_members(figure, lines)
    return figure


def overview_figure(curves: Sequence[TransferCurves]) -> Figure:
    """Draw T of several conditions, each in a small panel on the same axes.

    Parameters
    ----------
    curves : sequence of TransferCurves
        At least one.

    Returns
    -------
    Figure
        Three panels a row.
    """
    columns, key = min(OVERVIEW_COLUMNS, len(curves)), _small_key(curves)
    rows, lines = math.ceil(len(curves) / columns), math.ceil(len(key) / (2 * columns))
    below = 0.55 + 0.19 * lines  # inch
    title = 0.45 if any(panel.members for panel in curves) else 0.3  # inch
    width, height = 2.75 * columns + 0.6, 1.75 * rows + title + below
    figure = empty_figure(width, height)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    edges = {"left": 0.62 / width, "right": 1 - 0.15 / width, "bottom": below / height, "top": 1 - title / height}
    figure.subplots_adjust(**edges, wspace=0.08, hspace=title - 0.05)
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    for number, (axes, panel) in enumerate(zip(panels.flat, curves, strict=False)):
        _draw_small(axes, panel)
        axes.tick_params(labelbottom=number + columns >= len(curves))
    panels[0, 0].set_xlim(0, max(float(panel.plane.axis[-1]) for panel in curves))
    figure.text(0.5, (below - 0.33) / height, "spatial frequency q (1/Å)", fontsize=9, ha="center", va="center")
    figure.supylabel(transfer_name(curves[0].signed), fontsize=9, x=0.08 / width)
    figure.legend(handles=key, loc="lower center", ncols=2 * columns, frameon=False, fontsize=8, columnspacing=1.2)
    return figure


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG or SVG, as the name ends; the same figure gives the same file."""
    path = Path(path)
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    options = {"metadata": nothing} if path.suffix == ".svg" else {"dpi": 150, "pil_kwargs": {"compress_level": 3}}
    with matplotlib.rc_context({"svg.hashsalt": "temshift", "svg.fonttype": "path"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # of names: a box is drawn
        figure.savefig(path, **options)


def _member_lines(curves: TransferCurves) -> list[tuple[str, str, str]]:
    """Name, dose and bits of each of several conditions; of many the first ones, and how many are left out."""
    lines = [(shortened(name, _LONGEST_NAME), _dose(dose), _bits(bits)) for name, dose, bits in curves.members]
    left = len(lines) - MOST_MEMBERS
    return lines if left <= 0 else [*lines[:MOST_MEMBERS], (f"and {left} more, see limits.csv", "", "")]


def _add_members(figure: Figure, lines: Sequence[tuple[str, str, str]]) -> None:
    """List the conditions that the curves belong to at the bottom of a figure."""
    height = float(figure.get_size_inches()[1])
    head = ("conditions with these curves", "dose", "epsilon")
    for number, line in enumerate([head, *lines] if lines else []):
        level = (_LINE * (len(lines) + 0.6 - number)) / height
        style: dict[str, Any] = {"fontsize": 8, "va": "center", "color": "0.35" if number == 0 else BLACK}
        for place, side, text in zip((0.1, 0.72, 0.9), ("left", "right", "right"), line, strict=True):
            figure.text(place, level, text, ha=side, parse_math=False, **style)


def _dose(dose: float | None) -> str:
    return "-" if dose is None else f"{dose:.4g} e/Å²"


def _bits(bits: float | None) -> str:
    return "-" if bits is None else f"{bits:.3g} bits"


def _draw_transfer(axes: Axes, curves: TransferCurves) -> None:
    _draw_bands(axes, curves)
    for (style, colour), (at, values) in zip(_ROWS, _named(curves, "phase_transfer").items(), strict=False):
        axes.plot(_q(curves), values, color=colour, linewidth=1.6, linestyle=style, label=f"phase{at}", zorder=3)
    for (style, _), (at, values) in zip(_ROWS, _named(curves, "amplitude_transfer").items(), strict=False):
        axes.plot(_q(curves), values, color=ORANGE, linewidth=0.8, linestyle=style, label=f"amplitude{at}")
    axes.set_ylabel("T(q)" if curves.signed else "|T(q)|", fontsize=9)
    _frame(axes, curves)


def _draw_bands(axes: Axes, curves: TransferCurves) -> None:
    first, q = next(curves.azimuths())[1], _q(curves)
    if first["phase_transfer_p10"].null_count() == 0:
        ends = first["phase_transfer_p10"].to_numpy(), first["phase_transfer_p90"].to_numpy()
        axes.fill_between(q, *ends, color=SKY, alpha=0.45, linewidth=0, label=_BANDS[0])
    if len(curves.table) > len(first):
        ends = first["phase_transfer_lowest"].to_numpy(), first["phase_transfer_highest"].to_numpy()
        axes.fill_between(q, *ends, color="0.55", alpha=0.35, linewidth=0, label=_BANDS[1])


def _draw_envelopes(axes: Axes, curves: TransferCurves) -> None:
    for name, (colour, style) in _ENVELOPES.items():
        shown = _unlike(curves, name)
        if min(float(values.min()) for values in shown.values()) > 1 - 1e-6:
            continue
        for number, (at, values) in enumerate(shown.items()):
            width = (1.4, 0.8)[number]
            axes.plot(_q(curves), values, color=colour, linestyle=style, linewidth=width, label=f"{name}{at}")
    for (style, _), (at, values) in zip(_ROWS, _unlike(curves, "envelope").items(), strict=False):
        axes.plot(_q(curves), values, color="0.8", linewidth=3, linestyle=style, label=f"all{at}", zorder=1.5)
    efficiency = next(iter(_unlike(curves, "quantum_efficiency").values()))
    if float(np.nanmin(efficiency, initial=1.0)) < 1 - 1e-6:
        axes.plot(_q(curves), efficiency, color="0.2", linewidth=1, label="DQE")
    axes.set_ylim(-0.03, 1.06)
    axes.set_ylabel("envelopes", fontsize=9)
    _plain_frame(axes)


def _named(curves: TransferCurves, column: str) -> dict[str, NDArray[np.float64]]:
    """Values of a column along each azimuth, under the name of the azimuth if there are two."""
    values = {f", {azimuth:.4g}°": rows[column].to_numpy() for azimuth, rows in curves.azimuths()}
    return values if len(values) > 1 else {"": next(iter(values.values()))}


def _unlike(curves: TransferCurves, column: str) -> dict[str, NDArray[np.float64]]:
    """Values of a column along each azimuth, but only once if they hardly differ."""
    shown = _named(curves, column)
    first = next(iter(shown.values()))
    same = all(np.allclose(values, first, rtol=0, atol=2e-3) for values in shown.values())
    return {"": first} if same else shown


def _q(curves: TransferCurves) -> NDArray[np.float64]:
    return next(curves.azimuths())[1]["q_per_A"].to_numpy()


def _add_legend(axes: Axes) -> None:
    """Name curves, then bands, then limits, to the right of the axes."""
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: ("Å" in labels[i], labels[i] in _BANDS))
    named = [handles[i] for i in order], [labels[i] for i in order]
    axes.legend(*named, loc="upper left", bbox_to_anchor=(1.02, 1.06), frameon=False, fontsize=8, handlelength=2.2)


def _draw_marks(axes: Axes, curves: TransferCurves, *, named: bool) -> None:
    """Mark limits within the axes; named ones go to the legend with their distance."""
    for mark in _MARKS:
        distance = curves.limits[mark.column]
        if distance is not None and 1 / distance <= curves.plane.axis[-1]:
            label = f"{mark.label} {distance:.2f} Å" if named else None
            axes.axvline(1 / distance, color=mark.colour, linestyle=mark.style, linewidth=1.0, label=label, zorder=1)


def _draw_small(axes: Axes, curves: TransferCurves) -> None:
    _draw_bands(axes, curves)
    for (style, colour), values in zip(_ROWS, _named(curves, "phase_transfer").values(), strict=False):
        axes.plot(_q(curves), values, color=colour, linestyle=style, linewidth=1.1)
    _draw_marks(axes, curves, named=False)
    lines = [shortened(curves.name, _LONGEST_SMALL), *([_span(curves.members)] if curves.members else [])]
    axes.set_title("\n".join(lines), fontsize=8, pad=3, parse_math=False)
    _frame(axes, curves)


def _span(members: Sequence[Member]) -> str:
    """From which dose and which epsilon to which conditions with the same curves reach."""
    ends = []
    for text, values in ((_dose, [member.dose for member in members]), (_bits, [member.bits for member in members])):
        known = [value for value in values if value is not None]
        if known:
            low, high = text(min(known)), text(max(known))
            ends.append(high if low == high else f"{low.split()[0]} to {high}")
    return ", ".join(ends)


def _small_key(curves: Sequence[TransferCurves]) -> list[Artist]:
    """Key to the panels of an overview, limits without their values."""
    bands = [one.table["phase_transfer_p10"].null_count() == 0 for one in curves]
    several = [len(list(one.azimuths())) > 1 for one in curves]
    handles: list[Artist] = [Line2D([], [], color=BLUE, linewidth=1.1, label="phase")]
    if any(several):
        handles.append(Line2D([], [], color=BLACK, linestyle=_ROWS[1][0], label="other azimuth"))
        handles.append(Patch(color="0.55", alpha=0.35, linewidth=0, label=_BANDS[1]))
    if any(bands):
        handles.append(Patch(color=SKY, alpha=0.45, linewidth=0, label=_BANDS[0]))
    marked = [mark for mark in _MARKS if any(_is_within(mark, one) for one in curves)]
    return [*handles, *(Line2D([], [], color=m.colour, linestyle=m.style, linewidth=1, label=m.label) for m in marked)]


def _is_within(mark: _Mark, curves: TransferCurves) -> bool:
    distance = curves.limits[mark.column]
    return distance is not None and bool(1 / distance <= curves.plane.axis[-1])


def _add_angles(axes: Axes, curves: TransferCurves) -> None:
    """Add an axis of scattering angles above."""
    last = curves.table.row(-1, named=True)
    scale = last["angle_mrad"] / last["q_per_A"]
    above = axes.secondary_xaxis("top", functions=(lambda q: q * scale, lambda angle: angle / scale))
    above.set_xlabel("scattering angle (mrad)", fontsize=9)
    above.tick_params(labelsize=8)


def add_title(figure: Figure, curves: TransferCurves) -> None:
    """Add the name of a condition, and below it the settings that matter most."""
    height = float(figure.get_size_inches()[1])
    name = shortened(curves.name, _LONGEST_NAME if figure.get_size_inches()[0] > 7 else _LONGEST_SMALL)
    figure.text(0.02, 1 - 0.1 / height, name, fontsize=10, weight="bold", va="top", parse_math=False)
    figure.text(0.02, 1 - 0.32 / height, _settings(curves), fontsize=8, color="0.35", va="top")


def _settings(curves: TransferCurves) -> str:
    limits = curves.limits
    texts = [f"{limits['energy_kev']:g} kV", f"defocus {_number(limits['defocus_nm'])} nm"]
    if limits["C30_mm"]:
        texts.append(f"C30 {limits['C30_mm']:.3g} mm")
    if limits["focal_spread_sigma_nm"]:
        texts.append(f"focal spread {limits['focal_spread_sigma_nm']:.3g} nm (sigma)")
    if limits["height_nm"]:
        texts.append(f"object {limits['height_nm']:g} nm above the plane of focus 0")
    return ", ".join(texts)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 2) + 0.0:+g}"


def transfer_name(signed: bool) -> str:
    """Return the name of an axis of T or |T|."""
    return "T of a weak phase" if signed else "|T| of a weak phase"


def _frame(axes: Axes, curves: TransferCurves) -> None:
    axes.set_xlim(0, float(curves.plane.axis[-1]))
    axes.set_ylim(*((-1.06, 1.06) if curves.signed else (-0.03, 1.06)))
    if curves.signed:
        axes.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    _plain_frame(axes)


def _plain_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def empty_figure(width: float, height: float) -> Figure:
    """Return a figure of some size [inch] that needs no display."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure
