"""Contact sheets: specimens as atoms, and waves or micrographs as grey pictures."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from temshift.core import InputError
from temshift.figures.atoms import SUBSTRATE_PALENESS, View, along_beam, from_the_side
from temshift.figures.labels import literal
from temshift.figures.pictures import grey_levels, scale_bar

MOST_COLUMNS = 4
_PANEL = 2.5  # inch
_TITLE, _GAP, _SEAM, _KEY = 0.28, 0.1, 0.03, 0.55  # inch: above a specimen, between two, between views, at the bottom
_MASK_COLOUR = "#ffb000"


def specimen_sheet(atoms: Sequence[Atoms], numbers: Sequence[int] | None = None) -> Figure:
    """Draw each specimen along the beam and from the side, particles in the colours of their elements.

    Parameters
    ----------
    atoms : sequence of ase.Atoms
        Specimens as `temshift.specimens.build_specimen` gives them.
    numbers : sequence of int, optional
        Their numbers; counted from 0 if none are given.

    Returns
    -------
    Figure
        Above, each specimen as in a micrograph (x to the right, y downwards); below, from the side, the beam
        going upwards.

    Raises
    ------
    InputError
        If there are none.
    """
    if not atoms:
        raise InputError("no specimens to draw; give at least one")
    named = range(len(atoms)) if numbers is None else numbers
    columns = min(MOST_COLUMNS, len(atoms))
    lines = [atoms[start : start + columns] for start in range(0, len(atoms), columns)]
    heights = [
        _TITLE + _SEAM + _GAP + _PANEL * max(_top_share(one) + _side_share(one) for one in line) for line in lines
    ]
    figure = _figure(columns * (_PANEL + _GAP) + _GAP, sum(heights) + _KEY)
    upper = sum(heights) + _KEY
    for row, (line, height) in enumerate(zip(lines, heights, strict=True)):
        for column, specimen in enumerate(line):
            corner = _GAP + column * (_PANEL + _GAP), upper - _TITLE
            _draw_specimen(figure, corner, specimen, named[row * columns + column])
        upper -= height
    _add_key(figure, atoms, columns)
    return figure


def image_sheet(
    panels: Sequence[Sequence[ArrayLike]],
    titles: Sequence[str],
    sampling_angstrom: float | Sequence[float | None],
    masks: Sequence[ArrayLike] | None = None,
    names: Sequence[str] = (),
) -> Figure:
    """Draw rows of grey pictures with scale bars and the outlines of masks.

    Parameters
    ----------
    panels : sequence of sequences of array_like (y, x)
        A row a specimen; black and white lie 2.5 standard deviations below and above the mean of each picture.
    titles : sequence of str
        Of the columns.
    sampling_angstrom : float or sequence
        Size of a pixel [A], of all columns or of each; None for a column in reciprocal space, which gets neither scale
        bar nor mask.
    masks : sequence of array_like (y, x), optional
        One a row; outlined.
    names : sequence of str
        Of the rows.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If rows, titles, samplings, masks and names do not match.
    """
    samplings = [sampling_angstrom] * len(titles) if isinstance(sampling_angstrom, int | float) else sampling_angstrom
    _require_matching(panels, titles, samplings, masks, names)
    share = max(np.shape(row[0])[0] / np.shape(row[0])[1] for row in panels)
    figure = _figure(len(titles) * _PANEL * 0.85 + 0.3, len(panels) * _PANEL * 0.85 * share + 0.3)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(len(panels), len(titles), squeeze=False)
    for row, images in enumerate(panels):
        for column, image in enumerate(images):
            mask = None if masks is None else masks[row]
            _draw_image(axes[row, column], image, samplings[column], mask)
    for column, title in enumerate(titles):
        axes[0, column].set_title(literal(title), fontsize=9)
    for row, name in enumerate(names):
        axes[row, 0].set_ylabel(literal(name), fontsize=9)
    return figure


def _top_share(atoms: Atoms) -> float:
    return float(atoms.cell[1, 1] / atoms.cell[0, 0])


def _side_share(atoms: Atoms) -> float:
    return float(atoms.cell[2, 2] / atoms.cell[0, 0])


def _draw_specimen(figure: Figure, corner: tuple[float, float], atoms: Atoms, number: int) -> None:
    """Draw both views below a corner (x, y) [inch], the upper left one of the view along the beam."""
    top_height, side_height = _PANEL * _top_share(atoms), _PANEL * _side_share(atoms)
    top = _add_axes(figure, corner[0], corner[1] - top_height, top_height)
    side = _add_axes(figure, corner[0], corner[1] - top_height - _SEAM - side_height, side_height)
    _show(top, along_beam(atoms), "upper")
    _show(side, from_the_side(atoms), "lower")
    _draw_bar(top, float(atoms.cell[0, 0]), float(atoms.cell[1, 1]))
    top.set_title(f"{number}   {_title(atoms)}", fontsize=8.5, loc="left", pad=4)


def _add_axes(figure: Figure, left: float, bottom: float, height: float) -> Axes:
    """Add axes of the width of a panel; lengths in inch."""
    width, whole = figure.get_size_inches()
    return figure.add_axes((left / width, bottom / whole, _PANEL / width, height / whole))


def _show(axes: Axes, view: View, origin: Literal["upper", "lower"]) -> None:
    width, height = view.extent
    ends = (height, 0) if origin == "upper" else (0, height)
    axes.imshow(view.picture, extent=(0, width, *ends), origin=origin, interpolation="antialiased")
    _bare(axes)


def _title(atoms: Atoms) -> str:
    """Say what is there: crystals, diameters, thickness of the substrate."""
    particles = atoms.info["particles"]
    names = [_crystal(atoms, number) for number in range(len(particles))]
    kinds = " + ".join(
        f"{names.count(name)} {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)
    )
    diameters = sorted(2 * particle["radius_angstrom"] / 10 for particle in particles)
    ends = list(dict.fromkeys(f"{diameter:.1f}" for diameter in (diameters[0], diameters[-1])))
    thickness = atoms.info["substrate_thickness_angstrom"] / 10
    film = atoms.info.get("substrate_material") or "".join(dict.fromkeys(atoms.symbols[atoms.arrays["particle"] < 0]))
    side = "under" if atoms.info.get("particle_side") == "entrance" else "on"
    below = f" {side} {thickness:.1f} nm {film}" if thickness else ""
    return literal(f"{kinds}, {'-'.join(ends)} nm{below}")


def _crystal(atoms: Atoms, number: int) -> str:
    particle = atoms.info["particles"][number]
    named = "@".join(filter(None, (particle.get("crystal", ""), particle.get("shell_crystal", ""))))  # core@shell
    return named or "".join(dict.fromkeys(atoms.symbols[atoms.arrays["particle"] == number]))


def _add_key(figure: Figure, atoms: Sequence[Atoms], columns: int) -> None:
    """Name the colours, elements of the particles and the pale ones of the substrate, and name the two views."""
    particles = {int(n) for one in atoms for n in np.unique(one.numbers[one.arrays["particle"] >= 0])}
    substrates = {int(n) for one in atoms for n in np.unique(one.numbers[one.arrays["particle"] < 0])}
    entries = [(chemical_symbols[n], jmol_colors[n]) for n in sorted(particles)]
    pale = [(n, 1 - (1 - jmol_colors[n]) * (1 - SUBSTRATE_PALENESS)) for n in sorted(substrates)]
    entries += [(f"{chemical_symbols[n]}, substrate", colour) for n, colour in pale]
    balls = [
        Line2D([], [], linestyle="", marker="o", markersize=7, markeredgecolor="0.5", color=colour, label=label)
        for label, colour in entries
    ]
    height = figure.get_size_inches()[1]
    figure.legend(
        handles=balls,
        loc="center",
        bbox_to_anchor=(0.5, (_KEY - 0.2) / height),
        ncols=2 * columns + 1,
        frameon=False,
        fontsize=8,
        columnspacing=1.0,
        handletextpad=0.1,
    )
    views = "above along the beam, below from the side"
    figure.text(0.5, 0.16 / height, views, fontsize=8, color="0.35", ha="center", va="center")


def _draw_image(axes: Axes, image: ArrayLike, sampling: float | None, mask: ArrayLike | None) -> None:
    values = np.asarray(image, dtype=np.float64)
    spread = values.std()
    height, width = values.shape
    step = 1.0 if sampling is None else sampling
    extent = (0, width * step, height * step, 0)
    levels = grey_levels((values - values.mean()) / (spread if spread > 0 else 1.0))
    axes.imshow(levels, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="antialiased")
    _bare(axes)
    if sampling is not None:
        _outline(axes, mask, step)
        _draw_bar(axes, width * step, height * step)


def _outline(axes: Axes, mask: ArrayLike | None, step: float) -> None:
    field = np.zeros((1, 1)) if mask is None else np.asarray(mask, dtype=np.float64)
    if field.min() < 0.5 <= field.max():
        x, y = ((np.arange(size) + 0.5) * step for size in field.shape[::-1])
        axes.contour(x, y, field, levels=[0.5], colors=[_MASK_COLOUR], linewidths=1.0)


def _draw_bar(axes: Axes, width: float, height: float) -> None:
    """Draw a scale bar on a white strip in the lower left corner; lengths in angstrom, y downwards."""
    length = scale_bar(width / 10) * 10
    inset, thick = 0.035 * width, 0.014 * width
    strip = 0.11 * width
    axes.add_patch(Rectangle((0, height - strip), length + 2 * inset, strip, color="white", alpha=0.8, linewidth=0))
    axes.add_patch(Rectangle((inset, height - inset), length, thick, color="black", linewidth=0))
    label = f"{length / 10:g} nm"
    axes.text(inset + length / 2, height - inset - 0.01 * width, label, fontsize=7, ha="center", va="bottom")


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="0.6", linewidth=0.6)


def _require_matching(
    panels: Sequence[Sequence[ArrayLike]],
    titles: Sequence[str],
    samplings: Sequence[float | None],
    masks: Sequence[ArrayLike] | None,
    names: Sequence[str],
) -> None:
    columns = {len(row) for row in panels} | {len(titles), len(samplings)}
    rows = {len(panels)} | ({len(masks)} if masks is not None else set()) | ({len(names)} if names else set())
    if len(columns) != 1 or len(rows) != 1 or 0 in columns | rows:
        raise InputError(
            f"panels have rows of {[len(row) for row in panels]} pictures for {len(titles)} titles and "
            f"{len(samplings)} samplings, {len(masks or ())} masks and {len(names)} names for {len(panels)} rows; "
            "give one for each"
        )


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=120)
    FigureCanvasAgg(figure)
    return figure
