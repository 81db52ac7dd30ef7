"""Batches of micrographs for training and scoring, each image from its own number in a stream."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.conditions import ImagingConditions
from temshift.core import Stage, generator
from temshift.micrographs.augmentation import Augmentation, augmented
from temshift.micrographs.formation import Batch, MicrographSource, Stream, form_micrographs

Images = Literal["fresh", "fixed"]


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
        Whether each pass over the specimens draws new conditions and noise, or shows the images of the first
        pass again, in a new order and with new augmentations.
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
        return form_micrographs(source, conditions, specimens_in_order(numbers, len(source), stream), numbers, stream)

    return form


def _fixed(
    source: MicrographSource, conditions: ImagingConditions, batch: int, stream: Stream
) -> Callable[[range], Batch]:
    """Images by their numbers in the stream, of which each specimen has only the one of the first pass."""
    batches = list(first_images(source, conditions, batch=batch, stream=stream))
    images, masks = (torch.cat([one[part] for one in batches]) for part in (0, 1))
    places = np.argsort(
        specimens_in_order(range(len(source)), len(source), stream)
    )  # of each specimen in the first pass

    def find(numbers: range) -> Batch:
        chosen = torch.from_numpy(places[specimens_in_order(numbers, len(source), stream)]).to(images.device)
        return images[chosen], masks[chosen]

    return find


def specimens_in_order(numbers: Iterable[int], specimens: int, stream: Stream) -> NDArray[np.int64]:
    """Return the specimen of each of some images of a training stream: pass after pass, each in its own order.

    Parameters
    ----------
    numbers : iterable of int (n,)
        Numbers of the images in the stream.
    specimens : int
        How many specimens there are; a pass shows each once.
    stream : Stream
        Source of the orders.

    Returns
    -------
    ndarray (n,) of int
    """
    places = [divmod(number, specimens) for number in numbers]
    return np.array([_order(epoch, specimens, stream)[place] for epoch, place in places])


@lru_cache(maxsize=16)
def _order(epoch: int, specimens: int, stream: Stream) -> NDArray[np.int64]:
    return generator(stream.root, Stage.ORDER, *stream.key, epoch).permutation(specimens)
