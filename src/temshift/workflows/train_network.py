"""One network from a short file: a wave database, conditions to train on, the network, its training."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from temshift.conditions import ImagingConditions
from temshift.configuration import Configuration, KeyPath, dotted
from temshift.core import InputError, TemshiftError, content_hash
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves import WaveSource
from temshift.networks import (
    CARD,
    CompactUNetSettings,
    NetworkSettings,
    TrainingSettings,
    batch_faults,
    network_faults,
    padding_remarks,
    phonon_fault,
    require_initial,
    require_shape,
)
from temshift.optics import ImagingSettings, band_margin, imaging_remarks
from temshift.scoring import image_faults, wave_source
from temshift.storage import claim, read_facts, record_state
from temshift.studies import (
    ImageSource,
    NetworkRun,
    common_hash,
    network_hash,
    train_alone,
)


class SingleNetwork(Configuration):
    """One network to train, as a YAML file.

    ``database`` is a folder that ``temshift simulate`` or ``temshift run`` has filled; the network is trained on one of
    its sets and, if its training asks for it, watched on another.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)] = "network"
    database: Annotated[str, Field(min_length=1)]
    training_set: str = "training"
    validation_set: str = "validation"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    conditions: ImagingConditions
    imaging: ImagingSettings = ImagingSettings()
    network: NetworkSettings = CompactUNetSettings()
    training: TrainingSettings = TrainingSettings()


def train_single(
    single: SingleNetwork, output: Path | str, *, device: str = "cpu", progress: Progress | None = None
) -> dict[str, Any]:
    """Train one network; a finished one in ``output`` is kept.

    Parameters
    ----------
    single : SingleNetwork
        The network to train, its conditions and its waves.
    output : path
        The network's folder: weights, history and card.
    device : str
        "cpu" or "cuda".
    progress : Progress, optional
        Hears of every epoch; silent by default.

    Returns
    -------
    dict
        The card of the network.

    Raises
    ------
    InputError
        If the database lacks a set, its waves can't serve the conditions, or ``output`` holds something else.
    TemshiftError
        If the training fails.
    """
    output = Path(output)
    return train_opened(open_training(single), output, device=device, progress=progress)


@dataclass(frozen=True, kw_only=True)
class OpenedTraining:
    """A file of one network and the waves that it names, opened and validated once for all that follows.

    Attributes
    ----------
    single : SingleNetwork
        The file.
    sources : mapping of str to WaveSource
        The sets that are there, by the keys that name them: ``training_set`` and, if it is needed, ``validation_set``.
    faults : tuple of (path, str)
        Why the network can't be trained as asked: the place of each fault in the file, and its text.
    """

    single: SingleNetwork
    sources: Mapping[str, WaveSource]
    faults: tuple[tuple[KeyPath, str], ...]

    @property
    def waves(self) -> WaveSource:
        """The waves to train on."""
        return self.sources["training_set"]

    @property
    def sides(self) -> tuple[int, int]:
        """Pixels of an image (y, x)."""
        return self.single.imaging.image_grid(self.waves.layout.grid).shape


def open_training(single: SingleNetwork) -> OpenedTraining:
    """Open the waves that a network is trained on, and look for faults.

    Parameters
    ----------
    single : SingleNetwork
        The network to train, its conditions and its waves.

    Returns
    -------
    OpenedTraining
        With its faults, if there are any; nothing is raised.
    """
    looked_up = {key: _source_or_fault(single, key) for key in _sets(single)}
    sources = {key: source for key, source in looked_up.items() if isinstance(source, WaveSource)}
    lacking = [((key,), fault) for key, fault in looked_up.items() if isinstance(fault, str)]
    opened = OpenedTraining(single=single, sources=sources, faults=tuple(lacking))
    return opened if lacking else replace(opened, faults=tuple(_faults(opened)))


def training_remarks(opened: OpenedTraining) -> list[str]:
    """Return remarks for a person to read before conditions and network are used, one sentence each."""
    single, waves = opened.single, opened.waves
    named = [(single.name, single.conditions)]
    remarks = imaging_remarks(named, single.imaging, waves.layout.grid, waves.exit_waves.energy)
    return [*remarks, *padding_remarks(single.network, opened.sides)]


def training_run(opened: OpenedTraining) -> NetworkRun:
    """Name a network as a study would, with all that a worker has to know.

    Raises
    ------
    InputError
        If there are faults.
    """
    single = opened.single
    faults = [f"{dotted(place)}: {fault}" for place, fault in opened.faults]
    if faults:
        raise InputError("\n  ".join([f"{single.name!r} can't be trained so:", *faults]))
    sources = {key: _image_source(single, waves) for key, waves in opened.sources.items()}
    source, watched = sources["training_set"], sources.get("validation_set")
    training = single.training.resolved()
    common = common_hash(source, watched, single.network, training, single.seed)
    return NetworkRun(
        id=network_hash(common, content_hash(single.conditions), 0),
        name=single.name,
        settings={},
        conditions=single.conditions,
        seed=0,
        root=single.seed,
        network=single.network,
        training=training,
        source=source,
        validation=watched,
    )


def train_opened(
    opened: OpenedTraining, output: Path | str, *, device: str = "cpu", progress: Progress | None = None
) -> dict[str, Any]:
    """Train one network whose waves are open already; see `train_single`."""
    output = Path(output)
    progress, card = progress or SilentProgress(), output / CARD
    run = training_run(opened)
    with claim(output, card, "network", lambda: _refuse_another(card, run)):
        state = record_state(card)
        if state.state == "complete":
            progress.message("the network was there already")
            return state.facts
        train_alone(output, run, device, progress)
    return read_facts(card)


def _sets(single: SingleNetwork) -> list[str]:
    """Keys that name the sets that a training needs."""
    return ["training_set", *(["validation_set"] if single.training.needs_validation else [])]


def _source_or_fault(single: SingleNetwork, key: str) -> WaveSource | str:
    """The waves of a set, or why they are not there."""
    try:
        return wave_source(single.database, getattr(single, key))
    except InputError as error:
        remedy = "; without it, take training.keep: last and no early_stopping_epochs" if key != "training_set" else ""
        return f"{error}{remedy}"


def _faults(opened: OpenedTraining) -> list[tuple[KeyPath, str]]:
    """Faults of a training whose sets are there."""
    single, sources = opened.single, opened.sources.values()
    if len({source.store for source in sources}) < len(sources):
        return [(("validation_set",), f"is the training set, {opened.waves.store}; name another")]
    named = {"conditions": [(single.name, single.conditions)]}
    faults = {fault: None for source in sources for fault in image_faults(named, single.imaging, source)}
    return [*faults, *_turning_faults(opened), *_start_faults(opened)]


def _turning_faults(opened: OpenedTraining) -> list[tuple[KeyPath, str]]:
    sides = opened.sides
    if opened.single.training.augmentation == "none" or sides[0] == sides[1]:
        return []
    text = f"augmentation turns images, and those of {opened.waves.store} have {sides} pixels; take none"
    return [(("training",), text)]


def _start_faults(opened: OpenedTraining) -> list[tuple[KeyPath, str]]:
    """Faults that would end the training at its first step."""
    network, training = opened.single.network, opened.single.training
    if fault := phonon_fault(training, opened.waves.layout.phonons):
        return [(("training", "phonons"), fault)]
    batch: list[tuple[KeyPath, str]] = [
        (("training", "batch"), fault) for fault in batch_faults(network, training.batch, opened.sides)
    ]
    batch += [(("network",), fault) for fault in network_faults(network, training.batch, opened.sides)]
    if batch:
        return batch
    try:
        require_shape(network, opened.sides)
    except InputError as error:
        return [(("network",), str(error))]
    try:
        require_initial(network, training)
    except InputError as error:
        return [(("training", "initial"), str(error))]
    return []


def _image_source(single: SingleNetwork, waves: WaveSource) -> ImageSource:
    widest = min(waves.widest_semiangle, single.conditions.widest_semiangle)
    band = (waves.exit_waves.energy, widest, band_margin(single.conditions.highest("angular_spread_sigma")))
    return ImageSource(waves.id, str(waves.store.absolute()), band, single.imaging)


def _refuse_another(card: Path, run: NetworkRun) -> None:
    try:
        present = read_facts(card)["id"] if card.exists() else run.id
    except TemshiftError:
        return  # damaged: it is made again
    if present != run.id:
        raise InputError(f"{card.parent} holds another network, {present}; name another folder with --output")
