"""Object libraries of specimens: of a recipe, of structure files, of a database, or of those that come along."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import platformdirs

from temshift.conditions.imaging import ImagingConditions
from temshift.configuration.model import Configuration, load_configuration
from temshift.core.electrons import wavelength
from temshift.core.errors import InputError, TemshiftError
from temshift.core.hashes import content_hash
from temshift.core.seeds import Stage, torch_seed
from temshift.databases.wave_sets import WaveSet, stored_set
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import PHYSICS_VERSION, focus_height_of
from temshift.exitwaves.sources import WaveSource, wave_sources
from temshift.exitwaves.store import read_geometry
from temshift.information.objects.library import LIBRARY_VERSION, ObjectLibrary, join_libraries
from temshift.information.objects.library_files import read_library, write_library
from temshift.information.objects.particle_spectra import measure_instances
from temshift.information.objects.shipped_libraries import SHIPPED_ENERGY, shipped_library, shipped_names
from temshift.specimens import FileRecipe, SpecimenRecipe, build_specimen
from temshift.specimens.specimen import SPECIMENS_VERSION
from temshift.storage.records import record_state

SAMPLING = 0.2  # of projected phases [A]: at 1 / A, what the deposit of atoms folds back is 0.4 % of the amplitude
HIGHEST = 1.0  # end of the band [1/A]
SPECIMENS = 48
STAGE = "object library"


def default_exit_waves(energy: float = SHIPPED_ENERGY) -> ExitWaveSettings:
    """Settings for specimens of which no waves are simulated: defocus counts from the exit plane.

    Parameters
    ----------
    energy : float
        Electron energy [eV].
    """
    return ExitWaveSettings(energy_kev=energy / 1e3, sampling_angstrom=SAMPLING, slice_thickness_angstrom=2.0)


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
        End of the band [1/A] of what is measured, at most 1: that of the widest aperture, beyond which strong particles
        lose electrons.
    progress : Progress, optional
        Told about specimens that are measured; silent by default.

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
    return _cached(*_recipe_file(path, energy), count, seed, min(highest, HIGHEST), progress)


def band_end(conditions: Iterable[ImagingConditions], energy: float) -> float:
    """Return the end of the band that the widest aperture of any conditions lets pass [1/A], at most that of libraries.

    Parameters
    ----------
    conditions : iterable of ImagingConditions
        Distributions of conditions; without an aperture all passes.
    energy : float
        Electron energy [eV].
    """
    widest = max(one.widest_semiangle for one in conditions)
    return min(widest / wavelength(energy), HIGHEST)


def library_of_recipe(
    recipe: SpecimenRecipe | FileRecipe,
    exit_waves: ExitWaveSettings | None = None,
    *,
    count: int = SPECIMENS,
    seed: int = 0,
    highest: float = HIGHEST,
    progress: Progress | None = None,
) -> ObjectLibrary:
    """Measure the particles of new specimens of a recipe, which are in no database whatever its seed.

    Parameters
    ----------
    recipe : SpecimenRecipe or FileRecipe
        What they are; of own files there are as many specimens as files.
    exit_waves : ExitWaveSettings, optional
        Energy, outline, and the plane that defocus counts from; its sampling does not matter. 300 keV and the exit
        plane by default.
    count : int
        Specimens, at most.
    seed : int
        Their seed.
    highest : float
        End of the band [1/A].
    progress : Progress, optional
        Told about each specimen; silent by default.

    Returns
    -------
    ObjectLibrary
        About 0.2 s a specimen of 8 nm, 0.6 s of 12.8 nm.

    Raises
    ------
    InputError
        If the count is not positive, or a specimen can't be built.
    """
    _require_count(count)
    settings, root = exit_waves or default_exit_waves(), torch_seed(seed, Stage.LIBRARY)
    numbers = range(min(count, len(recipe.files)) if isinstance(recipe, FileRecipe) else count)
    return _joined(_new_specimens(recipe, settings, root, numbers, highest), len(numbers), progress)


def library_of_database(
    folder: Path,
    name: str | None = None,
    *,
    count: int = SPECIMENS,
    highest: float = HIGHEST,
    progress: Progress | None = None,
) -> ObjectLibrary:
    """Measure the particles of the specimens of a database or a finished study, which are built again.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str, optional
        The set; that for training by default, or else the first.
    count : int
        Specimens, at most.
    highest : float
        End of the band [1/A].
    progress : Progress, optional
        Told about each specimen; silent by default.

    Returns
    -------
    ObjectLibrary
        With heights from the plane that the database's defocus counts from.

    Raises
    ------
    InputError
        If there is no such set, or it is not finished.
    """
    _require_count(count)
    source = wave_sources(folder, name)[0] if name is not None else _main_source(folder)
    waves = stored_set(source)
    numbers = range(min(count, waves.count))
    return _joined(measured_set(waves, source.store, numbers, highest, _fine(waves.exit_waves)), len(numbers), progress)


def measured_set(
    waves: WaveSet, store: Path, numbers: Iterable[int], highest: float, settings: ExitWaveSettings | None = None
) -> Iterator[ObjectLibrary]:
    """Measure specimens of a set whose waves are there, one after the other.

    Parameters
    ----------
    waves : WaveSet
        The set.
    store : Path
        Where its waves are.
    numbers : iterable of int
        Numbers of specimens.
    highest : float
        End of the band [1/A].
    settings : ExitWaveSettings, optional
        Sampling of the phases, energy and outline; those of the set by default.

    Yields
    ------
    ObjectLibrary
    """
    geometry = read_geometry(store)
    for number in numbers:
        height = geometry[number]["focus_height_angstrom"]
        yield measure_instances(waves.specimen(number), settings or waves.exit_waves, highest, height)


def _new_specimens(
    recipe: SpecimenRecipe | FileRecipe, settings: ExitWaveSettings, root: int, numbers: Iterable[int], highest: float
) -> Iterator[ObjectLibrary]:
    for number in numbers:
        atoms = build_specimen(recipe, root, number)
        height = focus_height_of(atoms, settings, root, number)
        yield measure_instances(atoms, _fine(settings), highest, height)


def _joined(measured: Iterable[ObjectLibrary], count: int, progress: Progress | None) -> ObjectLibrary:
    progress = progress or SilentProgress()
    progress.start(STAGE, count, 0)
    libraries = []
    for library in measured:
        libraries.append(library)
        progress.advance(1)
    progress.finish()
    return join_libraries(libraries)


def _fine(settings: ExitWaveSettings) -> ExitWaveSettings:
    """Settings for projected phases, which are sampled alike whatever the waves are."""
    return settings.model_copy(update={"sampling_angstrom": SAMPLING, "stored_sampling_angstrom": None})


def _require_count(count: int) -> None:
    if count < 1:
        raise InputError(f"count = {count}; a library needs 1 specimen or more")


def _main_source(folder: Path) -> WaveSource:
    """The set for training, which a finished study names so, or else the first."""
    try:
        return wave_sources(folder, "training")[0]
    except InputError:
        return wave_sources(folder)[0]


def _shipped(name: str, energy: float) -> ObjectLibrary:
    if name in shipped_names():
        return shipped_library(name, energy=energy)
    raise InputError(
        f"{name} does not exist; give a file of a recipe, such as examples/specimens.yaml, a folder of a database, or "
        f"one of {', '.join(shipped_names())}"
    )


def waves_told(specimens: str | Path | None) -> ExitWaveSettings | None:
    """Return how waves are made of specimens as `find_library` takes them; None if that is not given.

    Parameters
    ----------
    specimens : path or str, optional
        A file of a recipe, study or database, a folder, a library, or the name of a crystal.
    """
    path = None if specimens is None else Path(specimens)
    if path is None or not path.exists() or path.suffix == ".json":
        return None
    return _main_source(path).exit_waves if path.is_dir() else load_configuration(path, _Given).exit_waves


class _Given(Configuration, extra="ignore"):
    """Settings of a study or database file besides its specimens."""

    exit_waves: ExitWaveSettings | None = None


def _recipe_file(path: Path, energy: float) -> tuple[SpecimenRecipe | FileRecipe, ExitWaveSettings]:
    from temshift.databases.specimen_files import load_recipe  # with it comes matplotlib, which no worker needs

    return load_recipe(path), waves_told(path) or default_exit_waves(energy)


def _cached(
    recipe: SpecimenRecipe | FileRecipe,
    settings: ExitWaveSettings,
    count: int,
    seed: int,
    highest: float,
    progress: Progress | None,
) -> ObjectLibrary:
    """Library of a recipe, kept where the user's cache can be written to."""
    versions = [SPECIMENS_VERSION, PHYSICS_VERSION, LIBRARY_VERSION, SAMPLING, highest]
    record = cache_folder() / f"{content_hash([recipe, settings.identity(), count, seed, versions])}.json"
    if record_state(record).state == "complete":
        return read_library(record)
    library = library_of_recipe(recipe, settings, count=count, seed=seed, highest=highest, progress=progress)
    with contextlib.suppress(TemshiftError):  # a disk that is full or not to be written to costs time alone
        write_library(record, library)
    return library


def cache_folder() -> Path:
    """Folder of libraries of recipes in the user's cache, on Linux in ``XDG_CACHE_HOME``; it may be removed."""
    return platformdirs.user_cache_path("temshift", appauthor=False) / "libraries"
