"""Micrographs with masks, formed on the fly from exit waves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.seeds import Stage, generator, torch_seed
from temshift.optics.binning import binned_masks
from temshift.optics.camera import CameraResponse, detect
from temshift.optics.conditions import Conditions
from temshift.optics.counting import standardised
from temshift.optics.images import WaveSpectra, image_intensities
from temshift.optics.imaging import COLUMNS, ImagingConditions
from temshift.optics.resampling import magnified_masks
from temshift.optics.settings import ImagingSettings

DATASETS_VERSION = 2
EXACT = ImagingSettings()

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class MicrographSource:
    """Everything that micrographs are formed from.

    Attributes
    ----------
    spectra : WaveSpectra
        Transformed exit waves of the specimens.
    masks : Tensor (specimen, y, x) of bool
        Ground truth.
    imaging : ImagingSettings
        Treatment of coherence, and the camera.
    """

    spectra: WaveSpectra
    masks: Tensor
    imaging: ImagingSettings = EXACT

    def __len__(self) -> int:
        return len(self.masks)


@dataclass(frozen=True)
class Stream:
    """Where random draws come from: a root seed and a key; draw number i ignores every other draw."""

    root: int
    key: tuple[int, ...] = ()


def form_micrographs(
    source: MicrographSource,
    conditions: ImagingConditions,
    specimens: NDArray[np.int64],
    numbers: Sequence[int],
    stream: Stream,
) -> Batch:
    """Form standardised micrographs, each under its own draw of conditions and of noise.

    Parameters
    ----------
    source : MicrographSource
        Waves and masks.
    conditions : ImagingConditions
        The distribution to draw from.
    specimens : ndarray (n,) of int
        Specimen of each image.
    numbers : sequence of int (n,)
        Number of each draw in the stream.
    stream : Stream
        Source of the draws.

    Returns
    -------
    images : Tensor (n, 1, y, x)
        Mean 0, variance 1 each.
    masks : Tensor (n, 1, y, x) of bool
        Ground truth.
    """
    drawn = drawn_conditions(conditions, numbers, stream)
    with torch.inference_mode():  # an eighth of the time
        counts = count_electrons(source, drawn, specimens, noise_seeds(numbers, stream))
    return standardised(counts)[:, None], masks_of(source, drawn, specimens)[:, None]


def drawn_conditions(conditions: ImagingConditions, numbers: Sequence[int], stream: Stream) -> Conditions:
    """Draw the conditions of the images ``numbers`` of a stream, n of them in float64."""
    uniform = [generator(stream.root, Stage.CONDITION, *stream.key, number).random(len(COLUMNS)) for number in numbers]
    return conditions.quantiles(np.stack(uniform))


def noise_seeds(numbers: Sequence[int], stream: Stream) -> list[int]:
    """Return the seed of the noise of each of the images ``numbers`` of a stream."""
    return [torch_seed(stream.root, Stage.NOISE, *stream.key, number) for number in numbers]


def count_electrons(
    source: MicrographSource, drawn: Conditions, specimens: NDArray[np.int64], seeds: Sequence[int]
) -> Tensor:
    """Form micrographs as a camera counts them.

    Parameters
    ----------
    source : MicrographSource
        Waves and masks.
    drawn : Conditions
        Condition of each image, n of them.
    specimens : ndarray (n,) of int
        Specimen of each image.
    seeds : sequence of int (n,)
        Each image's noise draws from its own.

    Returns
    -------
    Tensor (n, y, x)
        Counts in each pixel of the camera; whole electrons where it counts perfectly.
    """
    index = torch.from_numpy(specimens).to(source.masks.device)
    intensities = image_intensities(source.spectra, index, drawn, source.imaging)
    dose = drawn.dose * (1 + drawn.pixel_size_error) ** 2  # more electrons fall on a pixel that is larger
    response = camera_response(drawn.to(intensities.device, intensities.dtype), source.imaging)
    return detect(intensities, dose, source.spectra.grid, seeds, response)


def camera_response(drawn: Conditions, imaging: ImagingSettings) -> CameraResponse:
    """Return how the camera answers under some conditions; motion counts in pixels as they are said to be."""
    same = ("mtf_half_frequency", "ntf_half_frequency", "dqe_zero", "gain", "read_noise", "drift_azimuth")
    scale = 1 + drawn.pixel_size_error
    return CameraResponse(
        **{name: getattr(drawn, name) for name in same},
        vibration_sigma=drawn.vibration_sigma / scale,
        drift=drawn.drift / scale,
        settings=imaging.camera,
    )


def masks_of(source: MicrographSource, drawn: Conditions, specimens: NDArray[np.int64]) -> Tensor:
    """Return the masks of images (n, y, x) of bool: on the pixels that the camera has under some conditions."""
    masks = source.masks[torch.from_numpy(specimens).to(source.masks.device)]
    return binned_masks(magnified_masks(masks, drawn.pixel_size_error), source.imaging.camera.binning)


def augmented(images: Tensor, masks: Tensor, numbers: Sequence[int], stream: Stream) -> Batch:
    """Turn, flip and shift each image with its mask; shifts wrap around, as the simulated cell is periodic.

    Parameters
    ----------
    images, masks : Tensor (n, 1, y, x)
        Square planes.
    numbers : sequence of int (n,)
        Number of each draw in the stream.
    stream : Stream
        Source of the draws.

    Returns
    -------
    images, masks : Tensor (n, 1, y, x)
        One of the 8 symmetries of the square and a shift, the same for an image and its mask.
    """
    pairs = [_moved(image, mask, number, stream) for image, mask, number in zip(images, masks, numbers, strict=True)]
    return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])


def training_batches(
    source: MicrographSource, conditions: ImagingConditions, *, steps: int, batch: int, stream: Stream
) -> Iterator[Batch]:
    """Yield ``steps`` augmented batches, drawn afresh; every specimen comes once before any comes again.

    Parameters
    ----------
    source : MicrographSource
        Waves and masks.
    conditions : ImagingConditions
        The training distribution.
    steps, batch : int
        Number of batches and images in each.
    stream : Stream
        Source of order, conditions, noise and augmentation.

    Yields
    ------
    images, masks : Tensor (batch, 1, y, x)
    """
    for step in range(steps):
        numbers = range(step * batch, (step + 1) * batch)
        specimens = np.array([_in_order(number, len(source), stream) for number in numbers])
        images, masks = form_micrographs(source, conditions, specimens, numbers, stream)
        yield augmented(images, masks, numbers, stream)


def scoring_batches(
    source: MicrographSource, conditions: ImagingConditions, *, batch: int, stream: Stream
) -> Iterator[Batch]:
    """Yield one micrograph of every specimen in order, in batches of fixed size (the last may be smaller)."""
    for start in range(0, len(source), batch):
        specimens = np.arange(start, min(start + batch, len(source)))
        yield form_micrographs(source, conditions, specimens, specimens.tolist(), stream)


def _in_order(number: int, specimens: int, stream: Stream) -> int:
    """Specimen of image ``number``: epoch after epoch, each in an order of its own."""
    epoch, place = divmod(number, specimens)
    return int(_order(epoch, specimens, stream)[place])


@lru_cache(maxsize=16)
def _order(epoch: int, specimens: int, stream: Stream) -> NDArray[np.int64]:
    return generator(stream.root, Stage.ORDER, *stream.key, epoch).permutation(specimens)


def _moved(image: Tensor, mask: Tensor, number: int, stream: Stream) -> Batch:
    draws = generator(stream.root, Stage.AUGMENTATION, *stream.key, number)
    turns, flip = int(draws.integers(4)), bool(draws.integers(2))
    shifts = tuple(int(draws.integers(size)) for size in image.shape[-2:])

    def move(plane: Tensor) -> Tensor:
        plane = torch.rot90(torch.roll(plane, shifts, (-2, -1)), turns, (-2, -1))
        return plane.flip(-1) if flip else plane

    return move(image), move(mask)
