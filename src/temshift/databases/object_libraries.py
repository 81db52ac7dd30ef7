"""Object libraries that are measured: of the specimens of a recipe, of structure files, or of a database."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from temshift.conditions import ImagingConditions
from temshift.core import InputError, Stage, TemshiftError, content_hash, wavelength
from temshift.core.seeds import torch_seed
from temshift.databases.wave_sets import WaveSet, stored_set
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves import ExitWaveSettings, WaveSource, wave_sources
from temshift.exitwaves.simulation import PHYSICS_VERSION, focus_height_of
from temshift.information.objects.library import LIBRARY_VERSION, ObjectLibrary, join_libraries
from temshift.information.objects.library_files import read_library, write_library
from temshift.information.objects.particle_spectra import measure_instances
from temshift.information.objects.shipped_libraries import SHIPPED_ENERGY, FocusPlane
from temshift.specimens import FileRecipe, Recipe, build_specimen
from temshift.specimens.specimen import specimen_versions
from temshift.storage import record_state

SAMPLING = 0.2  # of projected phases [A]: at 1 / A, the deposit of atoms folds back 0.4 % of the amplitude
HIGHEST = 1.0  # end of the band [1/A]
SPECIMENS = 48
STAGE = "object library"


def default_exit_waves(energy: float = SHIPPED_ENERGY, focus: FocusPlane = "exit_plane") -> ExitWaveSettings:
    """Settings for specimens of which no waves are simulated.

    Parameters
    ----------
    energy : float
        Electron energy [eV].
    focus : {"exit_plane", "minimum_contrast"}
        The plane that defocus counts from.
    """
    return ExitWaveSettings(
        energy_kev=energy / 1e3, sampling_angstrom=SAMPLING, slice_thickness_angstrom=2.0, focus=focus
    )


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
    recipe: Recipe,
    exit_waves: ExitWaveSettings | None = None,
    *,
    count: int = SPECIMENS,
    seed: int = 0,
    highest: float = HIGHEST,
    progress: Progress | None = None,
) -> ObjectLibrary:
    """Measure the particles of new specimens of a recipe, which are in no database, of any seed.

    Parameters
    ----------
    recipe : SpecimenRecipe, MixtureRecipe or FileRecipe
        The recipe; of own files there are as many specimens as files.
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
        Reports each specimen; silent by default.

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
    folder: Path | str,
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
        Reports each specimen; silent by default.

    Returns
    -------
    ObjectLibrary
        With heights from the plane that the database's defocus counts from.

    Raises
    ------
    InputError
        If there is no such set, or it is not finished.
    """
    folder = Path(folder)
    source = wave_sources(folder, name)[0] if name is not None else main_source(folder)
    return library_of_source(source, count=count, highest=highest, progress=progress)


def library_of_source(
    source: WaveSource, *, count: int = SPECIMENS, highest: float = HIGHEST, progress: Progress | None = None
) -> ObjectLibrary:
    """Measure the particles of an open set; see `library_of_database`."""
    _require_count(count)
    waves = stored_set(source)
    rows = source.geometry[:count]
    return _joined(measured_set(waves, rows, highest, _fine(waves.exit_waves)), len(rows), progress)


def measured_set(
    waves: WaveSet, rows: Iterable[Mapping[str, Any]], highest: float, settings: ExitWaveSettings | None = None
) -> Iterator[ObjectLibrary]:
    """Measure specimens of a set whose waves are there, one after the other.

    Parameters
    ----------
    waves : WaveSet
        The set.
    rows : iterable of mapping
        Geometry of the specimens, as the store of the waves has it.
    highest : float
        End of the band [1/A].
    settings : ExitWaveSettings, optional
        Sampling of the phases, energy and outline; those of the set by default.

    Yields
    ------
    ObjectLibrary
    """
    for row in rows:
        atoms, height = waves.specimen(row["specimen"]), row["focus_height_angstrom"]
        yield measure_instances(atoms, settings or waves.exit_waves, highest, height)


def _new_specimens(
    recipe: Recipe, settings: ExitWaveSettings, root: int, numbers: Iterable[int], highest: float
) -> Iterator[ObjectLibrary]:
    for number in numbers:
        atoms = build_specimen(recipe, root, number)
        height = focus_height_of(atoms, settings, root, number)
        yield measure_instances(atoms, _fine(settings), highest, height)


def _joined(measured: Iterable[ObjectLibrary], count: int, progress: Progress | None) -> ObjectLibrary:
    listener = progress or SilentProgress()
    listener.start(STAGE, count, 0)
    libraries = []
    for library in measured:
        libraries.append(library)
        listener.advance(1)
    listener.finish()
    return join_libraries(libraries)


def _fine(settings: ExitWaveSettings) -> ExitWaveSettings:
    """Settings for projected phases, which are sampled alike for waves of any sampling."""
    return settings.model_copy(update={"sampling_angstrom": SAMPLING, "stored_sampling_angstrom": None})


def _require_count(count: int) -> None:
    if count < 1:
        raise InputError(f"count = {count}; a library needs 1 specimen or more")


def main_source(folder: Path | str) -> WaveSource:
    """Return the set for training, which a finished study names so, or else the first."""
    folder = Path(folder)
    try:
        return wave_sources(folder, "training")[0]
    except InputError:
        return wave_sources(folder)[0]


def cached_library(
    recipe: Recipe,
    settings: ExitWaveSettings,
    count: int,
    seed: int,
    highest: float,
    progress: Progress | None,
) -> ObjectLibrary:
    """Return the library of a recipe, which is kept if the user's cache can be written to."""
    versions = [*specimen_versions(recipe), PHYSICS_VERSION, LIBRARY_VERSION, SAMPLING, highest]
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
