"""The images that a network was trained on, as its card keeps them: pixels, energy, specimens, mask, camera."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from temshift.configuration import Configuration
from temshift.core import Grid, InputError, content_hash
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.sources import WaveSource
from temshift.exitwaves.store import read_description
from temshift.optics import ImagingSettings

PIXEL_TOLERANCE = 0.02  # relative: a cell holds a whole number of pixels, which moves their size by as much
_STATE = ("tilt_mrad", "focus", "phonons")  # of the simulation, what images show; the rest is numerical accuracy
_COMPARED = ("energy_kev", "specimens", "waves", "mask", "camera")

Pixel = Annotated[float, Field(gt=0.001, lt=1000)]


class Origin(Configuration, extra="ignore"):
    """The images that a network was trained on; a value is None if it is not known.

    ``database`` is the hash of the set of waves, ``pixel_angstrom`` the pixel (y, x) of an image, after binning.
    ``specimens`` is the recipe (crystal, sizes, film), or, for specimens from files, their number and a hash; ``waves``
    holds tilt, plane of focus and thermal motion, ``mask`` the definition of a particle's pixels.
    """

    database: str | None = None
    pixel_angstrom: tuple[Pixel, Pixel] | None = None
    energy_kev: Annotated[float, Field(gt=0)] | None = None
    specimens: dict[str, Any] | None = None
    waves: dict[str, Any] | None = None
    mask: dict[str, Any] | None = None
    camera: dict[str, Any] | None = None


def origin_of(settings: Mapping[str, Any], grid: Grid, imaging: ImagingSettings) -> Origin:
    """Describe the images that are formed of a store of waves.

    Parameters
    ----------
    settings : mapping
        All that the store depends on.
    grid : Grid
        Its pixels.
    imaging : ImagingSettings
        How images are formed.

    Returns
    -------
    Origin
        Plain JSON values.
    """
    waves = ExitWaveSettings.model_validate(settings["exit_waves"]).identity()
    return Origin(
        database=content_hash(settings),
        pixel_angstrom=imaging.image_grid(grid).sampling,
        energy_kev=waves["energy_kev"],
        specimens=_without_places(settings.get("specimens")),
        waves={key: waves[key] for key in _STATE},
        mask=waves["mask"],
        camera=imaging.camera.model_dump(mode="json", exclude_none=True),
    )


def read_origin(facts: Any, place: str) -> Origin:
    """Read the images that a network was trained on from its card or the metadata of its file.

    Raises
    ------
    InputError
        If it can't be read; the message names the ``place`` that it stands in.
    """
    try:
        return Origin.model_validate_json(facts) if isinstance(facts, str) else Origin.model_validate(facts)
    except ValidationError as error:
        (fault, *_) = error.errors()
        key = ".".join(str(part) for part in fault["loc"])
        raise InputError(f"{place}: trained_on, {key}: {fault['msg']}; export or train the network again") from error


def same_pixels(first: tuple[float, float], second: tuple[float, float]) -> bool:
    """Return whether two pixels (y, x) are of one size, up to the rounding to a cell.

    Examples
    --------
    >>> same_pixels((0.4, 0.4), (0.403, 0.4)), same_pixels((0.4, 0.4), (0.2, 0.2))
    (True, False)
    """
    return all(math.isclose(*pair, rel_tol=PIXEL_TOLERANCE) for pair in zip(first, second, strict=True))


def differences(first: Origin, second: Origin) -> list[str]:
    """Return the dotted keys in which two kinds of images differ."""
    known = first.pixel_angstrom is not None and second.pixel_angstrom is not None
    pixels = [] if known and same_pixels(first.pixel_angstrom, second.pixel_angstrom) else ["pixel_angstrom"]  # type: ignore[arg-type]
    return pixels + [key for name in _COMPARED for key in _differing(getattr(first, name), getattr(second, name), name)]


def foreign_to(origin: Origin | None, source: WaveSource, imaging: ImagingSettings, *, resampled: bool) -> list[str]:
    """Return the keys in which images of a source differ from those that a network was trained on.

    Parameters
    ----------
    origin : Origin or None
        Of the network. A card of before there were origins names the hash of its waves alone: these are looked for in
        the folder that the source lies in.
    source : WaveSource
        The waves.
    imaging : ImagingSettings
        How images are formed.
    resampled : bool
        Whether images are brought to the network's pixels.

    Returns
    -------
    list of str
        Keys; nothing if they are alike, or if nothing is known of the network.
    """
    if origin is None or (origin.database is None and origin.specimens is None):
        return []
    known = origin if origin.energy_kev is not None else _neighbour(source, origin.database, imaging)
    if known is None:
        return ["database"]
    images = origin_of(source.settings, source.layout.grid, imaging)
    return differences(known, images.model_copy(update={"pixel_angstrom": known.pixel_angstrom} if resampled else {}))


def _neighbour(source: WaveSource, database: str | None, imaging: ImagingSettings) -> Origin | None:
    """The images of the waves of some hash, if these lie in the same database or study."""
    for store in (place.parent for place in sorted(source.store.parent.glob("*/manifest.json"))):
        layout, settings = read_description(store)
        if content_hash(settings) == database and "exit_waves" in settings:
            return origin_of(settings, layout.grid, imaging)
    return None


def _without_places(recipe: Any) -> Any:
    """A recipe as it is; of one that names files, their number and a hash: no card names a folder of a machine."""
    if isinstance(recipe, Mapping) and "files" in recipe:
        return {"files": len(recipe["files"]), "hash": content_hash(recipe)}
    return recipe


def _differing(first: Any, second: Any, key: str) -> list[str]:
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return [] if first == second else [key]
    return [each for name in first | second for each in _differing(first.get(name), second.get(name), f"{key}.{name}")]
