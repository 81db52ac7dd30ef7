"""Weights on disk, as safetensors; a file of any other kind is refused."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from temshift.core import DamagedError, InputError, TemshiftError
from temshift.storage import write_bytes

SEAL = "sha256"
PICKLES = (".pt", ".pth", ".pkl", ".ckpt")  # customary names of pickled weights


def weights_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Give the content of a weights file: safetensors with a seal over all names, types, shapes and values.

    Parameters
    ----------
    state : mapping of str to Tensor
        Parameters and running statistics, as ``state_dict`` names them, on any device.

    Returns
    -------
    bytes
        The same for the same state, in any memory format of its tensors.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    return safetensors.torch.save(plain, metadata={SEAL: _sealed(plain)})


def save_weights(network: nn.Module, path: Path | str) -> None:
    """Write all parameters and running statistics of a network."""
    path = Path(path)
    write_bytes(path, weights_bytes(network.state_dict()))


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """Read weights and verify their seal.

    Parameters
    ----------
    path : path
        A file of `save_weights`.

    Returns
    -------
    dict of str to Tensor
        On the CPU.

    Raises
    ------
    DamagedError
        If the file cannot be opened, is no safetensors file, or was altered.
    InputError
        If the file is a pickle, which could run any program.
    """
    path = Path(path)
    refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as stored:
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            seal = (stored.metadata() or {}).get(SEAL)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise _unreadable(path, error) from error
    if seal != _sealed(state):
        raise DamagedError(f"{path}: weights can't be read (they were altered); run the same command again")
    return state


def load_weights(network: nn.Module, path: Path | str) -> None:
    """Fill a network with stored weights, in place, and put it into evaluation mode.

    Raises
    ------
    DamagedError
        If the file is no safetensors file, was altered, or does not fit the network.
    InputError
        If the file is a pickle.
    """
    path = Path(path)
    state = read_weights(path)
    require_fit(network, state, path)
    network.load_state_dict(state)
    network.eval()


def require_fit(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights of a network of another shape.

    Parameters
    ----------
    network : Module
        On any device, also "meta".
    state : mapping of str to Tensor
        Weights that were read.
    path : Path
        Where they were read from.

    Raises
    ------
    DamagedError
        With the first part that differs.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    differ = [name for name in expected | given if expected.get(name) != given.get(name)]
    if differ:
        first = differ[0]
        sizes = f"{given.get(first, 'missing')}, not {expected.get(first, 'missing')}"
        raise DamagedError(
            f"{path}: weights can't be read: they are of a network of another shape ({first} is {sizes}); give network "
            "the keys that it has in the network.json beside them"
        )


def refuse_pickle(path: Path) -> None:
    """Refuse a file that is named as pickled weights are.

    Raises
    ------
    InputError
        With the remedy.
    """
    if path.suffix.lower() in PICKLES:
        raise _pickled(path)


def _unreadable(path: Path, error: Exception) -> TemshiftError:
    if _begins_as_pickle(path):
        return _pickled(path)
    return DamagedError(f"{path}: weights can't be read ({error}); run the same command again")


def _pickled(path: Path) -> InputError:
    return InputError(
        f"{path} is a pickle, which could run any program when it is read; give weights as safetensors with their "
        "network.json, as temshift writes them, or export the network to ONNX where it was made"
    )


def _begins_as_pickle(path: Path) -> bool:
    """Return whether a file begins as those of torch.save do: with a zip archive, or a pickle of protocol 2 or later.

    A damaged safetensors file may begin with a pickle's first byte too, but has a brace in ninth place.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(9)
    except OSError:
        return False
    is_pickle = len(head) == 9 and head[0] == 0x80 and head[1] in range(2, 6) and head[8:] != b"{"
    return head.startswith(b"PK\x03\x04") or is_pickle


def _sealed(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes: safetensors has no checksum of its own."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
