"""docs/comparing-conditions.md: its examples work as written."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from temshift.conditions import ImagingConditions
from temshift.configuration.model import parse_configuration

PAGE = (Path(__file__).parents[1] / "docs" / "comparing-conditions.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_python_examples_run(capsys: Any) -> None:
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == ["training -> test", "at 300 keV, up to 0.609 1/A, pixels of 0.4 A"]
    assert names["comparison"].verdict.sentence == lines[0]
    assert 0.3 < names["comparison"].pair.sigma.value < 0.7
    assert np.array_equal(np.diag(names["sigma"].value), np.ones(4))


def test_the_file_that_it_shows_is_a_distribution() -> None:
    (block,) = blocks("yaml")
    assert parse_configuration(block, ImagingConditions, "docs").dose_e_per_A2.center == 400
