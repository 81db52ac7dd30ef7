"""Images and their masks: two files, two folders whose files are paired by name, or arrays of HDF5."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from temshift.core import InputError
from temshift.recordings.labelled.arrays import ARRAYS, labelled_arrays
from temshift.recordings.labelled.image import LabelledImage, listed_names
from temshift.recordings.labelled.labels import labels_shape, read_labels
from temshift.recordings.reading import opened_file, read_micrograph
from temshift.recordings.recording import sized

_IMAGES = (".tif", ".tiff", ".mrc", ".mrcs", ".emd", ".dm3", ".dm4", ".ser", ".emi", ".png", ".bmp", ".hspy", ".tvips")
_MASKS = (*_IMAGES, ".npy", ".gif", ".jpg", ".jpeg")
_LABEL_WORDS = r"masks?|labels?|seg|segmentations?|segmented|gt|ground[_ -]?truths?|annotations?"
_OF_LABELS = re.compile(rf"(?<![a-z])(?:{_LABEL_WORDS})(?![a-z])")
_OF_EITHER = re.compile(rf"(?<![a-z])(?:images?|img|micrographs?|{_LABEL_WORDS})(?![a-z])")
_SEPARATORS = "_-. "


def labelled_images(
    images: Path | str, labels: Path | str, overrides: Mapping[str, Any] | None = None, *, set: str | None = None
) -> list[LabelledImage]:
    """Pair images with labels; nothing but their sizes is read yet.

    Parameters
    ----------
    images : path
        A micrograph; a folder of them, or of folders each of which is a condition; or HDF5, that of
        :func:`temshift.write_images` or one with an array (image, y, x).
    labels : path
        A mask, a folder of masks named like their images, or HDF5 with an array of the same length.
    overrides : mapping, optional
        Parameters of `temshift.read_micrograph`, in place of the facts in the files.
    set : str, optional
        Of an HDF5 file of temshift, the set of specimens; None takes the only one.

    Returns
    -------
    list of LabelledImage

    Raises
    ------
    InputError
        If either is not there, a mask is missing or has another size than its image, or it is not clear which it is.
    """
    images, labels, overrides = Path(images), Path(labels), dict(overrides or {})
    for path in (images, labels):
        if not path.exists():
            raise InputError(f"{path} does not exist; give images and their labels as files, folders or HDF5")
    if images.suffix.lower() in ARRAYS and images.is_file():
        return labelled_arrays(images, labels, overrides, set)
    if images.is_dir() != labels.is_dir():
        kinds = "a folder" if images.is_dir() else "a file", "a folder" if labels.is_dir() else "a file"
        raise InputError(f"{images} is {kinds[0]} and {labels} {kinds[1]}; give two files, or two folders")
    if not images.is_dir():
        pairs = [(images, labels, images.stem)]
    else:
        pairs = [pair for place in _conditions(images, labels) for pair in _paired(place, labels)]
    _require_sizes(pairs)
    return [_of_files(*pair, overrides) for pair in pairs]


_Pair = tuple[Path, Path, str]  # image, mask, condition


def _of_files(image: Path, mask: Path, condition: str, overrides: dict[str, Any]) -> LabelledImage:
    return LabelledImage(
        image.name, mask.name, condition, lambda: read_micrograph(image, **overrides), lambda: read_labels(mask)
    )


def _conditions(images: Path, labels: Path) -> list[Path]:
    """The folders with images: the one that is given, or else those in it."""
    if any(_images_in(images, labels)):
        return [images]
    inner = [place for place in sorted(images.iterdir()) if place.is_dir() and place.resolve() != labels.resolve()]
    holding = [place for place in inner if any(_images_in(place, labels))]
    if not holding:
        raise InputError(f"{images} holds no image that can be read; give a folder with files such as TIFF or MRC")
    return holding


def _images_in(folder: Path, labels: Path) -> Iterator[Path]:
    """The images of a folder; files whose names say that they are masks are none, if masks may lie there, too."""
    mixed = folder.resolve() == labels.resolve()
    files = _files(folder, _IMAGES)
    series = [file.stem for file in files if file.suffix.lower() == ".ser"]
    for file in files:
        described = file.suffix.lower() == ".emi" and any(stem.startswith(file.stem) for stem in series)
        if not described and not (mixed and _OF_LABELS.search(file.stem.lower())):
            yield file


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.name[0] != ".")


def _paired(folder: Path, labels: Path) -> list[_Pair]:
    """Pair the images of a folder with masks of their names, the words for images and masks left out."""
    images = list(_images_in(folder, labels))
    own = labels / folder.name
    place = own if own.is_dir() else labels
    masks = [path for path in _files(place, _MASKS) if path not in images]
    keys = {path: _key(path) for path in (*images, *masks)}
    for paths in (images, masks):
        double = [key for key, count in Counter(keys[path] for path in paths).items() if count > 1]
        if double:
            names = [path.name for path in paths if keys[path] in double]
            raise InputError(f"{listed_names(names)} can't be told apart by their names; name each mask like its image")
    by_key = {keys[path]: path for path in masks}
    lonely = [path.name for path in images if keys[path] not in by_key]
    if lonely:
        raise InputError(
            f"{len(lonely)} of {len(images)} images in {folder} have no mask in {place}: {listed_names(lonely)}; name "
            "masks like their images"
        )
    return [(path, by_key[keys[path]], folder.name) for path in images]


def _key(path: Path) -> str:
    """What a name says apart from being an image or a mask.

    Examples
    --------
    >>> [_key(Path(name)) for name in ("image-00007.tif", "mask-00007.png", "Au 3.dm4", "Au 3.dm4_Label.tif")]
    ['00007', '00007', 'au 3', 'au 3']
    """
    name = path.stem.lower()
    while True:
        shorter = _OF_EITHER.sub("", name).strip(_SEPARATORS)
        if Path(shorter).suffix in (*_MASKS, ".ome"):
            shorter = Path(shorter).stem
        if shorter == name:
            return name
        name = shorter


def _require_sizes(pairs: list[_Pair]) -> None:
    """Refuse masks of other sizes than their images; files that can't be read are left for later, each by itself."""
    differing = []
    for image, mask, _ in pairs:
        with suppress(InputError):
            with opened_file(image) as recording:
                shape, several = recording.frames.shape, recording.frames.count > 1
            size = labels_shape(mask)
            if size != shape and not several and len(size) == 2:
                differing.append(f"{mask.name} has {sized(size)} pixels and {image.name} {sized(shape)}")
    if differing:
        raise InputError(
            f"{len(differing)} of {len(pairs)} masks have another size than their images: {differing[0]}; give masks "
            "of the size of the images"
        )
