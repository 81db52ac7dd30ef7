"""Ways to encode pictures for the page, best first, and the choice of one by measured size."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temshift.figures.pictures import webp

SAMPLES = 24  # pictures whose size is measured to choose how all are encoded

Levels = NDArray[np.uint8]


@dataclass(frozen=True)
class Coding:
    """A way to encode a picture; a quality of ``None`` loses nothing."""

    quality: int | None

    @property
    def kind(self) -> str:
        """Its media type."""
        return "image/webp"

    @property
    def words(self) -> str:
        """Its name for readers of the page."""
        return "WebP, without loss" if self.quality is None else f"WebP of quality {self.quality}"

    def encoded(self, levels: Levels) -> bytes:
        """Encode grey levels (y, x)."""
        return webp(levels, self.quality)


# Of noisy micrographs WebP takes a quarter less than JPEG at the same error (FINDINGS.md).
CODINGS = (Coding(None), Coding(80), Coding(60), Coding(40), Coding(20), Coding(10))


def mean_sizes(samples: Sequence[Levels]) -> list[float]:
    """Return the mean bytes of a picture as base64 with each of the codings."""
    return [sum(4 / 3 * len(coding.encoded(one)) + 4 for one in samples) / len(samples) for coding in CODINGS]


def fitting(samples: Sequence[Levels], count: int, most: float) -> Coding:
    """Return the best coding that keeps ``count`` pictures such as the samples within ``most`` bytes, else the last."""
    sizes = zip(CODINGS, mean_sizes(samples), strict=True)
    return next((coding for coding, size in sizes if count * size <= most), CODINGS[-1])


def data_uri(content: bytes, kind: str) -> str:
    """Return the bytes as a data: address of a media type."""
    return f"data:{kind};base64,{base64_text(content)}"


def base64_text(content: bytes) -> str:
    """Return the bytes as base64."""
    return base64.b64encode(content).decode("ascii")
