"""Pictures of every test condition and of what a few networks make of them, as a study folder keeps them."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from temshift.core import DamagedError, TemshiftError
from temshift.storage import read_json
from temshift.storage.records import read_record

INDEX = "pictures.json"  # names the parts of every gallery
PARTS = "pictures"  # folder of the parts, each a file with its record
_ARRAYS = ("levels", "masks", "probabilities", "overlaps")


@dataclass(frozen=True)
class Gallery:
    """Micrographs of test conditions on the same few specimens, their masks, and what a few networks make of them.

    Parameters
    ----------
    label : str
        What sets its images apart from those of other galleries; empty where there is one.
    conditions, specimens, networks : tuple of str
        Names along the axes.
    of : int
        Number of test conditions of the study; fewer may be shown.
    pixel : float
        Pixel size of the pictures [A].
    binned : int
        Side of the square of a micrograph's pixels that make one of a picture.
    levels : ndarray (specimen, condition, y, x) of uint8
        Grey levels.
    masks : ndarray (specimen, condition, y, x) of uint8
        True masks, 0 or 1.
    probabilities : ndarray (network, specimen, condition, y, x) of uint8
        Predicted probability of particle in steps of 1/255.
    overlaps : ndarray (network, specimen, condition) of float32
        Intersection over union on all pixels of the micrographs; NaN where both masks are empty.
    """

    label: str
    conditions: tuple[str, ...]
    specimens: tuple[str, ...]
    networks: tuple[str, ...]
    of: int
    pixel: float
    binned: int
    levels: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    probabilities: NDArray[np.uint8]
    overlaps: NDArray[np.float32]


class _Set(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    label: str
    parts: tuple[str, ...]
    of: int


class _Index(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    sets: tuple[_Set, ...]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    conditions: tuple[str, ...]
    specimens: tuple[str, ...]
    networks: tuple[str, ...]
    pixel_angstrom: float
    binned: int


_Arrays = dict[str, NDArray[Any]]


def load_galleries(folder: Path) -> tuple[Gallery, ...]:
    """Load the pictures of a study.

    Parameters
    ----------
    folder : Path
        The folder of examples.

    Returns
    -------
    tuple of Gallery
        One a kind of specimens; none where the study was run before there were such pictures.

    Raises
    ------
    DamagedError
        If a file that the index names is missing or damaged.
    """
    index = folder / INDEX
    if not index.exists():
        return ()
    try:
        sets = _Index.model_validate(read_json(index)).sets
    except ValidationError as error:
        raise DamagedError(f"{index} is damaged: {error}") from error
    return tuple(_gallery(folder / PARTS, listed) for listed in sets if listed.parts)


def _gallery(place: Path, listed: _Set) -> Gallery:
    facts, arrays = zip(*(_part(place / f"{part}.json") for part in listed.parts), strict=True)
    first = facts[0]
    if any(other.model_copy(update={"conditions": first.conditions}) != first for other in facts):
        raise DamagedError(f"{place} is damaged: its parts are of different specimens, networks or pixels")
    joined: dict[str, Any] = {
        name: np.concatenate([part[name] for part in arrays], axis=_axis(name)) for name in _ARRAYS
    }
    conditions = tuple(name for fact in facts for name in fact.conditions)
    names = conditions, first.specimens, first.networks
    return Gallery(listed.label, *names, listed.of, first.pixel_angstrom, first.binned, **joined)


def _axis(name: str) -> int:
    """The axis of an array that goes over conditions."""
    return -1 if name == "overlaps" else -3


def _part(record: Path) -> tuple[_Facts, _Arrays]:
    try:
        facts = _Facts.model_validate(read_record(record).facts)
        with np.load(record.with_suffix(".npz"), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _ARRAYS}
    except TemshiftError as error:
        raise DamagedError(str(error)) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedError(f"{record} is damaged: {error}") from error
    _require_shapes(record, facts, arrays)
    return facts, arrays


def _require_shapes(record: Path, facts: _Facts, arrays: _Arrays) -> None:
    seen = len(facts.specimens), len(facts.conditions)
    plane = arrays["masks"].shape[2:]
    expected: Sequence[tuple[int, ...]] = (
        (*seen, *plane),
        (*seen, *plane),
        (len(facts.networks), *seen, *plane),
        (len(facts.networks), *seen),
    )
    for name, shape in zip(_ARRAYS, expected, strict=True):
        if len(plane) != 2 or arrays[name].shape != shape:
            raise DamagedError(f"{record} is damaged: {name} has shape {arrays[name].shape}")
