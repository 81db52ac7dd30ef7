"""One network from a short file: a wave database, conditions to train on, the network, its training."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from temshift.core.configuration import Configuration, load_configuration
from temshift.core.errors import InputError, TemshiftError
from temshift.core.hashes import content_hash
from temshift.core.records import read_facts, record_state
from temshift.datasets.conditions import imaging_faults
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves.sources import WaveSource, wave_sources
from temshift.networks import CompactUNetSettings, NetworkSettings, TrainingSettings
from temshift.networks.stored import CARD
from temshift.optics.imaging import ImagingConditions
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import band_margin
from temshift.studies.folder import locked, making, refuse_strangers
from temshift.studies.plan import ImageSource, NetworkRun, common_hash, network_hash
from temshift.studies.tasks import train_alone


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


def load_single(path: Path) -> SingleNetwork:
    """Read a file of one network."""
    return load_configuration(path, SingleNetwork)


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
    refuse_strangers(output, card, "network")
    _refuse_another(card, run)
    with making(output):
        output.mkdir(parents=True, exist_ok=True)
    with locked(output):
        if record_state(card).state == "complete":
            progress.message("the network was there already")
        else:
            train_alone(output, run, device, progress)
    return read_facts(card)


def single_run(single: SingleNetwork) -> NetworkRun:
    """Find the waves of a single network, and name it as a study would.

    Raises
    ------
    InputError
        Where the database lacks a set, or conditions can't be served by its waves.
    """
    source = _source(single, single.training_set)
    watched = _source(single, single.validation_set) if single.training.needs_validation else None
    common = common_hash(source, watched, single.network, single.training, single.seed)
    id_ = network_hash(common, content_hash(single.conditions), 0)
    shape = (single.conditions, 0, single.seed, single.network, single.training)
    return NetworkRun(id_, single.name, {}, *shape, source, watched)


def _source(single: SingleNetwork, name: str) -> ImageSource:
    (waves,) = wave_sources(Path(single.database), name)
    _require_served(single, waves)
    widest = min(waves.widest_semiangle, single.conditions.widest_semiangle)
    band = (waves.exit_waves.energy, widest, band_margin(single.conditions.highest("angular_spread_sigma")))
    return ImageSource(content_hash(waves.settings), str(waves.store.absolute()), band, single.imaging)


def _require_served(single: SingleNetwork, waves: WaveSource) -> None:
    grid, energy = waves.layout.grid, waves.exit_waves.energy
    faults = single.imaging.faults(grid) or imaging_faults(
        [(single.name, single.conditions)], single.imaging, grid, energy
    )
    told = list(faults)
    if told:
        raise InputError(f"{waves.store} can't serve these conditions: {'; '.join(told)}")


def _refuse_another(card: Path, run: NetworkRun) -> None:
    try:
        held = read_facts(card)["id"] if card.exists() else run.id
    except TemshiftError:
        return  # damaged: it is made again
    if held != run.id:
        raise InputError(f"{card.parent} holds another network, {held}; name another folder with --output")
