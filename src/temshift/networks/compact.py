"""A compact U-Net that works on blocks of pixels: space-to-depth stem, three scales."""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from temshift.core.configuration import Configuration

Width = Annotated[int, Field(ge=4, le=512)]


class CompactUNetSettings(Configuration):
    """Shape of the network: channels at each scale, finest first, and pixels a side that the stem folds together."""

    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=6)] = (16, 32, 48)
    stem: Annotated[int, Field(ge=1, le=8)] = 4

    @property
    def divisor(self) -> int:
        """Images must be a multiple of so many pixels a side."""
        return int(self.stem * 2 ** (len(self.widths) - 1))


class CompactUNet(nn.Module):
    """U-Net on pixel blocks, from standardised images to logits of "particle".

    Parameters
    ----------
    settings : CompactUNetSettings
        Widths and stem.

    References
    ----------
    O. Ronneberger, P. Fischer and T. Brox, MICCAI 2015, DOI 10.1007/978-3-319-24574-4_28;
    W. Shi et al., CVPR 2016, arXiv 1609.05158 (space to depth and back)
    """

    def __init__(self, settings: CompactUNetSettings) -> None:
        super().__init__()
        widths, block = settings.widths, settings.stem**2
        self.divisor = settings.divisor
        self.unfold = nn.PixelUnshuffle(settings.stem)
        self.enter = _double_convolution(block, widths[0])
        self.down = nn.ModuleList(_double_convolution(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_double_convolution(a + b, a) for a, b in pairwise(widths))
        self.leave = nn.Conv2d(widths[0], block, 1)
        self.fold = nn.PixelShuffle(settings.stem)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 1, y, x) to logits (n, 1, y, x); y and x must be multiples of the settings' ``divisor``."""
        if any(size % self.divisor for size in images.shape[-2:]):
            raise ValueError(f"images of {tuple(images.shape[-2:])} pixels: sides must be multiples of {self.divisor}")
        scales = [self.enter(self.unfold(images))]
        for convolution in self.down:
            scales.append(convolution(nn.functional.max_pool2d(scales[-1], 2)))
        features = scales.pop()
        for convolution in reversed(self.up):
            coarse = nn.functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = convolution(torch.cat([scales.pop(), coarse], dim=1))
        logits: Tensor = self.fold(self.leave(features))
        return logits


def initialised(settings: CompactUNetSettings, seed: int) -> CompactUNet:
    """Make a network with weights of its own seed: He-normal convolutions, zero biases, unit normalisation.

    Parameters
    ----------
    settings : CompactUNetSettings
        Shape of the network.
    seed : int
        Seed of the weights; the global generator is left alone.

    Returns
    -------
    CompactUNet
        On the CPU, in training mode, float32, channels last.

    References
    ----------
    K. He et al., ICCV 2015, arXiv 1502.01852
    """
    with torch.device("meta"):
        network = CompactUNet(settings)
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
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
