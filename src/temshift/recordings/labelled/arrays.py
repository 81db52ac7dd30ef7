"""Images and labels as arrays of HDF5: those of temshift, and of anyone who writes (image, y, x)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.recordings.frames import plane
from temshift.recordings.labelled.image import LabelledImage
from temshift.recordings.labelled.labels import Labels, labels_of
from temshift.recordings.micrograph import Known, Micrograph
from temshift.recordings.reading import facts_given, guarded, micrograph_of, pixel_of
from temshift.recordings.recording import Axis, Frames, Recording, require_planes, sized

ARRAYS = (".h5", ".hdf5", ".he5")
_OURS = "temshift images"
_NAMES = {"images": ("images", "image", "data"), "labels": ("labels", "label", "masks", "mask", "maps")}
_SOURCE = "the attributes of the file"


@dataclass(frozen=True)
class _Stack:
    """Planes of an array: how many, their shape, how one is read, and the facts that are known."""

    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    read: Callable[[int], NDArray[Any]]
    names: list[tuple[str, str]]  # of its condition and of the plane
    pixel_angstrom: tuple[float, float] | None = None
    facts: Mapping[str, Known[Any]] = field(default_factory=dict)


def labelled_arrays(images: Path, labels: Path, overrides: dict[str, Any], set: str | None) -> list[LabelledImage]:
    """Pair the planes of two arrays, in their order; see `labelled_images`.

    Raises
    ------
    InputError
        If it is not clear which arrays are meant, or they differ in number or size.
    """
    if labels.suffix.lower() not in ARRAYS:
        raise InputError(f"{images} is HDF5 and {labels} is not; give the labels as HDF5, too")
    planes, masks = _stack(images, "images", set), _stack(labels, "labels", set)
    if (planes.count, planes.shape) != (masks.count, masks.shape):
        sizes = [f"{stack.count} of {sized(stack.shape)} pixels" for stack in (planes, masks)]
        raise InputError(f"{images} holds {sizes[0]}, and {labels} {sizes[1]}; give a mask of its size for each image")
    recording = _recording(planes, images)
    pixel_of(recording, overrides.get("pixel_angstrom"), str(images))
    return [_image(planes, masks, recording, number, overrides) for number in range(planes.count)]


def _image(
    planes: _Stack, masks: _Stack, recording: Recording, number: int, overrides: dict[str, Any]
) -> LabelledImage:
    condition, name = planes.names[number]

    def micrograph() -> Micrograph:
        given = {key: value for key, value in overrides.items() if key not in ("pixel_angstrom", "frame")}
        pixel = pixel_of(recording, overrides.get("pixel_angstrom"), name)
        facts = {**recording.facts, **facts_given(given)}
        return micrograph_of(name, plane(recording.frames, number), pixel, facts)

    def labels() -> Labels:
        return labels_of(masks.read(number), f"the mask of {name}")

    return LabelledImage(name, masks.names[number][1], condition, micrograph, labels)


def _recording(planes: _Stack, path: Path) -> Recording:
    require_planes((planes.count, *planes.shape), planes.dtype, str(path))
    frames = Frames(planes.count, planes.shape, planes.dtype, planes.read)
    pixel = planes.pixel_angstrom
    axes = None if pixel is None else (Axis(pixel[0], "A"), Axis(pixel[1], "A"))
    return Recording(frames, axes, _SOURCE, planes.facts)


def _stack(path: Path, role: str, set: str | None) -> _Stack:
    with guarded(path), h5py.File(path) as file:
        if file.attrs.get("format") == _OURS:
            return _ours(file, path, role, set)
        dataset = _array(file, path, role)
        return _of_anyone(dataset, path, role)


def _ours(file: h5py.File, path: Path, role: str, set: str | None) -> _Stack:
    """The images or masks of a set, condition by condition."""
    sets = [name for name, node in file.items() if isinstance(node, h5py.Group) and "images" in node]
    chosen = sets[0] if len(sets) == 1 else set
    if chosen not in sets:
        raise InputError(f"{path} holds the sets {', '.join(sets)}; name one with --set")
    group = file[chosen]
    conditions, images, *shape = group["images"].shape
    places = [(c, i) for c in range(conditions) for i in range(images)]
    words = [text.decode() if isinstance(text, bytes) else str(text) for text in group["condition_names"][:]]
    names = [(words[c], f"{words[c]}, image {i}") for c, i in places]
    if role == "images":
        place: list[Any] = places
    else:
        place = [int(mask) for mask in group["mask_of_image"][:].ravel()]
    dataset = group["images" if role == "images" else "masks"]
    pixel = tuple(float(side) for side in group.attrs["sampling_angstrom"])
    facts = {"energy_kev": Known(float(group.attrs["energy_eV"]) / 1e3, _SOURCE)}
    read = _reader(path, str(dataset.name), place)
    return _Stack(len(places), (shape[0], shape[1]), dataset.dtype, read, names, (pixel[0], pixel[1]), facts)


def _array(file: h5py.File, path: Path, role: str) -> h5py.Dataset:
    """The one array with planes, or the one that is named for its role."""
    arrays: list[h5py.Dataset] = []

    def visit(_name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and sum(side > 1 for side in node.shape or ()) >= 2:
            arrays.append(node)

    file.visititems(visit)
    named = [each for each in arrays if str(each.name).rpartition("/")[2].lower() in _NAMES[role]]
    chosen = arrays if len(arrays) == 1 else named
    if len(chosen) != 1:
        names = ", ".join(str(each.name) for each in arrays[:8]) or "no array with planes"
        raise InputError(f"{path} holds {names}; name the array {_NAMES[role][0]}, of axes (image, y, x)")
    if chosen[0].external or chosen[0].is_virtual:
        raise InputError(f"{path} keeps its arrays in another file; give a file that holds them")
    return chosen[0]


def _of_anyone(dataset: h5py.Dataset, path: Path, role: str) -> _Stack:
    """Planes of an array (image, y, x), a single one (y, x), or labels of two classes, the last the particle's."""
    shape = list(dataset.shape)
    classes = role == "labels" and len(shape) == 4 and shape[-1] == 2
    rest = [side for side in shape[1 : 3 if classes else None] if side > 1]
    stacked = len(shape) > 2 and len(rest) == 2
    long = rest if stacked else [side for side in shape if side > 1]
    if len(long) != 2:
        raise InputError(f"{path} holds an array of {sized(tuple(shape))}; give axes (image, y, x)")
    count, sides = shape[0] if stacked else 1, (long[0], long[1])
    raw = _reader(path, str(dataset.name), list(range(count)) if stacked else [...])

    def read(number: int) -> NDArray[Any]:
        values = raw(number)
        return _particle(values, path) if classes else values.reshape(sides)

    names = [(path.stem, f"{path.stem}, image {number}") for number in range(count)]
    return _Stack(count, sides, dataset.dtype, read, names)


def _particle(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Of labels (y, x, class) of two classes, those of the last."""
    if not np.array_equal(values.sum(-1), np.ones(values.shape[:-1])):
        raise InputError(f"{path} has two numbers a pixel that are no classes; give labels as (image, y, x)")
    return values[..., 1]


def _reader(path: Path, name: str, places: list[Any]) -> Callable[[int], NDArray[Any]]:
    """Read a plane at a time; the file is open no longer than that."""

    def read(number: int) -> NDArray[Any]:
        with guarded(path), h5py.File(path) as file:
            values: NDArray[Any] = file[name][places[number]]
            return values

    return read
