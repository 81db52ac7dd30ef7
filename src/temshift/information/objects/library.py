"""A library of simulated particles, one instance each, as observers of transfer are shown them."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from temshift.information.objects.object_spectra import ObjectSpectra

LIBRARY_VERSION = 2  # raised whenever the same specimens would be measured otherwise
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectLibrary:
    """Power of the changes that n particles make to a wave, one by one, and of the films that they lie on.

    The wave psi behind a particle has a phase part p = Im psi, which the transfer function T images, and an amplitude
    part a = (1 - |psi|^2) / 2, which cos chi images: what the aperture at the end of the band keeps off the image, so
    that strong particles are seen in focus. With a defined so, an image 1 + 2 T p - 2 A a is exact in focus, of
    strong objects too, and elsewhere to first order.

    Attributes
    ----------
    q : ndarray (rings,)
        Spatial frequencies at the middle of the rings [1/A].
    particle : ndarray (n, rings)
        |FT p|^2 of each particle per area of its own silhouette [rad^2 A^2].
    amplitude : ndarray (n, rings)
        |FT a|^2 likewise [rad^2 A^2].
    cross : ndarray (n, rings)
        Re(FT p conj FT a) likewise [rad^2 A^2].
    area : ndarray (n,)
        Area of its silhouette [A^2].
    particle_height : ndarray (n,)
        Mean height of its atoms upstream of the plane that defocus counts from [A].
    substrate : ndarray (rings,)
        Phase power of the films per area and per thickness [rad^2 A]; 0 in vacuum.
    thickness : ndarray (n,)
        Thickness of the film below each particle [A].
    substrate_height : ndarray (n,)
        Mean height of that film [A]; in vacuum that of the particle.
    area_fraction : float
        Share of the area that particles cover, on average.
    specimens : int
        How many specimens it was measured on.
    """

    q: Array
    particle: Array
    amplitude: Array
    cross: Array
    area: Array
    particle_height: Array
    substrate: Array
    thickness: Array
    substrate_height: Array
    area_fraction: float
    specimens: int = 1

    def __len__(self) -> int:
        return len(self.area)

    @property
    def radius(self) -> Array:
        """Radius of the disc of each silhouette's area [A], (n,)."""
        return np.sqrt(self.area / np.pi)

    @property
    def coverage(self) -> Array:
        """Share of the area that particles cover in an image of each, (n,), at most 1.

        (own area + (particles per specimen - 1) x mean area) / cell, the cell being that in which all particles of a
        specimen cover the mean share on average.
        """
        count = max(len(self) / self.specimens, 1.0)
        relative = self.area / self.area.mean()
        return np.asarray(np.minimum(self.area_fraction * (relative + count - 1) / count, 1.0))

    @property
    def averaged(self) -> "ObjectLibrary":
        """A library of one particle: the mean of all, for observers that know densities and no instances."""
        mean = self.mean
        amplitude, cross = (np.average(one, axis=0, weights=self.area)[None] for one in (self.amplitude, self.cross))
        alone = (float(self.area.mean()), mean.particle_height, float(self.thickness.mean()), mean.substrate_height)
        area, above, thickness, below = (np.array([value]) for value in alone)
        return ObjectLibrary(
            self.q,
            mean.particle[None],
            amplitude,
            cross,
            area,
            above,
            self.substrate,
            thickness,
            below,
            self.area_fraction,
            self.specimens,
        )

    def resampled(self, q: Array) -> "ObjectLibrary":
        """Return the same with other rings, interpolated linearly: to compare specimens of cells of different sizes.

        Parameters
        ----------
        q : ndarray (rings,)
            Ascending spatial frequencies [1/A]; beyond the library's own rings those at its ends are taken.

        Returns
        -------
        ObjectLibrary
        """
        if np.array_equal(q, self.q):
            return self

        def on_rings(spectra: Array) -> Array:
            return np.asarray(np.apply_along_axis(lambda values: np.interp(q, self.q, values), -1, spectra))

        particle, amplitude, cross = map(on_rings, (self.particle, self.amplitude, self.cross))
        substrate = on_rings(self.substrate)
        return replace(self, q=q, particle=particle, amplitude=amplitude, cross=cross, substrate=substrate)

    @property
    def mean(self) -> ObjectSpectra:
        """Averages over particles, which count by their area, as epsilon and sigma need them."""
        return ObjectSpectra(
            self.q,
            np.average(self.particle, axis=0, weights=self.area),
            self.substrate * float(self.thickness.mean()),
            float(np.average(self.particle_height, weights=self.area)),
            float(self.substrate_height.mean()),
            self.area_fraction,
        )


def join_libraries(libraries: Iterable[ObjectLibrary]) -> ObjectLibrary:
    """Line the particles of libraries up; films count by the particles on them, area fractions by specimens.

    Parameters
    ----------
    libraries : iterable of ObjectLibrary
        With equal rings: of specimens with cells of one size, up to one end of the band.

    Returns
    -------
    ObjectLibrary
        The same for all groups in which they are joined.

    Raises
    ------
    ValueError
        If there are none, or their rings differ.
    """
    each = list(libraries)
    if not each:
        raise ValueError("no libraries given; measure at least one specimen")
    if any(not np.array_equal(one.q, each[0].q) for one in each):
        raise ValueError("the libraries have other rings of spatial frequency; measure specimens of one cell")
    lined = {
        field.name: np.concatenate([getattr(one, field.name) for one in each])
        for field in fields(ObjectLibrary)
        if field.name not in ("q", "substrate", "area_fraction", "specimens")
    }
    counts = [one.specimens for one in each]
    fraction = float(np.average([one.area_fraction for one in each], weights=counts))
    return ObjectLibrary(
        q=each[0].q, substrate=_joined_films(each), area_fraction=fraction, specimens=sum(counts), **lined
    )


def _joined_films(each: list[ObjectLibrary]) -> Array:
    """Power of a film per area and thickness, averaged over the films that are there."""
    carried = [int((one.thickness > 0).sum()) for one in each]
    if sum(carried) == 0:
        return np.zeros_like(each[0].substrate)
    return np.asarray(np.average([one.substrate for one in each], axis=0, weights=carried))
