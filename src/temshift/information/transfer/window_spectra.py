"""Local spectra: the ring powers of a windowed patch of an image, and the effect of its window on a spectrum."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WINDOW = 12.8  # side of the window [A]: 32 pixels of 0.4 A
MOST_RINGS = 10
RING_WIDTH = 0.8  # least width of a ring, in steps of frequency of the window
AZIMUTHS = 32  # directions of plane waves that a window's response is averaged over


def patch_size(pixel: float) -> int:
    """Return the pixels along the side of a window, even.

    Parameters
    ----------
    pixel : float
        Size of a pixel [A].

    Raises
    ------
    ValueError
        If pixels are too large for a window of 8 of them.

    Examples
    --------
    >>> patch_size(0.4)
    32
    """
    size = 2 * round(WINDOW / pixel / 2)
    if size < 8:
        raise ValueError(f"pixel = {pixel:g} A is too coarse for a window of {WINDOW:g} A; at most {WINDOW / 8:g} A")
    return size


def hann(shape: Sequence[int]) -> Array:
    """Return the Hann window of a plane (y, x), 1 at its middle."""
    return np.multiply.outer(*(np.hanning(size + 1)[:-1] for size in shape))


def hann_window(size: int) -> Array:
    """Return the Hann window (size, size), whose square has a mean of 1."""
    window = hann((size, size))
    return np.asarray(window / np.sqrt(np.mean(window**2)))


def frequency_rings(highest: float, nyquist: float) -> Array:
    """Return the borders of rings of spatial frequency [1/A]: about 10 within the aperture, and one beyond it.

    Those within go from half a step of the window to ``highest``. The outer one, up to ``nyquist``, holds noise alone,
    with what the window leaks into it; several would teach a linear rule to take noise for a gauge. It is left out if
    it would be narrower than a ring.

    Raises
    ------
    ValueError
        If not even one ring fits below ``highest``.

    Examples
    --------
    >>> frequency_rings(0.6, 1.25)[[0, -2, -1]].round(3).tolist()
    [0.039, 0.6, 1.25]
    """
    step = 1 / WINDOW
    count = min(MOST_RINGS, int((highest / step - 0.5) / RING_WIDTH))
    if count < 1:
        least = (0.5 + RING_WIDTH) * step
        raise ValueError(f"a band up to {highest:.3g} 1/A holds no ring of a {WINDOW:g} A window; at least {least:.3g}")
    within = np.linspace(0.5 * step, highest, count + 1)
    return within if nyquist - highest < RING_WIDTH * step else np.append(within, nyquist)


def ring_members(size: int, pixel: float, edges: Array) -> NDArray[np.bool_]:
    """Return whether frequencies (ky, kx) of a patch belong to each ring, (rings, size, size)."""
    k = np.fft.fftfreq(size, pixel)
    radius = np.hypot(k[:, None], k[None, :])
    return np.array([(radius >= low) & (radius < high) for low, high in itertools.pairwise(edges)])


@dataclass(frozen=True)
class LocalSpectrum:
    """How a windowed patch sees a spectrum of an image.

    Attributes
    ----------
    response : ndarray (rings, frequencies)
        Share that the spectrum at each frequency has in each ring's mean power; every row has the sum 1.
    modes : ndarray (rings,)
        Independent complex modes of each ring, by which its power fluctuates: the variance is power^2 / modes.
    """

    response: Array
    modes: Array


def local_spectrum(q: Array, highest: float, pixel: float) -> LocalSpectrum:
    """Compute the effect of a window on a spectrum at frequencies ``q``.

    Parameters
    ----------
    q : ndarray (frequencies,)
        Evenly spaced spatial frequencies [1/A], beyond which the spectrum is left out.
    highest : float
        Where the rings of the aperture end [1/A]; one more reaches up to the Nyquist frequency.
    pixel : float
        Size of a pixel [A].

    Returns
    -------
    LocalSpectrum
        E|FT(w f)|^2 (k) = integral of S(q) |W(k - q)|^2 over q, averaged over azimuth and over the k of a ring; the
        modes of a ring of a white Gaussian image.
    """
    return _local_spectrum(tuple(q.tolist()), highest, pixel)


@functools.lru_cache(maxsize=32)
def _local_spectrum(q: tuple[float, ...], highest: float, pixel: float) -> LocalSpectrum:
    size = patch_size(pixel)
    members = ring_members(size, pixel, frequency_rings(highest, 0.5 / pixel)).reshape(-1, size**2).astype(float)
    members /= members.sum(axis=1, keepdims=True)
    power = np.array([_plane_wave_power(one, size, pixel) for one in q]) * np.array(q)[:, None]
    response = members @ power.T
    return LocalSpectrum(response / response.sum(axis=1, keepdims=True), _modes(members, size))


def _plane_wave_power(q: float, size: int, pixel: float) -> Array:
    """|W(k - q)|^2 (size^2,) of waves of one frequency, averaged over azimuth."""
    phi = np.arange(AZIMUTHS) * 2 * np.pi / AZIMUTHS
    side, place = np.hanning(size + 1)[:-1], np.arange(size) * pixel
    along = [
        np.abs(np.fft.fft(side * np.exp(2j * np.pi * q * part[:, None] * place))) ** 2
        for part in (np.sin(phi), np.cos(phi))
    ]
    return np.asarray(np.einsum("ay,ax->yx", *along).reshape(-1) / AZIMUTHS)


def _modes(members: Array, size: int) -> Array:
    """1 / sum of |correlation|^2 over pairs of frequencies of a ring, k with k' and with -k' of a real image."""
    square = np.fft.fft2(hann_window(size) ** 2) / size**2
    correlation = np.abs(square) ** 2
    weights = members.reshape(-1, size, size)
    smeared = np.fft.ifft2(np.fft.fft2(weights) * np.fft.fft2(correlation)).real
    mirrored = np.roll(smeared[:, ::-1, ::-1], 1, axis=(1, 2))
    return np.asarray(1 / np.sum(weights * (smeared + mirrored), axis=(1, 2)))
