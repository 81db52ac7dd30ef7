"""The spatial frequencies that a lens lets pass, and the plane that images of them are formed on."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from temshift.core.grids import Grid
from temshift.optics.aberrations import AberrationBasis, aberration_basis

WORTH = 0.5  # share of the grid's pixels from which on a smaller plane pays


@dataclass(frozen=True)
class Band:
    """The spatial frequencies of a grid that can reach an image.

    Attributes
    ----------
    source : Tensor (frequencies,)
        Position of each in the flattened grid.
    rows, columns : Tensor (frequencies,)
        Number of waves along y and x over the cell.
    omega : Tensor (frequencies,)
        Angle alpha_x + i alpha_y, lambda q [rad], complex128.
    edge : Tensor (frequencies,)
        Least width of an aperture's edge [rad]: one frequency step along the azimuth.
    wavelength : float
        Electron wavelength [A].
    grid : Grid
        The (y, x) plane of waves and images.
    dtype : torch.dtype
        Of real numbers.
    """

    source: Tensor
    rows: Tensor
    columns: Tensor
    omega: Tensor
    edge: Tensor
    wavelength: float
    grid: Grid
    dtype: torch.dtype

    def to(self, device: torch.device | str) -> "Band":
        """Return the same band on another device."""
        tensors = ("source", "rows", "columns", "omega", "edge")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})

    def plane(self, semiangle_cutoff: float) -> tuple[tuple[int, int], Tensor]:
        """Return the smallest (y, x) plane on which |psi|^2 under an aperture [rad] does not alias, and places in it.

        The plane is no larger than the grid, and depends on the aperture alone; places (frequencies,) count in the
        flattened plane.
        """
        shape = _plane(self.grid, min(semiangle_cutoff, widest_aperture(self.grid, self.wavelength)) / self.wavelength)
        if shape not in self._places:
            self._places[shape] = (self.rows % shape[0]) * shape[1] + self.columns % shape[1]
        return shape, self._places[shape]

    @cached_property
    def _places(self) -> dict[tuple[int, int], Tensor]:
        return {}

    @cached_property
    def alpha(self) -> Tensor:
        """Scattering angles (frequencies,) [rad]."""
        return self.omega.abs().to(self.dtype)

    @cached_property
    def defocus_phase(self) -> Tensor:
        """Phase that chi gains for each angstrom of C10, pi alpha^2 / lambda (frequencies,) [rad/A]."""
        return (np.pi / self.wavelength * self.omega.abs() ** 2).to(self.dtype)

    @cached_property
    def widest(self) -> float:
        """The largest angle [rad]."""
        return float(self.alpha.max())

    @cached_property
    def basis(self) -> AberrationBasis:
        """The polynomials of all aberrations, computed once."""
        return aberration_basis(self.omega).of_type(self.dtype)


def widest_aperture(grid: Grid, wavelength: float) -> float:
    """Return the widest aperture [rad] under which |psi|^2, whose band is twice that of psi, does not alias."""
    return grid.nyquist * wavelength / 2


def band_of(grid: Grid, wavelength: float, semiangle_cutoff: float, tilt: float = 0.0, *, dtype: torch.dtype) -> Band:
    """Find the frequencies of ``grid`` that an aperture lets pass.

    Parameters
    ----------
    grid : Grid
        The (y, x) plane of waves and images.
    wavelength : float
        Electron wavelength [A].
    semiangle_cutoff : float
        The widest aperture [rad]; infinity takes the widest that does not alias.
    tilt : float
        Largest tilt of the illumination [rad], which shifts the wave in the aperture.
    dtype : torch.dtype
        Of real numbers, float32 or float64.

    Returns
    -------
    Band

    Raises
    ------
    ValueError
        Where the intensity, whose band is twice the aperture's, would alias on the grid.
    """
    limit = widest_aperture(grid, wavelength)
    if np.isfinite(semiangle_cutoff) and semiangle_cutoff > limit * (1 + 1e-9):
        raise ValueError(
            f"semiangle_cutoff = {semiangle_cutoff * 1e3:.2f} mrad: |psi|^2 would alias on {max(grid.sampling):.3g} A "
            f"pixels; at most {limit * 1e3:.2f} mrad here, or sample finer"
        )
    qy, qx = grid.frequencies()
    cutoff = min(semiangle_cutoff, limit)
    phi = np.arctan2(qy, qx)
    edge = wavelength * np.hypot(np.cos(phi) / grid.extent[1], np.sin(phi) / grid.extent[0])
    kept = wavelength * np.hypot(qx, qy) <= cutoff + tilt + edge / 2
    rows, columns = (np.rint(q * size).astype(np.int64)[kept] for q, size in zip((qy, qx), grid.extent, strict=True))
    omega = wavelength * (qx + 1j * qy)[kept]
    parts = {"source": np.flatnonzero(kept), "rows": rows, "columns": columns, "omega": omega, "edge": edge[kept]}
    tensors = {name: torch.from_numpy(part) for name, part in parts.items()}
    return Band(**tensors, wavelength=wavelength, grid=grid, dtype=dtype)


def _plane(grid: Grid, highest: float) -> tuple[int, int]:
    """Find the smallest fast plane that holds differences of frequencies up to ``highest`` + half a step [1/A].

    It has to be brought to the grid again, so it is taken only where it is much smaller.
    """
    rows, columns = (
        min(size, next_fast_len(4 * int(np.floor(highest * extent + 0.5)) + 2))
        for size, extent in zip(grid.shape, grid.extent, strict=True)
    )
    return (rows, columns) if rows * columns <= WORTH * grid.shape[0] * grid.shape[1] else grid.shape
