"""The folder of one network: weights, history and, written last, a card that describes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from temshift.core import DamagedError, InputError
from temshift.exitwaves.origin import Origin, read_origin
from temshift.networks.architectures.factory import Factory
from temshift.networks.layers import UNet
from temshift.networks.settings import NetworkSettings, laid_out, unfilled, with_code
from temshift.networks.weights import read_weights, refuse_pickle, weights_bytes
from temshift.storage.files import table_bytes
from temshift.storage.records import Record, read_facts, read_part, write_record, write_recorded

CARD = "network.json"
TRAINED_ON = "trained_on"  # key of a card
SOURCE = "source"  # likewise: the library or the code that made the network
HISTORY_FILE = "history.parquet"
WEIGHT_FILES = {"weights": "weights.safetensors", "last": "last.safetensors"}

_SETTINGS: TypeAdapter[NetworkSettings] = TypeAdapter(NetworkSettings)


def write_network(
    place: Path | str, states: Mapping[str, Mapping[str, Tensor]], history: pl.DataFrame, card: Mapping[str, Any]
) -> None:
    """Write a network whole; its card is last, so that a folder with a card is complete.

    Parameters
    ----------
    place : path
        Its folder, made where it is missing.
    states : mapping of str to state
        Parameters and running statistics: "weights", those that are scored, and "last", those after the last step;
        either may be left out where it isn't to be kept.
    history : polars.DataFrame
        What `train` gives.
    card : mapping
        Plain JSON values; ``card["network"]`` is the shape, ``NetworkSettings.model_dump(mode="json")``.

    Raises
    ------
    ValueError
        For a state of another name, or a card without a shape.
    TemshiftError
        If the disk is full or the folder cannot be written to.
    """
    place = Path(place)
    unknown = sorted(set(states) - set(WEIGHT_FILES))
    if unknown:
        raise ValueError(f"states: given {', '.join(unknown)}; allowed: {', '.join(WEIGHT_FILES)}")
    if "network" not in card:
        raise ValueError(f"card: given {', '.join(card) or 'nothing'}; the shape of the network is missing")
    weights = {WEIGHT_FILES[name]: weights_bytes(state) for name, state in states.items()}
    write_recorded(place / CARD, {**weights, HISTORY_FILE: table_bytes(history)}, card)


def drop_weights(place: Path | str) -> None:
    """Remove the weights of a network; its card and its history stay.

    Parameters
    ----------
    place : path
        The folder of a network.
    """
    place = Path(place)
    write_record(place / CARD, [place / HISTORY_FILE], read_facts(place / CARD))
    for name in WEIGHT_FILES.values():
        (place / name).unlink(missing_ok=True)


def holds_weights(place: Path) -> bool:
    """Return whether any weights lie in the folder of a network, whether its record names them or not."""
    return any((place / name).exists() for name in WEIGHT_FILES.values())


def has_weights(record: Record) -> bool:
    """Return whether a network's record vouches for the weights that are scored."""
    return any(file.name == WEIGHT_FILES["weights"] for file in record.files)


def read_card(path: Path | str) -> dict[str, Any]:
    """Read what a network is: its shape, training, conditions and all else that its writer noted.

    Parameters
    ----------
    path : path
        The folder of a network, its network.json, or the weights in it.

    Returns
    -------
    dict
        Plain JSON values.

    Raises
    ------
    InputError
        If there is no network.
    DamagedError
        If the card is truncated or was altered.
    """
    card, _ = _located(Path(path))
    return read_facts(card)


def load(path: Path | str, *, code: Path | str | Factory | None = None) -> UNet:
    """Load a network, ready to segment.

    Parameters
    ----------
    path : path
        The folder of a network, its network.json, or a weights file in the folder, such as last.safetensors.
    code : path or callable, optional
        For a network of kind ``factory``: the folder that its code may be imported from, or the factory itself.

    Returns
    -------
    UNet
        A `torch.nn.Module` on the CPU, in evaluation mode, channels last: from standardised images (n, 1, y, x) of any
        size to logits (n, 1, y, x). Its ``origin`` are the images that it was trained on, as its card has them.

    Raises
    ------
    InputError
        If there is no network, its weights were not kept, a pickle is given, or code that it needs is not permitted or
        has changed.
    DamagedError
        If card or weights are truncated, were altered, or do not belong together.
    """
    network, _ = load_with_card(path, code=code)
    return network


def load_with_card(path: Path | str, *, code: Path | str | Factory | None = None) -> tuple[UNet, dict[str, Any]]:
    """Load a network and its card, which is read once; see `load` and `read_card`."""
    card_file, name = _located(Path(path))
    card, weights = _vouched(card_file, name)
    state = read_weights(weights)
    settings = with_code(_settings(card, card_file), code)
    network = unfilled(settings)
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise DamagedError(f"{card_file.parent / name} does not fit the network of {card_file}: {error}") from error
    network.origin = origin_of_card(card, str(card_file))
    network.made_by = card.get(SOURCE, network.made_by)
    return laid_out(network, settings).eval(), card


def origin_of_card(card: Mapping[str, Any], place: str) -> Origin:
    """Return the images that a network was trained on, from its card; older ones keep the hash of the waves alone.

    Raises
    ------
    InputError
        If it can't be read; the message names the ``place``.
    """
    return read_origin(card.get(TRAINED_ON, {"database": card.get("database")}), place)


def _located(path: Path) -> tuple[Path, str]:
    """Find the card, and the name of the weights that are meant."""
    refuse_pickle(path)
    folder = path if path.is_dir() else path.parent
    if not path.exists() or not (folder / CARD).is_file():
        fault = f"{folder} holds no {CARD}" if path.exists() else f"{path} does not exist"
        raise InputError(f"{fault}; name the folder of one network, such as networks/ID of a study, or weights in it")
    return folder / CARD, WEIGHT_FILES["weights"] if path.is_dir() or path.name == CARD else path.name


def _vouched(card: Path, name: str) -> tuple[dict[str, Any], Path]:
    """Facts of a card, and the weights of some name, verified."""
    try:
        record = read_part(card, [name])
    except InputError as error:
        raise InputError(f"{error}; weights that were not kept are made again by training with keep: last") from error
    return record.facts, record.files[0]


def _settings(card: Mapping[str, Any], path: Path) -> NetworkSettings:
    try:
        return _SETTINGS.validate_python(card["network"])
    except KeyError:
        raise InputError(f"{path} does not tell the shape of a network; name the folder of one network") from None
    except ValidationError as error:
        (fault, *_) = error.errors()
        place = ".".join(str(part) for part in fault["loc"])
        raise InputError(
            f"{path}: network, {place}: {fault['msg']}; load it with the version of temshift that wrote it"
        ) from error
