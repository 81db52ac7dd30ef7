"""Transfer functions over the plane of spatial frequencies: size and sign, and phase."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Circle
from numpy.typing import NDArray

from temshift.figures.transfer_figures import (
    BLACK,
    TransferCurves,
    TransferPlane,
    add_title,
    empty_figure,
    transfer_name,
)

RINGS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # distances whose frequencies a plane marks [A]
LEAST_RADIUS, MOST_RADIUS = 0.15, 0.97  # of rings that are drawn, in half widths of the plane
_PITCH = 5.0  # inch between two panels of a plane
_SIGNED_MAP, _UNSIGNED_MAP, _CYCLIC_MAP = "RdBu_r", "cividis", "twilight_shifted"


def plane_figure(curves: TransferCurves) -> Figure:
    """Draw T over the plane of frequencies, and its phase if odd aberrations shift the image.

    Parameters
    ----------
    curves : TransferCurves

    Returns
    -------
    Figure
        Of one panel or two, x to the right and y downwards as in images. Rings mark distances; the phase fades to
        white with |T|.
    """
    plane = curves.plane
    width, height = (4.85 if plane.shift is None else 4.85 + _PITCH), 4.2
    figure = empty_figure(width, height)
    axes, scale = _panel(figure, 0)
    figure.colorbar(_show_plane(axes, curves), cax=scale).set_label(transfer_name(curves.signed), fontsize=9)
    scale.tick_params(labelsize=8)
    if plane.shift is not None:
        axes, scale = _panel(figure, 1)
        bar = figure.colorbar(_show_shift(axes, plane, plane.shift), cax=scale)
        bar.set_ticks([-math.pi, 0, math.pi], labels=["-π", "0", "π"], fontsize=8)
        bar.set_label("phase of T beside its sign (rad)", fontsize=9)
    add_title(figure, curves)
    return figure


def _panel(figure: Figure, number: int) -> tuple[Axes, Axes]:
    """Add square axes and those of a colour scale to their right."""
    width, height = figure.get_size_inches()
    left = 0.85 + _PITCH * number
    bottom, side = 0.5 / height, 3.1 / height
    axes = figure.add_axes((left / width, bottom, 3.1 / width, side))
    return axes, figure.add_axes(((left + 3.2) / width, bottom, 0.12 / width, side))


def _show_plane(axes: Axes, curves: TransferCurves) -> AxesImage:
    lowest, colours = (-1, _SIGNED_MAP) if curves.signed else (0, _UNSIGNED_MAP)
    extent = _extent(curves.plane)
    picture = axes.imshow(
        curves.plane.transfer, cmap=colours, vmin=lowest, vmax=1, extent=extent, interpolation="bilinear"
    )
    _draw_rings(axes, curves.plane, BLACK if curves.signed else "white")
    return picture


def _show_shift(axes: Axes, plane: TransferPlane, shift: NDArray[np.float64]) -> AxesImage:
    """Show the phase, faded to white with |T|."""
    opacity = np.minimum(2 * np.abs(plane.transfer) / max(float(np.abs(plane.transfer).max()), 1e-12), 1)
    picture = axes.imshow(shift, cmap=_CYCLIC_MAP, vmin=-math.pi, vmax=math.pi, extent=_extent(plane), alpha=opacity)
    _draw_rings(axes, plane, BLACK)
    return picture


def _extent(plane: TransferPlane) -> tuple[float, float, float, float]:
    edge = float(plane.axis[-1] + (plane.axis[1] - plane.axis[0]) / 2)
    return -edge, edge, edge, -edge


def _draw_rings(axes: Axes, plane: TransferPlane, colour: str) -> None:
    end = float(plane.axis[-1])
    for distance in RINGS:
        radius = 1 / distance
        if LEAST_RADIUS * end <= radius <= MOST_RADIUS * end:
            axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=colour, linewidth=0.7, linestyle=(0, (4, 3))))
            place = radius * math.sqrt(0.5)
            box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.85, "linewidth": 0}
            axes.text(place, -place, f"{distance:g} Å", fontsize=7, ha="center", va="center", bbox=box)
    axes.set_xlabel("q along x (1/Å)", fontsize=9)
    axes.set_ylabel("q along y (1/Å)", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.locator_params(nbins=6)
