"""A segmentation held against labels that people drew: sums over pixels, and the sizes of the labelled particles."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from temshift.core import Grid, InputError
from temshift.scoring import PixelSums, pixel_sums
from temshift.segmentation.instances import instances
from temshift.segmentation.particles import measure
from temshift.segmentation.segment import Segmentation, on_network

_SURE = 9.0  # logit: labels leave no doubt
_NM = 10.0  # angstrom


@dataclass(frozen=True)
class Labelled:
    """What labels say of a segmentation.

    Attributes
    ----------
    sums : PixelSums
        Over the pixels of the network; those under bars and scale bars are left out.
    truth : ndarray (y, x) of bool
        The labels' mask on these pixels.
    particles : polars.DataFrame
        The labelled particles, measured on the pixels of the micrograph as the network's are.
    """

    sums: PixelSums
    truth: NDArray[np.bool_]
    particles: pl.DataFrame


def against_labels(
    segmentation: Segmentation, labels: NDArray[np.int32], *, split: bool = True, smallest_nm: float = 0.0
) -> Labelled:
    """Hold a segmentation against labels.

    Parameters
    ----------
    segmentation : Segmentation
    labels : ndarray (y, x) of int
        0 outside particles; 1, or a number for each particle, on them; of the shape of the micrograph.
    split, smallest_nm
        As for `segment`; labels that number the particles are not split.

    Returns
    -------
    Labelled

    Raises
    ------
    InputError
        If all labelled pixels lie under bars.
    """
    truth, seen = on_network(labels, segmentation) > 0, ~segmentation.hidden
    if not seen.any():
        raise InputError(f"{segmentation.micrograph.name}: nothing but scale bars is left to hold labels against")
    logits, masks = (torch.from_numpy(plane[seen])[None, None, None] for plane in (segmentation.logits, truth))
    part = labels[segmentation.cleaned.part]
    grid = Grid((part.shape[0], part.shape[1]), segmentation.micrograph.pixel_angstrom.value)
    numbered = _numbered(part, np.pi / 4 * (smallest_nm * _NM) ** 2 / grid.pixel_area, split=split)
    sure = np.where(numbered > 0, _SURE, -_SURE).astype(np.float32)
    return Labelled(pixel_sums(logits, masks), truth, measure(numbered, sure, grid, segmentation.cleaned.hidden))


def _numbered(labels: NDArray[np.int32], smallest: float, *, split: bool) -> NDArray[np.int32]:
    """Number the labelled particles 1, 2, ...; labels of one number alone are a mask of them all."""
    values, places = np.unique(labels, return_inverse=True)
    if len(values) <= 2:
        return instances(labels > 0, smallest, split=split)[0]
    kept = np.bincount(places.ravel()) >= max(1.0, smallest)
    kept[0] = False  # the lowest number is 0, outside
    numbers = np.zeros(len(values), np.int32)
    numbers[kept] = np.arange(1, int(kept.sum()) + 1)
    return numbers[places.reshape(labels.shape)]
