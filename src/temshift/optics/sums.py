"""Partial coherence exactly: sums of images over focus (Gauss-Hermite) and over angles of the illumination (a lattice).

A normal spread of standard deviation s turns the phase between two beams by t for each s, and leaves exp(-t^2 / 2) of
their interference. n nodes leave a sum of n cosines instead, good for small t and bad for large. The largest t is
known beforehand from the band and the aberrations, so the number of nodes follows from a tolerance.

Angles need another rule than focus: a tilt moves beams in and out of the aperture, and Gauss-Hermite converges slowly
on such edges, a lattice quickly.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.conditions import Conditions
from temshift.core.electrons import energy_of
from temshift.optics.aberrations import aberration_gradient
from temshift.optics.band import Band

HIGHEST_ORDER = 100
_STEPS = 2000  # of the table of errors over t
_REACH = 12.0  # largest t of that table
LIGHT = 0.1  # nodes whose weights sum up to this share of the tolerance are left out
MOST_ANGLES = 4000
NEGLIGIBLE = 1e-6  # spread of the illumination, relative to the aperture, that counts as none
# Error that the edge of an aperture alone makes on a lattice of spacing h standard deviations, EDGE (s / cutoff)^1.5
# h^3.4 of the image's standard deviation: measured on strongly scattering specimens (docs/image_formation.py).
EDGE = 1.4


@dataclass(frozen=True, eq=False)
class Nodes:
    """Coherent images that make up one partially coherent image, symmetrical about 0; every field is (nodes,).

    Attributes
    ----------
    weight : ndarray
        Sums up to 1.
    focus : ndarray
        Added to C10 [A].
    tilt : ndarray of complex
        Angle of the illumination, x + i y [rad].
    """

    weight: NDArray[np.float64]
    focus: NDArray[np.float64]
    tilt: NDArray[np.complex128]

    @cached_property
    def widest_tilt(self) -> float:
        """The largest tilt [rad]."""
        return float(np.abs(self.tilt).max())

    @property
    def tilted(self) -> bool:
        """Whether any illumination is tilted."""
        return self.widest_tilt > 0

    def parts(self, size: int) -> Iterator["Nodes"]:
        """Yield them, ``size`` at a time."""
        for start in range(0, len(self.weight), size):
            chosen = slice(start, start + size)
            yield Nodes(self.weight[chosen], self.focus[chosen], self.tilt[chosen])


SINGLE = Nodes(np.ones(1), np.zeros(1), np.zeros(1, complex))


def gauss_hermite(order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes, in standard deviations, and weights of the mean over a normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    return nodes, weights / weights.sum()


def sum_error(order: int, reach: float) -> float:
    """Largest error of sum_k w_k cos(x_k t) from exp(-t^2 / 2) for t up to ``reach``.

    Examples
    --------
    >>> sum_error(1, 0.1) < 0.006, sum_error(5, 1.0) < 1e-4
    (True, True)
    """
    return float(np.interp(reach, *_errors(order)))


@functools.lru_cache(maxsize=4096)
def hermite_order(reach: float, tolerance: float) -> int | None:
    """Return the lowest order whose :func:`sum_error` is at most ``tolerance``; None if none below 100 is.

    Examples
    --------
    >>> hermite_order(0.0, 1e-3), hermite_order(0.2, 1e-3), hermite_order(1.0, 1e-3)
    (1, 2, 4)
    """
    orders = (order for order in range(1, HIGHEST_ORDER + 1) if sum_error(order, reach) <= tolerance)
    return next(orders, None) if reach <= _REACH else None


@functools.cache
def _errors(order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    phase = np.linspace(0, _REACH, _STEPS)
    nodes, weights = gauss_hermite(order)
    error = np.abs(np.cos(phase[:, None] * nodes) @ weights - np.exp(-(phase**2) / 2))
    return phase, np.maximum.accumulate(error)


def reaches(band: Band, conditions: Conditions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far a spread of one standard deviation turns the phase of a beam against the direct one, at most.

    Parameters
    ----------
    band : Band
        The frequencies that pass.
    conditions : Conditions
        n conditions.

    Returns
    -------
    focal, angular : ndarray (n,)
        pi Delta alpha^2 / lambda and s |grad chi| at their largest [rad].
    """
    cutoff = np.minimum(_numbers(conditions.semiangle_cutoff + conditions.aperture_edge / 2), band.widest)
    focal = np.pi / band.wavelength * _numbers(conditions.focal_spread(energy_of(band.wavelength))) * cutoff**2
    spread = _numbers(conditions.angular_spread_sigma)
    steepest = [_steepest(band, conditions, number) if each > 0 else 0.0 for number, each in enumerate(spread)]
    return focal, spread * np.array(steepest)


def _steepest(band: Band, conditions: Conditions, number: int) -> float:
    """Largest gradient of chi inside the aperture of one condition."""
    condition = conditions.only(slice(number, number + 1)).to(band.omega.device, band.dtype)
    gradient = aberration_gradient(band.basis, band.wavelength, condition.aberrations)
    inside = band.alpha <= condition.semiangle_cutoff + condition.aperture_edge / 2
    return float((torch.hypot(*gradient).detach() * inside).max())


def band_margin(angular_spread_sigma: float) -> float:
    """Return how far beyond an aperture a band has to reach for a spread of the illumination, both in rad.

    A sum over angles tilts the illumination by up to four standard deviations for a tolerance of 1e-3, and nearly seven
    for the least.
    """
    return 7 * angular_spread_sigma


def coherence_nodes(band: Band, conditions: Conditions, tolerance: float) -> list[Nodes]:
    """Choose the coherent images that each partially coherent one is summed from.

    Parameters
    ----------
    band : Band
        The frequencies that pass.
    conditions : Conditions
        n conditions.
    tolerance : float
        Largest error of the mean interference of a beam with the direct one.

    Returns
    -------
    list of Nodes
        One for each condition.

    Raises
    ------
    ValueError
        If no sum of at most 100 foci and about 4,000 angles is good enough.
    """
    focal, angular = reaches(band, conditions)
    focal_spread = _numbers(conditions.focal_spread(energy_of(band.wavelength)))
    angular_spread = _numbers(conditions.angular_spread_sigma)
    cutoff = np.minimum(_numbers(conditions.semiangle_cutoff), band.widest)
    rows = zip(*(part.tolist() for part in (focal, angular, focal_spread, angular_spread, cutoff)), strict=True)
    return [_nodes(*row, tolerance) for row in rows]


@functools.lru_cache(maxsize=256)
def _nodes(
    focal: float, angular: float, focal_spread: float, angular_spread: float, cutoff: float, tolerance: float
) -> Nodes:
    """Nodes of one image; images of the same spreads share them."""
    order, spacing = _order(focal, tolerance), _spacing(angular, angular_spread / cutoff, tolerance)
    unit = _unit_nodes(order, spacing, tolerance)
    return Nodes(unit.weight, focal_spread * unit.focus, angular_spread * unit.tilt)


class TooFarError(ValueError):
    """No sum of few enough images is exact: ``spread`` ("focal" or "angular") turns phases by ``reach`` [rad]."""

    def __init__(self, spread: str, reach: float, most: int, tolerance: float) -> None:
        self.spread, self.reach = spread, reach
        self.finding = (
            f"the {spread} spread turns phases by {reach:.1f} rad for each standard deviation at the edge of the band, "
            f"too far for a sum of {most} images to be exact to {tolerance:g}"
        )
        remedy = "take a smaller semiangle_cutoff or spread, a larger tolerance, or coherence: envelope"
        super().__init__(f"{self.finding}; {remedy}")


def require_reachable(band: Band, conditions: Conditions, tolerance: float) -> None:
    """Raise the error of :func:`coherence_nodes` if no sum is exact to ``tolerance``, without making one."""
    focal, angular = reaches(band, conditions)
    _order(float(focal.max()), tolerance)
    cutoff = np.minimum(_numbers(conditions.semiangle_cutoff), band.widest)
    spread = _numbers(conditions.angular_spread_sigma) / cutoff
    for number in np.argsort(-angular, kind="stable"):
        _spacing(angular[number], spread[number], tolerance)


def _order(reach: float, tolerance: float) -> int:
    order = hermite_order(reach, tolerance)
    if order is None:
        raise TooFarError("focal", reach, HIGHEST_ORDER, tolerance)
    return order


def _spacing(reach: float, spread: float, tolerance: float) -> float:
    """Spacing of the lattice of angles, in standard deviations, for a spread relative to the aperture; 0 is none."""
    if spread < NEGLIGIBLE:
        return 0.0
    # Beams on opposite sides of the aperture differ by twice the reach.
    phases = 2 * np.pi / (2 * reach + np.sqrt(2 * np.log(20 / tolerance)))
    edges = (tolerance / (EDGE * spread**1.5)) ** (1 / 3.4)
    spacing = float(min(phases, edges))
    if np.pi * 2 * np.log(3 / tolerance) / spacing**2 > MOST_ANGLES:
        raise TooFarError("angular", reach, MOST_ANGLES, tolerance)
    return spacing


@functools.lru_cache(maxsize=4096)
def _unit_nodes(order: int, spacing: float, tolerance: float) -> Nodes:
    """All combinations of focus and angle, in standard deviations, except those that weigh next to nothing."""
    focus, of_focus = gauss_hermite(order)
    angle, of_angle = angle_lattice(spacing, tolerance)
    weight = np.outer(of_focus, of_angle).ravel()
    ranked = np.argsort(weight, kind="stable")
    heavy = np.zeros(len(weight), bool)
    heavy[ranked[np.cumsum(weight[ranked]) > LIGHT * tolerance]] = True
    kept = heavy | heavy[::-1]  # both of a pair, whose weights are the same
    all_focus, all_angles = np.repeat(focus, len(angle)), np.tile(angle, len(focus))
    return Nodes(weight[kept] / weight[kept].sum(), all_focus[kept], all_angles[kept])


def angle_lattice(spacing: float, tolerance: float) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return points x + i y of a square lattice, and weights, in place of a normal distribution along both axes.

    Parameters
    ----------
    spacing : float
        Of the lattice, in standard deviations; 0 gives the one point in the middle.
    tolerance : float
        Three times the share of the distribution that may lie beyond.

    Returns
    -------
    points, weights : ndarray (nodes,)
        In standard deviations along each axis; the weights sum up to 1.
    """
    if spacing == 0:
        return np.zeros(1, complex), np.ones(1)
    radius = np.sqrt(2 * np.log(3 / tolerance))
    along = spacing * np.arange(-int(radius / spacing), int(radius / spacing) + 1)
    points = np.add.outer(1j * along, along).ravel()
    points = points[np.abs(points) <= radius]
    weights = np.exp(-(np.abs(points) ** 2) / 2)
    return points, weights / weights.sum()


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.detach().cpu().numpy().astype(np.float64)
