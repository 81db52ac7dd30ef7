"""What tables and lines of the command line tell."""

from typing import Any

import pytest

from temshift.cli.verbs.tables import formula_text

UNKNOWN = {f"rmse_left_out_{role}": None for role in ("test", "training", "both")}


@pytest.mark.parametrize(
    ("models", "text"),
    [
        ([UNKNOWN, UNKNOWN], "ln CE = -0.5, which nothing checks: there are too few conditions to leave any out"),
        ([UNKNOWN, {**UNKNOWN, "rmse_left_out_training": 0.2}], "ln CE = -0.5"),
    ],
)
def test_a_line_that_nothing_checks_says_so(models: list[dict[str, Any]], text: str) -> None:
    assert formula_text({"formula": "ln CE = -0.5", "models": models}) == text


def test_a_line_that_was_not_fitted_is_replaced_by_the_reason() -> None:
    assert formula_text({"formula": None, "why_not": "no line for ln CE: too few", "models": []}) == (
        "no line for ln CE: too few"
    )
