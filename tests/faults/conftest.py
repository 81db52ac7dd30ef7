"""A study of some seconds, what an undisturbed run of it gives, and ways to disturb one."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from temshift.configuration.model import parse_configuration
from temshift.execution import SilentProgress
from temshift.studies import Study, StudyFolder, run_study

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not look beside the tests

ROOT = Path(__file__).parents[2]
TABLES = ("results", "metrics", "transfer", "tests")


@pytest.fixture(scope="session")
def small_text() -> str:
    """The tiny study with short trainings, in cohorts of two."""
    text = (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")
    return text.replace("steps: 30", "steps: 8").replace("training: 24", "training: 16") + "\ncohort: 2\n"


@pytest.fixture(scope="session")
def small(small_text: str) -> Study:
    return parse_configuration(small_text, Study, "small.yaml")


@pytest.fixture(scope="session")
def undisturbed(small: Study, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study run in this process; no test writes there."""
    return run_study(small, tmp_path_factory.mktemp("undisturbed") / "study", workers=0)


@pytest.fixture
def with_waves(undisturbed: StudyFolder, tmp_path: Path) -> Path:
    """A folder of the same study that has its waves and nothing else."""
    folder = tmp_path / "study"
    folder.mkdir()
    subprocess.run(["cp", "-a", str(undisturbed.root / "waves"), str(undisturbed.study_file), str(folder)], check=True)
    return folder


class Told(SilentProgress):
    """Remembers messages and warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def message(self, text: str) -> None:
        self.texts.append(text)

    def warning(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(scope="session")
def same() -> Callable[[StudyFolder, StudyFolder], bool]:
    """Tell whether two folders hold the same tables, to the bit."""

    def compare(one: StudyFolder, other: StudyFolder) -> bool:
        return all(pl.read_parquet(one.table(name)).equals(pl.read_parquet(other.table(name))) for name in TABLES)

    return compare


@pytest.fixture
def started(small_text: str, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start ``temshift`` in a process of its own; whatever is left of it at the end is killed."""
    file = tmp_path / "small.yaml"
    file.write_text(small_text)
    running: list[subprocess.Popen[str]] = []

    def start(*words: str, before: str = "") -> "subprocess.Popen[str]":
        """Start a command, after some statements of Python; ``STUDY`` stands for the study file."""
        given = [str(file) if word == "STUDY" else word for word in words]
        code = f"import sys\n{before}\nsys.argv = ['temshift', *{given!r}]\nfrom temshift.cli.app import main\nmain()"
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running.append(subprocess.Popen([sys.executable, "-c", code], **pipes))  # type: ignore[call-overload]
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()
