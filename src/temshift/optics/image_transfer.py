"""Transfer from an object to an image: that of the lens, of motion and of the camera, and the camera's noise."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from temshift.conditions.drawn import Conditions
from temshift.optics.camera import (
    CameraResponse,
    blur_transfer,
    camera_response,
    camera_transfer,
    noise_power,
    quantum_efficiency,
)
from temshift.optics.camera.image_noise import bin_aperture, binned_noise_power
from temshift.optics.microscope import Microscope
from temshift.optics.transfer import Array, polar_plane, transfer_functions
from temshift.vocabulary import ABERRATIONS


@dataclass(frozen=True)
class ImageTransfer:
    """Transfer of n conditions at k frequencies from an object to an image, each array (n, k).

    Attributes
    ----------
    phase, amplitude : ndarray
        Signed transfer of a weak phase and of a weak amplitude, every envelope included.
    aperture, temporal, spatial, motion, camera : ndarray
        The envelopes; the spatial one is the mean of those at q and at -q, which coma makes differ.
    even : ndarray
        The part of chi that is even in the angle [rad].
    shift : ndarray
        Phase of T apart from its sign, minus the odd part of chi, between -pi and pi [rad].
    """

    phase: Array
    amplitude: Array
    aperture: Array
    temporal: Array
    spatial: Array
    motion: Array
    camera: Array
    even: Array
    shift: Array

    @property
    def envelope(self) -> Array:
        """Product of all envelopes."""
        return self.aperture * self.temporal * self.spatial * self.motion * self.camera

    def shaped(self, azimuths: int) -> "ImageTransfer":
        """Return the same transfer of one condition as (azimuths, frequencies)."""
        return ImageTransfer(**{name: values.reshape(azimuths, -1) for name, values in vars(self).items()})


def image_transfer(q: Tensor, microscope: Microscope, conditions: Conditions, *, step: float) -> ImageTransfer:
    """Compute transfer with every envelope by itself, motion and the camera included.

    Parameters
    ----------
    q : Tensor (k,)
        Spatial frequencies q_x + i q_y [1/A].
    microscope : Microscope
        Energy, camera and pixels.
    conditions : Conditions
        n conditions in float64; those of an object at a height are ``conditions.defocused(height)``.
    step : float
        Spacing of frequencies [1/A], the least width of an aperture's edge.

    Returns
    -------
    ImageTransfer
    """
    lens = transfer_functions(q, microscope.wavelength, conditions, step=step)
    moved = motion_transfer(q, conditions)
    camera, _ = signal_and_noise(q.abs(), microscope, conditions)
    values = {
        "phase": lens.signed * moved * camera,
        "amplitude": lens.signed_amplitude * moved * camera,
        "aperture": lens.aperture,
        "temporal": lens.temporal,
        "spatial": (lens.spatial + lens.opposite_spatial) / 2,
        "motion": moved,
        "camera": camera,
        "even": lens.even,
        "shift": torch.polar(torch.ones_like(lens.odd), -lens.odd).angle(),
    }
    return ImageTransfer(**{name: np.asarray(part.numpy()) for name, part in values.items()})


def motion_transfer(q: Tensor, conditions: Conditions) -> Tensor:
    """Transfer of vibration and drift (n, k) at frequencies q_x + i q_y (k,) [1/A]."""
    return blur_transfer(q.imag, q.real, conditions.vibration_sigma, conditions.drift, conditions.drift_azimuth)


def azimuthal_motion(q: Array, conditions: Conditions, *, azimuths: int) -> Array:
    """Transfer of vibration and drift along azimuths over half a turn, (n, azimuths, frequencies)."""
    plane = polar_plane(q, np.arange(azimuths) * np.pi / azimuths)
    return np.asarray(motion_transfer(plane, conditions).view(len(conditions), azimuths, len(q)).numpy())


def signal_and_noise(q: Tensor, microscope: Microscope, conditions: Conditions) -> tuple[Tensor, Tensor]:
    """Transfer of the signal by the camera, and the power of its noise.

    Parameters
    ----------
    q : Tensor (k,)
        Sizes of spatial frequencies [1/A].
    microscope : Microscope
        Camera and pixels.
    conditions : Conditions
        n conditions.

    Returns
    -------
    tuple of Tensor (n, k)
        MTF, and noise in units of the shot noise of the detected electrons.
    """
    frequency = q / microscope.nyquist
    response, electrons = _response_and_electrons(microscope, conditions)
    return camera_transfer(frequency, response)[0], noise_power(frequency, response, electrons)


def image_signal_and_noise(q: Tensor, microscope: Microscope, conditions: Conditions) -> tuple[Tensor, Tensor]:
    """Compute signal and noise in the pixels of binned images, aliases included, up to their Nyquist frequency.

    As :func:`signal_and_noise`, which they equal without binning; with it the signal has the aperture of a bin too.

    Parameters
    ----------
    q : Tensor (k,)
        Spatial frequencies q_x + i q_y [1/A], since bins are square.
    microscope : Microscope
        Camera and pixels, whose size is known.
    conditions : Conditions
        n conditions.

    Returns
    -------
    tuple of Tensor (n, k)
        Transfer of the signal, and noise in units of the shot noise of the detected electrons.
    """
    camera, cycles = microscope.imaging.camera, q * (0.5 / microscope.nyquist)  # per pixel before binning
    response, electrons = _response_and_electrons(microscope, conditions)
    mtf, _ = camera_transfer(2 * cycles.abs(), response)
    signal = mtf * bin_aperture(cycles.imag, cycles.real, camera.binning)
    binned = camera.binning * cycles
    return signal, binned_noise_power(binned.imag, binned.real, response, electrons, camera.binning)


def _response_and_electrons(microscope: Microscope, conditions: Conditions) -> tuple[CameraResponse, Tensor]:
    """Answer of the camera, and electrons on a pixel before binning that it would detect if none coincided."""
    side = 0.5 / microscope.nyquist * (1 + conditions.pixel_size_error)
    electrons = conditions.dose * conditions.dqe_zero * side**2
    return camera_response(conditions, microscope.imaging.camera), electrons


def image_efficiency(q: Tensor, microscope: Microscope, conditions: Conditions) -> Tensor:
    """DQE(q) of the camera (n, k) at sizes of spatial frequencies (k,) [1/A], before binning; takes what it loses."""
    return quantum_efficiency(q / microscope.nyquist, *_response_and_electrons(microscope, conditions))


def has_azimuths(conditions: Conditions) -> bool:
    """Return whether transfer, motion included, differs between azimuths in any of the conditions."""
    folded = [values for name, values in conditions.aberrations.items() if ABERRATIONS.get(name, (0, 0))[1]]
    return any(bool((values != 0).any()) for values in [*folded, conditions.drift])
