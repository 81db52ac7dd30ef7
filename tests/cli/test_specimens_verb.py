"""The verb specimens: what it writes, and what it says to mistakes."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from temshift.cli.app import main
from temshift.databases import specimen_files as specimen_sets
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
