"""The micrographs of an image set: formed one by one, each from its own draws, with the mask on its pixels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.core import TemshiftError
from temshift.exitwaves import WaveSource
from temshift.exitwaves.store import read_shard
from temshift.image_sets.image_set import ImageCondition, ImagePlan, stream_key
from temshift.micrographs import (
    MicrographSource,
    Stream,
    count_electrons,
    drawn_conditions,
    noise_seeds,
)
from temshift.micrographs.formation import masks_of
from temshift.optics.camera.counting import quantised, standardised
from temshift.optics.image_formation import wave_spectra
from temshift.optics.sums import band_margin


@dataclass(frozen=True)
class Micrograph:
    """One image and its facts.

    Attributes
    ----------
    pixels : ndarray (y, x)
        The counts of the camera in each pixel, or float32 of mean 0 and variance 1.
    mask : ndarray (y, x) of bool
        Ground truth on the same pixels.
    facts : dict
        Its specimen, its number, the conditions drawn, the seed of its noise, mean and deviation of the counts, the
        share of the image that its mask covers.
    """

    pixels: NDArray[Any]
    mask: NDArray[np.bool_]
    facts: dict[str, Any]


def ready_sources(
    plan: ImagePlan, source: WaveSource, shard: int, conditions: Iterable[ImageCondition], device: str
) -> Iterator[tuple[ImageCondition, MicrographSource]]:
    """Load one shard, and yield each condition with the transformed waves that its images are formed of.

    Waves are transformed once for all conditions whose bands reach as far. They do not depend on the other
    conditions: the frequencies that stand in a tensor change the last bits of results.
    """
    stored = read_shard(source.store, shard)
    waves, masks = stored.waves.to(device), stored.masks.to(device)
    for margin, alike in groupby(sorted(conditions, key=_margin), key=_margin):
        spectra = wave_spectra(waves, source.layout.grid, source.exit_waves.energy, source.widest_semiangle, margin)
        ready = MicrographSource(spectra, masks, plan.image_set.imaging)
        yield from ((condition, ready) for condition in alike)


def _margin(condition: ImageCondition) -> float:
    return band_margin(condition.conditions.highest("angular_spread_sigma"))


def form_images(
    plan: ImagePlan, source: WaveSource, shard: int, loaded: MicrographSource, condition: ImageCondition
) -> list[Micrograph]:
    """Form all images of a shard under one condition, one by one: the size of a batch changes the last bits.

    Parameters
    ----------
    plan : ImagePlan
        The plan.
    source : WaveSource
        The set.
    shard : int
        Number of the shard.
    loaded : MicrographSource
        The shard's waves, from :func:`ready_sources`.
    condition : ImageCondition
        The condition to draw from.

    Returns
    -------
    list of Micrograph
        Specimen by specimen, ``images_per_specimen`` of each.

    Raises
    ------
    TemshiftError
        If a pixel counts more electrons than the type of the pixels holds.
    """
    specimens = source.layout.specimens_of(shard)
    return [
        _formed(plan, source, loaded, condition, (place, specimen, copy))
        for place, specimen in enumerate(specimens)
        for copy in range(plan.images_per_specimen)
    ]


def _formed(
    plan: ImagePlan,
    source: WaveSource,
    loaded: MicrographSource,
    condition: ImageCondition,
    which: tuple[int, int, int],
) -> Micrograph:
    place, specimen, copy = which
    stream = Stream(plan.image_set.seed, (stream_key(source.specimen_settings), condition.key, copy))
    drawn, seeds = drawn_conditions(condition.conditions, [specimen], stream), noise_seeds([specimen], stream)
    counts = count_electrons(loaded, drawn, np.array([place]), seeds)
    mask = masks_of(loaded, drawn, np.array([place]))[0].cpu().numpy()
    facts = {
        "condition": condition.name,
        "specimen": specimen,
        "image": copy,
        "number": specimen * plan.images_per_specimen + copy,
        **{key: values[0] for key, values in drawn.in_file_units().items()},
        "seed": seeds[0],
        "counts_mean": float(counts.double().mean()),
        "counts_sd": float(counts.double().std(correction=0)),
        "mask_fraction": float(mask.mean()),
    }
    levels = quantised(counts, plan.image_set.imaging.camera.bits)
    kept = standardised(levels) if plan.image_set.standardise else levels
    return Micrograph(_typed(kept[0], plan.dtype, condition.name), mask, facts)


def _typed(image: torch.Tensor, dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    if dtype == np.float32:
        return np.asarray(image.cpu().numpy(), dtype=dtype)
    pixels: NDArray[Any] = image.double().cpu().numpy()
    if pixels.max() > np.iinfo(dtype).max:
        raise TemshiftError(
            f"{name!r}: a pixel counts {pixels.max():.3g} electrons, more than {dtype.name} holds; "
            "lower dose_e_per_A2, or set standardise: true"
        )
    return pixels.astype(dtype)
