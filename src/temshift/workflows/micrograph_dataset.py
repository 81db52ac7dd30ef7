"""Micrographs for anyone's training loop: a torch dataset that forms them from stored waves."""

import json
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, SupportsIndex, TypeAlias, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from temshift.conditions import CARTESIAN, ImagingConditions
from temshift.configuration import Configuration, dotted, parse_configuration
from temshift.core import InputError, content_hash
from temshift.exitwaves import Origin, WaveSource, origin_of, read_settings
from temshift.micrographs import (
    Augmentation,
    MicrographSource,
    PhononImages,
    Stream,
    augmented,
    drawn_conditions,
    form_micrographs,
    specimens_in_order,
    within_one_thread,
)
from temshift.optics import EXACT, ImagingSettings, band_margin
from temshift.scoring import TRAINING, image_faults, images_stream, wave_source
from temshift.studies import read_spectra
from temshift.vocabulary import CANONICAL, azimuth
from temshift.workflows.condition_files import ConditionSource, open_conditions

Item: TypeAlias = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, dict[str, float]]
Model = TypeVar("Model", bound=Configuration)


class _Listed(type):
    """Lists the public members of a class alone, so that its ``help`` fits a screen."""

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]


class MicrographDataset(Dataset[Item], metaclass=_Listed):
    """Standardised micrographs with masks, each formed from stored waves when it is asked for; for any DataLoader.

    Parameters
    ----------
    folder : path
        Folder of a database, of a study, or of one set of waves.
    conditions : path, mapping or ImagingConditions
        The distribution that the conditions of each image are drawn from: a YAML file (parameters, an image set,
        conditions to score under, or a study), a mapping such as ``{"defocus_nm": -10, "dose_e_per_A2": 400}``, or the
        object.
    set : str, optional
        Name of the set of specimens; None takes the only one.
    condition : str, optional
        Name of a condition of the file. If it is left out, the file's only training distribution is taken.
    fixed : bool
        If False, every epoch has new images: specimens in a new order, each with its own conditions and noise. If
        True, image i shows specimen i, and is the same in every epoch: images to validate or test on.
    length : int, optional
        Images of an epoch; by default one of every specimen.
    seed : int, optional
        Root of all draws; by default that of the file, or 0.
    augmentation : {"dihedral_shift", "dihedral", "none"}, optional
        Turns, flips and periodic shifts, new in every epoch; by default "dihedral_shift", or "none" if ``fixed``.
    phonons : {"averaged", "drawn"}
        Whether an image is the mean over all phonon configurations of its specimen, or that of one, drawn for it.
    imaging : ImagingSettings or mapping, optional
        Coherence and camera, whose binning makes the pixels of images and masks; by default as the file gives them.
    metadata : bool
        Whether an item has a third part: ``specimen``, ``number`` of the draw, and the conditions drawn, in file units.

    Raises
    ------
    InputError
        If the folder has no such waves, or images can't be formed under the conditions; all faults are listed.
    DamagedError
        If waves were altered.

    Notes
    -----
    ``dataset[i]`` is an image (1, y, x), float32 of mean 0 and variance 1, and its mask (1, y, x), float32 of 0 and 1.
    It depends on the seed, the epoch and i alone: not on batches, workers, their start method or threads. Forked
    workers share the waves of this process; spawned workers and pickles read them from the same folder.
    """

    def __init__(
        self,
        folder: Path | str,
        conditions: Path | str | Mapping[str, Any] | ImagingConditions,
        *,
        set: str | None = "training",
        condition: str | None = None,
        fixed: bool = False,
        length: int | None = None,
        seed: int | None = None,
        augmentation: Augmentation | None = None,
        phonons: PhononImages = "averaged",
        imaging: ImagingSettings | Mapping[str, Any] | None = None,
        metadata: bool = False,
    ) -> None:
        waves = wave_source(folder, set)
        waves = replace(waves, store=waves.store.absolute())  # a pickle may be read in another folder
        asked = _asked(conditions, condition, waves)
        if imaging is not None:
            asked = replace(asked, imaging=_model(imaging, ImagingSettings, "imaging"))
        self.conditions, self.fixed, self.metadata = asked.conditions, fixed, metadata
        self.seed = _counted("seed", asked.seed if seed is None else seed, 0)
        self.augmentation: Augmentation = augmentation or ("none" if fixed else "dihedral_shift")
        self._waves, self._imaging, self.phonons = waves, asked.imaging, phonons
        _require_possible(asked, waves, self.augmentation, phonons)
        self._length = waves.layout.count if length is None else _counted("length", length, 1)
        self._epoch = _shared(torch.zeros((), dtype=torch.int64))
        self._source: MicrographSource | None = self._read()

    @property
    def epoch(self) -> int:
        """The epoch whose images are formed now, from 0."""
        return int(self._epoch)

    @property
    def origin(self) -> Origin:
        """Pixels, energy and specimens of the images."""
        return origin_of(self._waves.settings, self._waves.layout.grid, self._imaging)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose images are formed from now on, in workers too, persistent ones included.

        Epochs count from 0. Call it before each loop over a DataLoader, never during one: workers form batches ahead.
        Without it every epoch shows the same images.
        """
        self._epoch.fill_(_counted("epoch", epoch, 0))

    def __len__(self) -> int:
        """Return the number of images of an epoch."""
        return self._length

    def __getitem__(self, index: SupportsIndex) -> Item:
        """Return one image with its mask; a negative index counts from the end."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[SupportsIndex]) -> list[Item]:
        """Return the items of several indices, formed together: a DataLoader asks for its batches so."""
        places = [self._place(index) for index in indices]
        if not places:
            return []
        shown = [self.epoch * len(self) + place for place in places]  # numbers of the images that this epoch shows
        numbers = places if self.fixed else shown
        with within_one_thread():
            source = self._read_once()
            specimens = self._specimens(numbers, len(source))
            formed = form_micrographs(source, self.conditions, specimens, numbers, self._stream)
            images, masks = augmented(*formed, shown, self._stream, self.augmentation)
        pairs = list(zip(images, masks.float(), strict=True))
        if not self.metadata:
            return list(pairs)
        return [(*pair, facts) for pair, facts in zip(pairs, self._facts(specimens, numbers), strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the waves out of a pickle: they are read again for the first image."""
        return {**self.__dict__, "_source": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Share the epoch with workers again: a copy has one of its own, a spawned worker that of its parent."""
        self.__dict__.update(state)
        self._epoch = _shared(self._epoch)

    def __repr__(self) -> str:
        """Name the waves, the number of images and the way that they are drawn."""
        way = "fixed" if self.fixed else "new in every epoch"
        return f"MicrographDataset({len(self)} images of {self._waves.store}, {way}, seed {self.seed})"

    @property
    def _stream(self) -> Stream:
        """Draws of a training, those of ``temshift train``; or of scored images, those of ``temshift score``."""
        if self.fixed:
            return images_stream(content_hash(self.conditions), self.seed)
        return Stream(self.seed, (TRAINING, 0))

    def _place(self, index: SupportsIndex) -> int:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"index {place} of {len(self)} images; must be {-len(self)} to {len(self) - 1}")
        return place % len(self)

    def _specimens(self, numbers: Sequence[int], count: int) -> NDArray[np.int64]:
        if self.fixed:
            return np.array(numbers, dtype=np.int64) % count
        return specimens_in_order(numbers, count, self._stream)

    def _facts(self, specimens: NDArray[np.int64], numbers: Sequence[int]) -> list[dict[str, float]]:
        columns = drawn_conditions(self.conditions, numbers, self._stream).in_file_units()
        drawn = {key: columns[key] for key in _drawn_keys(self.conditions)}
        rows = zip(specimens.tolist(), numbers, *drawn.values(), strict=True)
        return [dict(zip(("specimen", "number", *drawn), row, strict=True)) for row in rows]

    def _read_once(self) -> MicrographSource:
        """The waves; an unpickled dataset reads them here, once."""
        if self._source is None:
            self._source = self._read()
        return self._source

    def _read(self) -> MicrographSource:
        waves, conditions = self._waves, self.conditions
        if content_hash(read_settings(waves.store)) != waves.id:
            raise InputError(f"{waves.store} holds other waves than when this dataset was made; make the dataset again")
        semiangle = min(waves.widest_semiangle, conditions.widest_semiangle)
        band = (waves.exit_waves.energy, semiangle, band_margin(conditions.highest("angular_spread_sigma")))
        with within_one_thread():
            spectra, masks = read_spectra(waves.store, band, "cpu", waves.layout.shards)
        return MicrographSource(spectra, masks, self._imaging, phonons=self.phonons)


def _shared(number: Tensor) -> Tensor:
    """A number in memory that workers share: those that stay alive see it change."""
    shared: Tensor = number.share_memory_()  # type: ignore[no-untyped-call]
    return shared


@dataclass(frozen=True)
class _Asked:
    """The conditions of a dataset, their name in messages, and all else that their file says of images."""

    name: str
    conditions: ImagingConditions
    imaging: ImagingSettings = EXACT
    seed: int = 0


def _asked(given: Path | str | Mapping[str, Any] | ImagingConditions, name: str | None, waves: WaveSource) -> _Asked:
    if isinstance(given, (str, Path)):
        return _of_file(open_conditions(Path(given)), name, waves)
    if name is not None:
        raise InputError(f"condition {name!r} names one of a file, and conditions are given without one; leave it out")
    return _Asked("conditions", _model(given, ImagingConditions, "conditions"))


def _of_file(opened: ConditionSource, name: str | None, waves: WaveSource) -> _Asked:
    """The condition of some name, of either role, or the only one to train on."""
    opened.require_energy(waves.exit_waves.energy)
    file, tests = opened.conditions("training"), opened.conditions("test").named
    if name is not None:
        file = replace(file, named=tests | file.named).only([name])
    if len(file.named) > 1:
        names = ", ".join(repr(each) for each in file.named)
        raise InputError(f"{opened.path} holds several conditions to train on, {names}; name one as condition")
    ((chosen, conditions),) = file.named.items()
    seed = 0 if isinstance(opened.content, ImagingConditions) else opened.content.seed
    return _Asked(chosen, conditions, file.forming, seed)


def _model(given: Model | Mapping[str, Any], model: type[Model], name: str) -> Model:
    """Read a mapping as a file of the same keys would be read."""
    if isinstance(given, model):
        return given
    try:
        text = json.dumps(dict(given))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}; give a mapping of the keys that a file has, or {model.__name__}") from error
    return parse_configuration(text, model, name)


def _counted(name: str, given: int, least: int) -> int:
    try:
        number = operator.index(given)
    except TypeError as error:
        raise InputError(f"{name}: given {given!r}; must be a whole number, {least} or more") from error
    if number < least:
        raise InputError(f"{name}: given {number}; must be {least} or more")
    return number


def _require_possible(asked: _Asked, waves: WaveSource, augmentation: str, phonons: str) -> None:
    """Refuse, with every fault, what no images can be formed for."""
    named = {"conditions": [(asked.name, asked.conditions)]}
    faults = [f"{dotted(place)}: {fault}" for place, fault in image_faults(named, asked.imaging, waves)]
    sides = asked.imaging.image_grid(waves.layout.grid).shape
    if phonons not in get_args(PhononImages):
        faults.append(f"phonons: given {phonons!r}; must be one of {', '.join(get_args(PhononImages))}")
    elif phonons == "drawn" and waves.layout.phonons == 1:
        faults.append("phonons: drawn, but waves have one configuration; take averaged")
    if augmentation not in get_args(Augmentation):
        faults.append(f"augmentation: given {augmentation!r}; must be one of {', '.join(get_args(Augmentation))}")
    elif augmentation != "none" and sides[0] != sides[1]:
        faults.append(f"augmentation: turns images, and these have {sides[1]} x {sides[0]} pixels; take none")
    if faults:
        raise InputError("\n  ".join([f"images of {waves.store} can't be formed so:", *faults]))


def _drawn_keys(conditions: ImagingConditions) -> list[str]:
    """Keys of the parameters that are drawn; a coefficient that is given by components has magnitude and azimuth."""
    given = conditions.fields_given()
    symbols = {field[:-1] for field in given if field in CARTESIAN}
    fields = given | symbols | {azimuth(symbol) for symbol in symbols}
    return [row.key for row in CANONICAL if row.field in fields]
