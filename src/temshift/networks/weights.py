"""Weights on disk, as safetensors; a file of any other kind is refused."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from temshift.core.errors import DamagedError
from temshift.core.files import write_bytes

SEAL = "sha256"


def save_weights(network: nn.Module, path: Path) -> None:
    """Write all parameters and running statistics of a network."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(path, safetensors.torch.save(state, metadata={SEAL: _sealed(state)}))


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network with stored weights, in place, and put it into evaluation mode.

    Raises
    ------
    DamagedError
        Where the file is no safetensors file, was altered, or does not fit the network.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            seal = (stored.metadata() or {}).get(SEAL)
        if seal != _sealed(state):
            raise DamagedError(f"{path}: weights can't be read (they were altered); run the same command again")
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise DamagedError(f"{path}: weights can't be read ({error}); run the same command again") from error
    network.eval()


def _sealed(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes: safetensors has no checksum of its own."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
