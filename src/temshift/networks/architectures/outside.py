"""Networks that others define, as networks of ours: sizes, random draws and origin are looked after here."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from temshift.networks.layers import UNet


class OutsideNetwork(UNet):
    """A module of a library or of a user, from standardised images to logits of "particle".

    What it draws at random in training, as dropout does, follows from the seed of its weights alone; the global
    generators of torch are left as they are.

    Parameters
    ----------
    body : Module
        From images (n, 1, y, x), whose sides are multiples of ``divisor``, to logits (n, 1, y, x).
    divisor : int
        Images are padded inside to a multiple of so many pixels a side.
    made_by : mapping
        The library with its version and class, or the factory with the hashes of its files; plain JSON values.
    """

    encoder_parts = ()
    decoder_parts = ()
    joins = False  # it may draw at random or branch on values, which torch.func.vmap refuses

    def __init__(self, body: nn.Module, divisor: int, made_by: Mapping[str, Any]) -> None:
        super().__init__(divisor)
        self.body = body
        self.made_by = made_by
        self._draws = Random(0)

    def segment(self, images: Tensor) -> Tensor:
        """Map images (n, 1, y, x), whose sides are multiples of `divisor`, to logits (n, 1, y, x)."""
        if not self.training:
            return self._logits(images)
        with drawing_from(self._draws.getrandbits(63), images.device):
            return self._logits(images)

    def reseed(self, seed: int) -> None:
        """Let all that it draws in training from now on follow from a seed."""
        self._draws = Random(seed)

    def _logits(self, images: Tensor) -> Tensor:
        logits = self.body(images)
        if not isinstance(logits, Tensor):
            raise TypeError(f"its output is a {type(logits).__name__}, and must be one tensor of logits")
        return logits


@contextmanager
def drawing_from(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Let code that draws from torch's global generators draw from a seed; they are as before afterwards.

    Parameters
    ----------
    seed : int
        Below 2^63.
    device : torch.device, optional
        Where it draws, besides the CPU.
    """
    on_gpu = device is not None and device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def shape_fault(network: nn.Module, batch: int, sides: tuple[int, int]) -> str | None:
    """Return why a network can't be trained on batches of some images; None if it can.

    Parameters
    ----------
    network : Module
        Left in training mode; on the device "meta" nothing is computed but shapes.
    batch : int
        Images a step.
    sides : (int, int)
        Pixels (y, x) of an image.

    Returns
    -------
    str or None
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    images = torch.zeros(batch, 1, *sides, device=device)
    text = f"{batch} images of {sides[0]} x {sides[1]} pixels"
    try:
        with torch.no_grad():
            logits = network.train()(images)
    except Exception as error:  # of code that isn't ours, which may raise anything
        return f"can't take {text} ({_first_line(error)}); take other images, or a network of another shape"
    if logits.shape == images.shape:
        return None
    given = tuple(logits.shape)
    return f"gives a tensor {given} for {text}; it must give one logit a pixel, a tensor {tuple(images.shape)}"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
