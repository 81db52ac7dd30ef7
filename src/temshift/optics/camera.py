"""The camera: blur by motion, spread of electrons, counting, gain, read noise and binning."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Annotated

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from temshift.conditions import Conditions
from temshift.configuration import Configuration
from temshift.core import Grid
from temshift.optics.binning import binned
from temshift.optics.counting import counted, expected_electrons
from temshift.optics.mtf import Shape, TransferTable, parametric_transfer

_EXCESS = 1e-4  # by which an MTF may exceed an NTF; tables and single precision round
_BOUNDS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "mtf_half_frequency": ("above 0", lambda value: value > 0),
    "ntf_half_frequency": ("above 0", lambda value: value > 0),
    "dqe_zero": ("above 0 and at most 1", lambda value: (value > 0) & (value <= 1)),
    "gain": ("finite and above 0", lambda value: (value > 0) & (value < math.inf)),
    "read_noise": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "vibration_sigma": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "drift": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "drift_azimuth": ("finite", torch.isfinite),
}


class CameraSettings(Configuration):
    """The fixed settings of a camera; those that may differ between images stand in :class:`CameraResponse`.

    A table multiplies the parametric transfer of the same name, which is 1 where its half frequency is infinite.
    Without an NTF, tabled or parametric, the camera counts: each detected electron is one event in one pixel.
    ``binning`` pixels are summed along y and x.
    """

    shape: Shape = "gaussian"
    mtf_table: TransferTable | None = None
    ntf_table: TransferTable | None = None
    binning: Annotated[int, Field(ge=1, le=8)] = 1

    @model_validator(mode="after")
    def _detectable(self) -> "CameraSettings":
        if self.mtf_table is not None and self.ntf_table is not None:
            profile = _profile(torch.device("cpu"), torch.float64)
            _require_detectable(*(_tabled(table, profile)[None] for table in (self.mtf_table, self.ntf_table)))
        return self

    def remarks(self) -> list[str]:
        """Return remarks on its tables that a person should know, one sentence each."""
        tables = {"mtf_table": self.mtf_table, "ntf_table": self.ntf_table}
        return [f"{name} {remark}" for name, table in tables.items() if table for remark in table.remarks()]


COUNTING = CameraSettings()


@dataclass(frozen=True)
class CameraResponse:
    """How the camera answers in n images; every field but the last is a Tensor (n,).

    Attributes
    ----------
    mtf_half_frequency, ntf_half_frequency : Tensor
        Where the parametric transfer of signal and of noise is 1/2, in units of the Nyquist frequency of the pixels
        before binning, > 0; infinite where it is 1.
    dqe_zero : Tensor
        Detected share of the electrons, DQE at frequency 0, above 0 and at most 1.
    gain : Tensor
        Counts for each detected electron, > 0.
    read_noise : Tensor
        Standard deviation in each pixel before binning [counts], >= 0.
    vibration_sigma : Tensor
        Standard deviation of the image's position along each axis [A], >= 0.
    drift, drift_azimuth : Tensor
        Length of a steady drift during the exposure [A], >= 0, and its azimuth from x towards y [rad].
    settings : CameraSettings
        The same for all images.

    Raises
    ------
    ValueError
        On a CPU, for a value out of bounds, or an MTF above the NTF, which would be a DQE above that at frequency 0.
    """

    mtf_half_frequency: Tensor
    ntf_half_frequency: Tensor
    dqe_zero: Tensor
    gain: Tensor
    read_noise: Tensor
    vibration_sigma: Tensor
    drift: Tensor
    drift_azimuth: Tensor
    settings: CameraSettings = COUNTING

    def __post_init__(self) -> None:
        if not self.gain.is_cuda:
            _require_bounds(self)
            _require_detectable(*_transfers(_profile(self.gain.device, self.gain.dtype), self))

    @classmethod
    def perfect(cls, images: int, settings: CameraSettings = COUNTING, **given: Tensor) -> "CameraResponse":
        """Return a camera that counts every electron in the pixel where it arrives, except in ``given`` fields."""
        zeros, ones = torch.zeros(images, dtype=torch.float64), torch.ones(images, dtype=torch.float64)
        infinite = torch.full_like(ones, math.inf)
        ideal = {"mtf_half_frequency": infinite, "ntf_half_frequency": infinite, "dqe_zero": ones, "gain": ones}
        return cls(**{f.name: zeros for f in fields(cls)[:-1]} | ideal | given, settings=settings)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "CameraResponse":
        """Return the same response on another device or in another precision."""
        if self.gain.device == torch.device(device) and self.gain.dtype == dtype:
            return self
        values = {f.name: getattr(self, f.name).to(device, dtype) for f in fields(self)[:-1]}
        return CameraResponse(**values, settings=self.settings)

    def __len__(self) -> int:
        return len(self.gain)


@torch.no_grad()
def detect(intensities: Tensor, dose: Tensor, grid: Grid, seeds: Sequence[int], response: CameraResponse) -> Tensor:
    """Form the image that a camera gives: gain x NTF * Poisson(expected detections) + read noise, binned.

    A chain of linear stages: an electron is scattered to a random place before it is detected (transfer MTF / NTF), is
    detected with the probability DQE(0), and every detected electron is spread alike (transfer NTF). So the
    signal falls as the MTF, a flat field of n electrons a pixel has the noise power gain^2 DQE(0) n NTF^2 +
    read_noise^2, and DQE(f) = DQE(0) MTF^2 / NTF^2 where there is no read noise. The mean is gain x DQE(0) x electrons.
    Where NTF = MTF it is a blur of Poisson counts; where NTF = 1 the counts are Poisson numbers times the gain. The
    order of stages is ours; MTF, NTF and DQE are those of the references.

    A perfect image is not transformed at all. Counts take no gradients; :func:`expected_detections` does.

    Parameters
    ----------
    intensities : Tensor (n, y, x)
        Intensity sampled at the middle of each pixel, not averaged over it (the MTF holds the pixel's aperture).
    dose : Tensor (n,)
        Electrons per area [e/A^2].
    grid : Grid
        The plane of the images.
    seeds : sequence of int (n,)
        Each image draws from its own seed, first electrons, then read noise.
    response : CameraResponse
        Of n images.

    Returns
    -------
    Tensor (n, y / binning, x / binning)
        Counts.

    Raises
    ------
    ValueError
        On a CPU, where an intensity or dose is negative or no number; if the image is no whole number of bins, or
        images, doses, seeds and responses differ in number.

    References
    ----------
    R. R. Meyer and A. I. Kirkland, Microsc. Res. Tech. 49, 269 (2000); G. McMullan, S. Chen, R. Henderson and A. R.
    Faruqi, Ultramicroscopy 109, 1126 (2009), DOI 10.1016/j.ultramic.2009.04.002
    """
    response = response.to(intensities.device, intensities.dtype)
    spread = _spread(_plane(grid, intensities.device, intensities.dtype), response)
    noise = zip(spread, response.gain.tolist(), response.read_noise.tolist(), seeds, strict=True)
    source = torch.Generator(device=intensities.device)
    images = torch.empty_like(intensities)
    for kept, mean, (transfer, gain, read_noise, seed) in zip(
        images, _means(intensities, dose, grid, response), noise, strict=True
    ):
        kept.copy_(_read_out(mean, transfer, gain, read_noise, source.manual_seed(seed)))
    return binned(images, response.settings.binning)


def expected_detections(intensities: Tensor, dose: Tensor, grid: Grid, response: CameraResponse) -> Tensor:
    """Mean number of electrons detected in each pixel, DQE(0) (blur x MTF / NTF) * electrons, at least 0.

    Parameters
    ----------
    intensities, dose, grid, response
        As for :func:`detect`.

    Returns
    -------
    Tensor (n, y, x)
        Takes gradients with respect to intensities, dose and every parameter of ``response``.

    Raises
    ------
    ValueError
        If images, doses and responses differ in number.
    """
    return torch.stack(list(_means(intensities, dose, grid, response.to(intensities.device, intensities.dtype))))


def _means(intensities: Tensor, dose: Tensor, grid: Grid, response: CameraResponse) -> Iterator[Tensor]:
    """Expected detections of one image after the other, which needs less memory than all at once."""
    if not len(intensities) == len(dose) == len(response):
        raise ValueError(
            f"given {len(intensities)} images, {len(dose)} doses and a response of {len(response)} images; give "
            "as many of each"
        )
    scatter = _scatter(_plane(grid, intensities.device, intensities.dtype), response)
    detected = dose.to(intensities) * response.dqe_zero
    for image, electrons, transfer in zip(torch.split(intensities, 1), torch.split(detected, 1), scatter, strict=True):
        arriving = expected_electrons(image, electrons, grid.pixel_area)[0]
        yield arriving if transfer is None else filtered(arriving, transfer).clamp_min(0)


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


def _read_out(
    expected: Tensor, spread: Tensor | None, gain: float, read_noise: float, source: torch.Generator
) -> Tensor:
    electrons = counted(expected, source)
    counts = electrons if spread is None else filtered(electrons, spread)
    if gain != 1:
        counts = gain * counts
    if read_noise > 0:
        counts = counts + torch.empty_like(counts).normal_(0, read_noise, generator=source)
    return counts


@dataclass(frozen=True, eq=False)
class _Frequencies:
    """Half a plane, or a radius, of frequencies: in units of Nyquist, and along y and x [1/A]; each (k,)."""

    radial: Tensor
    qy: Tensor
    qx: Tensor
    shape: tuple[int, ...]


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def _plane(grid: Grid, device: torch.device, dtype: torch.dtype) -> _Frequencies:
    cycles = np.meshgrid(np.fft.fftfreq(grid.shape[0]), np.fft.rfftfreq(grid.shape[1]), indexing="ij")
    frequencies = (each / pixel for each, pixel in zip(cycles, grid.sampling, strict=True))
    radial, qy, qx = (
        torch.from_numpy(part.ravel()).to(device, dtype) for part in (2 * np.hypot(*cycles), *frequencies)
    )
    return _Frequencies(radial, qy, qx, cycles[0].shape)


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def _profile(device: torch.device, dtype: torch.dtype) -> _Frequencies:
    """From 0 to the corner of the plane; without a length."""
    radial = torch.linspace(0, math.sqrt(2), 65, device=device, dtype=dtype)
    return _Frequencies(radial, radial, radial, (65,))


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # kept, and may be asked for a gradient later
def _tabled(table: TransferTable, frequencies: _Frequencies) -> Tensor:
    radial = frequencies.radial
    return torch.from_numpy(table.at(radial.cpu().double().numpy())).to(radial)


def camera_transfer(frequency: Tensor, response: CameraResponse) -> tuple[Tensor, Tensor]:
    """MTF and NTF of every image, each (n, k), at frequencies (k,) in units of the Nyquist frequency."""
    return _transfers(_Frequencies(frequency, frequency, frequency, tuple(frequency.shape)), response)


def noise_power(frequency: Tensor, response: CameraResponse, electrons: Tensor) -> Tensor:
    """Power of the noise of a flat field, NTF^2 + r^2 / (g^2 n): that of n detected electrons a pixel, and read noise.

    Parameters
    ----------
    frequency : Tensor (k,)
        Radial frequency in units of the Nyquist frequency.
    response : CameraResponse
        Gain g, read noise r and NTF of n images.
    electrons : Tensor (n,)
        Detected electrons a pixel before binning.

    Returns
    -------
    Tensor (n, k)
        In units of the shot noise of the detected electrons.
    """
    _, ntf = camera_transfer(frequency, response)
    floor = (response.read_noise / response.gain) ** 2 / electrons
    return ntf**2 + torch.where(response.read_noise > 0, floor, 0.0)[:, None]


def _transfers(frequencies: _Frequencies, response: CameraResponse) -> tuple[Tensor, Tensor]:
    """MTF and NTF of every image, each (n, k)."""
    settings = response.settings
    mtf = parametric_transfer(frequencies.radial, response.mtf_half_frequency, settings.shape)
    ntf = parametric_transfer(frequencies.radial, response.ntf_half_frequency, settings.shape)
    if settings.mtf_table is not None:
        mtf = mtf * _tabled(settings.mtf_table, frequencies)
    if settings.ntf_table is not None:
        ntf = ntf * _tabled(settings.ntf_table, frequencies)
    return mtf, ntf


def _scatter(frequencies: _Frequencies, response: CameraResponse) -> list[Tensor | None]:
    """Transfer from the arriving to the detected electrons, blur x MTF / NTF; None if it is 1."""
    moved = (response.vibration_sigma > 0) | (response.drift > 0)
    blurred = moved | torch.isfinite(response.mtf_half_frequency) | (response.settings.mtf_table is not None)
    if not bool(blurred.any()):
        return [None] * len(response)
    mtf, ntf = _transfers(frequencies, response)
    transfer = mtf / ntf.clamp_min(torch.finfo(ntf.dtype).tiny)  # 0, not 0 / 0, where both vanish
    if bool(moved.any()):
        motion = (response.vibration_sigma, response.drift, response.drift_azimuth)
        transfer = transfer * blur_transfer(frequencies.qy, frequencies.qx, *motion)
    return _where(blurred, transfer, frequencies.shape)


def _spread(frequencies: _Frequencies, response: CameraResponse) -> list[Tensor | None]:
    """NTF; None if it is 1."""
    blurred = torch.isfinite(response.ntf_half_frequency) | (response.settings.ntf_table is not None)
    if not bool(blurred.any()):
        return [None] * len(response)
    return _where(blurred, _transfers(frequencies, response)[1], frequencies.shape)


def _where(blurred: Tensor, transfer: Tensor, shape: tuple[int, ...]) -> list[Tensor | None]:
    return [part.view(shape) if keep else None for keep, part in zip(blurred.tolist(), transfer, strict=True)]


def _require_bounds(response: CameraResponse) -> None:
    for name, (allowed, holds) in _BOUNDS.items():
        value = getattr(response, name).detach()
        within = holds(value)
        if not bool(within.all()):
            raise ValueError(f"{name} = {float(value[~within][0]):g}; must be {allowed}")


def _require_detectable(mtf: Tensor, ntf: Tensor) -> None:
    """Refuse transfers (n, k) over a profile with MTF > NTF."""
    mtf, ntf = mtf.detach(), ntf.detach()
    excess = (mtf - ntf).amax(dim=0)
    worst = int(excess.argmax())
    if float(excess[worst]) > _EXCESS:
        image = int((mtf - ntf)[:, worst].argmax())
        raise ValueError(
            f"the MTF is {float(mtf[image, worst]):.3g} and the NTF {float(ntf[image, worst]):.3g} at "
            f"{math.sqrt(2) * worst / (len(excess) - 1):.2g} of Nyquist: DQE = DQE(0) MTF^2 / NTF^2 would exceed "
            "DQE(0); give an NTF nowhere below the MTF, or none for a camera that counts"
        )


def camera_response(drawn: Conditions, camera: CameraSettings) -> CameraResponse:
    """Return how the camera answers under some conditions; motion counts in pixels as they are said to be."""
    same = ("mtf_half_frequency", "ntf_half_frequency", "dqe_zero", "gain", "read_noise", "drift_azimuth")
    scale = 1 + drawn.pixel_size_error
    return CameraResponse(
        **{name: getattr(drawn, name) for name in same},
        vibration_sigma=drawn.vibration_sigma / scale,
        drift=drawn.drift / scale,
        settings=camera,
    )
