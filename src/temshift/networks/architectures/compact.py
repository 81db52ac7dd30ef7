"""A compact U-Net that works on blocks of pixels: space-to-depth stem, three scales."""

from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from temshift.configuration import Configuration
from temshift.networks.layers import Normalisation, UNet, double_convolution, upsampled

Width = Annotated[int, Field(ge=4, le=512)]


class CompactUNetSettings(Configuration):
    """Shape of the network: channels at each scale, finest first, and pixels a side that the stem folds together."""

    kind: Literal["compact"] = "compact"
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=6)] = (16, 32, 48)
    stem: Annotated[int, Field(ge=1, le=8)] = 4
    normalisation: Normalisation = "batch"

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return int(self.stem * 2 ** (len(self.widths) - 1))


class CompactUNet(UNet):
    """U-Net on pixel blocks, from standardised images to logits of "particle".

    Parameters
    ----------
    settings : CompactUNetSettings
        Widths, stem and normalisation.

    References
    ----------
    O. Ronneberger, P. Fischer and T. Brox, MICCAI 2015, DOI 10.1007/978-3-319-24574-4_28;
    W. Shi et al., CVPR 2016, arXiv 1609.05158 (space to depth and back)
    """

    encoder_parts = ("enter", "down")
    decoder_parts = ("up", "leave")

    def __init__(self, settings: CompactUNetSettings) -> None:
        super().__init__(settings.divisor)
        widths, block, kind = settings.widths, settings.stem**2, settings.normalisation
        self.unfold = nn.PixelUnshuffle(settings.stem)
        self.enter = double_convolution(block, widths[0], kind)
        self.down = nn.ModuleList(double_convolution(a, b, kind) for a, b in pairwise(widths))
        self.up = nn.ModuleList(double_convolution(a + b, a, kind) for a, b in pairwise(widths))
        self.leave = nn.Conv2d(widths[0], block, 1)
        self.fold = nn.PixelShuffle(settings.stem)

    def segment(self, images: Tensor) -> Tensor:
        """Map images (n, 1, y, x), whose sides are multiples of `divisor`, to logits (n, 1, y, x)."""
        scales = [self.enter(self.unfold(images))]
        for convolution in self.down:
            scales.append(convolution(nn.functional.max_pool2d(scales[-1], 2)))
        features = scales.pop()
        for convolution in reversed(self.up):
            features = convolution(torch.cat([scales.pop(), upsampled(features)], dim=1))
        logits: Tensor = self.fold(self.leave(features))
        return logits
