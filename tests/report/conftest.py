import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from temshift.report import StudyTables, load_study, write_report

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not look beside the tests
from synthetic_pictures import write_pictures
from synthetic_study import tests, write_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from visit import Visit


@pytest.fixture(scope="session")
def bare_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study without a report; tests must leave it as it is."""
    return write_study(tmp_path_factory.mktemp("study") / "a <b>& study")


@pytest.fixture(scope="session")
def study_folder(bare_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study with its report, the page alone; tests must leave it as it is."""
    folder = tmp_path_factory.mktemp("reported") / bare_folder.name
    shutil.copytree(bare_folder, folder)
    write_pictures(folder / "examples", [test.name for test in tests(20)], ["defocus -20 nm", "broad"])
    write_report(folder)
    return folder


@pytest.fixture
def own_folder(bare_folder: Path, tmp_path: Path) -> Path:
    """A small study of the test's own, without a report."""
    return Path(shutil.copytree(bare_folder, tmp_path / "study"))


@pytest.fixture(scope="session")
def study(study_folder: Path) -> StudyTables:
    return load_study(study_folder)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from visit import started_browser

    with started_browser() as running:
        yield running


@pytest.fixture
def visit(browser: "Browser", study_folder: Path) -> "Iterator[Visit]":
    from visit import Visit

    visit = Visit(browser, study_folder)
    yield visit
    assert sum(url.startswith("file:") for url in visit.requests) == 1
    visit.leave()
