"""Ground truth: which pixels show a particle."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from temshift.core import Grid

Mask = NDArray[np.bool_]


def outline_mask(xy: NDArray[np.float64], grid: Grid, *, atom_radius: float, closing_radius: float) -> Mask:
    """Projected silhouette: discs around the projected atoms, closed over the gaps between columns.

    The discs grow by ``closing_radius`` and shrink by as much again (a morphological closing), which fills gaps
    narrower than twice that radius and leaves the outer border where the discs had it.

    Parameters
    ----------
    xy : ndarray (atoms, 2)
        Positions x, y of a particle's atoms [A], periodic over the grid.
    grid : Grid
        The (y, x) plane.
    atom_radius : float
        Radius of the disc around each atom [A].
    closing_radius : float
        Radius of the closing [A].

    Returns
    -------
    ndarray (y, x) of bool
        True inside the silhouette; all False without atoms.

    References
    ----------
    J. Serra, Image Analysis and Mathematical Morphology (1982), chapter II
    """
    occupied = np.zeros(grid.shape, dtype=bool)
    row, column = (np.floor(xy[:, axis] / grid.sampling[1 - axis] + 0.5).astype(int) for axis in (1, 0))
    occupied[row % grid.shape[0], column % grid.shape[1]] = True
    if not occupied.any():
        return occupied
    discs = _distance_from(occupied, grid, atom_radius) <= atom_radius
    grown = _distance_from(discs, grid, closing_radius) <= closing_radius
    return _distance_from(~grown, grid, closing_radius) > closing_radius


def phase_mask(wave: Tensor, grid: Grid, *, threshold: float, blur_sigma: float) -> Mask:
    """Pixels where the blurred phase of the particles' own exit wave exceeds a threshold.

    Parameters
    ----------
    wave : Tensor (phonon, y, x)
        Complex exit waves of the particles alone in vacuum; averaged over phonon configurations first.
    grid : Grid
        The (y, x) plane.
    threshold : float
        Phase [rad].
    blur_sigma : float
        Standard deviation of the Gaussian blur [A].

    Returns
    -------
    ndarray (y, x) of bool
        True where a particle is.

    Notes
    -----
    Phases are taken between -pi/2 and 3 pi/2: atoms advance the phase, so what lies below -pi/2 has gone around, in
    columns of a thick crystal. Phases that have gone around more than once lie about pi/2 on average.
    """
    turned = torch.angle(wave.mean(dim=0) * -1j) + math.pi / 2
    phase = turned.cpu().numpy().astype(np.float64)
    widths = [blur_sigma / sampling for sampling in grid.sampling]
    blurred: NDArray[np.float64] = ndimage.gaussian_filter(phase, widths, mode="wrap")
    return blurred > threshold


def disc_coverage(mask: Mask, center: tuple[float, float], radius: float, grid: Grid) -> float | None:
    """Share of a disc around ``center`` (x, y) [A] that a mask covers; None if the disc holds no pixel."""
    distance = np.hypot(
        *(
            _periodic_offset(size, step, origin).reshape((-1, 1) if axis == 0 else (1, -1))
            for axis, (size, step, origin) in enumerate(zip(grid.shape, grid.sampling, center[::-1], strict=True))
        )
    )
    disc = distance <= radius
    return float(mask[disc].mean()) if disc.any() else None


def _periodic_offset(size: int, step: float, origin: float) -> NDArray[np.float64]:
    extent = size * step
    return np.mod(np.arange(size, dtype=np.float64) * step - origin + extent / 2, extent) - extent / 2


def _distance_from(features: Mask, grid: Grid, reach: float) -> NDArray[np.float64]:
    """Periodic Euclidean distance [A] to the nearest feature, exact up to ``reach``."""
    pad = [min(size, math.ceil(reach / step) + 1) for size, step in zip(grid.shape, grid.sampling, strict=True)]
    padded = np.pad(features, [(width, width) for width in pad], mode="wrap")
    if not padded.any():
        return np.full(grid.shape, np.inf)
    distance = ndimage.distance_transform_edt(~padded, sampling=grid.sampling)
    inner: NDArray[np.float64] = distance[pad[0] : -pad[0], pad[1] : -pad[1]]
    return inner
