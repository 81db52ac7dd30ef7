"""The figure of a design."""

import polars as pl
import pytest

from temshift.figures.design_figure import design_figure

ROWS = [
    ("design", "easy", 0.10, 0.01, 0.05, False, 2.0),
    ("design", "dark", 0.42, 0.01, 0.40, True, 1.05),
    ("evenly spaced", "easy", 0.20, 0.01, 0.05, False, 4.0),
    ("evenly spaced", "dark", 0.41, 0.01, 0.40, True, 1.025),
]
COLUMNS = ("set_name", "target_name", "cross_entropy", "ln_error", "best_cross_entropy", "hopeless", "regret")


@pytest.mark.parametrize(
    ("objective", "labels"),
    [
        ("regret", ["design: x 2.00", "evenly spaced: x 4.00"]),
        ("worst", ["design: 0.420", "evenly spaced: 0.410"]),
        ("mean", ["design: 0.260", "evenly spaced: 0.305"]),
    ],
)
def test_the_legend_gives_the_number_that_was_minimised(objective: str, labels: list[str]) -> None:
    (axes,) = design_figure(pl.DataFrame(ROWS, COLUMNS, orient="row"), objective).axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(texts) == sorted([*labels, "best single condition of each target"])


def test_the_best_of_each_target_is_drawn_and_hopeless_ones_are_marked() -> None:
    (axes,) = design_figure(pl.DataFrame(ROWS, COLUMNS, orient="row"), "regret").axes
    (best,) = [line for line in axes.lines if line.get_label() == "best single condition of each target"]
    assert list(best.get_ydata()) == [0.05, 0.40]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["easy", "dark (hopeless)"]
