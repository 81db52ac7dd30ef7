"""Multislice: an electron wave through the slices of a specimen."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.exitwaves.potentials import Slices, slice_phases

BAND_LIMIT = 2 / 3  # of the Nyquist frequency: a product of two waves limited so does not alias into the band


@dataclass(frozen=True)
class Multislice:
    """How a wave is taken through a specimen.

    Parameters
    ----------
    energy : float
        Electron energy [eV].
    slice_thickness : float
        Upper bound of the slices' thickness [A].
    block_bytes : int
        Bytes of phases and transmission functions that are held at a time.
    """

    energy: float
    slice_thickness: float
    block_bytes: int = 256 * 2**20


def fresnel_propagator(grid: Grid, energy: float, distance: float, *, dtype: torch.dtype) -> Tensor:
    """Free-space propagation, exp(-i pi lambda dz q^2), in the paraxial approximation.

    Parameters
    ----------
    grid : Grid
        The (y, x) plane.
    energy : float
        Electron energy [eV].
    distance : float
        Distance dz along the beam [A], positive downstream.
    dtype : torch.dtype
        complex64 or complex128.

    Returns
    -------
    Tensor (y, x)
        Unit modulus, zero frequency at [0, 0].

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), eq. 6.90
    """
    qy, qx = grid.frequencies()
    phase = -math.pi * wavelength(energy) * distance * (qx**2 + qy**2)
    return torch.polar(torch.ones(grid.shape, dtype=torch.float64), torch.from_numpy(phase)).to(dtype)


def transmission(phases: Tensor, band: Tensor) -> Tensor:
    """Band-limited transmission function of a slice, exp(i sigma V).

    Parameters
    ----------
    phases : Tensor (..., y, x)
        Phase sigma V [rad].
    band : Tensor (y, x)
        1 inside the band, 0 outside.

    Returns
    -------
    Tensor (..., y, x)
        Complex.
    """
    passed: Tensor = torch.fft.ifft2(torch.fft.fft2(torch.polar(torch.ones_like(phases), phases)) * band)
    return passed


def band_mask(grid: Grid, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Mask (y, x) of the spatial frequencies below two thirds of Nyquist, which multislice keeps."""
    qy, qx = grid.frequencies()
    return torch.from_numpy(np.hypot(qx, qy) < BAND_LIMIT * grid.nyquist).to(dtype)


def propagate_through(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    height: float,
    grid: Grid,
    method: Multislice,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Exit wave of a plane wave at normal incidence; the potential of each slice acts at its middle.

    Parameters
    ----------
    positions : ndarray (atoms, 3)
        x, y, z [A], z along the beam from the entrance plane.
    numbers : ndarray (atoms,)
        Atomic numbers.
    height : float
        Distance from the entrance to the exit plane [A].
    grid : Grid
        The (y, x) plane.
    method : Multislice
        Energy, slices and approximations.
    device, dtype
        Where and in which real precision to compute.

    Returns
    -------
    Tensor (y, x)
        Complex wave at the exit plane; 1 where there is vacuum.

    References
    ----------
    J. M. Cowley and A. F. Moodie, Acta Cryst. 10, 609 (1957), DOI 10.1107/S0365110X57002194
    """
    complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    energy = method.energy
    slices = Slices.through(height, method.slice_thickness)
    wave = torch.ones(grid.shape, dtype=complex_dtype, device=device)
    if len(numbers) == 0:
        return wave
    band = band_mask(grid, dtype=dtype).to(device)
    step = fresnel_propagator(grid, energy, slices.thickness, dtype=complex_dtype).to(device) * band
    first, last = int(slices.holding(positions[:, 2]).min()), slices.count - 1
    for window in _blocks(first, slices.count, grid, method.block_bytes, dtype):
        phases = slice_phases(positions, numbers, grid, slices, energy, window=window, device=device, dtype=dtype)
        for number, slice_transmission in enumerate(transmission(phases, band), window[0]):
            wave = torch.fft.fft2(wave * slice_transmission)
            wave = torch.fft.ifft2(wave * step) if number < last else wave
    half = fresnel_propagator(grid, energy, slices.thickness / 2, dtype=complex_dtype).to(device) * band
    exit_wave: Tensor = torch.fft.ifft2(wave * half)
    return exit_wave


def _blocks(first: int, count: int, grid: Grid, block_bytes: int, dtype: torch.dtype) -> list[tuple[int, int]]:
    """Runs of slices whose arrays fit into a block; slices before the first atom leave a plane wave as it is."""
    per_slice = 8 * torch.finfo(dtype).bits // 8 * grid.shape[0] * grid.shape[1]
    size = max(1, block_bytes // per_slice)
    return [(start, min(start + size, count)) for start in range(first, count, size)]
