"""Noise of finished images: its spectrum up to their Nyquist frequency, and its mean over all their frequencies."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from temshift.conditions.drawn import Conditions
from temshift.optics.image_transfer import signal_and_noise
from temshift.optics.microscope import Microscope

ASSUMED_PIXEL = 0.4  # of images whose pixels have no known size [A]
AZIMUTHS = 32  # over a quarter of a turn, of a ring of a binned image
SIDE = 64  # points along a quarter of the square of frequencies that a mean goes over
PROFILE = 129  # radii before binning, from 0 to the corner of the square

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ImageNoise:
    """Noise of n images, in units of the shot noise of the detected electrons, and what binning leaves of a signal.

    Attributes
    ----------
    power : ndarray (n, rings)
        Mean over azimuth of NTF^2 and read noise, with what binning folds back.
    mean : ndarray (n,)
        Mean over the square of all frequencies of the image, corners included: the variance of a flat field.
    pixel : ndarray (rings,)
        Share that summing pixels leaves of a signal's power; 1 without binning.
    """

    power: Array
    mean: Array
    pixel: Array


def image_nyquist(microscope: Microscope, q: Array) -> tuple[float, bool]:
    """Return the Nyquist frequency of images [1/A], and whether it is an assumption, since no pixel size is known.

    Pixels of 0.4 A are assumed, or finer ones if the rings ``q`` (rings,) reach beyond their Nyquist frequency.

    Examples
    --------
    >>> image_nyquist(Microscope(300e3), np.array([0.1, 0.2]))
    (1.25, True)
    >>> image_nyquist(Microscope(300e3, nyquist=1.0), np.array([0.1, 0.2]))
    (1.0, False)
    """
    if math.isfinite(microscope.nyquist):
        return microscope.image_nyquist, False
    return max(0.5 / ASSUMED_PIXEL, float(q[-1]) + ring_step(q) / 2), True


def ring_step(q: Array) -> float:
    """Spacing of evenly spaced rings [1/A]; the first frequency where there is one ring alone."""
    return float(q[1] - q[0]) if len(q) > 1 else float(q[0])


def rings_to(q: Array, nyquist: float) -> Array:
    """Go on with evenly spaced rings ``q`` (rings,) up to a Nyquist frequency [1/A]; those beyond it are left out.

    Examples
    --------
    >>> rings_to(np.array([0.1, 0.2]), 0.45).round(3).tolist()
    [0.1, 0.2, 0.3, 0.4]
    """
    more = int((nyquist - q[-1]) / ring_step(q) + 1e-9)
    if more < 0:
        return np.asarray(q[q <= nyquist * (1 + 1e-9)])
    return np.concatenate([q, q[-1] + ring_step(q) * np.arange(1, more + 1)])


def image_noise(drawn: Conditions, microscope: Microscope, q: Array, nyquist: float) -> ImageNoise:
    """Compute the noise of images of drawn conditions.

    Where b x b pixels are summed, a frequency k of the image holds the noise of all k + i / (b p), p the pixel before,
    each by the square of the transfer of the sum, (sin(pi b f) / (b sin(pi f)))^2 along either axis with f in cycles
    a pixel. White noise stays white.

    Parameters
    ----------
    drawn : Conditions
        n conditions in float64.
    microscope : Microscope
        Camera and pixels.
    q : ndarray (rings,)
        Spatial frequencies of the image [1/A], up to ``nyquist``.
    nyquist : float
        Nyquist frequency of the image [1/A], of :func:`image_nyquist`.

    Returns
    -------
    ImageNoise
    """
    binning = microscope.imaging.camera.binning
    folding = _folding(tuple((q / nyquist).tolist()), binning)
    radii = np.linspace(0, math.sqrt(2), PROFILE) * nyquist * binning
    _, noise = signal_and_noise(torch.from_numpy(radii), microscope, drawn)
    seen = noise.numpy() @ folding.shares.T
    return ImageNoise(seen[:, :-1], seen[:, -1], folding.pixel)


@dataclass(frozen=True)
class _Folding:
    """Shares (rings + 1, PROFILE) of each radius before binning in each ring, and in the whole square as the last."""

    shares: Array
    pixel: Array


@functools.lru_cache(maxsize=32)
def _folding(frequency: tuple[float, ...], binning: int) -> _Folding:
    """Of rings in units of the Nyquist frequency of the image."""
    azimuth = (np.arange(AZIMUTHS) + 0.5) * math.pi / 2 / AZIMUTHS
    radius = np.array(frequency)[:, None]
    across, down = radius * np.cos(azimuth), radius * np.sin(azimuth)
    even = (np.arange(SIDE) + 0.5) / SIDE
    square = np.repeat(even, SIDE)[None], np.tile(even, SIDE)[None]
    shares = np.concatenate([_shares(across, down, binning), _shares(*square, binning)])
    pixel = (_summed(across / binning, binning) * _summed(down / binning, binning)).mean(axis=1)
    return _Folding(shares, pixel)


def _shares(across: Array, down: Array, binning: int) -> Array:
    """Mean over the points (rings, points) of each ring of the shares (rings, PROFILE) of radii before binning."""
    shares = np.zeros((len(across), PROFILE))
    ring = np.broadcast_to(np.arange(len(across))[:, None], across.shape)
    for x in _aliases(across, binning):
        for y in _aliases(down, binning):
            weight = _summed(x, binning) * _summed(y, binning) / across.shape[1]
            place = np.hypot(x, y) / math.sqrt(2) * (PROFILE - 1)
            below = np.minimum(place.astype(np.int64), PROFILE - 2)
            np.add.at(shares, (ring, below), weight * (1 - (place - below)))
            np.add.at(shares, (ring, below + 1), weight * (place - below))
    return shares


def _aliases(along: Array, binning: int) -> list[Array]:
    """Frequencies before binning that are seen at some of the binned image, in units of the Nyquist frequency."""
    return [np.asarray((along / binning + 2 * turn / binning + 1) % 2 - 1) for turn in range(binning)]


def _summed(along: Array, binning: int) -> Array:
    """Power that the mean of ``binning`` pixels in a row leaves at frequencies in units of Nyquist before it."""
    phases = np.exp(1j * math.pi * along[..., None] * np.arange(binning))
    return np.asarray(np.abs(phases.mean(axis=-1)) ** 2)
