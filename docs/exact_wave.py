"""Multislice by a direct Fourier sum over atoms, apart from the package's: no deposit, any band and propagator."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from temshift.core import POTENTIAL_FACTOR, Grid, interaction_constant, wavelength
from temshift.exitwaves import (
    BAND_LIMIT,
    REACH,
    SUBLAYERS,
    Projection,
    Slices,
    band_mask,
    fresnel_propagator,
    scattering_factor,
    shared_part,
    shares,
)

ENERGY = 300e3


def extent_of(atoms: Atoms) -> tuple[float, float]:
    """Length along (y, x) [A]."""
    width, depth, _ = atoms.cell.lengths()
    return float(depth), float(width)


def pixels_of(atoms: Atoms, sampling: float) -> Grid:
    """Return the grid over a specimen."""
    return Grid.covering(extent_of(atoms), sampling)


def exact_wave(
    atoms: Atoms,
    sampling: float,
    thickness: float,
    projection: Projection = "shared",
    *,
    limit: float = BAND_LIMIT,
    taper: float = 0.0,
    limit_transmission: bool = False,
    paraxial: bool = True,
    dtype: torch.dtype = torch.complex128,
) -> Tensor:
    """Wave (y, x) at the exit plane, complex128."""
    grid, height = pixels_of(atoms, sampling), float(atoms.cell.lengths()[2])
    slices = Slices.through(height, thickness)
    band = band_mask(grid, limit=limit, taper=taper, dtype=dtype.to_real())
    wave, here = torch.ones(grid.shape, dtype=dtype), 0.0
    spectra = plane_spectra(atoms, grid, slices, projection, dtype)
    for plane in sorted(spectra):
        there = slices.plane_heights(projection)[plane]
        wave = _propagated(wave, grid, there - here, band, paraxial)
        passed = torch.exp(1j * torch.fft.irfft2(spectra.pop(plane), s=grid.shape))
        if limit_transmission:
            passed = torch.fft.ifft2(torch.fft.fft2(passed) * band)
        wave, here = wave * passed, there
    return _propagated(wave, grid, height - here, band, paraxial).to(torch.complex128)


def _propagated(wave: Tensor, grid: Grid, distance: float, band: Tensor, paraxial: bool) -> Tensor:
    if paraxial:
        step = fresnel_propagator(grid, ENERGY, distance, dtype=wave.dtype)
    else:
        qy, qx = map(torch.from_numpy, grid.frequencies())
        along = (1 / wavelength(ENERGY) ** 2 - qx**2 - qy**2).sqrt() - 1 / wavelength(ENERGY)
        step = torch.polar(torch.ones_like(along), 2 * math.pi * distance * along).to(wave.dtype)
    return torch.fft.ifft2(torch.fft.fft2(wave) * (step * band))


def plane_spectra(
    atoms: Atoms, grid: Grid, slices: Slices, projection: Projection, dtype: torch.dtype
) -> dict[int, Tensor]:
    """Spectra (y, x // 2 + 1) of the phases of the planes; the factors of one element and height are kept."""
    qy = torch.fft.fftfreq(grid.shape[0], grid.sampling[0], dtype=torch.float64)
    qx = torch.fft.rfftfreq(grid.shape[1], grid.sampling[1], dtype=torch.float64)
    q_squared = qy[:, None] ** 2 + qx**2
    scale = interaction_constant(ENERGY) * POTENTIAL_FACTOR / grid.pixel_area
    known: dict[object, Tensor] = {}
    planes: dict[int, Tensor] = {}
    for layer, number, xy, weight in _groups(atoms, slices, projection):
        along_y, along_x = (torch.exp(-2j * math.pi * q[:, None] * c) for q, c in zip((qy, qx), xy[::-1], strict=True))
        points = (along_y * weight).to(dtype) @ along_x.to(dtype).T
        for plane, part in _parts(layer, slices, projection):
            if (number, part) not in known:
                factor = scattering_factor(number, q_squared) if part is None else shared_part(number, q_squared, *part)
                known[number, part] = (scale * factor).to(dtype.to_real())
            term = points * known[number, part]
            planes[plane] = planes[plane].add_(term) if plane in planes else term
    return planes


def _groups(
    atoms: Atoms, slices: Slices, projection: Projection
) -> Iterator[tuple[int, int, tuple[Tensor, Tensor], Tensor]]:
    """Atoms of one element on one plane or sublayer: number of it, element, (x, y), weights."""
    for places, weights in zip(*shares(atoms.positions[:, 2], slices, projection), strict=True):
        for layer, number in np.unique(np.stack([places, atoms.numbers]), axis=1).T:
            chosen = (places == layer) & (atoms.numbers == number) & (weights > 0)
            x, y = (torch.from_numpy(atoms.positions[chosen, axis].copy()) for axis in (0, 1))
            yield int(layer), int(number), (x, y), torch.from_numpy(weights[chosen])


def _parts(
    layer: int, slices: Slices, projection: Projection
) -> Iterator[tuple[int, tuple[float | None, float | None, float] | None]]:
    """Planes that a layer's atoms act on, each with the arguments of `shared_part`; None for whole atoms."""
    if projection != "finite":
        yield layer, None
        return
    reach, home = math.ceil(REACH / slices.thickness), layer // SUBLAYERS
    near = range(max(0, home - reach), min(slices.count, home + 1 + reach) + 1)
    for plane in near:
        at = round((plane - (layer + 0.5) / SUBLAYERS) * slices.thickness, 9)
        ends = (None if plane == near[0] else at - slices.thickness, None if plane == near[-1] else at)
        yield plane, (*ends, slices.thickness)
