"""Which network, with which shape, and its initial weights."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Discriminator, Tag
from torch import nn

from temshift.core.errors import InputError
from temshift.networks.architectures.compact import CompactUNet, CompactUNetSettings
from temshift.networks.architectures.factory import Factory, FactorySettings
from temshift.networks.architectures.monai import MonaiSettings, OfMonai, monai_faults, monai_network
from temshift.networks.architectures.outside import OutsideNetwork, drawing_from, shape_fault
from temshift.networks.architectures.resnet import ResNetUNet, ResNetUNetSettings
from temshift.networks.layers import UNet

_USUAL = "compact"
_MOST_PADDING = 2.0  # times the pixels of an image, beyond which it is remarked


def kind(given: Any) -> Any:
    """Return which network a mapping is meant to be: the compact one if it does not say.

    Parameters
    ----------
    given : mapping, settings or function
        What stands in a configuration.

    Returns
    -------
    str
        "compact", "resnet18", "monai", "factory", or the value under the key ``kind``.

    Examples
    --------
    >>> kind({"widths": [8, 16]}), kind(ResNetUNetSettings())
    ('compact', 'resnet18')
    """
    if isinstance(given, Mapping):
        return given.get("kind", _USUAL)
    return "factory" if callable(given) else getattr(given, "kind", _USUAL)


NetworkSettings = Annotated[
    Annotated[CompactUNetSettings, Tag("compact")]
    | Annotated[ResNetUNetSettings, Tag("resnet18")]
    | Annotated[MonaiSettings, Tag("monai")]
    | Annotated[FactorySettings, Tag("factory")],
    Discriminator(kind),  # a function named as the key that it reads: messages name it
]


def build(settings: NetworkSettings) -> UNet:
    """Make a network of a given shape; its weights are those that torch draws.

    Parameters
    ----------
    settings : NetworkSettings
        Kind and shape.

    Returns
    -------
    UNet
        In training mode, on torch's current device.

    Raises
    ------
    InputError
        If MONAI is missing, or the code of a factory may not be run or fails.
    """
    if isinstance(settings, FactorySettings):
        return settings.made()
    if isinstance(settings, OfMonai):
        return monai_network(settings)
    return CompactUNet(settings) if isinstance(settings, CompactUNetSettings) else ResNetUNet(settings)


def is_own(settings: NetworkSettings) -> bool:
    """Return whether a network is one of temshift's own, all of whose weights `initialised` sets."""
    return not isinstance(settings, FactorySettings | OfMonai)


def unfilled(settings: NetworkSettings) -> UNet:
    """Make a network whose weights are replaced next: on the device "meta" if it is ours, else as its code makes it."""
    if is_own(settings):
        with torch.device("meta"):
            return build(settings)
    with drawing_from(0):
        return build(settings)


def network_identity(settings: NetworkSettings) -> Any:
    """Return what the numbers of a network depend on, for hashing.

    The version of MONAI is not in it, as that of torch is not: both stand on cards, and a test holds the numbers of
    MONAI's networks fast. Of a factory it holds the hash of its code, or the name that stands for the code.
    """
    return settings.identity() if isinstance(settings, FactorySettings) else settings


def with_code(settings: NetworkSettings, code: Path | str | Factory | None) -> NetworkSettings:
    """Permit that the code of a network's factory is run; other networks stay as they are.

    Parameters
    ----------
    settings : NetworkSettings
        The network.
    code : path or callable, optional
        The folder that it may be imported from, or the factory itself.

    Returns
    -------
    NetworkSettings
        With the hash of the code.

    Raises
    ------
    InputError
        If the folder does not hold the module, or its code is not the code that was recorded.
    """
    return settings.permitted(code) if isinstance(settings, FactorySettings) and code is not None else settings


def carry_code(given: NetworkSettings, settings: NetworkSettings) -> NetworkSettings:
    """Give the permission that one network has to another, such as the same with a swept setting."""
    if not isinstance(settings, FactorySettings):
        return settings
    if not isinstance(given, FactorySettings):
        raise InputError("sweep: a factory can be swept only if the study's own network is of kind factory; make it so")
    return given.carried_to(settings)


def code_of(settings: NetworkSettings) -> Path | Factory | None:
    """Return the code that a network may run, as `with_code` takes it; None if it needs none or has no permission."""
    return settings.code if isinstance(settings, FactorySettings) else None


def runs_code(settings: NetworkSettings) -> bool:
    """Return whether making a network runs a user's code."""
    return isinstance(settings, FactorySettings)


def require_shape(settings: NetworkSettings, sides: tuple[int, int]) -> None:
    """Refuse a factory whose network does not give one logit a pixel; its code is run.

    Raises
    ------
    InputError
        If its code may not be run or fails, or its network gives something else for images of (y, x) pixels.
    """
    if isinstance(settings, FactorySettings):
        fault = shape_fault(initialised(settings, 0), 2, sides)
        if fault is not None:
            raise InputError(f"network.factory {settings.factory}: its network {fault}")


def network_faults(settings: NetworkSettings, batch: int, sides: tuple[int, int]) -> list[str]:
    """Return why a network can't be made or can't take images of (y, x) pixels, as far as no code has to be run."""
    return monai_faults(settings, batch, sides) if isinstance(settings, OfMonai) else []


def batch_faults(settings: NetworkSettings, batch: int, sides: tuple[int, int]) -> list[str]:
    """Return why a network can't be trained on batches of some images; nothing if it can.

    Parameters
    ----------
    settings : NetworkSettings
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
    if batch > 1 or max(sides) > settings.divisor or not is_own(settings):
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

    A network that isn't ours has the weights that its own code draws, from the seed as well.

    Parameters
    ----------
    settings : NetworkSettings
        Kind and shape.
    seed : int
        Seed of the weights; the global generator is left alone.

    Returns
    -------
    UNet
        On the CPU, in training mode, float32, channels last; that of a factory in the layout that its code gives it.

    Raises
    ------
    InputError
        If MONAI is missing, or the code of a factory may not be run or fails.

    References
    ----------
    K. He et al., ICCV 2015, arXiv 1502.01852
    """
    if is_own(settings):
        return laid_out(_he_normal(unfilled(settings), seed), settings)
    with drawing_from(seed):
        network = build(settings)
    if isinstance(network, OutsideNetwork):
        network.reseed(seed)
    return laid_out(network.train(), settings)


def laid_out(network: UNet, settings: NetworkSettings) -> UNet:
    """Lay out weights channels last, except those of a factory, which may have any shape."""
    if isinstance(settings, FactorySettings):
        return network
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _he_normal(network: UNet, seed: int) -> UNet:
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
    return network
