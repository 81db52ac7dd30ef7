"""The verb specimens: what it writes, and what it says to mistakes."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest

from temshift.cli.app import main
from temshift.configuration import load_configuration
from temshift.databases import specimen_files as specimen_sets
from temshift.specimens import SpecimenRecipe, build_specimen
from temshift.storage.folders import locked

RECIPE = """\
cell_nm: [2.4, 2.0]
substrate: {thickness_nm: 0.8}
particles: {crystal: CdSe, radius_nm: 0.5, count: 1, gap_nm: 0.1}
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def temshift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line, called in this process from a folder that holds recipe.yaml alone; code, output, errors."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(RECIPE)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["temshift", "specimens", *words, "--workers", "0"])
        with pytest.raises(SystemExit) as stopped:
            main()
        code = int(stopped.value.code or 0)
        return code, *capsys.readouterr()

    return call


def test_specimens_are_written_with_a_sheet(temshift: Call) -> None:
    code, said, errors = temshift("recipe.yaml", "--count", "2", "--output", "out", "--seed", "5", "--first", "7")
    assert code == 0
    assert "2 specimens: out/specimen-00007.xyz to specimen-00008.xyz" in said
    assert "contact sheet: out/contact_sheet.png" in said
    assert "specimens: done, 2 of 2" in errors
    visible = sorted(name for name in os.listdir("out") if not name.startswith("."))
    assert visible == [
        "contact_sheet.png",
        "manifest.json",
        "recipe.yaml",
        "specimen-00007.xyz",
        "specimen-00008.xyz",
    ]


@pytest.mark.parametrize(
    ("recipe", "words", "message"),
    [
        (RECIPE.replace("crystal", "cristal"), (), "line 3, particles.cristal: unknown key; allowed: 'crystal'"),
        (RECIPE.replace("0.8", "-0.8"), (), "line 2, substrate.thickness_nm: given -0.8; allowed: 0.5 to 100"),
        (f"specimens: {{{RECIPE.splitlines()[0]}}}", (), "line 1, specimens.substrate: is missing"),
        ("files: [no.xyz]\nparticle: {elements: [Au]}", (), "line 1, files.0: cannot read no.xyz"),
        ("[1, 2]", (), "must be a mapping"),
        (RECIPE, ("--count", "0"), "Invalid value for '--count'"),
        (RECIPE, ("--first", "-1"), "Invalid value for '--first'"),
        (RECIPE, ("--output", "recipe.yaml"), "recipe.yaml is a file; name a folder with --output"),
        (RECIPE, ("--output", "."), "holds other files than specimens (recipe.yaml)"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    temshift: Call, recipe: str, words: tuple[str, ...], message: str
) -> None:
    Path("recipe.yaml").write_text(recipe)
    given = {"--count": "2", "--output": "out"} | dict(zip(words[::2], words[1::2], strict=True))
    code, _, errors = temshift("recipe.yaml", *(word for pair in given.items() for word in pair))
    assert code == 2
    assert message in errors
    assert "Traceback" not in errors
    assert os.listdir() == ["recipe.yaml"]
    assert Path("recipe.yaml").read_text() == recipe


def test_a_missing_recipe_is_told(temshift: Call) -> None:
    code, _, errors = temshift("absent.yaml", "--count", "2", "--output", "out")
    assert code == 2
    assert "cannot read absent.yaml" in errors


def test_a_folder_in_use_is_refused(temshift: Call) -> None:
    Path("out").mkdir()
    with locked(Path("out")):
        code, _, errors = temshift("recipe.yaml", "--count", "2", "--output", "out")
    assert code == 2
    assert "another temshift run works in out" in errors
    assert os.listdir("out") == [".lock"]


def test_an_interrupt_is_told_with_what_to_do(temshift: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(specimen_sets, "write_specimen", interrupted)
    code, _, errors = temshift("recipe.yaml", "--count", "2", "--output", "out")
    assert code == 130
    assert "finished work is kept in out, the same command goes on" in errors


NEW = """\
cell_nm: [3.0, 3.0]
substrate: {material: graphene, layers: 2}
particles:
  {crystal: Au, radius_nm: 0.8, count: 1, gap_nm: 0.1, side: either,
   shell: {crystal: Ag, thickness_nm: 0.3}, alloy: {crystal: Ag, share: 0.2}}
"""


@pytest.mark.parametrize(
    "recipe", [NEW, NEW.replace("{material: graphene, layers: 2}", "{material: silica, thickness_nm: 1}")]
)
def test_supports_shells_and_alloys_are_written_and_read_back(temshift: Call, recipe: str) -> None:
    Path("recipe.yaml").write_text(recipe)
    code, _, _ = temshift("recipe.yaml", "--count", "2", "--output", "out", "--seed", "5")
    assert code == 0 and Path("out/contact_sheet.png").stat().st_size > 10_000
    built = build_specimen(load_configuration(Path("out/recipe.yaml"), SpecimenRecipe), 5, 1)
    read = ase.io.read("out/specimen-00001.xyz")
    assert isinstance(read, ase.Atoms)
    assert np.allclose(read.positions, built.positions, atol=1e-8)
    assert np.array_equal(read.arrays["shell"], built.arrays["shell"])
    assert read.info["particle_side"] == built.info["particle_side"]


@pytest.mark.parametrize(
    ("given", "replaced", "message"),
    [
        ("layers: 2", "thickness_nm: 1", "line 2, substrate: graphene has no thickness_nm"),
        ("{material: graphene, layers: 2}", "none", "with substrate none there is nothing to lie on a side of"),
        ("graphene, layers: 2", "silica, thickness_nm: 1, composition: {Si: 1, Xx: 2}", "silica is made of Si and O"),
        ("thickness_nm: 0.3", "thickness_nm: 0.8", "a shell of 0.8 nm leaves no core in particles of radius 0.8 nm"),
        ("count: 1", "count: 0", "particles.count: given 0; allowed: 1 to 100"),
        ("share: 0.2", "share: 2", "particles.alloy.share: given 2; allowed: 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    temshift: Call, given: str, replaced: str, message: str
) -> None:
    assert given in NEW
    Path("recipe.yaml").write_text(NEW.replace(given, replaced))
    code, _, errors = temshift("recipe.yaml", "--count", "2", "--output", "out")
    assert code == 2
    assert message in " ".join(errors.split())
    assert not Path("out").exists()
