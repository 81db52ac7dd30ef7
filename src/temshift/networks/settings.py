"""Which network, with which shape, and its initial weights."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Discriminator, Tag
from torch import nn

from temshift.networks.architectures.compact import CompactUNet, CompactUNetSettings
from temshift.networks.architectures.resnet import ResNetUNet, ResNetUNetSettings
from temshift.networks.layers import UNet

_USUAL = "compact"
_MOST_PADDING = 2.0  # times the pixels of an image, beyond which it is remarked


def kind(given: Any) -> Any:
    """Return which network a mapping is meant to be: the compact one if it does not say.

    Parameters
    ----------
    given : mapping or settings
        What stands in a configuration.

    Returns
    -------
    str
        "compact", "resnet18", or the value under the key ``kind``.

    Examples
    --------
    >>> kind({"widths": [8, 16]}), kind(ResNetUNetSettings())
    ('compact', 'resnet18')
    """
    return given.get("kind", _USUAL) if isinstance(given, Mapping) else getattr(given, "kind", _USUAL)


NetworkSettings = Annotated[
    Annotated[CompactUNetSettings, Tag("compact")] | Annotated[ResNetUNetSettings, Tag("resnet18")],
    Discriminator(kind),  # a function named as the key that it reads: messages name it
]


def build(settings: NetworkSettings) -> UNet:
    """Make a network of a given shape; its weights are those that torch draws.

    Parameters
    ----------
    settings : CompactUNetSettings or ResNetUNetSettings
        Kind and shape.

    Returns
    -------
    UNet
        In training mode, on torch's current device.
    """
    return CompactUNet(settings) if isinstance(settings, CompactUNetSettings) else ResNetUNet(settings)


def batch_faults(settings: NetworkSettings, batch: int, sides: tuple[int, int]) -> list[str]:
    """Return why a network can't be trained on batches of some images; nothing if it can.

    Parameters
    ----------
    settings : CompactUNetSettings or ResNetUNetSettings
        The network.
    batch : int
        Images a step.
    sides : (int, int)
        Pixels (y, x) of an image.

    Returns
    -------
    list of str
        Faults of the batch.

    Examples
    --------
    >>> batch_faults(CompactUNetSettings(widths=(8, 8)), 1, (64, 64))
    []
    """
    if batch > 1 or max(sides) > settings.divisor:
        return []
    text = f"given 1; an image of {sides} pixels has one left at the coarsest scale, and normalisation needs more"
    return [f"{text}: take 2 or more, or a network of fewer scales"]


def padding_remarks(settings: NetworkSettings, sides: tuple[int, int]) -> list[str]:
    """Say so if most of a network's view of images of (y, x) pixels is padding.

    Examples
    --------
    >>> padding_remarks(CompactUNetSettings(), (64, 64))
    []
    """
    whole = tuple(math.ceil(side / settings.divisor) * settings.divisor for side in sides)
    if math.prod(whole) <= _MOST_PADDING * math.prod(sides):
        return []
    return [
        f"the {settings.kind} network pads images of {sides[0]} x {sides[1]} pixels to {whole[0]} x {whole[1]}: most "
        "of what it computes and normalises by is padding; take fewer scales, or larger images"
    ]


def initialised(settings: NetworkSettings, seed: int) -> UNet:
    """Make a network with weights of its own seed: He-normal convolutions, zero biases, unit normalisation.

    Parameters
    ----------
    settings : CompactUNetSettings or ResNetUNetSettings
        Kind and shape.
    seed : int
        Seed of the weights; the global generator is left alone.

    Returns
    -------
    UNet
        On the CPU, in training mode, float32, channels last.

    References
    ----------
    K. He et al., ICCV 2015, arXiv 1502.01852
    """
    with torch.device("meta"):
        network = build(settings)
    network = network.to_empty(device="cpu")
    source = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=source)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.reset_parameters()
        elif isinstance(module, nn.GroupNorm):
            module.reset_parameters()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
