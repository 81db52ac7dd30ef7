"""Segmentation networks of MONAI, which the extra ``zoo`` installs; in two dimensions, from one channel to one."""

import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from math import prod
from typing import Annotated, Any, Literal

import torch
from pydantic import Discriminator, Field, Tag, model_validator

from temshift.configuration.model import Configuration
from temshift.core.errors import InputError
from temshift.networks.architectures.outside import OutsideNetwork, shape_fault

MISSING = 'networks of kind monai need MONAI; install it: pip install "temshift[zoo]"'

Channel = Annotated[int, Field(ge=1, le=1024)]
Channels = Annotated[tuple[Channel, ...], Field(min_length=2, max_length=7)]
Strides = Annotated[tuple[Annotated[int, Field(ge=1, le=4)], ...], Field(min_length=1, max_length=6)]
Blocks = Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], Field(min_length=1, max_length=6)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Normalisation = Literal["batch", "instance"]
Backbone = Literal["efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "efficientnet-b3", "efficientnet-b4"]

_EVERY = {"spatial_dims": 2, "in_channels": 1, "out_channels": 1}


def _halving(given: Mapping[str, Any]) -> tuple[int, ...]:
    return (2,) * (len(given.get("channels", ())) - 1)


def _require_fewer(keys: tuple[str, str], longer: tuple[int, ...], shorter: tuple[int, ...]) -> None:
    if len(shorter) != len(longer) - 1:
        raise ValueError(
            f"{keys[1]} has {len(shorter)} numbers and {keys[0]} {len(longer)}; give {keys[1]} one less than {keys[0]}"
        )


class MonaiUNetSettings(Configuration):
    """MONAI's UNet: channels of each scale, finest first, the stride between them, residual units of each."""

    kind: Literal["monai"] = "monai"
    architecture: Literal["unet"] = "unet"
    channels: Channels = (16, 32, 64)
    strides: Strides = Field(default_factory=_halving)
    residual_units: Annotated[int, Field(ge=0, le=8)] = 2
    normalisation: Normalisation = "instance"
    dropout: Dropout = 0.0

    @model_validator(mode="after")
    def _fit(self) -> "MonaiUNetSettings":
        _require_fewer(("channels", "strides"), self.channels, self.strides)
        return self

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return prod(self.strides)

    def options(self) -> dict[str, Any]:
        """Return the arguments of MONAI's class."""
        return _EVERY | {
            "channels": self.channels,
            "strides": self.strides,
            "num_res_units": self.residual_units,
            "norm": self.normalisation,
            "dropout": self.dropout,
        }


class MonaiAttentionUNetSettings(Configuration):
    """MONAI's AttentionUnet: channels of each scale, finest first, and the stride between them; batch normalisation."""

    kind: Literal["monai"] = "monai"
    architecture: Literal["attention_unet"] = "attention_unet"
    channels: Channels = (16, 32, 64)
    strides: Strides = Field(default_factory=_halving)
    dropout: Dropout = 0.0

    @model_validator(mode="after")
    def _fit(self) -> "MonaiAttentionUNetSettings":
        _require_fewer(("channels", "strides"), self.channels, self.strides)
        return self

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return prod(self.strides)

    def options(self) -> dict[str, Any]:
        """Return the arguments of MONAI's class."""
        return _EVERY | {"channels": self.channels, "strides": self.strides, "dropout": self.dropout}


class MonaiBasicUNetSettings(Configuration):
    """MONAI's BasicUNet: channels of its five scales, finest first, and of the last layer."""

    kind: Literal["monai"] = "monai"
    architecture: Literal["basic_unet"] = "basic_unet"
    channels: Annotated[tuple[Channel, ...], Field(min_length=6, max_length=6)] = (16, 16, 32, 64, 128, 16)
    normalisation: Normalisation = "instance"
    dropout: Dropout = 0.0

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return 16

    def options(self) -> dict[str, Any]:
        """Return the arguments of MONAI's class."""
        norm = (self.normalisation, {"affine": True})
        return _EVERY | {"features": self.channels, "norm": norm, "dropout": self.dropout}


class MonaiDynUNetSettings(Configuration):
    """MONAI's DynUNet, the network of nnU-Net: channels of each scale, the stride between them, plain or residual."""

    kind: Literal["monai"] = "monai"
    architecture: Literal["dynunet"] = "dynunet"
    channels: Annotated[tuple[Channel, ...], Field(min_length=3, max_length=7)] = (16, 32, 64)
    strides: Strides = Field(default_factory=_halving)
    residual: bool = False
    normalisation: Normalisation = "instance"

    @model_validator(mode="after")
    def _fit(self) -> "MonaiDynUNetSettings":
        _require_fewer(("channels", "strides"), self.channels, self.strides)
        return self

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return prod(self.strides)

    def options(self) -> dict[str, Any]:
        """Return the arguments of MONAI's class."""
        return _EVERY | {
            "filters": self.channels,
            "strides": (1, *self.strides),
            "upsample_kernel_size": self.strides,
            "kernel_size": (3,) * len(self.channels),
            "res_block": self.residual,
            "norm_name": (self.normalisation, {"affine": True}),
        }


class MonaiSegResNetSettings(Configuration):
    """MONAI's SegResNet: channels of the finest scale, which double at each, and blocks of each scale down and up."""

    kind: Literal["monai"] = "monai"
    architecture: Literal["segresnet"] = "segresnet"
    width: Annotated[int, Field(ge=8, le=256, multiple_of=8)] = 8
    blocks_down: Annotated[Blocks, Field(min_length=2)] = (1, 2, 2, 4)
    blocks_up: Blocks = Field(default_factory=lambda given: (1,) * (len(given.get("blocks_down", ())) - 1))
    dropout: Dropout = 0.0

    @model_validator(mode="after")
    def _fit(self) -> "MonaiSegResNetSettings":
        _require_fewer(("blocks_down", "blocks_up"), self.blocks_down, self.blocks_up)
        return self

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return int(2 ** len(self.blocks_up))

    def options(self) -> dict[str, Any]:
        """Return the arguments of MONAI's class."""
        return _EVERY | {
            "init_filters": self.width,
            "blocks_down": self.blocks_down,
            "blocks_up": self.blocks_up,
            "dropout_prob": self.dropout or None,
        }


class MonaiFlexibleUNetSettings(Configuration):
    """MONAI's FlexibleUNet: an EfficientNet as encoder, and channels of the five scales of its decoder."""

    kind: Literal["monai"] = "monai"
    architecture: Literal["flexible_unet"] = "flexible_unet"
    backbone: Backbone = "efficientnet-b0"
    decoder_channels: Annotated[tuple[Channel, ...], Field(min_length=5, max_length=5)] = (256, 128, 64, 32, 16)
    dropout: Dropout = 0.0

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return 32

    def options(self) -> dict[str, Any]:
        """Return the arguments of MONAI's class."""
        return _EVERY | {
            "backbone": self.backbone,
            "decoder_channels": self.decoder_channels,
            "dropout": self.dropout,
        }


CLASSES = {
    "unet": "UNet",
    "flexible_unet": "FlexibleUNet",
    "attention_unet": "AttentionUnet",
    "basic_unet": "BasicUNet",
    "dynunet": "DynUNet",
    "segresnet": "SegResNet",
}


def architecture(given: Any) -> Any:
    """Return which network of MONAI a mapping is meant to be: its UNet if it does not say."""
    return given.get("architecture", "unet") if isinstance(given, Mapping) else getattr(given, "architecture", "unet")


MonaiSettings = Annotated[
    Annotated[MonaiUNetSettings, Tag("unet")]
    | Annotated[MonaiFlexibleUNetSettings, Tag("flexible_unet")]
    | Annotated[MonaiAttentionUNetSettings, Tag("attention_unet")]
    | Annotated[MonaiBasicUNetSettings, Tag("basic_unet")]
    | Annotated[MonaiDynUNetSettings, Tag("dynunet")]
    | Annotated[MonaiSegResNetSettings, Tag("segresnet")],
    Discriminator(architecture),  # named as the key that it reads: messages name it
]


OfMonai = (  # the same, for isinstance
    MonaiUNetSettings
    | MonaiFlexibleUNetSettings
    | MonaiAttentionUNetSettings
    | MonaiBasicUNetSettings
    | MonaiDynUNetSettings
    | MonaiSegResNetSettings
)


def monai_network(settings: MonaiSettings) -> OutsideNetwork:
    """Make a network of MONAI; its weights are those that MONAI draws.

    Parameters
    ----------
    settings : MonaiSettings
        Architecture and shape.

    Returns
    -------
    OutsideNetwork
        In training mode, on torch's current device.

    Raises
    ------
    InputError
        If MONAI is not installed.
    """
    _require_monai()
    from monai.networks import nets

    name = CLASSES[settings.architecture]
    made_by = {"library": "monai", "version": version("monai"), "class": f"monai.networks.nets.{name}"}
    return OutsideNetwork(getattr(nets, name)(**settings.options()), settings.divisor, made_by)


def monai_faults(settings: MonaiSettings, batch: int, sides: tuple[int, int]) -> list[str]:
    """Return why a network of MONAI can't be trained on batches of images of (y, x) pixels; nothing if it can.

    Shapes alone are computed. A missing MONAI is a fault too.
    """
    try:
        _require_monai()
    except InputError as error:
        return [str(error)]
    fault = _shape_fault(settings, batch, sides)
    return [] if fault is None else [f"the {settings.architecture} of MONAI {fault}"]


@lru_cache(maxsize=64)
def _shape_fault(settings: MonaiSettings, batch: int, sides: tuple[int, int]) -> str | None:
    with torch.device("meta"):
        network = monai_network(settings)
    return shape_fault(network, batch, sides)


def _require_monai() -> None:
    if importlib.util.find_spec("monai") is None:
        raise InputError(MISSING)
