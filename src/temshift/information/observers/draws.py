"""Windows on particles and on background under drawn conditions: their ring powers, without an image."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from temshift.conditions.imaging import ImagingConditions, stratified_deviates
from temshift.core.seeds import Stage, generator
from temshift.information.objects.library import ObjectLibrary
from temshift.information.observers.overlaps import overlaps
from temshift.information.transfer.power_transfer import WHOLE, PowerTransfer, Seen, power_transfer
from temshift.information.transfer.survey import Survey
from temshift.information.transfer.window_spectra import local_spectrum

Array = NDArray[np.float64]


Integers = NDArray[np.int64]


CONDITIONS = 128  # draws of conditions of a distribution


PLACES = 16  # windows on particles, and as many next to them, under each drawn condition


@dataclass(frozen=True)
class Draws:
    """Windows on particles and next to them, under drawn conditions.

    Attributes
    ----------
    powers : ndarray (n, rings)
        Ring powers in units of the mean power of the image.
    expected : ndarray (n, rings)
        Their expectation.
    modes : ndarray (rings,)
        Independent modes of each ring: powers are expectations times Gamma(modes) / modes.
    labels : ndarray (n,)
        1 where the middle of the window lies on a particle.
    weights : ndarray (n,)
        Share of the image that each stands for; their sum is 1.
    condition : ndarray (n,)
        Number of the drawn condition.
    """

    powers: Array
    expected: Array
    modes: Array
    labels: Integers
    weights: Array
    condition: Integers

    @classmethod
    def joined(cls, parts: Sequence["Draws"]) -> "Draws":
        """Join draws into those of an equal mixture of their distributions.

        Raises
        ------
        ValueError
            If there are none.
        """
        if not parts:
            raise ValueError("no draws given; give those of at least one distribution")
        offsets = np.cumsum([0, *(int(one.condition.max()) + 1 for one in parts[:-1])])
        lined = {
            field.name: np.concatenate([getattr(one, field.name) for one in parts])
            for field in fields(cls)
            if field.name not in ("modes", "weights", "condition")
        }
        weights = np.concatenate([one.weights / len(parts) for one in parts])
        condition = np.concatenate([one.condition + offset for one, offset in zip(parts, offsets, strict=True)])
        return cls(modes=parts[0].modes, weights=weights, condition=condition, **lined)


def ring_draws(conditions: ImagingConditions, library: ObjectLibrary, survey: Survey, *, stream: int = 0) -> Draws:
    """Draw windows under a distribution of conditions, as an observer would see them in micrographs.

    One next to particles has the spectrum N (1 + 4 D <T^2> C t) of a film of thickness t, N the noise of the camera
    and <T^2> averaged over the film's depth. One that sees a particle k of the library has N 4 D (T^2 P_k + A^2 Q_k -
    2 T A X_k) more, by the share of the window that the particle covers; each frequency q is imaged twice, displaced by
    grad chi(q) and grad chi(-q) over 2 pi, and the two interfere (sin^2 chi) only where both are. Spectra are divided
    by the mean power of the image up to the Nyquist frequency, seen through a Hann window of 12.8 A and averaged over
    about 10 rings up to the aperture, which fluctuate as Gamma(n) / n, n the modes of a ring.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.
    library : ObjectLibrary
        Particles and films. Streams of even number take every second particle, those of odd number the others.
    survey : Survey
        Microscope, band and seed.
    stream : int
        Number of the stream of draws: distributions of one stream share their deviates; take another one to test.

    Returns
    -------
    Draws

    Raises
    ------
    ValueError
        If the band holds no ring, or pixels are too coarse for a window.
    """
    microscope = survey.microscope
    random = generator(survey.seed, Stage.OBSERVER, stream)
    uniform = stratified_deviates(random, CONDITIONS)
    height = float(np.average(library.particle_height, weights=library.area))
    band = library.q <= max(survey.highest, library.q[0])
    objects = _Objects(library, band)
    power = power_transfer(conditions.quantiles(uniform), library.q[band], microscope, height)
    labels = np.tile(np.repeat([1, 0], PLACES), CONDITIONS)
    condition = np.repeat(np.arange(CONDITIONS), 2 * PLACES)
    chosen = objects.pick(random, stream, len(labels))
    pixel = 0.5 / microscope.nyquist
    places = _places(random, library.radius[chosen], library.area_fraction, labels)
    views = overlaps(library.radius).views(random, chosen, places, power.displacement[condition])
    spectrum, mean_power = objects.spectra(power, condition, chosen, views, microscope.nyquist)
    local = local_spectrum(library.q[band], survey.highest, pixel)
    expected = spectrum @ local.response.T / mean_power[:, None]
    noise = random.gamma(local.modes, size=expected.shape) / local.modes
    share = np.where(labels == 1, library.area_fraction, 1 - library.area_fraction)
    return Draws(expected * noise, expected, local.modes, labels, share / share.sum(), condition)


class _Objects:
    """Particles and films of a library within a band."""

    def __init__(self, library: ObjectLibrary, band: NDArray[np.bool_]) -> None:
        self.library = library
        self.q, self.substrate = library.q[band], library.substrate[band]
        self.parts = [part[:, band] for part in (library.particle, library.amplitude, library.cross)]

    def pick(self, random: np.random.Generator, stream: int, count: int) -> Integers:
        """Pick particles by their area, of the half that a stream has; all where there is one only."""
        mine = np.arange(len(self.library)) % 2 == stream % 2 if len(self.library) > 1 else np.array([True])
        area = np.where(mine, self.library.area, 0.0)
        return np.asarray(random.choice(len(area), count, p=area / area.sum()))

    def spectra(
        self, power: PowerTransfer, condition: Integers, chosen: Integers, views: Seen, nyquist: float
    ) -> tuple[Array, Array]:
        """Spectra of windows (n, frequencies), and mean power (n,) of their images up to the Nyquist frequency."""
        library, noise = self.library, power.noise[condition]
        film = power.over(condition, library.substrate_height[chosen], library.thickness[chosen])
        film *= self.substrate * library.thickness[chosen, None]
        parts, height = [part[chosen] for part in self.parts], library.particle_height[chosen]
        whole, particle = (power.of(condition, height, parts, share) for share in (WHOLE, views))
        step = float(self.q[1] - self.q[0]) if len(self.q) > 1 else float(self.q[0])
        within = 2 * np.pi * self.q * step / (np.pi * nyquist**2)
        mean_power = power.whole_noise[condition] + noise * (film + library.area_fraction * whole) @ within
        return noise * (1 + film + particle), mean_power


def _places(random: np.random.Generator, radius: Array, share: float, labels: Integers) -> NDArray[np.complex128]:
    """Places (n,) of discs against the middle of a window that lies inside or outside of them, x + i y [A].

    Outside, places are even over the area that a particle has for itself, 1 / share times its own.
    """
    even, angle = random.random(len(radius)), random.random(len(radius)) * 2 * np.pi
    outside = 1 + even * (1 / share - 1) if share < 1 else np.ones_like(even)
    distance = radius * np.sqrt(np.where(labels == 1, even, outside))
    return np.asarray(distance * np.exp(1j * angle))
