"""Micrographs with masks, formed on the fly from exit waves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.conditions.drawn import Conditions
from temshift.conditions.imaging import COLUMNS, ImagingConditions
from temshift.core.grids import Grid
from temshift.core.seeds import Stage, generator, torch_seed
from temshift.optics.camera import camera_response, detect
from temshift.optics.camera.binning import binned_masks
from temshift.optics.camera.counting import quantised, standardised
from temshift.optics.image_formation import WaveSpectra, image_intensities
from temshift.optics.resampling import magnified_masks, resampled
from temshift.optics.settings import EXACT, ImagingSettings

DATASETS_VERSION = 2

Batch = tuple[Tensor, Tensor]
PhononImages = Literal["averaged", "drawn"]


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
    shape : tuple of int, optional
        Pixels (y, x) that images and masks are brought to; those of the camera if it is left out.
    phonons : {"averaged", "drawn"}
        Whether an image is the mean over all phonon configurations, as an exposure shows it, or that of one of them,
        drawn for each image; if there is one alone, both are the same.
    """

    spectra: WaveSpectra
    masks: Tensor
    imaging: ImagingSettings = EXACT
    shape: tuple[int, int] | None = None
    phonons: PhononImages = "averaged"

    @property
    def image_grid(self) -> Grid:
        """The (y, x) plane of the images."""
        grid = self.imaging.image_grid(self.spectra.grid)
        if self.shape is None:
            return grid
        return Grid(self.shape, (grid.extent[0] / self.shape[0], grid.extent[1] / self.shape[1]))

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
        lit, waves = _lit(source, specimens, numbers, stream)
        counts = count_electrons(lit, drawn, waves, noise_seeds(numbers, stream))
        counts = quantised(counts, source.imaging.camera.bits)
        if source.shape is not None:
            counts = resampled(counts, source.shape)
    masks = resampled_masks(masks_of(source, drawn, specimens), source.image_grid.shape)
    return standardised(counts)[:, None], masks[:, None]


def _lit(
    source: MicrographSource, specimens: NDArray[np.int64], numbers: Sequence[int], stream: Stream
) -> tuple[MicrographSource, NDArray[np.int64]]:
    """Waves of images, and the number of the waves that each image takes; if phonons are drawn, those of one by lot."""
    count = source.spectra.values.shape[1]
    if source.phonons == "averaged" or count == 1:
        return source, specimens
    lots = [generator(stream.root, Stage.SHOWN_PHONON, *stream.key, number).integers(count) for number in numbers]
    return replace(source, spectra=source.spectra.single), specimens * count + np.array(lots)


def resampled_masks(masks: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sample periodic masks (n, y, x) at the places of other pixels, by the nearest, as their definition samples them.

    Examples
    --------
    >>> resampled_masks(torch.tensor([[[True, False, False, True]]]), (1, 2)).tolist()
    [[[True, False]]]
    """
    if tuple(masks.shape[-2:]) == shape:
        return masks
    rows, columns = (
        (torch.arange(new, device=masks.device) * size / new).round().long() % size
        for new, size in zip(shape, masks.shape[-2:], strict=True)
    )
    return masks[:, rows][..., columns]


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
    response = camera_response(drawn.to(intensities.device, intensities.dtype), source.imaging.camera)
    pixels = source.imaging.camera_grid(source.spectra.grid)
    if pixels.shape != source.spectra.grid.shape:
        intensities = resampled(intensities, pixels.shape).clamp_min(0)  # a band that is cut may swing below 0
    return detect(intensities, dose, pixels, seeds, response)


def masks_of(source: MicrographSource, drawn: Conditions, specimens: NDArray[np.int64]) -> Tensor:
    """Return the masks of images (n, y, x) of bool: on the pixels that the camera has under some conditions."""
    masks = source.masks[torch.from_numpy(specimens).to(source.masks.device)]
    return camera_masks(magnified_masks(masks, drawn.pixel_size_error), source.spectra.grid, source.imaging)


def camera_masks(masks: Tensor, grid: Grid, imaging: ImagingSettings) -> Tensor:
    """Bring masks (n, y, x) of bool on the grid of the waves to the pixels that images have."""
    return binned_masks(resampled_masks(masks, imaging.camera_grid(grid).shape), imaging.camera.binning)
