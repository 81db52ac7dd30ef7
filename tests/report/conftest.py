import sys
from pathlib import Path

import pytest

from temshift.report import StudyTables, load_study, write_report

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not look beside the tests
from synthetic_study import write_study


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study with its report; tests must leave it as it is."""
    folder = write_study(tmp_path_factory.mktemp("study") / "a <b>& study")
    write_report(folder)
    return folder


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    """A small study of the test's own, without a report."""
    return write_study(tmp_path / "study")


@pytest.fixture(scope="session")
def study(study_folder: Path) -> StudyTables:
    return load_study(study_folder)
