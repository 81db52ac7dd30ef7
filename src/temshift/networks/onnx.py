"""Networks as ONNX files: ours written and checked, anyone's read; needs the extra ``onnx``."""

import copy
import json
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from temshift.core.errors import InputError, TemshiftError
from temshift.exitwaves.origin import read_origin
from temshift.networks.onnx_graphs import ending, opened, require_extra, takes_channels_last
from temshift.networks.tiles import segmented_in_tiles
from temshift.storage import write_bytes

TOLERANCE = 1e-4  # of the largest logit, ours: single precision, summed in another order, stays an order below

METADATA = "temshift.trained_on"  # key of the images that a network was trained on
SOURCE = "temshift.source"  # key of the library or code that made a network, if it isn't ours
MANY = 5  # an axis of fewer is one of channels

_IMAGES, _LOGITS = "images", "logits"
_TRACED = (2, 67, 101)  # any shape does: of odd sides, so that nothing takes padding for needless
_CHECKED = ((1, 64, 96), (3, 75, 50))
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def export_onnx(network: nn.Module, path: Path | str, *, size: tuple[int, int] | None = None) -> None:
    """Write a network as an ONNX file, which ONNX Runtime has already found to give the same logits.

    Parameters
    ----------
    network : Module
        From standardised images (n, 1, y, x) to logits (n, 1, y, x); left alone, and exported as it is in evaluation
        mode.
    path : path
        The file; it appears whole or not at all.
    size : (int, int), optional
        The only (y, x) that the file is to take, for devices that want it fixed; any size where not given. The number
        of images is free in either case. Input and output are named "images" and "logits"; the file's metadata keep
        the images that the network was trained on, if its ``origin`` knows them, and the library or code that made it,
        if it isn't temshift's own.

    Raises
    ------
    InputError
        If the extra ``onnx`` is missing.
    TemshiftError
        If the exported network gives other logits, or the file cannot be written.
    """
    require_extra("onnx", "onnxruntime", "onnxscript")
    evaluated = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    content = _exported(evaluated, size, _metadata(network))
    exported = OnnxNetwork(content, name=str(path))
    for count, *sides in _CHECKED:
        _compare(evaluated, exported, torch.Size((count, 1, *(size or sides))))
    write_bytes(path, content)


class OnnxNetwork:
    """A network from an ONNX file of anyone's: from standardised images (n, 1, y, x) to outputs (n, channels, y, x).

    A file that takes another number of images at once is given filled-up batches, one of a fixed size overlapping
    tiles, and one of three channels the same image thrice.

    Parameters
    ----------
    source : path or bytes
        The file, or its content.
    device : {"cpu", "cuda"}
        Where ONNX Runtime computes, on as many threads as torch on a CPU; results go where the images are.
    name : str, optional
        Name in messages; the path where not given.

    Attributes
    ----------
    origin : Origin or None
        The images that it was trained on, if the file's metadata keep them.
    channels : int or None
        Channels of its output; None if only a run shows them.
    ending : str
        The last operation of its graph, such as "Sigmoid".

    Raises
    ------
    InputError
        If the extra ``onnx`` is missing, the file is no ONNX, ONNX Runtime can't use the device, or the network has
        other inputs or outputs than one of images, float32 (n, 1 or 3, y, x), and one of (n, channels, y, x).
    """

    def __init__(self, source: Path | str | bytes, *, device: str = "cpu", name: str | None = None) -> None:
        require_extra("onnxruntime", "onnx")
        self.name = name or ("ONNX" if isinstance(source, bytes) else str(source))
        self._given = source, device, name
        self._session = _session(source, device, self.name)
        self._image_shape = self._shape("input", self._session.get_inputs())
        self.channels = self._shape("output", self._session.get_outputs())[1]
        graph = opened(source, self.name).graph
        if takes_channels_last(graph):
            raise self._channels_last(f"the input {graph.input[0].name}")
        self.ending = ending(graph)
        kept = self._session.get_modelmeta().custom_metadata_map.get(METADATA)
        self.origin = None if kept is None else read_origin(kept, self.name)

    def __call__(self, images: Tensor) -> Tensor:
        """Map images to outputs, as the network gives them.

        Parameters
        ----------
        images : Tensor (n, 1, y, x)
            Standardised.

        Returns
        -------
        Tensor (n, channels, y, x)
            Of the type and on the device of the images; logits of "particle", if that is what the network gives.

        Raises
        ------
        InputError
            If the file can't take the images, or gives an output of another size.
        """
        at_once, channels, *fixed = self._image_shape
        images_of_all = images.expand(-1, channels or 1, -1, -1)
        if fixed == [None, None]:
            return self._in_batches(images_of_all, at_once).to(images)
        sides = [side or given for side, given in zip(fixed, images.shape[-2:], strict=True)]
        output = segmented_in_tiles(lambda tiles: self._in_batches(tiles, at_once), images_of_all, (sides[0], sides[1]))
        return output.to(images)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file again wherever it is unpickled: a session of ONNX Runtime cannot travel."""
        return _open, self._given

    def _in_batches(self, images: Tensor, at_once: int | None) -> Tensor:
        """Give the network its fixed number of images at once; the last batch is filled up by its last image."""
        outputs = []
        for batch in torch.split(images, at_once or len(images)):
            lacking = (at_once or len(batch)) - len(batch)
            outputs.append(self._run(torch.cat([batch, *[batch[-1:]] * lacking]))[: len(batch)])
        return torch.cat(outputs)

    def _run(self, images: Tensor) -> Tensor:
        given = {self._session.get_inputs()[0].name: np.ascontiguousarray(images.detach().cpu().float().numpy())}
        try:
            (logits,) = self._session.run(None, given)
        except Exception as error:  # the errors of ONNX Runtime have no base of their own
            raise InputError(f"{self.name} cannot take images {tuple(images.shape)}: {error}") from error
        shape = (len(images), *images.shape[2:])
        if logits.ndim == 4 and logits.shape[:3] == shape and logits.shape[2:] != images.shape[2:]:
            raise self._channels_last("its output")
        if logits.ndim != 4 or (len(logits), *logits.shape[2:]) != shape:
            raise InputError(
                f"{self.name} gives logits {logits.shape} for images {tuple(images.shape)}; export a network whose "
                "output has the shape of its input, one logit a pixel"
            )
        return torch.from_numpy(logits)

    def _channels_last(self, tensor: str) -> InputError:
        return InputError(
            f"{self.name} has its channels last in {tensor} (NHWC); it must be (n, channels, y, x), NCHW: transpose "
            "inside the network and export it again"
        )

    def _shape(self, role: str, tensors: list[Any]) -> list[int | None]:
        """Return the one shape (n, channels, y, x) of the inputs or outputs; axes that are free are None."""
        listed = ", ".join(f"{each.name} {each.type} ({', '.join(map(str, each.shape))})" for each in tensors)
        if len(tensors) != 1 or len(tensors[0].shape) != 4 or tensors[0].type != "tensor(float)":
            raise InputError(
                f"{self.name} has the {role} {listed or 'none'}; it must be one, float32 (n, 1, y, x); export the "
                "network from standardised images to logits alone"
            )
        shape = [axis if isinstance(axis, int) else None for axis in tensors[0].shape]
        if (shape[3] or MANY) < MANY <= (shape[1] or MANY):
            raise self._channels_last(f"the {role} {listed}")
        if role == "input" and shape[1] not in (None, 1, 3):
            raise InputError(
                f"{self.name} has {shape[1]} channels in the input {listed}, it must have 1, or 3 that are the same "
                "image; repeat the image over them inside the network and export it again"
            )
        return shape


def _open(source: Path | str | bytes, device: str, name: str | None) -> OnnxNetwork:
    return OnnxNetwork(source, device=device, name=name)


def _session(source: Path | str | bytes, device: str, name: str) -> Any:
    import onnxruntime

    if device not in _PROVIDERS or _PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise InputError(f"device {device}: this ONNX Runtime cannot use it; take cpu, or install onnxruntime-gpu")
    if not isinstance(source, bytes) and not Path(source).is_file():
        raise InputError(f"cannot read {source}: there is no such file; give the path of an ONNX file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what fails is raised: nothing is to be printed as well
    try:
        given = source if isinstance(source, bytes) else str(source)
        return onnxruntime.InferenceSession(given, options, providers=[_PROVIDERS[device]])
    except Exception as error:  # the errors of ONNX Runtime have no base of their own
        raise InputError(f"{name} cannot be read as ONNX ({error}); export the network again") from error


def _metadata(network: nn.Module) -> dict[str, str]:
    """Texts that a file keeps: the images that a network was trained on, and its source, as far as they are known."""
    origin, made_by = getattr(network, "origin", None), getattr(network, "made_by", None)
    trained_on = {} if origin is None else {METADATA: origin.model_dump_json(exclude_none=True)}
    return trained_on if made_by is None else {**trained_on, SOURCE: json.dumps(made_by)}


def _exported(network: nn.Module, size: tuple[int, int] | None, metadata: dict[str, str]) -> bytes:
    count, *sides = _TRACED
    images = torch.zeros(count, 1, *(size or sides))
    free = {0: "n"} if size else {0: "n", 2: "y", 3: "x"}
    axes = {axis: torch.export.Dim(name) for axis, name in free.items()}
    with _silent():
        program = torch.onnx.export(
            network,
            (images,),
            input_names=[_IMAGES],
            output_names=[_LOGITS],
            dynamic_shapes=(axes,),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise TemshiftError("torch exported nothing; install torch 2.5 or later")
    graph = program.model.graph
    graph.outputs[0].shape = graph.inputs[0].shape  # the same, but not to torch, which writes Min(y, 16*((y + 15)//16))
    model = program.model_proto
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())


def _compare(network: nn.Module, exported: OnnxNetwork, shape: torch.Size) -> None:
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, actual = network(images), exported(images)
    largest = float(expected.abs().max())
    error = float((actual - expected).abs().max()) / largest if largest > 0 else float(actual.abs().max())
    if not math.isfinite(error) or error > TOLERANCE:
        raise TemshiftError(
            f"{exported.name}: the exported network's logits differ by {error:.1e} of the largest at images "
            f"{tuple(shape)}, allowed {TOLERANCE:.0e}; nothing was written; update torch, onnxscript and onnxruntime"
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Keep from users the warnings of an export that are meant for torch's developers."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
