"""A U-Net with the encoder of ResNet-18: about 14 million parameters at its usual width."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from temshift.configuration import Configuration
from temshift.networks.layers import Normalisation, UNet, convolution, double_convolution, upsampled

Stem = Literal["convolution", "space_to_depth"]
_FOLD = 4  # the usual stem, a convolution and a pooling of stride 2 each, leaves as many pixels


class ResNetUNetSettings(Configuration):
    """Shape of the network: channels of the encoder's first stage, its stem and its normalisation.

    The stem "convolution" is that of ResNet-18: 7 x 7 with stride 2, then pooling; "space_to_depth" folds 4 x 4 pixels
    into channels, and logits are unfolded from them, so that nothing is computed on finer pixels.
    """

    kind: Literal["resnet18"] = "resnet18"
    width: Annotated[int, Field(ge=8, le=512, multiple_of=4)] = 64
    stem: Stem = "convolution"
    normalisation: Normalisation = "batch"

    @property
    def divisor(self) -> int:
        """Images are padded inside to a multiple of so many pixels a side."""
        return 32


class ResNetUNet(UNet):
    """U-Net with the encoder of ResNet-18, from standardised images to logits of "particle".

    With w the width, the encoder has w, 2 w, 4 w and 8 w channels at 1/4, 1/8, 1/16 and 1/32 of the image's sides, two
    residual blocks each. The decoder doubles the sides, joins what the encoder had there, and convolves twice, to 4 w,
    2 w, w, w / 2 and w / 4 channels; behind a space-to-depth stem it ends at 1/4 with w.

    Parameters
    ----------
    settings : ResNetUNetSettings
        Width, stem and normalisation.

    References
    ----------
    K. He et al., CVPR 2016, arXiv 1512.03385, table 1 (ResNet-18);
    O. Ronneberger, P. Fischer and T. Brox, MICCAI 2015, DOI 10.1007/978-3-319-24574-4_28
    """

    encoder_parts = ("encoder",)
    decoder_parts = ("decoder", "leave")

    def __init__(self, settings: ResNetUNetSettings) -> None:
        super().__init__(settings.divisor)
        width, kind = settings.width, settings.normalisation
        folded = settings.stem == "space_to_depth"
        first = _folding_stem(width, kind) if folded else _convolution_stem(width, kind)
        deeper = [_stage(width * 2**n, width * 2 ** (n + 1), kind, stride=2) for n in range(3)]
        self.encoder = nn.ModuleList([*first, *deeper])
        beside = [4 * width, 2 * width, width, *([] if folded else [width, 0])]  # channels of the encoder there
        outputs = [4 * width, 2 * width, width, *([] if folded else [width // 2, width // 4])]
        below = [8 * width, *outputs[:-1]]
        self.decoder = nn.ModuleList(
            double_convolution(a + b, out, kind) for a, b, out in zip(beside, below, outputs, strict=True)
        )
        self.leave = nn.Conv2d(outputs[-1], _FOLD**2 if folded else 1, 3, padding=1)
        self.fold = nn.PixelShuffle(_FOLD if folded else 1)

    def segment(self, images: Tensor) -> Tensor:
        """Map images (n, 1, y, x), whose sides are multiples of `divisor`, to logits (n, 1, y, x)."""
        features, scales = images, []
        for stage in self.encoder:
            features = stage(features)
            scales.append(features)
        scales.pop()
        for convolutions in self.decoder:
            beside = [scales.pop()] if scales else []  # the encoder has nothing at the full size
            features = convolutions(torch.cat([*beside, upsampled(features)], dim=1))
        logits: Tensor = self.fold(self.leave(features))
        return logits


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions whose result is added to their input; the first may halve the sides.

    Parameters
    ----------
    inputs, outputs : int
        Channels; where the shape changes, the input passes a 1 x 1 convolution.
    kind : {"batch", "group"}
        Normalisation.
    stride : int
        1 or 2.
    """

    def __init__(self, inputs: int, outputs: int, kind: Normalisation, stride: int) -> None:
        super().__init__()
        first = convolution(inputs, outputs, kind, stride=stride)
        self.change = nn.Sequential(*first, nn.ReLU(inplace=True), *convolution(outputs, outputs, kind))
        same = inputs == outputs and stride == 1
        self.pass_on = nn.Sequential(*([] if same else convolution(inputs, outputs, kind, size=1, stride=stride)))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, y, x) to (n, outputs, y / stride, x / stride)."""
        return nn.functional.relu(self.change(features) + self.pass_on(features))


def _stage(inputs: int, outputs: int, kind: Normalisation, stride: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(inputs, outputs, kind, stride), ResidualBlock(outputs, outputs, kind, 1))


def _convolution_stem(width: int, kind: Normalisation) -> list[nn.Module]:
    """Make the first two scales, 1/2 and 1/4, of `width` channels each."""
    enter = nn.Sequential(*convolution(1, width, kind, size=7, stride=2), nn.ReLU(inplace=True))
    return [enter, nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), *_stage(width, width, kind, stride=1))]


def _folding_stem(width: int, kind: Normalisation) -> list[nn.Module]:
    """Make the first scale, 1/4, of `width` channels."""
    enter = [nn.PixelUnshuffle(_FOLD), *convolution(_FOLD**2, width, kind), nn.ReLU(inplace=True)]
    return [nn.Sequential(*enter, *_stage(width, width, kind, stride=1))]
