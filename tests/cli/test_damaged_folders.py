"""Every file of a finished study, damaged in every way, before every verb that reads the folder.

The verb gives one error with the remedy, or says that it noticed, or its answer is the same: never a wrong or a shorter
one without a word. Files are listed from the folder itself, so that new ones are tried without a change here.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from temshift.configuration.yaml_document import read_document
from temshift.core.errors import TemshiftError
from temshift.execution import SilentProgress
from temshift.report.still import exports
from temshift.studies import Study, StudyFolder, run_study

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "counts": {"training": 6, "test": 2, "per_shard": 4},
    "training": {"steps": 2, "batch": 2},
    "network": {"widths": [4]},
    "information": {"specimens": 2, "draws": 8, "observers": True, "images": {"specimens": 2, "probe": False}},
    "examples": {"specimens": 1},
}
ONE = "{defocus_nm: 4, dose_e_per_A2: 400, semiangle_cutoff_mrad: 12, focal_spread_sigma_nm: 1}"
DAMAGES = ("altered", "first byte", "truncated", "emptied", "removed")
REMEDY = re.compile(r"temshift run|run again|makes? it again|made it again|command that made|name (a|the folder)")
HEXADECIMAL = re.compile(r"[0-9a-f]{16}")
TABLES = ("results", "metrics", "transfer", "tests")


class Answer(NamedTuple):
    """What a verb printed and left, and its exit code."""

    code: int
    printed: str
    left: object
    warned: str


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """A study of a second: four trainings, seven test conditions, observers."""
    whole: dict[str, Any] = read_document((ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")).data
    return whole | SETTINGS


@pytest.fixture(scope="module")
def whole(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study, finished, with its figures and tables as a run leaves them; no test writes there."""
    root = tmp_path_factory.mktemp("whole") / "study"
    run_study(Study.model_validate(settings), root, workers=0)
    for name in (f"{exports.FIGURES}/matrix-f1.png", f"{exports.FIGURES}/matrix-f1.svg", f"{exports.TABLES}/f1.csv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"drawn")
    return root


def kinds(root: Path) -> list[str]:
    """One file of each kind in a folder: names that differ in hashes alone are of one kind."""
    first: dict[str, str] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.name != ".lock"):
        name = str(path.relative_to(root))
        first.setdefault(re.sub(r"shard-\d+|/c/\d+", "n", HEXADECIMAL.sub("*", name)), name)
    return list(first.values())


def damage(path: Path, way: str) -> None:
    content = path.read_bytes()
    if way == "removed":
        path.unlink()
        return
    place = 0 if way == "first byte" else len(content) // 2
    other = content[place] ^ (0x01 if content[place : place + 1].isalnum() else 0x55)
    altered = content[:place] + bytes([other]) + content[place + 1 :]
    path.write_bytes({"truncated": content[: len(content) // 2], "emptied": b""}.get(way, altered))


def words_of(name: str) -> set[str]:
    """Names by which a message may name a file: its own, and those of the folders and ids that it belongs to."""
    path = Path(name)
    return {path.name, path.stem, *HEXADECIMAL.findall(name)}


class Desk:
    """Asks verbs about a copy of a finished study in which one file is damaged."""

    def __init__(self, temshift: Callable[..., Any], whole: Path, settings: dict[str, Any], place: Path) -> None:
        self.temshift, self.whole, self.settings = temshift, whole, settings
        self.folder, self.output = place / "study", place / "output"
        (place / "new.yaml").write_text(f"test:\n  - {{name: new, {ONE[1:]}\n")
        (place / "images.yaml").write_text(f"seed: 1\nconditions:\n  - {{name: new, {ONE[1:]}\n")

    def answer(self, verb: str, name: str | None, way: str) -> Answer:
        """Ask a verb after one file was damaged in some way; None damages nothing."""
        for place in (self.folder, self.output):
            shutil.rmtree(place, ignore_errors=True)
        self.output.unlink(missing_ok=True)
        subprocess.run(["cp", "-a", str(self.whole), str(self.folder)], check=True)
        if name is not None:
            damage(self.folder / name, way)
        return self.run() if verb == "run" else self.call(verb)

    def call(self, verb: str) -> Answer:
        done = self.temshift(*self.words(verb))
        assert "Traceback" not in done.stderr
        return Answer(done.returncode, done.stdout, None if done.returncode else self.left(verb), done.stderr)

    def words(self, verb: str) -> list[str]:
        network = sorted((self.whole / "networks").iterdir())[0].name
        folder, output = str(self.folder), ["--output", str(self.output)]
        return {
            "results": ["results", folder, "--all"],
            "status": ["status", folder],
            "runs": ["runs", folder, "--all"],
            "report": ["report", folder],
            "inspect": ["inspect", folder],
            "export": ["export", folder, *output, "--set", "test"],
            "export all": ["export", folder, *output],
            "images": ["images", folder, "images.yaml", *output, "--set", "test", "--workers", "0"],
            "predict": ["predict", folder, "--test", "new.yaml", "--json", "--workers", "0"],
            "score": ["score", "--database", folder, "--conditions", "new.yaml", *output]
            + ["--network", f"{folder}/networks/{network}"],
        }[verb]

    def left(self, verb: str) -> object:
        """What a verb has written."""
        if verb == "report":
            return (self.folder / "report.html").read_bytes()
        if verb == "score":
            return pl.read_parquet(self.output / "results.parquet")
        if verb == "images":
            return {str(path): path.read_bytes() for path in sorted(self.output.rglob("*.tif*"))}
        return self.output.read_bytes() if self.output.is_file() else None

    def run(self) -> Answer:
        """Run the study again, in this process."""
        heard = Heard()
        try:
            run_study(Study.model_validate(self.settings), self.folder, workers=0, progress=heard)
        except TemshiftError as error:
            return Answer(error.exit_code, "", None, str(error))
        tables = [pl.read_parquet(StudyFolder(self.folder).table(name)) for name in TABLES]
        return Answer(0, "", tables, "\n".join(heard.texts))


class Heard(SilentProgress):
    """Remembers messages and warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def message(self, text: str) -> None:
        self.texts.append(text)

    def warning(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def ask(
    temshift: Callable[..., Any], whole: Path, settings: dict[str, Any], tmp_path: Path
) -> Callable[[str, str | None, str], Answer]:
    """Ask a verb about a copy of the folder in which one file is damaged; None damages nothing."""
    return Desk(temshift, whole, settings, tmp_path).answer


def same(first: object, second: object) -> bool:
    if isinstance(first, pl.DataFrame) and isinstance(second, pl.DataFrame):
        return first.equals(second)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def fault(verb: str, name: str, usual: Answer, answer: Answer) -> str | None:
    """Why an answer of a verb about a damaged folder can't stand; None if it can."""
    if answer.code:
        return None if REMEDY.search(answer.warned) else f"{name}: no remedy in {answer.warned!r}"
    if answer.printed == usual.printed and same(answer.left, usual.left):
        return None
    news = answer.warned if answer.warned != usual.warned else ""
    if any(word in news + answer.printed for word in words_of(name)) and (news or "remarks" in answer.printed):
        return None
    if verb in ("status", "runs") and re.search(r"[1-9]\d* waiting| waiting |goes on", answer.printed):
        return None  # it is counted as work that a run does again
    if "scores are missing" in news or "scores are missing" in answer.printed:
        return None
    return f"{name}: another answer without a word: {answer.printed[:300]!r}, {news[:300]!r}"


def faults_of(ask: Callable[[str, str | None, str], Answer], verb: str, way: str, names: list[str]) -> list[str]:
    usual = ask(verb, None, way)
    assert usual.code == 0, usual.warned
    every = [fault(verb, name, usual, ask(verb, name, way)) for name in names]
    return [one for one in every if one is not None]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", DAMAGES)
@pytest.mark.parametrize("verb", ["results", "status", "runs", "report", "inspect", "export"])
def test_no_answer_is_wrong_without_a_word(
    ask: Callable[[str, str | None, str], Answer], whole: Path, verb: str, way: str
) -> None:
    assert faults_of(ask, verb, way, kinds(whole)) == []


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("way", DAMAGES)
@pytest.mark.parametrize("verb", ["export all", "images", "predict", "score", "run"])
def test_no_work_is_wrong_without_a_word(
    ask: Callable[[str, str | None, str], Answer], whole: Path, verb: str, way: str
) -> None:
    assert faults_of(ask, verb, way, kinds(whole)) == []
