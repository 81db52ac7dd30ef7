"""Networks as ONNX files: ours written and checked, anyone's read; needs the extra ``onnx``."""

import copy
import importlib.util
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
from temshift.storage.files import write_bytes

TOLERANCE = 1e-4  # of the largest logit, ours: single precision, summed in another order, stays an order below

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
        of images is free in either case. Input and output are named "images" and "logits".

    Raises
    ------
    InputError
        If the extra ``onnx`` is missing.
    TemshiftError
        If the exported network gives other logits, or the file cannot be written.
    """
    _require_extra("onnx", "onnxruntime", "onnxscript")
    evaluated = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    content = _exported(evaluated, size)
    exported = OnnxNetwork(content, name=str(path))
    for count, *sides in _CHECKED:
        _compare(evaluated, exported, torch.Size((count, 1, *(size or sides))))
    write_bytes(path, content)


class OnnxNetwork:
    """A network from an ONNX file, of any origin: from standardised images (n, 1, y, x) to logits (n, 1, y, x).

    Parameters
    ----------
    source : path or bytes
        The file, or its content.
    device : {"cpu", "cuda"}
        Where ONNX Runtime computes, on as many threads as torch on a CPU; results go where the images are.
    name : str, optional
        What messages call it; the path where not given.

    Raises
    ------
    InputError
        If the extra ``onnx`` is missing, the file is no ONNX, ONNX Runtime can't use the device, or the network has
        other inputs or outputs than images and logits, float32 (n, 1, y, x).
    """

    def __init__(self, source: Path | str | bytes, *, device: str = "cpu", name: str | None = None) -> None:
        _require_extra("onnxruntime")
        self.name = name or ("ONNX" if isinstance(source, bytes) else str(source))
        self._given = source, device, name
        self._session = _session(source, device, self.name)
        self._image_shape = self._shape("input", self._session.get_inputs())
        self._shape("output", self._session.get_outputs())

    def __call__(self, images: Tensor) -> Tensor:
        """Map images to logits.

        Parameters
        ----------
        images : Tensor (n, 1, y, x)
            Standardised.

        Returns
        -------
        Tensor (n, 1, y, x)
            Logits of "particle", of the type and on the device of the images.

        Raises
        ------
        InputError
            If the file takes only images of another size, or another number at once, or gives logits of another
            shape.
        """
        self._require_size(images)
        batches = torch.split(images, self._image_shape[0] or len(images))
        return torch.cat([self._run(batch) for batch in batches]).to(images)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file again wherever it is unpickled: a session of ONNX Runtime cannot travel."""
        return _open, self._given

    def _run(self, images: Tensor) -> Tensor:
        given = {self._session.get_inputs()[0].name: np.ascontiguousarray(images.detach().cpu().float().numpy())}
        try:
            (logits,) = self._session.run(None, given)
        except Exception as error:  # the errors of ONNX Runtime have no base of their own
            raise InputError(f"{self.name} cannot take images {tuple(images.shape)}: {error}") from error
        if logits.shape != images.shape:
            raise InputError(
                f"{self.name} gives logits {logits.shape} for images {tuple(images.shape)}; export a network whose "
                "output has the shape of its input, one logit a pixel"
            )
        return torch.from_numpy(logits)

    def _require_size(self, images: Tensor) -> None:
        """Refuse images that the fixed sides of the file, or its fixed number of images, do not fit."""
        at_once, _, *sides = self._image_shape
        if any(fixed not in (None, given) for fixed, given in zip(sides, images.shape[-2:], strict=True)):
            raise InputError(
                f"{self.name} takes images of {_written(sides)} pixels (rows x columns) only, given "
                f"{_written(images.shape[-2:])}; export it with dynamic axes for y and x, or form images of that size"
            )
        if at_once and len(images) % at_once:
            raise InputError(
                f"{self.name} takes {at_once} images at once, given {len(images)}; export it with a dynamic batch axis"
            )

    def _shape(self, role: str, tensors: list[Any]) -> list[int | None]:
        """Return the one shape (n, 1, y, x) of the inputs or outputs; axes that are free are None."""
        listed = ", ".join(f"{each.name} {each.type} ({', '.join(map(str, each.shape))})" for each in tensors)
        if len(tensors) != 1 or len(tensors[0].shape) != 4 or tensors[0].type != "tensor(float)":
            raise InputError(
                f"{self.name} has the {role} {listed or 'none'}; it must be one, float32 (n, 1, y, x); export the "
                "network from standardised images to logits alone"
            )
        shape = [axis if isinstance(axis, int) else None for axis in tensors[0].shape]
        if shape[1] not in (None, 1):
            remedy = {"input": "repeat the image over them", "output": "of two classes give particle minus background"}
            raise InputError(
                f"{self.name} has {shape[1]} channels in the {role} {listed}, it must have 1; {remedy[role]} inside "
                "the network and export it again"
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


def _exported(network: nn.Module, size: tuple[int, int] | None) -> bytes:
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
    return bytes(program.model_proto.SerializeToString())


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


def _require_extra(*modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX files need {' and '.join(missing)}; install them: pip install temshift[onnx]")


def _written(shape: Any) -> str:
    return " x ".join(str(axis) for axis in shape)
