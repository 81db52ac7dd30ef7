"""Object libraries that an option ``--specimens`` asks for: of a file, of a folder, or of those that come along."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from temshift.core import InputError
from temshift.databases import (
    HIGHEST,
    SPECIMENS,
    cached_library,
    default_exit_waves,
    library_of_source,
    main_source,
)
from temshift.execution import Progress
from temshift.exitwaves import ExitWaveSettings
from temshift.information import SHIPPED_ENERGY, FocusPlane, ObjectLibrary, read_library, shipped_library, shipped_names
from temshift.workflows.input_files import load_specimens


@dataclass(frozen=True)
class Measurement:
    """How an object library is measured; see `find_library`."""

    energy: float = SHIPPED_ENERGY
    count: int = SPECIMENS
    seed: int = 0
    highest: float = HIGHEST
    progress: Progress | None = None
    focus: FocusPlane = "exit_plane"


@dataclass(frozen=True)
class OpenedSpecimens:
    """Specimens that an option ``--specimens`` names; their file or folder is read once.

    Attributes
    ----------
    exit_waves : ExitWaveSettings or None
        How their waves are simulated, if a file or folder says so.
    library : callable
        Takes a `Measurement` and returns the object library.
    """

    exit_waves: ExitWaveSettings | None
    library: Callable[[Measurement], ObjectLibrary]


def find_library(
    specimens: str | Path | None = None,
    *,
    energy: float = SHIPPED_ENERGY,
    count: int = SPECIMENS,
    seed: int = 0,
    highest: float = HIGHEST,
    progress: Progress | None = None,
) -> ObjectLibrary:
    """Find the object library that an option ``--specimens`` asks for.

    Parameters
    ----------
    specimens : str or Path, optional
        A YAML file of a recipe, or of a study or database, whose energy and focus are then taken; the folder of a
        database or of a finished study; a library that `write_library` wrote (JSON); or the name of a crystal that
        `shipped_library` knows. CdSe of the latter by default.
    energy : float
        Electron energy [eV], if the file or folder does not name it.
    count : int
        Specimens to measure, at most.
    seed : int
        Seed of the specimens that a recipe draws.
    highest : float
        End of the band [1/A] of the measurement, at most 1: that of the widest aperture, beyond which strong particles
        lose electrons.
    progress : Progress, optional
        Informed of specimens that are measured; silent by default.

    Returns
    -------
    ObjectLibrary
        Those that come along reach 1 / A. That of a recipe is kept in the user's cache for the next time.

    Raises
    ------
    InputError
        If nothing is there, or it is none of these.
    """
    measurement = Measurement(energy, count, seed, min(highest, HIGHEST), progress)
    return open_specimens(specimens).library(measurement)


def open_specimens(specimens: str | Path | None = None) -> OpenedSpecimens:
    """Open a source of specimens as `find_library` takes it.

    Raises
    ------
    InputError
        If nothing is there, or it is none of these.
    """
    if specimens is None:
        return OpenedSpecimens(None, lambda asked: shipped_library(energy=asked.energy, focus=asked.focus))
    path = Path(specimens)
    if not path.exists():
        return _shipped(str(specimens))
    if path.is_dir():
        return _folder(path)
    if path.suffix == ".json":
        return OpenedSpecimens(None, lambda _: read_library(path))
    return _file(path)


def _shipped(name: str) -> OpenedSpecimens:
    if name in shipped_names():
        return OpenedSpecimens(None, lambda asked: shipped_library(name, energy=asked.energy, focus=asked.focus))
    raise InputError(
        f"{name} does not exist; give a file of a recipe, such as examples/specimens.yaml, a folder of a database, or "
        f"one of {', '.join(shipped_names())}"
    )


def _folder(folder: Path) -> OpenedSpecimens:
    source = main_source(folder)

    def measured(asked: Measurement) -> ObjectLibrary:
        return library_of_source(source, count=asked.count, highest=asked.highest, progress=asked.progress)

    return OpenedSpecimens(source.exit_waves, measured)


def _file(path: Path) -> OpenedSpecimens:
    recipe, exit_waves = load_specimens(path)

    def measured(asked: Measurement) -> ObjectLibrary:
        settings = exit_waves or default_exit_waves(asked.energy, asked.focus)
        return cached_library(recipe, settings, asked.count, asked.seed, asked.highest, asked.progress)

    return OpenedSpecimens(exit_waves, measured)
