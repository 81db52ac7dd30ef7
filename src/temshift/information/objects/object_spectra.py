"""Scattering of objects on average: the spectra that epsilon and sigma need."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ObjectSpectra:
    """Scattering of specimens, averaged over specimens and azimuth.

    Attributes
    ----------
    q : ndarray (rings,)
        Spatial frequencies at the middle of the rings [1/A].
    particle : ndarray (rings,)
        P(q), phase power of the particles per area of the particles [rad^2 A^2].
    substrate : ndarray (rings,)
        C(q), phase power of the substrate per area [rad^2 A^2].
    particle_height, substrate_height : float
        Mean height of their atoms upstream of the plane that defocus counts from [A]. In vacuum C is zero, and the
        substrate has the height of the particles.
    area_fraction : float
        Share of the area that particles cover.
    """

    q: NDArray[np.float64]
    particle: NDArray[np.float64]
    substrate: NDArray[np.float64]
    particle_height: float
    substrate_height: float
    area_fraction: float
