"""Particles of a mask, one label each; those that touch are split by watershed on the distance to their border."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label, regionprops
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

_NECK = 1.25  # times: particles whose radii exceed the half width of the neck between them by less are one
_CONVEX = 0.96  # share of its convex hull that a particle without a neck fills
_SMOOTH = 1.0  # pixels: steps of the outline make no particles

Labels = NDArray[np.int32]


def instances(mask: NDArray[np.bool_], smallest: float, *, split: bool = True) -> tuple[Labels, int]:
    """Number the particles of a mask.

    Parameters
    ----------
    mask : ndarray (y, x) of bool
        True on particles.
    smallest : float
        Pixels that a particle has at least.
    split : bool
        Whether touching particles are split.

    Returns
    -------
    ndarray (y, x) of int32, int
        0 outside, 1, 2, ... on particles; and the number of specks that were left out because they are smaller.

    Examples
    --------
    >>> y, x = np.indices((60, 110))
    >>> discs = (np.hypot(y - 30, x - 32) < 24) | (np.hypot(y - 30, x - 76) < 24)
    >>> instances(discs, 10)[0].max(), instances(discs, 10, split=False)[0].max()
    (np.int32(2), np.int32(1))
    """
    connected = label(mask, connectivity=1).astype(np.int32)
    if split:
        _split(connected)
    sizes = np.bincount(connected.ravel())
    kept = sizes >= max(1.0, smallest)
    kept[0] = False
    numbers = np.zeros(len(sizes), np.int32)
    numbers[kept] = np.arange(1, int(kept.sum()) + 1)
    return numbers[connected], int((sizes[1:] > 0).sum() - kept.sum())


def _split(connected: Labels) -> None:
    """Split each connected region into parts of new numbers, in place."""
    number = int(connected.max())
    for region in regionprops(connected):
        if region.area < 9 or region.solidity >= _CONVEX:
            continue
        parts = _parts(region.image)
        place = connected[region.slice]
        for part in range(2, int(parts.max()) + 1):
            number += 1
            place[parts == part] = number


def _parts(region: NDArray[np.bool_]) -> Labels:
    """Number the parts of a region that necks separate."""
    distance = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    height = np.log(np.maximum(ndimage.gaussian_filter(distance, _SMOOTH), 0.5))
    height[~region] = math.log(0.5)
    seeds = label(h_maxima(height, math.log(_NECK)) & region)
    if int(seeds.max()) < 2:
        return region.astype(np.int32)
    parts: Labels = watershed(-height, seeds, mask=region).astype(np.int32)
    return parts
