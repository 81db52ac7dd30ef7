"""Phase shifts of the planes of a specimen, from atoms.

Atoms are spread over a few pixels of a plane, the plane is taken to Fourier space, where the spreading is divided out
and the scattering factors come in, and back: sigma V(q) = sigma K f_e(q) D(q) / W(q).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core import POTENTIAL_FACTOR, Grid, interaction_constant
from temshift.exitwaves.deposits import KAISER_BESSEL, Deposit
from temshift.exitwaves.projections import REACH, SUBLAYERS, Projection, Slices, shared_part, shares
from temshift.exitwaves.scattering import scattering_factor

Part = tuple[float | None, float | None, float]  # arguments of shared_part


class PointAtoms:
    """Spectra of the potentials of single atoms on a grid, kept once they are made.

    Parameters
    ----------
    grid : Grid
        The (y, x) plane.
    energy : float
        Electron energy [eV].
    deposit : Deposit
        How atoms are put on the grid.
    device, dtype
        Where and in which real precision to compute.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), eqs. 5.10 and C.1
    """

    def __init__(
        self,
        grid: Grid,
        energy: float,
        deposit: Deposit = KAISER_BESSEL,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.grid, self.deposit, self.device, self.dtype = grid, deposit, device, dtype
        fy = torch.fft.fftfreq(grid.shape[0], device=device, dtype=torch.float64)[:, None]
        fx = torch.fft.rfftfreq(grid.shape[1], device=device, dtype=torch.float64)[None, :]
        self._q_squared = (fy / grid.sampling[0]) ** 2 + (fx / grid.sampling[1]) ** 2
        phase = interaction_constant(energy) * POTENTIAL_FACTOR / math.prod(grid.extent)
        self._scale = phase / deposit.transform(fy, fx)
        self._known: dict[tuple[int, float, Part | None], Tensor] = {}

    def spectrum(self, number: int, part: Part | None = None, *, rms: float = 0.0) -> Tensor:
        """Factor (y, x // 2 + 1) of the spectrum of point atoms that gives that of phases [rad], or of that part.

        It holds the division by the number of pixels, so the inverse transform does not divide. Atoms that move by
        ``rms`` along each axis [A] have exp(-2 pi^2 rms^2 q^2) = exp(-B q^2 / 4) of the spectrum of those at rest: the
        mean of exp(2 pi i q d) over normal displacements d.
        """
        key = (number, rms, part)
        if key not in self._known:
            factor = (
                scattering_factor(number, self._q_squared)
                if part is None
                else shared_part(number, self._q_squared, *part)
            )
            if rms:
                factor *= torch.exp(-2 * (math.pi * rms) ** 2 * self._q_squared)
            self._known[key] = (self._scale * factor).to(self.dtype)
        return self._known[key]


@dataclass(frozen=True)
class _Entries:
    """Atoms on planes, sorted by plane: plane, atom among those of all configurations, number of its kind, weight."""

    plane: NDArray[np.int64]
    atom: NDArray[np.int64]
    kind: NDArray[np.int64]
    weight: NDArray[np.float64]

    def on(self, plane: int) -> "_Entries":
        return self._taken(slice(*np.searchsorted(self.plane, (plane, plane + 1))))

    def of(self, kind: int) -> "_Entries":
        return self._taken(self.kind == kind)

    def _taken(self, chosen: slice | NDArray[np.bool_]) -> "_Entries":
        return _Entries(*(getattr(self, field.name)[chosen] for field in fields(self)))


class SlicePhases:
    """Phase shifts sigma V [rad] of the planes of a specimen, one plane at a time.

    Parameters
    ----------
    positions : ndarray (configurations, atoms, 3)
        x, y, z [A]; x and y periodic over the grid, z from 0 at the entrance.
    numbers : ndarray (atoms,)
        Atomic numbers.
    slices : Slices
        The slices along z.
    point_atoms : PointAtoms
        Grid, energy, deposit and precision.
    projection : str
        ``shared``: the whole atom acts in the two planes that enclose its centre, in the proportion that keeps its mean
        height. ``infinite``: the whole atom acts in the middle of the slice that holds its centre. ``finite``: the
        potential of an atom is shared as ``shared`` does, but at the heights where it is.
    rms : ndarray (atoms,), optional
        Root mean square displacement along each axis [A] that damps the potential of each atom; at rest by default.
    """

    def __init__(
        self,
        positions: NDArray[np.float64],
        numbers: NDArray[np.int64],
        slices: Slices,
        point_atoms: PointAtoms,
        projection: Projection = "shared",
        rms: NDArray[np.float64] | None = None,
    ) -> None:
        self._slices, self._atoms, self._projection = slices, point_atoms, projection
        pairs = np.stack([numbers, np.zeros(len(numbers)) if rms is None else rms])
        kinds, kind = np.unique(pairs, axis=1, return_inverse=True)
        self._kinds = [(int(number), float(each)) for number, each in kinds.T]
        self._entries = _entries(positions, kind.ravel(), slices, projection)
        self._layers = [int(layer) for layer in np.unique(self._entries.plane)]
        self._shape = (len(positions), *point_atoms.grid.shape)
        self._neighbours = self._neighbours_of(positions)
        self._nearby: dict[int, dict[int, Tensor]] = {}

    @property
    def occupied(self) -> list[int]:
        """Planes that shift a phase, in the order of the beam."""
        if self._projection != "finite":
            return self._layers
        return sorted({plane for layer in self._layers for plane in self._planes_near(layer)})

    def __call__(self, plane: int) -> Tensor:
        """Phase (configurations, y, x) of a plane [rad], positive where atoms attract electrons."""
        total: Tensor | None = None
        for term in self._parts(plane) if self._projection == "finite" else self._wholes(plane):
            total = term if total is None else total.add_(term)
        if total is None:
            return torch.zeros(self._shape, dtype=self._atoms.dtype, device=self._atoms.device)
        phases: Tensor = torch.fft.irfft2(total, s=self._shape[1:], norm="forward")
        return phases

    def _wholes(self, plane: int) -> Iterator[Tensor]:
        for kind, spectrum in self._spectra(plane).items():
            number, rms = self._kinds[kind]
            yield spectrum.mul_(self._atoms.spectrum(number, rms=rms))

    def _parts(self, plane: int) -> Iterator[Tensor]:
        layers = [layer for layer in self._layers if plane in self._planes_near(layer)]
        self._nearby = {layer: self._nearby.get(layer) or self._spectra(layer) for layer in layers}
        for layer, spectra in self._nearby.items():
            for kind, spectrum in spectra.items():
                number, rms = self._kinds[kind]
                yield spectrum * self._atoms.spectrum(number, self._part(layer, plane), rms=rms)

    def _spectra(self, layer: int) -> dict[int, Tensor]:
        """Spectrum of the point atoms of each kind, an element with its displacement, in a layer."""
        here = self._entries.on(layer)
        return {int(kind): torch.fft.rfft2(self._spread(here.of(kind))) for kind in np.unique(here.kind)}

    def _spread(self, entries: _Entries) -> Tensor:
        """Point atoms of one layer on the grid (configurations, y, x)."""
        device, dtype = self._atoms.device, self._atoms.dtype
        atom = torch.as_tensor(entries.atom, device=device)
        share = torch.as_tensor(entries.weight, dtype=dtype, device=device)[:, None]
        (rows, weights_y), (columns, weights_x) = (
            (each.index_select(0, atom) for each in pair) for pair in self._neighbours
        )
        index = rows[:, :, None] + columns[:, None, :]
        weights = (weights_y * share)[:, :, None] * weights_x[:, None, :]
        return _added(index.flatten(), weights.flatten(), math.prod(self._shape)).view(self._shape)

    def _neighbours_of(self, positions: NDArray[np.float64]) -> list[tuple[Tensor, Tensor]]:
        """Neighbouring pixels (atoms, width), as steps in the flattened grid, and weights, along y and x."""
        grid, device = self._atoms.grid, self._atoms.device
        rows, columns = (
            self._atoms.deposit.spread(
                torch.as_tensor(positions[..., axis].ravel() / step, device=device), size, self._atoms.dtype
            )
            for axis, size, step in zip((1, 0), grid.shape, grid.sampling, strict=True)
        )
        first = torch.arange(len(positions), device=device).repeat_interleave(positions.shape[1]) * grid.shape[0]
        return [((rows[0] + first[:, None]) * grid.shape[1], rows[1]), columns]

    def _part(self, layer: int, plane: int) -> Part:
        """Heights [A] of the plane before and of a plane from a layer, None at ends of the reach; their distance."""
        near, spacing = self._planes_near(layer), self._slices.thickness
        height = round((plane - (layer + 0.5) / SUBLAYERS) * spacing, 9)
        return (None if plane == near[0] else height - spacing, None if plane == near[-1] else height, spacing)

    def _planes_near(self, layer: int) -> range:
        reach, home = math.ceil(REACH / self._slices.thickness), layer // SUBLAYERS
        return range(max(0, home - reach), min(self._slices.count, home + 1 + reach) + 1)


def projected_phase(positions: NDArray[np.float64], numbers: NDArray[np.int64], grid: Grid, energy: float) -> Tensor:
    """Phase sigma V of a whole specimen projected along the beam (y, x) [rad].

    Parameters
    ----------
    positions : ndarray (atoms, 3)
        x, y, z [A].
    numbers : ndarray (atoms,)
        Atomic numbers.
    grid : Grid
        The (y, x) plane.
    energy : float
        Electron energy [eV].
    """
    return SlicePhases(positions[None], numbers, Slices(1, 1.0), PointAtoms(grid, energy), "infinite")(0)[0]


def _added(index: Tensor, weights: Tensor, size: int) -> Tensor:
    """Add weights up where their index says (size,), in an order that does not change from run to run."""
    pixels = torch.zeros(size, dtype=weights.dtype, device=weights.device)
    if weights.device.type == "cpu":  # a third of the time of what is repeatable on a GPU
        return pixels.scatter_add_(0, index, weights)
    return pixels.index_put_((index,), weights, accumulate=True)


def _entries(
    positions: NDArray[np.float64], kinds: NDArray[np.int64], slices: Slices, projection: Projection
) -> _Entries:
    """Put the atoms of all configurations on the planes of a projection; parts without weight are left out."""
    planes, weights = shares(positions[..., 2].ravel(), slices, projection)
    plane, weight = np.concatenate(planes), np.concatenate(weights)
    order = np.argsort(plane, kind="stable")
    order = order[weight[order] > 0]
    atom = order % planes[0].size
    return _Entries(plane[order], atom, kinds[atom % len(kinds)], weight[order])
