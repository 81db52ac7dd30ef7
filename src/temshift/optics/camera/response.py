"""How a camera answers in each of some images."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from temshift.conditions.drawn import Conditions
from temshift.optics.camera.frequencies import Frequencies, profile_frequencies, require_detectable, tabled
from temshift.optics.camera.mtf import parametric_transfer
from temshift.optics.camera.settings import COUNTING, CameraSettings

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
            require_detectable(*transfers(profile_frequencies(self.gain.device, self.gain.dtype), self))

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


def transfers(frequencies: Frequencies, response: CameraResponse) -> tuple[Tensor, Tensor]:
    """MTF and NTF of every image, each (n, k)."""
    settings = response.settings
    mtf = parametric_transfer(frequencies.radial, response.mtf_half_frequency, settings.shape)
    ntf = parametric_transfer(frequencies.radial, response.ntf_half_frequency, settings.shape)
    if settings.mtf_table is not None:
        mtf = mtf * tabled(settings.mtf_table, frequencies)
    if settings.ntf_table is not None:
        ntf = ntf * tabled(settings.ntf_table, frequencies)
    return mtf, ntf


def _require_bounds(response: CameraResponse) -> None:
    for name, (allowed, holds) in _BOUNDS.items():
        value = getattr(response, name).detach()
        within = holds(value)
        if not bool(within.all()):
            raise ValueError(f"{name} = {float(value[~within][0]):g}; must be {allowed}")
