"""The spatial frequencies that a lens lets pass."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core import Grid
from temshift.optics.aberrations import AberrationBasis, aberration_basis
from temshift.vocabulary import ABERRATIONS


@dataclass(frozen=True, eq=False)
class Band:
    """The spatial frequencies of a grid that can reach an image.

    Attributes
    ----------
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

    rows: Tensor
    columns: Tensor
    omega: Tensor
    edge: Tensor
    wavelength: float
    grid: Grid
    dtype: torch.dtype

    @classmethod
    def of(
        cls, rows: NDArray[np.int64], columns: NDArray[np.int64], grid: Grid, wavelength: float, dtype: torch.dtype
    ) -> "Band":
        """Make a band of some numbers of waves along y and x, each (frequencies,)."""
        qy, qx = rows / grid.extent[0], columns / grid.extent[1]
        omega, edge = wavelength * (qx + 1j * qy), _edge(qy, qx, grid, wavelength)
        tensors = {"rows": rows, "columns": columns, "omega": omega, "edge": edge}
        made = {name: torch.from_numpy(part) for name, part in tensors.items()}
        return cls(**made, wavelength=wavelength, grid=grid, dtype=dtype)

    def to(self, device: torch.device | str) -> "Band":
        """Return the same band on another device."""
        tensors = ("rows", "columns", "omega", "edge")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})

    @cached_property
    @torch.inference_mode(False)  # kept, and may be asked for a gradient later
    def source(self) -> Tensor:
        """Position of each frequency in the flattened grid."""
        return (self.rows % self.grid.shape[0]) * self.grid.shape[1] + self.columns % self.grid.shape[1]

    @cached_property
    def ends(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Lowest and highest number of waves along y and along x."""
        (low, high), (left, right) = ((int(part.min()), int(part.max())) for part in (self.rows, self.columns))
        return (low, high), (left, right)

    @cached_property
    @torch.inference_mode(False)  # kept, and may be asked for a gradient later
    def alpha(self) -> Tensor:
        """Scattering angles (frequencies,) [rad]."""
        return self.omega.abs().to(self.dtype)

    @cached_property
    @torch.inference_mode(False)  # kept, and may be asked for a gradient later
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
        return self.basis_of(tuple(ABERRATIONS))

    @torch.inference_mode(False)  # kept, and may be asked for a gradient later
    def basis_of(self, symbols: tuple[str, ...]) -> AberrationBasis:
        """Return the polynomials of some aberrations, computed once."""
        if symbols not in self._bases:
            self._bases[symbols] = aberration_basis(self.omega, symbols).of_type(self.dtype)
        return self._bases[symbols]

    @cached_property
    def _bases(self) -> dict[tuple[str, ...], AberrationBasis]:
        return {}


def widest_aperture(grid: Grid, wavelength: float) -> float:
    """Return the widest aperture [rad] that a wave on a grid can fill."""
    return grid.nyquist * wavelength


def band_of(grid: Grid, wavelength: float, semiangle_cutoff: float, margin: float = 0.0, *, dtype: torch.dtype) -> Band:
    """Find the frequencies of ``grid`` that an aperture lets pass.

    Parameters
    ----------
    grid : Grid
        The (y, x) plane of waves and images.
    wavelength : float
        Electron wavelength [A].
    semiangle_cutoff : float
        The widest aperture [rad]; infinity takes all that the grid holds.
    margin : float
        How far beyond the aperture frequencies are kept [rad], for tilted illumination and soft edges.
    dtype : torch.dtype
        Of real numbers, float32 or float64.

    Returns
    -------
    Band

    Raises
    ------
    ValueError
        If the aperture reaches beyond the grid's Nyquist frequency.
    """
    limit = widest_aperture(grid, wavelength)
    if np.isfinite(semiangle_cutoff) and semiangle_cutoff > limit * (1 + 1e-9):
        raise ValueError(
            f"semiangle_cutoff = {semiangle_cutoff * 1e3:.2f} mrad lies beyond the band of waves on "
            f"{max(grid.sampling):.3g} A pixels; at most {limit * 1e3:.2f} mrad here, or sample finer"
        )
    qy, qx = grid.frequencies()
    cutoff = min(semiangle_cutoff, limit)
    kept = wavelength * np.hypot(qx, qy) <= cutoff + margin + _edge(qy, qx, grid, wavelength) / 2
    rows, columns = (np.rint(q * size).astype(np.int64) for q, size in zip((qy, qx), grid.extent, strict=True))
    kept &= (2 * np.abs(rows) < grid.shape[0]) & (2 * np.abs(columns) < grid.shape[1])  # Nyquist's has no opposite
    return Band.of(rows[kept], columns[kept], grid, wavelength, dtype)


def _edge(qy: NDArray[np.float64], qx: NDArray[np.float64], grid: Grid, wavelength: float) -> NDArray[np.float64]:
    """One step of frequency along the azimuth, as an angle [rad]."""
    phi = np.arctan2(qy, qx)
    edge: NDArray[np.float64] = wavelength * np.hypot(np.cos(phi) / grid.extent[1], np.sin(phi) / grid.extent[0])
    return edge
