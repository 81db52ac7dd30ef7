"""The inside of ONNX files: how a graph begins and ends, and the other files that it needs."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temshift.core import InputError, content_hash
from temshift.core.hashes import file_hash

# They hand values on, some of them, or in another order.
_PASSING = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Flatten", "Slice", "Gather"}
_PASSING |= {"Split", "Clip", "Dropout", "Pad"}
_SCALING = {"Mul", "Div", "Add", "Sub", "Neg", "Log"}  # with a constant: probabilities stay probabilities, scaled
_SQUASHING = {"Sigmoid", "HardSigmoid", "Softmax", "Hardmax"}
_CHANNELS_TO_THE_FRONT = [0, 3, 1, 2]


def require_extra(*modules: str) -> None:
    """Refuse to go on if one of some modules is not installed.

    Raises
    ------
    InputError
        With the remedy.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX files need {' and '.join(missing)}; install them: pip install temshift[onnx]")


def ending(graph: Any) -> str:
    """Return the last operation that changes the values of a graph's first output, such as Sigmoid; "" if none does.

    A scale or an offset after probabilities is passed over: 255 times a sigmoid ends in Sigmoid.
    """
    name = graph.output[0].name if graph.output else ""
    last = _behind(graph, name, _PASSING)
    squashed = _behind(graph, name, _PASSING | _SCALING)
    return squashed if squashed in _SQUASHING else last


def _behind(graph: Any, name: str, passed: set[str]) -> str:
    """Return the operation that makes a value, before some that are passed over; "" if there is none."""
    makers = {output: node for node in graph.node for output in node.output}
    constant = {each.name for each in graph.initializer}
    constant |= {output for node in graph.node if node.op_type == "Constant" for output in node.output}
    while name in makers and makers[name].op_type in passed:
        node = makers.pop(name)
        varying = [given for given in node.input if given not in constant]
        if not varying or (node.op_type in _SCALING and len(varying) > 1):
            return str(node.op_type)
        name = varying[0]
    return str(makers[name].op_type) if name in makers else ""


def takes_channels_last(graph: Any) -> bool:
    """Return whether a graph begins by bringing the channels of its input to the front, as converted ones do."""
    first = graph.input[0].name if graph.input else ""
    users = [node for node in graph.node if first in node.input]
    return bool(users) and all(
        node.op_type == "Transpose"
        and [list(each.ints) for each in node.attribute if each.name == "perm"] == [_CHANNELS_TO_THE_FRONT]
        for node in users
    )


def opened(source: Path | str | bytes, name: str) -> Any:
    """Read the graph of an ONNX file, without the weights that lie in other files.

    Raises
    ------
    InputError
        If it can't be read.
    """
    import onnx

    try:
        if isinstance(source, bytes):
            return onnx.load_model_from_string(source)
        return onnx.load(str(source), load_external_data=False)
    except Exception as error:  # protobuf's errors have no base that it promises
        raise InputError(f"{name} cannot be read as ONNX ({error}); export the network again") from error


def onnx_identity(path: Path | str) -> str:
    """Hash an ONNX file with every other file that it keeps weights in.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    str
        16 digits: another content of any of the files gives others.

    Raises
    ------
    InputError
        If one of them can't be read.
    """
    require_extra("onnx")
    file = Path(path)
    if not file.is_file():
        raise InputError(f"cannot read {path}: there is no such file; give the path of an ONNX file")
    places = external_files(file)
    for place in places:
        _require_inside(file, place)
    hashes = {place: _hash(file, place) for place in places}
    return content_hash([file_hash(file), hashes]) if places else file_hash(file)[:16]


def external_files(path: Path) -> list[str]:
    """List the files, relative to the folder of an ONNX file, that it keeps weights in."""
    tensors = _tensors(opened(path, str(path)))
    return sorted({entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"})


def _require_inside(file: Path, place: str) -> None:
    """Refuse weights outside the folder of an ONNX file, which ONNX Runtime does not read."""
    folder, outside = file.parent.resolve(), (file.parent / place).resolve()
    if Path(place).is_absolute() or not outside.is_relative_to(folder):
        raise InputError(
            f"{file} keeps weights in {place}, outside its own folder, from which they are not read; export the "
            f"network again with its weights next to {file.name}"
        )


def _hash(file: Path, place: str) -> str:
    outside = file.parent / place
    if not outside.is_file():
        raise InputError(f"{file} keeps weights in {outside}, which is no file; put it next to {file.name} again")
    return file_hash(outside)


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor of a protobuf message, at any depth: initial values, attributes, inner graphs, functions."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if hasattr(value, "__len__") and not hasattr(value, "DESCRIPTOR") else [value]:
                yield from _tensors(part)
