"""The plane of least contrast of specimens of which only the powers of their particles are known."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from temshift.core import wavelength
from temshift.information.objects.library import ObjectLibrary

Array = NDArray[np.float64]

STEP, BEYOND = 0.1, 10.0  # between planes that are looked at, and beyond the outermost particles [A]


def from_least_contrast(library: ObjectLibrary, energy: float) -> ObjectLibrary:
    """Let heights count from the plane where the particles of each specimen, alone in vacuum, have least contrast.

    The variance of the image is taken to first order: the sum over particles of area times the integral of T^2 P +
    A^2 Q - 2 T A X, with T = sin chi and A = cos chi at each particle's distance from the plane: it is what
    :func:`temshift.exitwaves.focus.minimum_contrast_height` seeks in simulated images. Particles of one specimen have
    one plane, so that those above and below it are as far from focus as they are in its images.

    Parameters
    ----------
    library : ObjectLibrary
        Particles specimen by specimen, as many in each; heights from any plane that is the same for a whole specimen.
    energy : float
        Electron energy [eV].

    Returns
    -------
    ObjectLibrary
        With other heights.

    Raises
    ------
    ValueError
        If its particles are no whole number in each specimen.
    """
    each, rest = divmod(len(library), library.specimens)
    if rest:
        raise ValueError(f"{len(library)} particles in {library.specimens} specimens; give as many in each")
    starts = range(0, len(library), each)
    planes = np.repeat([_plane(library, slice(start, start + each), energy) for start in starts], each)
    return replace(
        library,
        particle_height=library.particle_height - planes,
        substrate_height=library.substrate_height - planes,
    )


def _plane(library: ObjectLibrary, own: slice, energy: float) -> float:
    """Height of the plane of least contrast of some particles [A]."""
    heights = library.particle_height[own]
    planes = np.arange(heights.min() - BEYOND, heights.max() + BEYOND, STEP)
    chi = np.pi * wavelength(energy) * library.q**2 * (heights[:, None] - planes[:, None, None])  # (plane, own, ring)
    sine, cosine = np.sin(chi), np.cos(chi)
    power = sine**2 * library.particle[own] + cosine**2 * library.amplitude[own]
    power -= 2 * sine * cosine * library.cross[own]
    contrast = np.einsum("pir,r,i->p", power, library.q, library.area[own])
    return float(planes[contrast.argmin()])
