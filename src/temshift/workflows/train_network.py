"""One network from a short file: a wave database, conditions to train on, the network, its training."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from temshift.conditions.imaging import ImagingConditions
from temshift.configuration.model import Configuration
from temshift.configuration.yaml_document import KeyPath, dotted
from temshift.core.errors import InputError, TemshiftError
from temshift.core.hashes import content_hash
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves.sources import WaveSource
from temshift.networks import (
    CompactUNetSettings,
    NetworkSettings,
    TrainingSettings,
    batch_faults,
    padding_remarks,
    require_initial,
)
from temshift.networks.stored import CARD
from temshift.optics.feasibility import imaging_remarks
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import band_margin
from temshift.scoring.evaluation import wave_source
from temshift.scoring.scoring_conditions import image_faults
from temshift.storage.folders import claim
from temshift.storage.records import read_facts, record_state
from temshift.studies.planning.plan import ImageSource, NetworkRun, common_hash, network_hash
from temshift.studies.running.worker_tasks import train_alone


class SingleNetwork(Configuration):
    """One network to train, as a YAML file.

    ``database`` is a folder that ``temshift simulate`` or ``temshift run`` has filled; the network is trained on one of
    its sets and, where its training asks for it, watched on another.
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
    single: SingleNetwork, output: Path, *, device: str = "cpu", progress: Progress | None = None
) -> dict[str, Any]:
    """Train one network; what ``output`` holds already is kept.

    Parameters
    ----------
    single : SingleNetwork
        What to train, and on what.
    output : Path
        The network's folder: weights, history and card.
    device : str
        "cpu" or "cuda".
    progress : Progress, optional
        Told about every epoch; silent by default.

    Returns
    -------
    dict
        The card of the network.

    Raises
    ------
    InputError
        Where the database lacks a set, conditions can't be served by its waves, or ``output`` holds something else.
    TemshiftError
        Where the training fails.
    """
    progress, card = progress or SilentProgress(), output / CARD
    run = single_run(single)
    with claim(output, card, "network", lambda: _refuse_another(card, run)):
        if record_state(card).state == "complete":
            progress.message("the network was there already")
        else:
            train_alone(output, run, device, progress)
    return read_facts(card)


def single_faults(single: SingleNetwork) -> list[tuple[KeyPath, str]]:
    """Return why a network can't be trained as asked: where each fault stands in its file, and what it is.

    Parameters
    ----------
    single : SingleNetwork
        What to train, and on what.

    Returns
    -------
    list of (path, str)
        None where everything is there.
    """
    opened = {key: _opened(single, key) for key in _sets(single)}
    lacking = [((key,), fault) for key, fault in opened.items() if isinstance(fault, str)]
    if lacking:
        return [*lacking]
    sources = [source for source in opened.values() if isinstance(source, WaveSource)]
    if len({source.store for source in sources}) < len(sources):
        return [(("validation_set",), f"is the training set, {sources[0].store}; name another")]
    named = {"conditions": [(single.name, single.conditions)]}
    faults = {fault: None for source in sources for fault in image_faults(named, single.imaging, source)}
    return [*faults, *_turning_faults(single, sources[0]), *_start_faults(single, sources[0])]


def single_remarks(single: SingleNetwork) -> list[str]:
    """Return what a person should know of conditions and network before they are used, one sentence each."""
    waves = wave_source(single.database, single.training_set)
    named, grid = [(single.name, single.conditions)], waves.layout.grid
    remarks = imaging_remarks(named, single.imaging, grid, waves.exit_waves.energy)
    return [*remarks, *padding_remarks(single.network, single.imaging.image_grid(grid).shape)]


def single_run(single: SingleNetwork) -> NetworkRun:
    """Find the waves of a single network, and name it as a study would.

    Raises
    ------
    InputError
        Where the database lacks a set, or conditions can't be served by its waves.
    """
    faults = [f"{dotted(place)}: {fault}" for place, fault in single_faults(single)]
    if faults:
        raise InputError("\n  ".join([f"{single.name!r} can't be trained so:", *faults]))
    sources = {key: _source(single, getattr(single, key)) for key in _sets(single)}
    source, watched = sources["training_set"], sources.get("validation_set")
    training = single.training.resolved()
    common = common_hash(source, watched, single.network, training, single.seed)
    id_ = network_hash(common, content_hash(single.conditions), 0)
    shape = (single.conditions, 0, single.seed, single.network, training)
    return NetworkRun(id_, single.name, {}, *shape, source, watched)


def _sets(single: SingleNetwork) -> list[str]:
    """Keys that name the sets that a training needs."""
    return ["training_set", *(["validation_set"] if single.training.needs_validation else [])]


def _opened(single: SingleNetwork, key: str) -> WaveSource | str:
    """The waves of a set, or why they are not there."""
    try:
        return wave_source(single.database, getattr(single, key))
    except InputError as error:
        remedy = "; without it, take training.keep: last and no early_stopping_epochs" if key != "training_set" else ""
        return f"{error}{remedy}"


def _turning_faults(single: SingleNetwork, waves: WaveSource) -> list[tuple[KeyPath, str]]:
    shape = single.imaging.image_grid(waves.layout.grid).shape
    if single.training.augmentation == "none" or shape[0] == shape[1]:
        return []
    return [(("training",), f"augmentation turns images, and those of {waves.store} have {shape} pixels; take none")]


def _start_faults(single: SingleNetwork, waves: WaveSource) -> list[tuple[KeyPath, str]]:
    """Faults that would end the training at its first step."""
    shape = single.imaging.image_grid(waves.layout.grid).shape
    batch = [(("training", "batch"), fault) for fault in batch_faults(single.network, single.training.batch, shape)]
    try:
        require_initial(single.network, single.training)
    except InputError as error:
        return [*batch, (("training", "initial"), str(error))]
    return [*batch]


def _source(single: SingleNetwork, name: str) -> ImageSource:
    waves = wave_source(single.database, name)
    widest = min(waves.widest_semiangle, single.conditions.widest_semiangle)
    band = (waves.exit_waves.energy, widest, band_margin(single.conditions.highest("angular_spread_sigma")))
    return ImageSource(waves.id, str(waves.store.absolute()), band, single.imaging)


def _refuse_another(card: Path, run: NetworkRun) -> None:
    try:
        held = read_facts(card)["id"] if card.exists() else run.id
    except TemshiftError:
        return  # damaged: it is made again
    if held != run.id:
        raise InputError(f"{card.parent} holds another network, {held}; name another folder with --output")
