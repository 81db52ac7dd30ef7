"""The U-Net of ten published networks that were trained on real micrographs, to be filled with their weights.

K. Sytwu, L. Rangel DaCosta and M. C. Scott, "Generalization across experimental parameters in machine learning analysis
of high resolution transmission electron microscopy datasets", arXiv 2306.11853; weights under the MIT licence. The
architecture is written from its description and from the names and shapes of the tensors.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

WIDTHS = (4, 8, 16, 32)
DEEPEST = 64
CRYSTALS = {"cdse": "CdSe", "ag": "Ag"}  # crystals of the ten networks, by the prefix of their names


class Block(nn.Module):
    """Two normalised convolutions, added to a third one of the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv_add = nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return features (n, outputs, y, x)."""
        inner = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(features)))))
        return torch.relu(inner + self.conv_add(features))


class PublishedUNet(nn.Module):
    """Four levels of 4 to 32 channels and a bottleneck of 64: 131,436 numbers."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *WIDTHS[:-1])
        self.downs = nn.ModuleList(Block(*pair) for pair in zip(inputs, WIDTHS, strict=True))
        self.bottleneck = Block(WIDTHS[-1], DEEPEST)
        below = (DEEPEST, *WIDTHS[:0:-1])
        self.ups = nn.ModuleList(
            Block(width + deeper, width) for width, deeper in zip(WIDTHS[::-1], below, strict=True)
        )
        self.final_conv = nn.Conv2d(WIDTHS[0], 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return two classes (n, 2, y, x), background and particle, of standardised images (n, 1, y, x)."""
        skipped, features = [], images
        for down in self.downs:
            features = down(features)
            skipped.append(features)
            features = torch.max_pool2d(features, 2)
        features = self.bottleneck(features)
        for up, skip in zip(self.ups, skipped[::-1], strict=True):
            features = up(torch.cat([skip, nn.functional.interpolate(features, scale_factor=2.0)], dim=1))
        logits: Tensor = self.final_conv(features)
        return logits


def published_unets(weights: Path) -> dict[str, PublishedUNet]:
    """Return the ten networks in evaluation mode, by names such as ``cdse_fold0``.

    Parameters
    ----------
    weights : path
        ``published_unets.safetensors``; docs/published-networks.md says how to get and convert the weights.
    """
    tensors = load_file(weights)
    names = sorted({name.split(".")[0] for name in tensors})
    networks = {}
    for name in names:
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        networks[name] = PublishedUNet()
        networks[name].load_state_dict(own)
        networks[name].eval()
    return networks
