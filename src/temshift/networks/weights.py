"""Weights on disk, as safetensors; a file of any other kind is refused."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from temshift.core.errors import DamagedError
from temshift.core.files import write_bytes


def save_weights(network: nn.Module, path: Path) -> None:
    """Write all parameters and running statistics of a network."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(path, safetensors.torch.save(state))


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network with stored weights, in place, and put it into evaluation mode.

    Raises
    ------
    DamagedError
        Where the file is no safetensors file or does not fit the network.
    """
    try:
        network.load_state_dict(safetensors.torch.load(path.read_bytes()))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise DamagedError(f"{path}: weights can't be read ({error}); run the same command again") from error
    network.eval()
