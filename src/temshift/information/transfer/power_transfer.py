"""Transfer of a microscope as power against shot noise, for objects at any height."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.conditions import Conditions
from temshift.optics import Array, Microscope, azimuthal_transfer
from temshift.optics.image_transfer import azimuthal_motion, has_azimuths, signal_and_noise
from temshift.optics.transfer import displacement

AZIMUTHS = 64  # enough for a twofold astigmatism of 40 nm up to 0.6 / A
DIRECTIONS = 32  # of spatial frequencies, over a whole turn, that displacements are computed in


@dataclass(frozen=True)
class PowerTransfer:
    """Power that n conditions make of the phase power of objects, in units of shot noise, averaged over azimuth.

    With T = E sin chi and A = E cos chi at a height h_0, an object at h_0 + x has T cos b + A sin b, b = pi lambda x
    q^2, so three averages serve every height. The envelope of an angular spread is that at h_0.

    Attributes
    ----------
    q : ndarray (rings,)
        Spatial frequencies [1/A].
    wavelength : float
        Electron wavelength [A].
    height : float
        h_0, upstream of the plane that defocus counts from [A].
    phase, amplitude, cross : ndarray (n, rings)
        4 D MTF^2 / N times the means of |T|^2, |A|^2 and Re(T conj A); D is dose times DQE.
    noise : ndarray (n, rings)
        N, NTF^2 and the power of read noise.
    displacement : ndarray (n, directions, rings)
        Displacement of each frequency's image, grad chi / (2 pi) at h_0 as x + i y [A], over a whole turn.
    """

    q: Array
    wavelength: float
    height: float
    phase: Array
    amplitude: Array
    cross: Array
    noise: Array
    displacement: NDArray[np.complex128]

    def of(self, condition: NDArray[np.int64], height: Array, objects: Sequence[Array], seen: "Seen") -> Array:
        """Return the power that objects at some heights have in images.

        Parameters
        ----------
        condition : ndarray (m,) of int
            Numbers of conditions.
        height : ndarray (m,)
            Heights upstream of the plane that defocus counts from [A].
        objects : sequence of three ndarray (m, rings)
            Power of the phase part, of the amplitude part, and cross power of both [rad^2 A^2].
        seen : Seen
            How much a window sees of each object.

        Returns
        -------
        ndarray (m, rings)
            T^2 P + A^2 Q - 2 T A X if all is seen, in units of shot noise.
        """
        along, across, both = objects
        twice = self._angle(height)
        cosine, sine = np.cos(twice), np.sin(twice)
        half, difference, product = self._halves(condition)
        oscillating = (difference * cosine + product * sine) * (along - across)
        oscillating -= 2 * (product * cosine - difference * sine) * both
        return np.asarray(seen.either * half * (along + across) + seen.both * oscillating)

    def over(self, condition: NDArray[np.int64], middle: Array, thickness: Array) -> Array:
        """Return the mean power transfer (m, rings) of a weak phase over films around heights ``middle`` (m,) [A]."""
        spread = np.sinc(self.wavelength * thickness[:, None] * self.q**2)
        angle = self._angle(middle)
        half, difference, product = self._halves(condition)
        return half + spread * (difference * np.cos(angle) + product * np.sin(angle))

    def _angle(self, height: Array) -> Array:
        """Twice the phase b that a height adds to chi, (m, rings)."""
        return 2 * np.pi * self.wavelength * (height[:, None] - self.height) * self.q**2

    def _halves(self, condition: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        """(|T|^2 + |A|^2) / 2, (|T|^2 - |A|^2) / 2 and Re(T conj A), each (m, rings)."""
        half, difference = (self.phase + self.amplitude) / 2, (self.phase - self.amplitude) / 2
        return half[condition], difference[condition], self.cross[condition]


@dataclass(frozen=True)
class Seen:
    """How much a window sees of the two images of an object that each frequency makes, displaced against each other.

    Attributes
    ----------
    either : ndarray (m, rings)
        Share of one of them, on average.
    both : ndarray (m, rings)
        Share in which they interfere.
    """

    either: Array | float
    both: Array | float


WHOLE = Seen(1.0, 1.0)


def power_transfer(drawn: Conditions, q: Array, microscope: Microscope, height: float) -> PowerTransfer:
    """Compute the power transfer of drawn conditions.

    Parameters
    ----------
    drawn : Conditions
        n conditions in float64.
    q : ndarray (rings,)
        Spatial frequencies [1/A], evenly spaced.
    microscope : Microscope
        Energy, camera and pixels.
    height : float
        Reference height upstream of the plane that defocus counts from [A], near the objects.

    Returns
    -------
    PowerTransfer
    """
    azimuths = AZIMUTHS if has_azimuths(drawn) else 1
    lens = azimuthal_transfer(q, microscope.wavelength, drawn, height, azimuths=azimuths)
    phase, amplitude = lens.phase.numpy(), lens.amplitude.numpy()
    mtf, noise = (part.numpy()[:, None] for part in signal_and_noise(torch.from_numpy(q), microscope, drawn))
    ratio = np.divide(mtf**2, noise, out=np.zeros_like(mtf), where=noise > 0)
    detected = (drawn.dose * drawn.dqe_zero).numpy()[:, None, None]
    power = 4 * detected * ratio * azimuthal_motion(q, drawn, azimuths=azimuths) ** 2
    parts = (np.abs(phase) ** 2, np.abs(amplitude) ** 2, (phase * amplitude.conj()).real)
    squared, others, cross = ((power * part).mean(axis=1) for part in parts)
    moved = displacement(q, microscope.wavelength, drawn, height, directions=DIRECTIONS)
    return PowerTransfer(q, microscope.wavelength, height, squared, others, cross, noise[:, 0], moved)
