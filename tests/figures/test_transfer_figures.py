"""Figures of transfer functions, of made-up curves: what they hold, name and leave out."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from temshift.figures.transfer_figures import (
    MOST_MEMBERS,
    Member,
    TransferCurves,
    TransferPlane,
    curve_figure,
    overview_figure,
    save_figure,
)
from temshift.figures.transfer_planes import plane_figure
from temshift.vocabulary.columns import TRANSFER_CURVES, TRANSFER_LIMITS

Q = np.linspace(0.01, 1.0, 100)
LIMITS: dict[str, float | None] = {
    **dict.fromkeys(TRANSFER_LIMITS, None),
    "energy_kev": 300.0,
    "defocus_nm": 20.0,
    "point_resolution_angstrom": 1.8,
    "information_limit_angstrom": 1.2,
    "aperture_angstrom": 0.7,  # beyond the axis
}


def made(
    *, azimuths: tuple[float, ...] = (0.0,), drawn: bool = False, odd: bool = False, signed: bool = True
) -> TransferCurves:
    """Curves of sin and cos, damped by a temporal envelope alone, and by an aperture of the second azimuth."""
    tables = []
    for number, azimuth in enumerate(azimuths):
        damping = np.exp(-2 * Q**2) * (0.8 if number else 1.0)
        values: dict[str, object] = {
            **dict.fromkeys(("aperture", "spatial", "motion", "camera"), 1.0),
            "condition": "some $name$",
            "azimuth_deg": azimuth,
            "q_per_A": Q,
            "angle_mrad": 20 * Q,
            "phase_transfer": np.sin(9 * Q) * damping,
            "amplitude_transfer": np.cos(9 * Q) * damping,
            "temporal": damping,
            "envelope": damping,
            "quantum_efficiency": 1.0,
            "phase_transfer_lowest": np.sin(9 * Q) * damping - 0.1,
            "phase_transfer_highest": np.sin(9 * Q) * damping + 0.1,
            "phase_transfer_p10": np.sin(8 * Q) if drawn else None,
            "phase_transfer_p90": np.sin(8 * Q) + 0.2 if drawn else None,
        }
        tables.append(pl.DataFrame(values, schema=TRANSFER_CURVES))
    axis = np.linspace(-1, 1, 41)
    plane = np.sin(5 * np.hypot(axis[:, None], axis[None, :]))
    shift = np.broadcast_to(axis, plane.shape) if odd else None
    return TransferCurves("some $name$", pl.concat(tables), LIMITS, TransferPlane(axis, plane, shift), signed)


def named(figure: Figure) -> list[str]:
    """Entries of all legends."""
    legends = [axes.get_legend() for axes in figure.axes] + list(figure.legends)
    return [text.get_text() for legend in legends if legend for text in legend.get_texts()]


def test_curves_name_what_there_is_and_mark_limits_within_the_axis() -> None:
    figure = curve_figure(made())
    assert named(figure) == [
        "phase",
        "amplitude",
        "point resolution 1.80 Å",
        "information limit 1.20 Å",
        "temporal",
        "all",
    ]
    upper, lower = figure.axes
    marks = [line.get_xdata()[0] for line in upper.lines if list(line.get_xdata()) == [line.get_xdata()[0]] * 2]
    assert marks == pytest.approx([1 / 1.8, 1 / 1.2])
    assert upper.get_xlim() == lower.get_xlim() == (0, 1)
    drawn = {line.get_label(): line.get_ydata() for line in upper.lines}
    assert drawn["phase"] == pytest.approx(np.sin(9 * Q) * np.exp(-2 * Q**2))


def test_azimuths_and_draws_are_bands() -> None:
    figure = curve_figure(made(azimuths=(30.0, 112.5), drawn=True))
    assert {"phase, 30°", "phase, 112.5°", "all azimuths", "draws, 10 to 90 %", "temporal, 30°"} <= set(named(figure))
    assert len(figure.axes[0].collections) == 2


def test_the_second_axis_tells_angles() -> None:
    figure = curve_figure(made())
    above = figure.axes[0].child_axes[0]
    figure.canvas.draw()
    assert above.get_xlim() == pytest.approx((0, 20))
    assert above.get_xlabel() == "scattering angle (mrad)"


@pytest.mark.parametrize(("signed", "lowest"), [(True, -1.06), (False, -0.03)])
def test_unsigned_transfer_starts_at_0(signed: bool, lowest: float) -> None:
    curves = made(signed=signed)
    assert curve_figure(curves).axes[0].get_ylim()[0] == pytest.approx(lowest)
    assert plane_figure(curves).axes[0].images[0].get_clim() == ((-1 if signed else 0), 1)


def test_a_plane_shows_rings_and_a_phase_only_where_there_is_one() -> None:
    (image,) = (axes for axes in plane_figure(made()).axes if axes.images and axes.patches)
    assert [text.get_text() for text in image.texts] == ["2 Å", "4 Å"]  # 1 A lies at the edge
    assert sorted(circle.get_radius() for circle in image.patches) == [0.25, 0.5]
    assert image.get_ylim()[0] > image.get_ylim()[1]  # y downwards, as in images
    both = [axes for axes in plane_figure(made(odd=True)).axes if axes.images and axes.patches]
    assert len(both) == 2 and both[1].images[0].get_clim() == (-math.pi, math.pi)


def test_an_overview_has_a_panel_for_each_on_the_same_axes() -> None:
    figure = overview_figure([made(), made(azimuths=(0.0, 90.0)), made(drawn=True), replace(made(), name="b")])
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in shown] == ["some $name$", "some $name$", "some $name$", "b"]
    assert {axes.get_xlim() for axes in shown} == {(0.0, 1.0)}
    assert named(figure) == [
        "phase",
        "other azimuth",
        "all azimuths",
        "draws, 10 to 90 %",
        "point resolution",
        "information limit",
    ]


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_nothing_of_an_overview_overlaps(count: int) -> None:
    figure = overview_figure([made(azimuths=(0.0, 90.0), drawn=True)] * count)
    figure.canvas.draw()
    legend = figure.legends[0].get_window_extent()
    (label,) = (text for text in figure.texts if text.get_text().startswith("spatial"))
    ticks = [text.get_window_extent() for axes in figure.axes for text in axes.get_xticklabels() if text.get_visible()]
    assert legend.y1 < label.get_window_extent().y0
    assert label.get_window_extent().y1 < min(box.y0 for box in ticks if box.height > 0)
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_figure_gives_the_same_file(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        save_figure(curve_figure(made(drawn=True)), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert (tmp_path / f"a{suffix}").stat().st_size > 10_000


def test_conditions_with_the_same_curves_are_listed_below_them_with_dose_and_bits() -> None:
    members = (Member("low $x$", 30.0, 0.21), Member("high", 1000.0, None))
    figure = curve_figure(replace(made(), members=members))
    texts = [text.get_text() for text in figure.texts]
    assert texts[2:] == [
        *("conditions with these curves", "dose", "epsilon"),
        *("low $x$", "30 e/Å²", "0.21 bits"),
        *("high", "1000 e/Å²", "-"),
    ]
    assert figure.get_size_inches()[1] == pytest.approx(4.9 + 3 * 0.17)
    assert all(0 < text.get_position()[1] < 0.15 for text in figure.texts[2:])


def test_of_many_conditions_with_the_same_curves_the_first_are_listed() -> None:
    many = tuple(Member(f"dose {number}", float(number), 0.1) for number in range(1, MOST_MEMBERS + 6))
    texts = [text.get_text() for text in curve_figure(replace(made(), members=many)).texts]
    assert f"dose {MOST_MEMBERS}" in texts and f"dose {MOST_MEMBERS + 1}" not in texts
    assert "and 5 more, see limits.csv" in texts


def test_a_panel_says_from_which_dose_to_which_its_curves_hold() -> None:
    members = (Member("low", 30.0, 0.21), Member("high", 1000.0, 0.9))
    figure = overview_figure([replace(made(), members=members), made()])
    titles = [axes.get_title() for axes in figure.axes[:2]]
    assert titles == ["some $name$\n30 to 1000 e/Å², 0.21 to 0.9 bits", "some $name$"]
