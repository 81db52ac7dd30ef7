"""Object libraries that an option ``--specimens`` asks for: of a file, of a folder, or of those that come along."""

from pathlib import Path

from temshift.configuration.model import Configuration, load_configuration
from temshift.core.errors import InputError
from temshift.databases.object_libraries import (
    HIGHEST,
    SPECIMENS,
    cached_library,
    default_exit_waves,
    library_of_database,
    main_source,
)
from temshift.execution import Progress
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.information.objects.library import ObjectLibrary
from temshift.information.objects.library_files import read_library
from temshift.information.objects.shipped_libraries import SHIPPED_ENERGY, shipped_library, shipped_names
from temshift.workflows.input_files import load_recipe


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
    if specimens is None:
        return shipped_library(energy=energy)
    path = Path(specimens)
    if not path.exists():
        return _shipped(str(specimens), energy)
    if path.is_dir():
        return library_of_database(path, count=count, highest=min(highest, HIGHEST), progress=progress)
    if path.suffix == ".json":
        return read_library(path)
    recipe, settings = load_recipe(path), given_exit_waves(path) or default_exit_waves(energy)
    return cached_library(recipe, settings, count, seed, min(highest, HIGHEST), progress)


def _shipped(name: str, energy: float) -> ObjectLibrary:
    if name in shipped_names():
        return shipped_library(name, energy=energy)
    raise InputError(
        f"{name} does not exist; give a file of a recipe, such as examples/specimens.yaml, a folder of a database, or "
        f"one of {', '.join(shipped_names())}"
    )


def given_exit_waves(specimens: str | Path | None) -> ExitWaveSettings | None:
    """Return the exit wave settings of a source for `find_library`; None if it has none.

    Parameters
    ----------
    specimens : path or str, optional
        A file of a recipe, study or database, a folder, a library, or the name of a crystal.
    """
    path = None if specimens is None else Path(specimens)
    if path is None or not path.exists() or path.suffix == ".json":
        return None
    return main_source(path).exit_waves if path.is_dir() else load_configuration(path, _Given).exit_waves


class _Given(Configuration, extra="ignore"):
    """The section of a study or database file on its waves, if there is one."""

    exit_waves: ExitWaveSettings | None = None
