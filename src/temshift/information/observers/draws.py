"""Windows on particles and on background under drawn conditions: their ring powers, without an image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from temshift.conditions.imaging import ImagingConditions, stratified_deviates
from temshift.core.seeds import Stage, generator
from temshift.information.objects.library import ObjectLibrary
from temshift.information.observers.overlaps import overlaps
from temshift.information.transfer.image_noise import ImageNoise, image_noise, ring_step, rings_to
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
    grad chi(q) and grad chi(-q) over 2 pi, and the two interfere (sin^2 chi) only where both are. Beyond the aperture
    there is N alone, up to the Nyquist frequency. Spectra are divided by the mean power of the image over the square of
    all its frequencies, as images are standardised, seen through a Hann window of 12.8 A and averaged over about 10
    rings up to the aperture and one beyond it, which fluctuate as Gamma(n) / n, n the modes of a ring.

    Particles cover the share f = `ObjectLibrary.coverage` of an image of k. Windows on particles are chosen by area,
    those on background by 1 - f: images that are nearly filled have little background to look at.

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
        If the band holds no ring, or pixels are too coarse for a window or have no known size.
    """
    microscope, nyquist = survey.microscope, survey.microscope.image_nyquist
    if not math.isfinite(nyquist):
        raise ValueError("the size of the microscope's pixels is unknown; give it a finite nyquist [1/A]")
    random = generator(survey.seed, Stage.OBSERVER, stream)
    uniform = stratified_deviates(random, CONDITIONS)
    height = float(np.average(library.particle_height, weights=library.area))
    objects = _Objects(library, library.q <= max(min(survey.highest, nyquist), library.q[0]))
    drawn = conditions.quantiles(uniform)
    power = power_transfer(drawn, objects.q, microscope, height)
    every = rings_to(objects.q, nyquist)
    noise = image_noise(drawn, microscope, every, nyquist)
    labels = np.tile(np.repeat([1, 0], PLACES), CONDITIONS)
    condition = np.repeat(np.arange(CONDITIONS), 2 * PLACES)
    chosen = objects.pick(random, stream, labels)
    places = _places(random, library.radius[chosen], library.coverage[chosen], labels)
    views = overlaps(library.radius).views(random, chosen, places, power.displacement[condition])
    signal, mean_power = objects.signals(power, noise, condition, chosen, views, nyquist)
    response = local_spectrum(every, survey.highest, 0.5 / nyquist)
    seen = (noise.power @ response.response.T)[condition] + signal @ response.response[:, : signal.shape[1]].T
    expected = seen / mean_power[:, None]
    fluctuation = random.gamma(response.modes, size=expected.shape) / response.modes
    share = np.where(labels == 1, library.area_fraction, 1 - library.area_fraction)
    return Draws(expected * fluctuation, expected, response.modes, labels, share / share.sum(), condition)


class _Objects:
    """Particles and films of a library within a band."""

    def __init__(self, library: ObjectLibrary, band: NDArray[np.bool_]) -> None:
        self.library = library
        self.q, self.substrate = library.q[band], library.substrate[band]
        self.parts = [part[:, band] for part in (library.particle, library.amplitude, library.cross)]

    def pick(self, random: np.random.Generator, stream: int, labels: Integers) -> Integers:
        """Pick a particle for each window, of the half that a stream has; all where there is one only.

        Windows on particles go by area, those on background by the share of background in an image of the particle.
        """
        mine = np.arange(len(self.library)) % 2 == stream % 2 if len(self.library) > 1 else np.array([True])
        chosen = np.zeros(len(labels), dtype=np.int64)
        free = 1 - self.library.coverage
        for label, amount in ((1, self.library.area), (0, free if (free * mine).sum() > 0 else np.ones_like(free))):
            weight = np.where(mine, amount, 0.0)
            windows = labels == label
            chosen[windows] = random.choice(len(weight), int(windows.sum()), p=weight / weight.sum())
        return chosen

    def signals(
        self,
        power: PowerTransfer,
        noise: ImageNoise,
        condition: Integers,
        chosen: Integers,
        views: Seen,
        nyquist: float,
    ) -> tuple[Array, Array]:
        """Signal in windows (n, frequencies), and mean power (n,) of their images over all frequencies."""
        library = self.library
        scale = power.noise[condition] * noise.pixel[: len(self.q)]
        film = power.over(condition, library.substrate_height[chosen], library.thickness[chosen])
        film *= self.substrate * library.thickness[chosen, None]
        parts, height = [part[chosen] for part in self.parts], library.particle_height[chosen]
        whole, particle = (power.of(condition, height, parts, share) for share in (WHOLE, views))
        area = 2 * np.pi * self.q * ring_step(self.q) / (2 * nyquist) ** 2
        covered = library.coverage[chosen, None]
        return scale * (film + particle), noise.mean[condition] + scale * (film + covered * whole) @ area


def _places(random: np.random.Generator, radius: Array, coverage: Array, labels: Integers) -> NDArray[np.complex128]:
    """Places (n,) of discs against the middle of a window that lies inside or outside of them, x + i y [A].

    Outside, places are even over the area that a particle has for itself, 1 / coverage times its own.
    """
    even, angle = random.random(len(radius)), random.random(len(radius)) * 2 * np.pi
    distance = radius * np.sqrt(np.where(labels == 1, even, 1 + even * (1 / coverage - 1)))
    return np.asarray(distance * np.exp(1j * angle))
