"""Transfer of signal and of noise by a camera, and what motion takes from the signal."""

import math

import torch
from torch import Tensor

from temshift.optics.camera.coincidence import coincidence_noise
from temshift.optics.camera.frequencies import Frequencies
from temshift.optics.camera.response import CameraResponse, transfers


def filtered(images: Tensor, transfer: Tensor) -> Tensor:
    """Multiply the spectrum of real images (..., y, x) by a real, even transfer (..., y, x // 2 + 1)."""
    size = (images.shape[-2], images.shape[-1])
    smoothed: Tensor = torch.fft.irfft2(torch.fft.rfft2(images) * transfer, s=size)
    return smoothed


def blur_transfer(qy: Tensor, qx: Tensor, vibration_sigma: Tensor, drift: Tensor, drift_azimuth: Tensor) -> Tensor:
    """Transfer of motion during the exposure, exp(-2 pi^2 (s^2 q^2 + d^2 / 12 (q . u)^2)).

    Vibration is a Gaussian of standard deviation s along each axis. A steady drift over the length d is a box along u,
    here replaced by the Gaussian of the same variance, d^2 / 12.

    Parameters
    ----------
    qy, qx : Tensor (k,)
        Spatial frequencies [1/A].
    vibration_sigma, drift : Tensor (n,)
        s and d [A].
    drift_azimuth : Tensor (n,)
        Azimuth of u from x towards y [rad].

    Returns
    -------
    Tensor (n, k)
        Between 0 and 1.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> blur_transfer(0 * one, one, 0 * one, 0.5 * one, 0 * one).exp().log().item() < 0.7  # along x
    True
    """
    vibration, length, azimuth = (value[:, None] for value in (vibration_sigma, drift, drift_azimuth))
    along = qx * torch.cos(azimuth) + qy * torch.sin(azimuth)
    variance = vibration.square() * (qx.square() + qy.square()) + length.square() / 12 * along.square()
    return torch.exp(-2 * math.pi**2 * variance)


def camera_transfer(frequency: Tensor, response: CameraResponse) -> tuple[Tensor, Tensor]:
    """MTF and NTF of every image, each (n, k), at frequencies (k,) in units of the Nyquist frequency."""
    return transfers(Frequencies(frequency, frequency, frequency, tuple(frequency.shape)), response)


def noise_power(frequency: Tensor, response: CameraResponse, electrons: Tensor) -> Tensor:
    """Power of the noise of a flat field, c NTF^2 + r^2 / (g^2 n c'^2), of n electrons a pixel, and of read noise.

    It stands to the signal that n electrons make: c and c' (the slope) are 1 unless coincident electrons are lost, and
    else those of :func:`temshift.optics.camera.coincidence.coincidence_noise`.

    Parameters
    ----------
    frequency : Tensor (k,)
        Radial frequency in units of the Nyquist frequency.
    response : CameraResponse
        Gain g, read noise r, frames and NTF of n images.
    electrons : Tensor (n,)
        Electrons a pixel before binning that would be detected if no two coincided.

    Returns
    -------
    Tensor (n, k)
        In units of the shot noise of these electrons.
    """
    _, ntf = camera_transfer(frequency, response)
    floor = (response.read_noise / response.gain) ** 2 / electrons
    if not bool(torch.isfinite(response.counting_frames).any()):
        return ntf**2 + torch.where(response.read_noise > 0, floor, 0.0)[:, None]
    noise, slope = coincidence_noise(electrons, response.counting_frames)
    return noise[:, None] * ntf**2 + torch.where(response.read_noise > 0, floor / slope**2, 0.0)[:, None]


def quantum_efficiency(frequency: Tensor, response: CameraResponse, electrons: Tensor) -> Tensor:
    """Detective quantum efficiency DQE(f) = DQE(0) MTF^2 / (noise power); DQE(0) MTF^2 / NTF^2 without read noise.

    Parameters
    ----------
    frequency, response, electrons
        As for :func:`noise_power`.

    Returns
    -------
    Tensor (n, k)
        At most DQE(0); 0 where the MTF is.
    """
    mtf, _ = camera_transfer(frequency, response)
    noise = noise_power(frequency, response, electrons)
    return response.dqe_zero[:, None] * mtf**2 / noise.clamp_min(torch.finfo(noise.dtype).tiny)


def scatter_transfers(frequencies: Frequencies, response: CameraResponse) -> list[Tensor | None]:
    """Transfer from the arriving to the detected electrons, blur x MTF / NTF; None if it is 1."""
    moved = (response.vibration_sigma > 0) | (response.drift > 0)
    blurred = moved | response.blurs
    if not bool(blurred.any()):
        return [None] * len(response)
    mtf, ntf = transfers(frequencies, response)
    transfer = mtf / ntf.clamp_min(torch.finfo(ntf.dtype).tiny)  # 0, not 0 / 0, where both vanish
    if bool(moved.any()):
        motion = (response.vibration_sigma, response.drift, response.drift_azimuth)
        transfer = transfer * blur_transfer(frequencies.qy, frequencies.qx, *motion)
    return _where(blurred, transfer, frequencies.shape)


def spread_transfers(frequencies: Frequencies, response: CameraResponse) -> list[Tensor | None]:
    """NTF; None if it is 1."""
    blurred = response.spreads
    if not bool(blurred.any()):
        return [None] * len(response)
    return _where(blurred, transfers(frequencies, response)[1], frequencies.shape)


def _where(blurred: Tensor, transfer: Tensor, shape: tuple[int, ...]) -> list[Tensor | None]:
    return [part.view(shape) if keep else None for keep, part in zip(blurred.tolist(), transfer, strict=True)]
