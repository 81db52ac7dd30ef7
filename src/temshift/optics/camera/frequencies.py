"""Frequencies that a camera's transfer is taken at, and the bound that it keeps: no MTF above the NTF."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from temshift.core.grids import Grid
from temshift.optics.camera.mtf import TransferTable

_EXCESS = 1e-4  # by which an MTF may exceed an NTF; tables and single precision round


@dataclass(frozen=True, eq=False)
class Frequencies:
    """Half a plane, or a radius, of frequencies: in units of Nyquist, and along y and x [1/A]; each (k,)."""

    radial: Tensor
    qy: Tensor
    qx: Tensor
    shape: tuple[int, ...]


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def plane_frequencies(grid: Grid, device: torch.device, dtype: torch.dtype) -> Frequencies:
    """Half of the plane, as ``rfft2`` orders it."""
    cycles = np.meshgrid(np.fft.fftfreq(grid.shape[0]), np.fft.rfftfreq(grid.shape[1]), indexing="ij")
    frequencies = (each / pixel for each, pixel in zip(cycles, grid.sampling, strict=True))
    radial, qy, qx = (
        torch.from_numpy(part.ravel()).to(device, dtype) for part in (2 * np.hypot(*cycles), *frequencies)
    )
    return Frequencies(radial, qy, qx, cycles[0].shape)


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def profile_frequencies(device: torch.device, dtype: torch.dtype) -> Frequencies:
    """From 0 to the corner of the plane; without a length."""
    radial = torch.linspace(0, math.sqrt(2), 65, device=device, dtype=dtype)
    return Frequencies(radial, radial, radial, (65,))


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def tabled(table: TransferTable, frequencies: Frequencies) -> Tensor:
    """Values (k,) of a table at frequencies."""
    radial = frequencies.radial
    return torch.from_numpy(table.at(radial.cpu().double().numpy())).to(radial)


def require_detectable(mtf: Tensor, ntf: Tensor) -> None:
    """Refuse transfers (n, k) over a profile with MTF > NTF."""
    mtf, ntf = mtf.detach(), ntf.detach()
    excess = (mtf - ntf).amax(dim=0)
    worst = int(excess.argmax())
    if float(excess[worst]) > _EXCESS:
        image = int((mtf - ntf)[:, worst].argmax())
        raise ValueError(
            f"the MTF is {float(mtf[image, worst]):.3g} and the NTF {float(ntf[image, worst]):.3g} at "
            f"{math.sqrt(2) * worst / (len(excess) - 1):.2g} of Nyquist: DQE = DQE(0) MTF^2 / NTF^2 would exceed "
            "DQE(0); give an NTF nowhere below the MTF, or none for a camera that counts"
        )
