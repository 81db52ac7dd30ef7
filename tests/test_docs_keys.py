"""docs/image-formation.md tells every key of a condition, and what it shows works as written."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import KEYS
from temshift.conditions.notations import SYMBOLS
from temshift.configuration.model import load_configuration
from temshift.image_sets.image_set import ImageSet
from temshift.optics.camera.mtf_files import preset_names
from temshift.vocabulary.parameters import ABERRATIONS, CANONICAL, LENGTHS, WIDTHS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "image-formation.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Every key")[1].split("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line[:1] == "|"]
TOLD = {key for row in ROWS for cell in row for key in re.findall(r"`([^`]+)`", cell)}
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


def in_every_length(key: str) -> set[str]:
    """A coefficient's key with nm, um and mm; another key as it is."""
    name, _, unit = key.rpartition("_")
    lens = name == "defocus" or re.fullmatch(r"Cs|C\d\d?[ab]?|[ABDRS]\d", name)
    return {f"{name}_{other}" for other in LENGTHS} if lens and unit in LENGTHS else {key}


def test_the_tables_tell_every_key_and_no_other() -> None:
    every = set().union(*(in_every_length(key) for key in TOLD))
    angles = {
        f"{symbol.ceos}_{kind}_deg" for symbol in SYMBOLS if symbol.multiplicity for kind in ("azimuth", "argument")
    }
    angles |= {"D5_azimuth_deg", "D5_argument_deg"}
    assert every | angles == set(KEYS)


def test_the_table_of_aberrations_has_the_factors_of_the_code() -> None:
    told = {row[4].split("`")[1].split("_")[0]: row for row in ROWS if len(row) == 7 and row[4].startswith("`")}
    assert set(told) == {symbol.ceos for symbol in SYMBOLS} and len(told) == len(ABERRATIONS)
    for symbol in SYMBOLS:
        title, polar, _, _, _, factor, turns = told[symbol.ceos]
        assert title == symbol.title and symbol.krivanek in polar
        assert float(factor or 1) == symbol.per_ceos and int(turns or 0) == (symbol.turns if symbol.multiplicity else 0)


def test_the_tables_have_the_bounds_of_the_code() -> None:
    bounds = {row[0].strip("`"): row[2] for row in ROWS if len(row) in (3, 4) and row[0].startswith("`")}
    others = [row for row in CANONICAL if row.field not in ABERRATIONS and not row.field.startswith("phi")]
    assert set(bounds) == {row.key for row in others}
    for row in others:
        lowest = "above 0," if row.key in ("dose_e_per_A2", "semiangle_cutoff_mrad") else f"{row.lowest:g}"
        assert bounds[row.key] == f"{lowest} to {row.highest:g}"
    assert {row.key for row in WIDTHS} <= TOLD


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_accepted(block: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(block, encoding="utf-8")
    if "conditions:" in block:
        assert len(load_configuration(file, ImageSet).resolved()) == 4
    else:
        assert load_configuration(file, ImagingConditions).remarks() == []


def test_the_corrector_table_means_what_the_page_says() -> None:
    corrector = next(block for block in BLOCKS if "B2_nm" in block)
    given = {key: float(value) for key, value in re.findall(r"^(\w+): ([-\d.]+)$", corrector, flags=re.MULTILINE)}
    drawn = ImagingConditions.model_validate(given).central()
    assert float(drawn.aberrations["C21"]) == pytest.approx(1800)  # A: 3 x 60 nm
    assert float(drawn.aberrations["C10"]) == pytest.approx(-80)


def test_the_presets_are_those_that_the_page_names() -> None:
    named = re.search(r"The presets (.*?) are", PAGE)
    assert named is not None and re.findall(r"`([^`]+)`", named[1]) == sorted(preset_names(), reverse=True)


def test_the_gradient_is_that_of_finite_differences() -> None:
    names: dict[str, Any] = {}
    block = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    exec(block, names)
    assert names["slope"] != 0

    def contrast(astigmatism: float) -> float:
        moved = block.replace("torch.tensor([20.0]", f"torch.tensor([{astigmatism!r}]")
        found: dict[str, Any] = {}
        exec(moved, found)
        return float(found["image"].var().detach())

    assert (contrast(20.01) - contrast(19.99)) / 0.02 == pytest.approx(names["slope"], rel=1e-4)
    assert isinstance(names["image"], torch.Tensor)


@pytest.mark.parametrize("page", ["image-formation.md", "conventions.md"])
def test_links_and_pictures_exist_and_pictures_are_small(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text(encoding="utf-8"))
    local = [DOCS / link for link in links if not link.startswith("http")]
    assert local and [file for file in local if not file.exists()] == []
    pictures = [file for file in local if file.suffix == ".png"]
    assert len(pictures) >= 3 and all(file.stat().st_size < 300_000 for file in pictures)
