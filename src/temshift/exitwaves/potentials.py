"""Phase shifts of the slices of a specimen, from atoms.

Atoms are deposited on the grid with cubic B-splines, whose Fourier transform sinc^4 is divided out again, and
folded with the scattering factors in Fourier space: sigma V(q) = sigma K f_e(q) D(q) / sinc^4.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.electrons import POTENTIAL_FACTOR, interaction_constant
from temshift.core.grids import Grid
from temshift.exitwaves.scattering import scattering_factor


@dataclass(frozen=True)
class Slices:
    """Equal slices of a specimen along the beam (+z).

    Parameters
    ----------
    count : int
        Number of slices.
    thickness : float
        Thickness of each [A].
    """

    count: int
    thickness: float

    @classmethod
    def through(cls, height: float, thickness: float) -> "Slices":
        """Cut ``height`` [A] into the fewest equal slices that are at most ``thickness`` [A].

        Examples
        --------
        >>> Slices.through(10.0, 4.0)
        Slices(count=3, thickness=3.3333333333333335)
        """
        count = max(1, int(np.ceil(height / thickness - 1e-9)))
        return cls(count, height / count)

    def holding(self, z: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the slice that holds each height ``z`` [A]."""
        return np.clip((z / self.thickness).astype(np.int64), 0, self.count - 1)


def slice_phases(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    grid: Grid,
    slices: Slices,
    energy: float,
    *,
    window: tuple[int, int] | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Phase shift sigma V of each slice, whole atoms in the slice that holds their centre.

    Parameters
    ----------
    positions : ndarray (atoms, 3)
        x, y, z [A]; x and y periodic over the grid, z from 0 at the entrance.
    numbers : ndarray (atoms,)
        Atomic numbers.
    grid : Grid
        The (y, x) plane.
    slices : Slices
        The slices along z.
    energy : float
        Electron energy [eV].
    window : tuple of int, optional
        First slice and the one after the last; all by default.
    device, dtype
        Where and in which real precision to compute.

    Returns
    -------
    Tensor (slices, y, x)
        Phase [rad], positive where atoms attract electrons.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), eqs. 5.10 and C.1
    """
    start, stop = window or (0, slices.count)
    layers = slices.holding(positions[:, 2])
    shape = (stop - start, *grid.shape)
    total = torch.zeros((*shape[:2], shape[2] // 2 + 1), dtype=_complex_of(dtype), device=device)
    q_squared, deconvolution = _kernels(grid, device, dtype)
    scale = interaction_constant(energy) * POTENTIAL_FACTOR / grid.pixel_area
    for number in np.unique(numbers):
        chosen = (numbers == number) & (layers >= start) & (layers < stop)
        xy = torch.as_tensor(positions[chosen, :2], device=device, dtype=torch.float64)
        plane = _deposit(xy, torch.as_tensor(layers[chosen] - start, device=device), shape, grid)
        form = scale * scattering_factor(int(number), q_squared) / deconvolution
        total += torch.fft.rfft2(plane.to(dtype)) * form
    phases: Tensor = torch.fft.irfft2(total, s=grid.shape)
    return phases


def _deposit(xy: Tensor, layer: Tensor, shape: tuple[int, int, int], grid: Grid) -> Tensor:
    """Spread each atom over 4 x 4 pixels of its slice with cubic B-spline weights that sum to one."""
    columns, weights_x = _spline(xy[:, 0] / grid.sampling[1], shape[2])
    rows, weights_y = _spline(xy[:, 1] / grid.sampling[0], shape[1])
    index = (layer[:, None, None] * shape[1] + rows[:, :, None]) * shape[2] + columns[:, None, :]
    weights = weights_y[:, :, None] * weights_x[:, None, :]
    plane = torch.zeros(shape[0] * shape[1] * shape[2], dtype=xy.dtype, device=xy.device)
    return plane.index_add_(0, index.flatten(), weights.flatten()).view(shape)


def _spline(pixel: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Periodic neighbours (atoms, 4) of a position in pixels, and their cubic B-spline weights."""
    base = pixel.floor()
    t = pixel - base
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    offsets = torch.arange(-1, 3, device=pixel.device)
    return (base.long()[:, None] + offsets) % size, torch.stack(weights, -1) / 6


def _kernels(grid: Grid, device: torch.device | str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Squared frequency and the transform of the B-spline, each (y, x // 2 + 1)."""
    fy = torch.fft.fftfreq(grid.shape[0], device=device, dtype=torch.float64)[:, None]
    fx = torch.fft.rfftfreq(grid.shape[1], device=device, dtype=torch.float64)[None, :]
    q_squared = (fy / grid.sampling[0]) ** 2 + (fx / grid.sampling[1]) ** 2
    deconvolution = (torch.sinc(fy) * torch.sinc(fx)) ** 4
    return q_squared.to(dtype), deconvolution.to(dtype)


def _complex_of(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype == torch.float64 else torch.complex64
