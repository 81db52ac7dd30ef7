"""The figure of two distributions of conditions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from temshift.figures.compare_figure import ComparedCurves, compare_figure
from temshift.figures.transfer_figures import save_figure

Q = np.linspace(0.01, 0.6, 60)
ALL = np.linspace(0.01, 1.25, 125)  # spectra reach to Nyquist
TRAINING = ComparedCurves("defocus -10 nm", np.sin(4 * Q) ** 2, ALL, np.exp(-ALL), 3 * Q)
TEST = ComparedCurves("defocus +5 nm", np.cos(4 * Q) ** 2, ALL, np.exp(-2 * ALL), Q)


def test_both_curves_are_drawn_and_bands_shaded() -> None:
    figure = compare_figure(Q, TRAINING, TEST, [("lost", 0.2, 0.3), ("new", 0.4, 0.5)], "sigma = 0.50")
    transfer, spectrum, bits = figure.axes
    for axes, name in ((transfer, "transfer"), (spectrum, "spectrum"), (bits, "bits")):
        drawn = [line.get_ydata() for line in axes.lines]
        assert np.array_equal(drawn, [getattr(TRAINING, name), getattr(TEST, name)])
        along = ALL if name == "spectrum" else Q
        assert all(np.array_equal(line.get_xdata(), along) for line in axes.lines)
        spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
        assert spans == [pytest.approx((0.2, 0.3)), pytest.approx((0.4, 0.5))]
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["training: defocus -10 nm", "test: defocus +5 nm", "information lost", "information new"]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_figure_gives_the_same_file(tmp_path: Path, ending: str) -> None:
    files = [tmp_path / f"{name}.{ending}" for name in ("one", "other")]
    for file in files:
        save_figure(compare_figure(Q, TRAINING, TEST, [("lost", 0.2, 0.3)], "sigma = 0.50"), file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(files[0].read_bytes()) > 10_000


@pytest.mark.parametrize("name", ["$x^{$", "_hidden", "same", "Δf 日本語 🔬"])
def test_any_name_is_drawn_and_both_have_an_entry(tmp_path: Path, name: str) -> None:
    """Not as mathematics, not left out, not merged; a letter that the font lacks is a box and no warning."""
    figure = compare_figure(Q, replace(TRAINING, name=name), replace(TEST, name=name), [], "sigma = 0.50")
    save_figure(figure, tmp_path / "a.png")
    shown = name.replace("$", r"\$")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [f"training: {shown}", f"test: {shown}"]
