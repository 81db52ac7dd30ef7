"""Partially coherent images by dense sums, apart from the package's: whole grids, chi term by term."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.conditions import Conditions
from temshift.core import Grid, wavelength
from temshift.exitwaves import ExitWaveSettings, grid_of, simulate
from temshift.optics import gauss_hermite
from temshift.specimens import SpecimenRecipe, build_specimen
from temshift.vocabulary import ABERRATIONS

ENERGY = 300e3
WAVELENGTH = wavelength(ENERGY)
APERTURE = 1.2 * WAVELENGTH  # rad, less than half of what 0.2 A pixels hold: images have room on the whole grid
Points = tuple[NDArray[np.complex128], NDArray[np.float64]]  # nodes and weights, in standard deviations

RECIPES = {
    "strong": {"cell_nm": 3.2, "carbon_nm": 4.0, "radius_nm": 1.2},
    "weak": {"cell_nm": 3.2, "carbon_nm": 1.0, "radius_nm": None},
    "small": {"cell_nm": 2.0, "carbon_nm": 2.0, "radius_nm": 0.7},
}


@dataclass(frozen=True)
class Object:
    """An exit wave (1, 1, y, x) in double precision on its grid."""

    wave: Tensor
    grid: Grid


@cache
def sample(name: str) -> Object:
    """A CdSe sphere on carbon (strong), a thin film of carbon (weak), or a smaller copy of the first (small)."""
    size = RECIPES[name]
    recipe = {
        "cell_nm": (size["cell_nm"], size["cell_nm"]),
        "substrate": {
            "density_g_per_cm3": 2.0,
            "minimum_distance_angstrom": 1.4,
            "thickness_nm": size["carbon_nm"],
        },
        "particles": {"crystal": "CdSe", "radius_nm": size["radius_nm"] or 0.5, "count": 1, "gap_nm": 0.5},
    }
    atoms = build_specimen(SpecimenRecipe.model_validate(recipe), 1, 0)
    if size["radius_nm"] is None:
        atoms = atoms[atoms.arrays["particle"] < 0]
    settings = ExitWaveSettings.model_validate(
        {"energy_kev": ENERGY / 1e3, "sampling_angstrom": 0.2, "slice_thickness_angstrom": 2.0}
    )
    wave = simulate(atoms, settings, 1, 0).waves
    return Object(torch.as_tensor(wave).to(torch.complex128)[None], grid_of(atoms, settings))


def condition(**values: float) -> Conditions:
    """One condition, in A and rad."""
    given = {"dose": 1.0, "semiangle_cutoff": APERTURE, **values}
    return Conditions.of(**{name: torch.tensor([value], dtype=torch.float64) for name, value in given.items()})


# The reference, on the whole grid


def coherent_images(
    thing: Object, one: Conditions, focus: Iterable[float], tilts: Iterable[complex]
) -> Iterator[Tensor]:
    """Intensities at pairs of a change of C10 [A] and a tilt of the illumination [rad]."""
    spectrum = torch.fft.fft2(thing.wave[0, 0])
    qy, qx = map(torch.from_numpy, thing.grid.frequencies())
    azimuth = torch.atan2(qy, qx)
    (height, width), cutoff = thing.grid.extent, float(one.semiangle_cutoff)
    step = WAVELENGTH * torch.hypot(torch.cos(azimuth) / width, torch.sin(azimuth) / height)
    edge = step.clamp(min=float(one.aperture_edge))
    for change, tilt in zip(focus, tilts, strict=True):
        omega = WAVELENGTH * torch.complex(*torch.broadcast_tensors(qx, qy)) + tilt
        passed = ((cutoff - omega.abs()) / edge + 0.5).clamp(0, 1)
        wave = torch.fft.ifft2(spectrum * torch.polar(passed, -phase_error(omega, one, change)))
        yield wave.abs().square()


def phase_error(omega: Tensor, one: Conditions, change: float) -> Tensor:
    """Chi by its definition, term by term."""
    alpha, phi = omega.abs(), omega.angle()
    chi = math.pi / WAVELENGTH * change * alpha.square()
    for symbol, (order, fold) in ABERRATIONS.items():
        if symbol in one.aberrations:
            turned = torch.cos(fold * (phi - one.aberrations.get(f"phi{symbol[1:]}", torch.zeros(1)))) if fold else 1.0
            size = 2 * math.pi / WAVELENGTH * one.aberrations[symbol] / (order + 1)
            chi = chi + size * alpha ** (order + 1) * turned
    return chi


def summed(thing: Object, one: Conditions, focus: Points, angle: Points) -> Tensor:
    """Sum over all pairs of nodes."""
    spread, source = float(one.focal_spread(ENERGY)), float(one.angular_spread_sigma)
    weight = np.outer(focus[1], angle[1]).ravel()
    changes = np.repeat(spread * focus[0].real, len(angle[0]))
    tilts = np.tile(source * angle[0], len(focus[0]))
    images = coherent_images(thing, one, changes, tilts)
    return sum((float(w) * image for w, image in zip(weight / weight.sum(), images, strict=True)), torch.zeros(()))


ONE: Points = (np.zeros(1, complex), np.ones(1))


def trapezium(spacing: float = 0.1, end: float = 6.0) -> Points:
    """Evenly spaced nodes of a normal distribution."""
    along = np.arange(-round(end / spacing), round(end / spacing) + 1) * spacing
    return along.astype(complex), np.exp(-(along**2) / 2)


def lattice(spacing: float = 0.2, end: float = 5.0) -> Points:
    """Nodes of a square lattice within a radius, for a normal distribution along both axes."""
    along = trapezium(spacing, end)[0].real
    points = np.add.outer(1j * along, along).ravel()
    points = points[np.abs(points) <= end]
    return points, np.exp(-(np.abs(points) ** 2) / 2)


def hermite(order: int) -> Points:
    """Gauss-Hermite nodes."""
    nodes, weights = gauss_hermite(order)
    return nodes.astype(complex), weights


def hermite_square(order: int) -> Points:
    """Gauss-Hermite nodes along both axes."""
    nodes, weights = gauss_hermite(order)
    return np.add.outer(1j * nodes, nodes).ravel(), np.outer(weights, weights).ravel()
