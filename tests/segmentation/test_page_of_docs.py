"""The example of docs/segmenting.md runs as written."""

import os
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "segmenting.md"


def test_the_example_runs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(block, names)
    finally:
        os.chdir(before)
    assert str(names["micrograph"].pixel_angstrom) in block  # type: ignore[attr-defined]
