"""What the networks share: images of any size, normalisation, double convolutions, parts that can be frozen."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from temshift.exitwaves.origin import Origin

Normalisation = Literal["batch", "group"]
Part = Literal["encoder", "decoder", "none"]

_MOST_GROUPS = 8  # our choice: 8 to 64 channels a group in the deep layers of both networks


class UNet(nn.Module, ABC):
    """A network from standardised images (n, 1, y, x) of any size to logits (n, 1, y, x) of "particle".

    Attributes
    ----------
    encoder_parts, decoder_parts : tuple of str
        Names of the direct submodules with weights, which `freeze` takes.
    divisor : int
        Inside, sides are multiples of so many pixels.
    frozen : tuple of str
        Submodules that stay in evaluation mode.
    origin : Origin or None
        The images that it was trained on, if it was loaded with a card that knows them.
    made_by : mapping or None
        The library with its version and class, or the factory with the hashes of its files; plain JSON values. None for
        temshift's own.
    joins : bool
        Whether networks of this kind can be trained together as one.
    """

    encoder_parts: ClassVar[tuple[str, ...]]
    decoder_parts: ClassVar[tuple[str, ...]]
    joins: ClassVar[bool] = True

    def __init__(self, divisor: int) -> None:
        super().__init__()
        self.divisor = divisor
        self.frozen: tuple[str, ...] = ()
        self.origin: Origin | None = None
        self.made_by: Mapping[str, Any] | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 1, y, x) to logits (n, 1, y, x).

        Parameters
        ----------
        images : Tensor (n, 1, y, x)
            Standardised. Sides that are no multiple of `divisor` are padded at their far ends.

        Returns
        -------
        Tensor (n, 1, y, x)

        Raises
        ------
        ValueError
            If images have another number of axes or channels.
        """
        if images.ndim != 4 or images.shape[1] != 1:
            raise ValueError(f"images {tuple(images.shape)}: must be (n, 1, y, x); give one channel an image")
        logits = self.segment(padded(images, self.divisor))
        return logits[..., : images.shape[-2], : images.shape[-1]]

    @abstractmethod
    def segment(self, images: Tensor) -> Tensor:
        """Map images (n, 1, y, x), whose sides are multiples of `divisor`, to logits (n, 1, y, x)."""

    def train(self, mode: bool = True) -> "UNet":
        """Set training or evaluation mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).train(False)
        return self


def freeze(network: UNet, part: Part) -> None:
    """Keep a part of a network as it is, weights and running statistics, through all later training.

    Parameters
    ----------
    network : UNet
        Changed in place.
    part : {"encoder", "decoder", "none"}
        The part to keep; the rest can be trained again, and with "none" everything can.

    Raises
    ------
    ValueError
        For any other part, or if the network has no such part.
    """
    parts = {"encoder": network.encoder_parts, "decoder": network.decoder_parts, "none": ()}
    if part not in parts:
        raise ValueError(f"part {part!r} is not known; allowed: {', '.join(parts)}")
    if part != "none" and not parts[part]:
        raise ValueError(f"part {part!r}: the network has no part of that name; take none")
    network.frozen = parts[part]
    network.requires_grad_(True)
    for name in network.frozen:
        network.get_submodule(name).requires_grad_(False)
    network.train(network.training)


def parameter_count(network: nn.Module) -> int:
    """Count the parameters of a network, frozen ones too; running statistics are none."""
    return sum(parameter.numel() for parameter in network.parameters())


def padded(images: Tensor, divisor: int) -> Tensor:
    """Repeat the last row and column of images until their sides are multiples of a number.

    Parameters
    ----------
    images : Tensor (n, channels, y, x)
        Returned as they are where nothing is to be added.
    divisor : int
        At least 1.

    Returns
    -------
    Tensor (n, channels, y', x')
        Images first, repeated pixels behind them.

    Examples
    --------
    >>> import torch
    >>> padded(torch.tensor([[[[1.0, 2.0, 3.0]]]]), 2).tolist()
    [[[[1.0, 2.0, 3.0, 3.0], [1.0, 2.0, 3.0, 3.0]]]]
    """
    for axis in (-2, -1):
        size = images.shape[axis]
        whole = (size + divisor - 1) // divisor * divisor
        if isinstance(size, torch.SymInt) or whole != size:  # an exported network has to fit any size
            images = images.index_select(axis, torch.arange(whole, device=images.device).clamp(max=size - 1))
    return images


def upsampled(features: Tensor) -> Tensor:
    """Double the sides of features, each value repeated."""
    return nn.functional.interpolate(features, scale_factor=2.0, mode="nearest")


def normalised(kind: Normalisation, channels: int) -> nn.Module:
    """Make a normalisation layer.

    Parameters
    ----------
    kind : {"batch", "group"}
        Over the images of a batch, or over groups of channels of each image: the largest number of groups up to 8 that
        divides the channels.
    channels : int
        At least 1.

    Returns
    -------
    Module

    References
    ----------
    S. Ioffe and C. Szegedy, ICML 2015, arXiv 1502.03167; Y. Wu and K. He, ECCV 2018, arXiv 1803.08494

    Examples
    --------
    >>> normalised("group", 20).num_groups
    5
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    groups = max(number for number in range(1, _MOST_GROUPS + 1) if channels % number == 0)
    return nn.GroupNorm(groups, channels)


def convolution(inputs: int, outputs: int, kind: Normalisation, *, size: int = 3, stride: int = 1) -> list[nn.Module]:
    """Make a convolution without bias and its normalisation; `size` is odd, and borders are padded with zeros."""
    return [
        nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False),
        normalised(kind, outputs),
    ]


def double_convolution(inputs: int, outputs: int, kind: Normalisation) -> nn.Sequential:
    """Make two 3 x 3 convolutions, each with normalisation and ReLU."""
    first, second = convolution(inputs, outputs, kind), convolution(outputs, outputs, kind)
    return nn.Sequential(*first, nn.ReLU(inplace=True), *second, nn.ReLU(inplace=True))
