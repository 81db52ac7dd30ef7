"""Micrographs with masks, formed on the fly from exit waves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

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
Images = Literal["fresh", "fixed"]
Augmentation = Literal["dihedral_shift", "dihedral", "none"]


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


def augmented(
    images: Tensor,
    masks: Tensor,
    numbers: Sequence[int],
    stream: Stream,
    augmentation: Augmentation = "dihedral_shift",
) -> Batch:
    """Turn, flip and shift each image with its mask; shifts wrap around, as the simulated cell is periodic.

    Parameters
    ----------
    images, masks : Tensor (n, 1, y, x)
        Square planes.
    numbers : sequence of int (n,)
        Number of each draw in the stream.
    stream : Stream
        Source of the draws.
    augmentation : {"dihedral_shift", "dihedral", "none"}
        One of the 8 symmetries of the square and a shift, the symmetry alone, or nothing.

    Returns
    -------
    images, masks : Tensor (n, 1, y, x)
        An image and its mask move alike.
    """
    if augmentation == "none":
        return images, masks
    shifted = augmentation == "dihedral_shift"
    pairs = [
        _moved(image, mask, _movement(image, number, stream, shifted))
        for image, mask, number in zip(images, masks, numbers, strict=True)
    ]
    return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])


def training_batches(
    source: MicrographSource,
    conditions: ImagingConditions,
    *,
    steps: int,
    batch: int,
    stream: Stream,
    images: Images = "fresh",
    augmentation: Augmentation = "dihedral_shift",
) -> Iterator[Batch]:
    """Yield ``steps`` augmented batches; every specimen comes once before any comes again.

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
    images : {"fresh", "fixed"}
        Whether each pass over the specimens draws conditions and noise afresh, or shows the images of the first
        pass again, in a new order and augmented anew.
    augmentation : {"dihedral_shift", "dihedral", "none"}
        See :func:`augmented`.

    Yields
    ------
    images, masks : Tensor (batch, 1, y, x)
    """
    shown = _former(source, conditions, stream) if images == "fresh" else _fixed(source, conditions, batch, stream)
    for step in range(steps):
        numbers = range(step * batch, (step + 1) * batch)
        yield augmented(*shown(numbers), numbers, stream, augmentation)


def first_images(
    source: MicrographSource, conditions: ImagingConditions, *, batch: int, stream: Stream
) -> Iterator[Batch]:
    """Yield the first pass of a training stream as it is before augmentation: one image of every specimen.

    Parameters
    ----------
    source : MicrographSource
        Waves and masks.
    conditions : ImagingConditions
        The training distribution.
    batch : int
        Images in each batch; the last may be smaller.
    stream : Stream
        Source of order, conditions and noise, as training had it.

    Yields
    ------
    images, masks : Tensor (n, 1, y, x)
        Numbers 0, 1, ... of the stream; for fixed images these are all that training shows.
    """
    form = _former(source, conditions, stream)
    for start in range(0, len(source), batch):
        yield form(range(start, min(start + batch, len(source))))


def scoring_batches(
    source: MicrographSource, conditions: ImagingConditions, *, batch: int, stream: Stream
) -> Iterator[Batch]:
    """Yield one micrograph of every specimen in order, in batches of fixed size (the last may be smaller)."""
    for start in range(0, len(source), batch):
        specimens = np.arange(start, min(start + batch, len(source)))
        yield form_micrographs(source, conditions, specimens, specimens.tolist(), stream)


def _former(source: MicrographSource, conditions: ImagingConditions, stream: Stream) -> Callable[[range], Batch]:
    """Images by their numbers in the stream, formed when they are asked for."""

    def form(numbers: range) -> Batch:
        return form_micrographs(source, conditions, _in_order(numbers, len(source), stream), numbers, stream)

    return form


def _fixed(
    source: MicrographSource, conditions: ImagingConditions, batch: int, stream: Stream
) -> Callable[[range], Batch]:
    """Images by their numbers in the stream, of which each specimen has only the one of the first pass."""
    batches = list(first_images(source, conditions, batch=batch, stream=stream))
    images, masks = (torch.cat([one[part] for one in batches]) for part in (0, 1))
    places = np.argsort(_in_order(range(len(source)), len(source), stream))  # of each specimen in the first pass

    def find(numbers: range) -> Batch:
        chosen = torch.from_numpy(places[_in_order(numbers, len(source), stream)]).to(images.device)
        return images[chosen], masks[chosen]

    return find


def _in_order(numbers: range, specimens: int, stream: Stream) -> NDArray[np.int64]:
    """Specimens of some images: epoch after epoch, each in an order of its own."""
    places = [divmod(number, specimens) for number in numbers]
    return np.array([_order(epoch, specimens, stream)[place] for epoch, place in places])


@lru_cache(maxsize=16)
def _order(epoch: int, specimens: int, stream: Stream) -> NDArray[np.int64]:
    return generator(stream.root, Stage.ORDER, *stream.key, epoch).permutation(specimens)


@dataclass(frozen=True)
class _Movement:
    """Shift along (y, x) [pixel], then quarter turns, then a flip along x."""

    shifts: tuple[int, int]
    turns: int
    flip: bool


def _movement(image: Tensor, number: int, stream: Stream, shifted: bool) -> _Movement:
    draws = generator(stream.root, Stage.AUGMENTATION, *stream.key, number)
    turns, flip = int(draws.integers(4)), bool(draws.integers(2))
    y, x = (int(draws.integers(size)) if shifted else 0 for size in image.shape[-2:])
    return _Movement((y, x), turns, flip)


def _moved(image: Tensor, mask: Tensor, movement: _Movement) -> Batch:
    def move(plane: Tensor) -> Tensor:
        plane = torch.rot90(torch.roll(plane, movement.shifts, (-2, -1)), movement.turns, (-2, -1))
        return plane.flip(-1) if movement.flip else plane

    return move(image), move(mask)
