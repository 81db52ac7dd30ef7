"""A network as an option of the command line gives it, opened."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from temshift.core import InputError
from temshift.networks import OnnxNetwork, load_with_card, onnx_identity, weights_bytes
from temshift.scoring import Network

IDENTITY_DIGITS = 16
LONGEST_NAME = 80  # that a file of conditions may give


class Files(NamedTuple):
    """A network as an ONNX file or as the folder that temshift wrote, one of them, and the folder of its code."""

    onnx: Path | None
    network: Path | None
    code: Path | None = None


class Given(NamedTuple):
    """A network as it was given: its name, its hash, and, if its card has them, the conditions of its training."""

    network: Network
    name: str
    identity: str
    training: dict[str, Any] | None = None


def open_network(files: Files, device: str) -> Given:
    """Open a network.

    Raises
    ------
    InputError
        If none or two are given.
    """
    if files.onnx is not None and files.network is None:
        return _from_onnx(files.onnx, device)
    if files.network is not None and files.onnx is None:
        return _from_folder(files.network, device, files.code)
    raise InputError("give a network, either as --onnx FILE or as --network FOLDER")


def _from_onnx(file: Path, device: str) -> Given:
    identity = onnx_identity(file)  # first: ONNX Runtime waits for ever for weights in a pipe
    return Given(OnnxNetwork(file, device=device), file.stem, identity)


def _from_folder(folder: Path, device: str, code: Path | None) -> Given:
    network, card = load_with_card(folder, code=code)
    identity = hashlib.sha256(weights_bytes(network.state_dict())).hexdigest()[:IDENTITY_DIGITS]
    conditions, name = card.get("conditions"), str(card.get("training_name", folder.stem))[:LONGEST_NAME]
    training = None if conditions is None else {"name": name, **conditions}
    return Given(network.to(device), name, identity, training)
