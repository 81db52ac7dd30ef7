"""What the README shows works as written."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_gives_a_micrograph() -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        exec(block, names)
    micrograph = names["micrograph"]
    assert micrograph.shape == (1, 160, 160)
    assert abs(float(micrograph.mean()) / (400 * 0.04) - 1) < 0.05
    assert 0.2 < names["exit_wave"].mask.mean() < 0.5


def test_every_file_that_it_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_every_command_that_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z]+)", README)):
        assert f"\n{target}:" in makefile
    app = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/temshift/cli/options").glob("*.py"))
    for verb in set(re.findall(r"`temshift ([a-z]+)", README)):
        assert f"def {verb}(" in app
