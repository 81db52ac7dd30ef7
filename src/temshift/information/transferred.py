"""What a microscope transfers, as power against shot noise, for objects at any height."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.core.parameters import ABERRATIONS
from temshift.information.microscope import Microscope
from temshift.optics.camera import CameraResponse, CameraSettings, blur_transfer, camera_transfer
from temshift.optics.conditions import Conditions
from temshift.optics.transfer import azimuthal_transfer

Array = NDArray[np.float64]

AZIMUTHS = 64  # enough for a twofold astigmatism of 40 nm up to 0.6 / A
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
        4 D MTF^2 / NTF^2 times the means of |T|^2, |A|^2 and Re(T conj A); D is dose times DQE.
    noise : ndarray (n, rings)
        NTF^2.
    whole_noise : ndarray (n,)
        Mean of NTF^2 up to the Nyquist frequency.
    """

    q: Array
    wavelength: float
    height: float
    phase: Array
    amplitude: Array
    cross: Array
    noise: Array
    whole_noise: Array

    def at(self, condition: NDArray[np.int64], height: Array) -> Array:
        """Return the power transfer (m, rings) of conditions (m,), by number, for objects at heights (m,) [A]."""
        return self._mixed(condition, np.cos(self._angle(height)), np.sin(self._angle(height)))

    def over(self, condition: NDArray[np.int64], middle: Array, thickness: Array) -> Array:
        """Return the mean of `at` over films of a ``thickness`` around heights ``middle``, both (m,) [A]."""
        spread = np.sinc(self.wavelength * thickness[:, None] * self.q**2)
        angle = self._angle(middle)
        return self._mixed(condition, spread * np.cos(angle), spread * np.sin(angle))

    def _angle(self, height: Array) -> Array:
        """Twice the phase b that a height adds to chi, (m, rings)."""
        return 2 * np.pi * self.wavelength * (height[:, None] - self.height) * self.q**2

    def _mixed(self, condition: NDArray[np.int64], cosine: Array, sine: Array) -> Array:
        phase, amplitude, cross = (part[condition] for part in (self.phase, self.amplitude, self.cross))
        return (phase + amplitude) / 2 + (phase - amplitude) / 2 * cosine + cross * sine


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
    mtf, ntf = camera_of(drawn, microscope.imaging.camera, q / microscope.nyquist)
    ratio = np.divide(mtf, ntf, out=np.zeros_like(mtf), where=ntf > 0) ** 2
    detected = (drawn.dose * drawn.dqe_zero).numpy()[:, None, None]
    power = 4 * detected * ratio * motion(drawn, q, azimuths)
    parts = (np.abs(phase) ** 2, np.abs(amplitude) ** 2, (phase * amplitude.conj()).real)
    squared, others, cross = ((power * part).mean(axis=1) for part in parts)
    every = (np.arange(NOISE_POINTS) + 0.5) / NOISE_POINTS
    whole = camera_of(drawn, microscope.imaging.camera, every)[1][:, 0] ** 2
    mean_noise = np.average(whole, axis=1, weights=every)
    return PowerTransfer(q, microscope.wavelength, height, squared, others, cross, ntf[:, 0] ** 2, mean_noise)


def has_azimuths(drawn: Conditions) -> bool:
    """Tell whether transfer differs between azimuths in any draw."""
    folded = [values for name, values in drawn.aberrations.items() if ABERRATIONS.get(name, (0, 0))[1]]
    return any(bool((values > 0).any()) for values in [*folded, drawn.drift])


def camera_of(drawn: Conditions, camera: CameraSettings, frequency: Array) -> tuple[Array, Array]:
    """MTF and NTF of every draw, each (draws, 1, rings)."""
    response = CameraResponse.perfect(
        len(drawn), camera, mtf_half_frequency=drawn.mtf_half_frequency, ntf_half_frequency=drawn.ntf_half_frequency
    )
    mtf, ntf = camera_transfer(torch.from_numpy(frequency), response)
    return mtf.numpy()[:, None], ntf.numpy()[:, None]


def motion(drawn: Conditions, q: Array, azimuths: int) -> Array:
    """Squared transfer of vibration and drift, (draws, azimuths, rings)."""
    phi = np.arange(azimuths)[:, None] * np.pi / azimuths
    qy, qx = (torch.from_numpy((q * part).ravel()) for part in (np.sin(phi), np.cos(phi)))
    blur = blur_transfer(qy, qx, drawn.vibration_sigma, drawn.drift, drawn.drift_azimuth)
    return np.asarray(blur.view(len(drawn), azimuths, len(q)).numpy() ** 2)
