"""Multislice: an electron wave through the slices of a specimen."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core import Grid, wavelength
from temshift.exitwaves.deposits import BILINEAR, KAISER_BESSEL
from temshift.exitwaves.potentials import PointAtoms, SlicePhases
from temshift.exitwaves.projections import Projection, Slices

# Of the Nyquist frequency. The usual 2/3 keeps a product of two limited functions from aliasing into the band, but cuts
# off scattering that a coarse grid could still hold: at 0.2 A the wave inside 1.25 1/A comes a quarter nearer to a fine
# grid's with 0.9 (docs/accuracy.md).
BAND_LIMIT = 0.9
ABTEM_BAND_LIMIT = 2 / 3
ABTEM_TAPER = 0.02  # of the Nyquist frequency, over which abTEM's band limit falls from 1 to 0

Scheme = Literal["temshift", "abtem"]


@dataclass(frozen=True)
class Multislice:
    """How a wave is taken through a specimen.

    Parameters
    ----------
    energy : float
        Electron energy [eV].
    slice_thickness : float
        Upper bound of the slices' thickness [A].
    projection : str
        Where along the beam an atom acts, see :class:`~temshift.exitwaves.potentials.SlicePhases`.
    tilt : tuple of float
        Small tilt (x, y) of the specimen [rad]: columns along the beam lean towards +x, +y downstream.
    scheme : str
        ``temshift``; or ``abtem``, which repeats what abTEM does: its deposit of atoms, whole atoms in slices that act
        at their entrance, and transmission functions that are limited to the band, at twice the Fourier transforms.
    """

    energy: float
    slice_thickness: float
    projection: Projection = "shared"
    tilt: tuple[float, float] = (0.0, 0.0)
    scheme: Scheme = "temshift"

    @property
    def band_limit(self) -> float:
        """Highest frequency of a wave, as a share of the Nyquist frequency of its grid."""
        return BAND_LIMIT if self.scheme == "temshift" else ABTEM_BAND_LIMIT


def fresnel_propagator(
    grid: Grid, energy: float, distance: float, *, dtype: torch.dtype, tilt: tuple[float, float] = (0.0, 0.0)
) -> Tensor:
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
    tilt : tuple of float
        Small tilt (x, y) of the specimen [rad], a factor exp(2 pi i dz q . tan(tilt)): the frame follows the specimen.

    Returns
    -------
    Tensor (y, x)
        Unit modulus, zero frequency at [0, 0].

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), eqs. 6.90 and 6.99
    """
    qy, qx = grid.frequencies()
    along = []
    for q, angle in ((qy[:, :1], tilt[1]), (qx[:1], tilt[0])):
        phase = math.pi * distance * (2 * q * math.tan(angle) - wavelength(energy) * q**2)
        along.append(torch.from_numpy(np.exp(1j * phase)))
    return (along[0] * along[1]).to(dtype)


def transmission(phases: Tensor) -> Tensor:
    """Transmission function of a slice, exp(i sigma V), not yet limited to any band.

    Parameters
    ----------
    phases : Tensor (..., y, x)
        Phase sigma V [rad].

    Returns
    -------
    Tensor (..., y, x)
        Complex.
    """
    if phases.device.type == "cpu" and not phases.requires_grad:  # numpy takes less than half of torch's time there
        cosine, sine = (torch.from_numpy(part(phases.numpy())) for part in (np.cos, np.sin))
        return torch.complex(cosine, sine)
    return torch.complex(phases.cos(), phases.sin())


def band_mask(
    grid: Grid, *, limit: float = BAND_LIMIT, taper: float = 0.0, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Mask (y, x) of the spatial frequencies below a share ``limit`` of Nyquist, which multislice keeps.

    Over ``taper``, a share of Nyquist, the mask falls from 1 to 0 along a cosine before it ends.
    """
    qy, qx = grid.frequencies()
    radius = np.sqrt(qx[:1] ** 2 + qy[:, :1] ** 2) / grid.nyquist
    if taper <= 0:
        return torch.from_numpy(radius < limit).to(dtype)
    fallen = np.clip((radius - limit + taper) / taper, 0, 1)
    return torch.from_numpy((1 + np.cos(np.pi * fallen)) / 2).to(dtype)


def propagate_through(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    height: float,
    grid: Grid,
    method: Multislice,
    *,
    rms: NDArray[np.float64] | None = None,
    batch: int = 1,
    incident: Tensor | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Exit waves of a plane wave at normal incidence.

    Only the product of wave and transmission function is limited to a band. Limiting the transmission function first,
    as is often done, costs twice the Fourier transforms and comes no nearer to a finely sampled wave.

    Parameters
    ----------
    positions : ndarray (..., atoms, 3)
        x, y, z [A], z along the beam from the entrance plane; leading axes are configurations of one specimen.
    numbers : ndarray (atoms,)
        Atomic numbers.
    height : float
        Distance from the entrance to the exit plane [A].
    grid : Grid
        The (y, x) plane.
    method : Multislice
        Energy, slices and approximations.
    rms : ndarray (atoms,), optional
        Root mean square displacement along each axis [A]: each atom's potential is the mean over its motion, its
        scattering factor times exp(-B q^2 / 4), B = 8 pi^2 rms^2. Left out, atoms are at rest.
    batch : int
        Configurations that go through at a time: one is best on a CPU.
    incident : Tensor (y, x), optional
        Wave at the entrance plane; a plane wave by default.
    device, dtype
        Where and in which real precision to compute.

    Returns
    -------
    Tensor (..., y, x)
        Complex waves at the exit plane; 1 where there is vacuum.

    References
    ----------
    J. M. Cowley and A. F. Moodie, Acta Cryst. 10, 609 (1957), DOI 10.1107/S0365110X57002194
    """
    leading = positions.shape[:-2]
    configurations = positions.reshape(math.prod(leading), len(numbers), 3)
    passage = _Passage(grid, method, device=device, dtype=dtype)
    waves = [
        passage.through(some, numbers, height, incident, rms)
        for some in np.split(configurations, range(batch, len(configurations), batch))
    ]
    return torch.cat(waves).view(*leading, *grid.shape)


class _Passage:
    """What a wave meets on its way that does not depend on the specimen."""

    def __init__(self, grid: Grid, method: Multislice, *, device: torch.device | str, dtype: torch.dtype) -> None:
        self._grid, self._method, self._device = grid, method, device
        self._complex = torch.complex128 if dtype == torch.float64 else torch.complex64
        abtem = method.scheme == "abtem"
        limits = {"limit": ABTEM_BAND_LIMIT, "taper": ABTEM_TAPER} if abtem else {"limit": BAND_LIMIT}
        self._band = band_mask(grid, **limits, dtype=dtype).to(device, self._complex)
        deposit = BILINEAR if abtem else KAISER_BESSEL
        self._atoms = PointAtoms(grid, method.energy, deposit, device=device, dtype=dtype)
        self._step = cache(self._step_of)

    def through(
        self,
        positions: NDArray[np.float64],
        numbers: NDArray[np.int64],
        height: float,
        incident: Tensor | None,
        rms: NDArray[np.float64] | None,
    ) -> Tensor:
        """Transmit and propagate; stretches without atoms are crossed in one step."""
        abtem = self._method.scheme == "abtem"
        slices = Slices.through(height, self._method.slice_thickness)
        projection: Projection = "infinite" if abtem else self._method.projection
        phases = SlicePhases(positions, numbers, slices, self._atoms, projection, rms)
        acts_at = slices.plane_heights(projection) - (slices.thickness / 2 if abtem else 0.0)
        wave, here = self._entering(len(positions), incident), 0.0
        for plane in phases.occupied:
            if incident is not None or plane != phases.occupied[0]:
                wave = self._freely(wave, acts_at[plane] - here)
            wave, here = self._transmitted(wave, phases(plane)), acts_at[plane]
        return self._freely(wave, height - here) if incident is not None or phases.occupied else wave

    def _entering(self, count: int, incident: Tensor | None) -> Tensor:
        if incident is None:
            return torch.ones((count, *self._grid.shape), dtype=self._complex, device=self._device)
        return incident.to(self._device, self._complex).expand(count, *self._grid.shape).clone()

    def _freely(self, wave: Tensor, distance: float) -> Tensor:
        spectrum = torch.fft.fft2(wave).mul_(self._step(round(distance, 9)))
        propagated: Tensor = torch.fft.ifft2(spectrum, norm="forward")
        return propagated

    def _transmitted(self, wave: Tensor, phases: Tensor) -> Tensor:
        passed = transmission(phases)
        if self._method.scheme == "abtem":
            passed = torch.fft.ifft2(torch.fft.fft2(passed).mul_(self._band))
        return wave.mul_(passed)

    def _step_of(self, distance: float) -> Tensor:
        method = self._method
        step = fresnel_propagator(self._grid, method.energy, distance, dtype=self._complex, tilt=method.tilt)
        return step.to(self._device).mul_(self._band).div_(step.numel())  # the inverse transform does not divide
