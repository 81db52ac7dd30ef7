"""What a microscope transfers, as power against shot noise, for objects at any height."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.conditions.drawn import Conditions
from temshift.optics.aberrations import aberration_basis, aberration_gradient, present
from temshift.optics.camera import CameraResponse, CameraSettings, blur_transfer, camera_transfer
from temshift.optics.microscope import Microscope
from temshift.optics.transfer import azimuthal_transfer
from temshift.vocabulary.parameters import ABERRATIONS

Array = NDArray[np.float64]

AZIMUTHS = 64  # enough for a twofold astigmatism of 40 nm up to 0.6 / A
DIRECTIONS = 32  # of spatial frequencies, over a whole turn, that displacements are computed in
NOISE_POINTS = 64  # frequencies that the noise of an image is integrated over


@dataclass(frozen=True)
class PowerTransfer:
    """Power that n conditions make of the phase power of objects, in units of shot noise, averaged over azimuth.

    With T = E sin chi and A = E cos chi at a height h_0, an object at h_0 + x has T cos b + A sin b, b = pi lambda x
    q^2, so three averages serve every height. What defocus does to the envelope of an angular spread is that of h_0.

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
        N = NTF^2 and what read noise adds.
    whole_noise : ndarray (n,)
        Mean of N up to the Nyquist frequency.
    displacement : ndarray (n, directions, rings)
        Where each frequency is imaged to, grad chi / (2 pi) at h_0 as x + i y [A], in directions over a whole turn.
    """

    q: Array
    wavelength: float
    height: float
    phase: Array
    amplitude: Array
    cross: Array
    noise: Array
    whole_noise: Array
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
            T^2 P + A^2 Q - 2 T A X where all is seen, in units of shot noise.
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
        Share where they interfere.
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
    mtf, noise = camera_of(drawn, microscope.imaging.camera, q, microscope.nyquist)
    ratio = np.divide(mtf**2, noise, out=np.zeros_like(mtf), where=noise > 0)
    detected = (drawn.dose * drawn.dqe_zero).numpy()[:, None, None]
    power = 4 * detected * ratio * motion(drawn, q, azimuths)
    parts = (np.abs(phase) ** 2, np.abs(amplitude) ** 2, (phase * amplitude.conj()).real)
    squared, others, cross = ((power * part).mean(axis=1) for part in parts)
    every = (np.arange(NOISE_POINTS) + 0.5) / NOISE_POINTS * microscope.nyquist
    whole = camera_of(drawn, microscope.imaging.camera, every, microscope.nyquist)[1][:, 0]
    mean_noise = np.average(whole, axis=1, weights=every)
    moved = _displacement(drawn.defocused(height), q, microscope.wavelength)
    return PowerTransfer(q, microscope.wavelength, height, squared, others, cross, noise[:, 0], mean_noise, moved)


def _displacement(drawn: Conditions, q: Array, wavelength: float) -> NDArray[np.complex128]:
    """Grad chi / (2 pi) in every direction of q, (n, directions, rings) [A]."""
    phi = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    omega = torch.from_numpy((wavelength * np.exp(1j * phi)[:, None] * q).ravel())
    basis = aberration_basis(omega, present(drawn.aberrations))
    along_x, along_y = aberration_gradient(basis, wavelength, drawn.aberrations)
    gradient = torch.complex(along_x, along_y).numpy().reshape(len(drawn), DIRECTIONS, len(q))
    return np.asarray(gradient * wavelength / (2 * np.pi))


def has_azimuths(drawn: Conditions) -> bool:
    """Tell whether transfer differs between azimuths in any draw."""
    folded = [values for name, values in drawn.aberrations.items() if ABERRATIONS.get(name, (0, 0))[1]]
    return any(bool((values > 0).any()) for values in [*folded, drawn.drift])


def camera_of(drawn: Conditions, camera: CameraSettings, q: Array, nyquist: float) -> tuple[Array, Array]:
    """MTF and noise power of every draw at spatial frequencies q [1/A], each (draws, 1, rings).

    Noise is in units of the shot noise of the detected electrons: NTF^2 + r^2 / (g^2 n), r the read noise and g the
    gain of a pixel that detects n electrons.
    """
    response = CameraResponse.perfect(
        len(drawn), camera, mtf_half_frequency=drawn.mtf_half_frequency, ntf_half_frequency=drawn.ntf_half_frequency
    )
    mtf, ntf = camera_transfer(torch.from_numpy(q / nyquist), response)
    side = 0.5 / nyquist * (1 + drawn.pixel_size_error)
    electrons = drawn.dose * drawn.dqe_zero * side**2
    floor = (drawn.read_noise / drawn.gain) ** 2 / electrons
    return mtf.numpy()[:, None], (ntf**2 + floor[:, None]).numpy()[:, None]


def motion(drawn: Conditions, q: Array, azimuths: int) -> Array:
    """Squared transfer of vibration and drift, (draws, azimuths, rings)."""
    phi = np.arange(azimuths)[:, None] * np.pi / azimuths
    qy, qx = (torch.from_numpy((q * part).ravel()) for part in (np.sin(phi), np.cos(phi)))
    blur = blur_transfer(qy, qx, drawn.vibration_sigma, drawn.drift, drawn.drift_azimuth)
    return np.asarray(blur.view(len(drawn), azimuths, len(q)).numpy() ** 2)
