"""The study folder: the path of every file, and who may write there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temshift.configuration import (
    Configuration,
    ConfigurationError,
    Document,
    load_configuration,
    validated,
    write_document,
)
from temshift.core import DamagedError, InputError, TemshiftError
from temshift.execution import Progress
from temshift.storage import claim, write_text
from temshift.storage.folders import making
from temshift.storage.vouching import verify_named
from temshift.studies.planning.study import Study


@dataclass(frozen=True)
class StudyFolder:
    """Paths of a study folder.

    Parameters
    ----------
    root : path
        The folder itself.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    @property
    def study_file(self) -> Path:
        """The resolved study."""
        return self.root / "study.yaml"

    @property
    def manifest(self) -> Path:
        """The study's facts: stages, time, versions."""
        return self.root / "manifest.json"

    @property
    def report(self) -> Path:
        """The report."""
        return self.root / "report.html"

    @property
    def prediction(self) -> Path:
        """The fits, and how far they hold."""
        return self.root / "prediction.json"

    @property
    def conclusion(self) -> Path:
        """The record of the report and all that it shows; written last."""
        return self.root / "report.json"

    def table(self, name: str) -> Path:
        """Return the path of one of the tables of the whole study: results, metrics, transfer, tests."""
        return self.root / f"{name}.parquet"

    def waves(self, database_id: str) -> Path:
        """Return the folder of a wave database."""
        return self.root / "waves" / database_id

    def network(self, network_id: str) -> Path:
        """Return the folder of a network."""
        return self.root / "networks" / network_id

    def scores(self, network_id: str) -> Path:
        """Return the folder of a network's scores."""
        return self.root / "scores" / network_id

    @property
    def networks(self) -> Path:
        """Folder of all networks."""
        return self.root / "networks"

    def failure(self, network_id: str) -> Path:
        """Return the path of the note on why a network failed."""
        return self.root / "failures" / f"{network_id}.json"

    @property
    def status(self) -> Path:
        """The status of a run that is at work."""
        return self.root / ".status.json"

    @property
    def tally(self) -> Path:
        """How many networks are in each state, as somebody counted them."""
        return self.root / ".tally.json"

    def spectra_record(self, metrics_id: str) -> Path:
        """Return the path of the record of object spectra."""
        return self.root / "spectra" / f"{metrics_id}.json"

    def observers(self, observer_id: str) -> Path:
        """Return the folder of the scores of the observers of one training distribution."""
        return self.root / "observers" / observer_id

    @property
    def selection(self) -> Path:
        """The numbers of the networks that were asked for, if these are not all."""
        return self.root / "selection.json"

    def part(self, first: int, end: int) -> Path:
        """Return the folder of the tables of the networks from number ``first`` up to, not including, ``end``."""
        return self.root / "parts" / f"{first:05d}-{end:05d}"

    @property
    def examples(self) -> Path:
        """Folder of the pictures that the report shows."""
        return self.root / "examples"

    @property
    def pictures(self) -> list[Path]:
        """The files of pictures that are there."""
        return sorted(path for path in self.examples.rglob("*.*") if path.is_file())


class _Named(Configuration, extra="ignore"):
    name: str


@contextmanager
def open_folder(root: Path, study: Study, progress: Progress) -> Iterator[StudyFolder]:
    """Make or reopen the folder of a study, hold it against a second run, and keep the resolved study there.

    Parameters
    ----------
    root : Path
        A new or empty folder, or one that holds a study of the same name: its settings may have changed.
    study : Study
        The study to run.
    progress : Progress
        Warned if the study file that is there says something else.

    Yields
    ------
    StudyFolder

    Raises
    ------
    InputError
        If the folder holds another study or other files, can't be made, or another run holds it.
    """
    folder = StudyFolder(root)
    with claim(root, folder.study_file, "study", lambda: _refuse_another(folder, study)):
        with making(root):
            _keep_study(folder, study_text(study), progress)
        yield folder


def _keep_study(folder: StudyFolder, text: str, progress: Progress) -> None:
    path = folder.study_file
    kept = path.read_bytes().decode("utf-8", errors="replace") if path.exists() else None
    if kept == text:
        return
    if kept is not None:
        progress.warning(f"made again: {path} differs from this study: settings were changed, or the file was altered")
    folder.conclusion.unlink(missing_ok=True)  # it vouches for the former file
    write_text(path, text)


def load_study(given: Path | str | Mapping[str, Any]) -> Study:
    """Read a study.

    Parameters
    ----------
    given : path or mapping
        A file (YAML), or a mapping with the keys of one.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        If the file can't be read.
    ConfigurationError
        With every fault of the study.
    """
    if isinstance(given, Mapping):
        return validated(Document(data=dict(given)), Study, "study")
    return load_configuration(Path(given), Study)


def study_text(study: Study) -> str:
    """Write a study with every default filled in, as YAML that reads back alike."""
    return write_document(study.resolved())


def _refuse_another(folder: StudyFolder, study: Study) -> None:
    if not folder.study_file.exists():
        return
    try:
        name = load_configuration(folder.study_file, _Named).name
    except ConfigurationError:
        return  # damaged: it is written again, and all else here is known by its hashes
    if name != study.name:
        raise InputError(
            f"{folder.root} holds another study, {name!r}, not {study.name!r}; name another folder with --output"
        )


def require_study(root: Path | str) -> StudyFolder:
    """Return a study folder that is there.

    Raises
    ------
    InputError
        If there is none.
    """
    root = Path(root)
    folder = StudyFolder(root)
    if not folder.study_file.exists():
        raise InputError(f"{root} holds no study.yaml; name a folder that temshift run has filled")
    return folder


Warn = Callable[[str], None]


def stored_study(folder: StudyFolder, warn: Warn | None = None) -> Study:
    """Read the study of a folder, as far as the record of its conclusion vouches for it.

    Parameters
    ----------
    folder : StudyFolder
        A study folder that is there.
    warn : callable, optional
        Called if the file was altered since the study was finished but can be read; otherwise that is an error. It is
        also called if an earlier version wrote the record, which then does not name the file.

    Returns
    -------
    Study

    Raises
    ------
    DamagedError
        If the file is no study, or was altered and there is no ``warn``.
    """
    try:
        remark = study_remark(folder)
    except DamagedError as error:
        if warn is None:
            raise
        remark = str(error)
    try:
        study = load_study(folder.study_file)
    except TemshiftError as error:
        raise DamagedError(f"{error}\n{_study_remedy(folder)}") from error
    if remark and warn is not None:
        warn(remark)
    return study


def study_remark(folder: StudyFolder) -> str | None:
    """Return a remark if the record of a finished study does not name its study file; None if it vouches for it.

    A folder without that record is one of a study that is not finished: nothing is said of it.

    Raises
    ------
    DamagedError
        If the record or the study file is damaged.
    """
    try:
        unnamed = verify_named(folder.conclusion, [folder.study_file.name])
    except InputError:
        return None
    except DamagedError as error:
        raise DamagedError(f"{error}; {_study_remedy(folder)}") from error
    if not unnamed:
        return None
    return (
        f"an earlier version wrote {folder.conclusion}: nothing vouches for {folder.study_file}; it is taken as it is"
    )


def _study_remedy(folder: StudyFolder) -> str:
    return f"temshift run with the file of the study and --output {folder.root} makes it again"
