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

_INFINITE = ("mtf_half_frequency", "ntf_half_frequency", "transfer_exponent", "scattering_share", "counting_frames")
_BOUNDS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "mtf_half_frequency": ("above 0", lambda value: value > 0),
    "ntf_half_frequency": ("above 0", lambda value: value > 0),
    "dqe_zero": ("above 0 and at most 1", lambda value: (value > 0) & (value <= 1)),
    "gain": ("finite and above 0", lambda value: (value > 0) & (value < math.inf)),
    "read_noise": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "vibration_sigma": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "drift": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "drift_azimuth": ("finite", torch.isfinite),
    "transfer_exponent": ("above 0", lambda value: value > 0),
    "scattering_share": ("0 to 1", lambda value: (value >= 0) & ((value <= 1) | torch.isinf(value))),
    "counting_frames": ("1 or more", lambda value: value >= 1),
    "illumination_sd": ("0 to 0.2", lambda value: (value >= 0) & (value <= 0.2001)),
    "gain_residue_sd": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "dead_pixels": ("0 to 0.5", lambda value: (value >= 0) & (value <= 0.5)),
    "hot_pixels": ("0 to 0.5", lambda value: (value >= 0) & (value <= 0.5)),
    "hot_pixel_level": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "xray_hits": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "xray_counts": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
    "camera_number": ("finite and 0 or more", lambda value: (value >= 0) & (value < math.inf)),
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
    transfer_exponent : Tensor
        p of the parametric transfers 2^-(f/h)^p, > 0; infinite where the settings' shape holds.
    scattering_share : Tensor
        Share s of the logarithm of the MTF that is scattering to random places, 0 to 1: NTF = MTF^(1 - s). Infinite
        where the NTF has a half frequency or a table of its own.
    counting_frames : Tensor
        Frames of the exposure, >= 1 and taken as whole, each of which counts at most one electron in a pixel; infinite
        where none is lost.
    illumination_sd : Tensor
        Relative standard deviation of the illumination over the image, 0 to 0.2.
    gain_residue_sd : Tensor
        Relative standard deviation of the gains of the camera's pixels, >= 0.
    dead_pixels, hot_pixels : Tensor
        Shares of its pixels that read 0, and that read ``hot_pixel_level`` times the mean, 0 to 0.5.
    hot_pixel_level : Tensor
        Reading of a hot pixel in units of the mean of the image's counts, >= 0.
    xray_hits, xray_counts : Tensor
        Mean number of x-ray hits in a pixel, and the counts that each of them adds, >= 0.
    camera_number : Tensor
        Number of the camera, rounded, which its gains, dead and hot pixels are drawn from, >= 0.
    drift, drift_azimuth : Tensor
        Length of a steady drift during the exposure [A], >= 0, and its azimuth from x towards y [rad].
    settings : CameraSettings
        The same for all images.

    Raises
    ------
    ValueError
        On a CPU, for a value out of bounds, for two ways to give one NTF, for what contradicts the kind of camera, or
        an MTF above the NTF, which would be a DQE above that at frequency 0.
    """

    mtf_half_frequency: Tensor
    ntf_half_frequency: Tensor
    dqe_zero: Tensor
    gain: Tensor
    read_noise: Tensor
    vibration_sigma: Tensor
    drift: Tensor
    drift_azimuth: Tensor
    transfer_exponent: Tensor
    scattering_share: Tensor
    counting_frames: Tensor
    illumination_sd: Tensor
    gain_residue_sd: Tensor
    dead_pixels: Tensor
    hot_pixels: Tensor
    hot_pixel_level: Tensor
    xray_hits: Tensor
    xray_counts: Tensor
    camera_number: Tensor
    settings: CameraSettings = COUNTING

    def __post_init__(self) -> None:
        if not self.gain.is_cuda:
            _require_bounds(self)
            _require_sense(self)
            require_detectable(*transfers(profile_frequencies(self.gain.device, self.gain.dtype), self))

    @classmethod
    def perfect(cls, images: int, settings: CameraSettings = COUNTING, **given: Tensor) -> "CameraResponse":
        """Return a camera that counts every electron in the pixel where it arrives, except in ``given`` fields."""
        zeros, ones = torch.zeros(images, dtype=torch.float64), torch.ones(images, dtype=torch.float64)
        infinite = torch.full_like(ones, math.inf)
        ideal = dict.fromkeys(_INFINITE, infinite) | {"dqe_zero": ones, "gain": ones}
        return cls(**{f.name: zeros for f in fields(cls)[:-1]} | ideal | given, settings=settings)

    @property
    def own_ntf(self) -> Tensor:
        """Whether the NTF has a half frequency or a table of its own (n,)."""
        return torch.isfinite(self.ntf_half_frequency) | (self.settings.ntf_table is not None)

    @property
    def share(self) -> Tensor:
        """The scattering share (n,) with that of the camera's kind filled in; infinite if there is none."""
        if self.settings.kind != "scintillator":
            return self.scattering_share
        return torch.where(torch.isinf(self.scattering_share) & ~self.own_ntf, 0.0, self.scattering_share)

    @property
    def blurs(self) -> Tensor:
        """Whether the MTF differs from 1 (n,)."""
        return torch.isfinite(self.mtf_half_frequency) | (self.settings.mtf_table is not None)

    @property
    def spreads(self) -> Tensor:
        """Whether the NTF differs from 1 (n,)."""
        return self.own_ntf | (self.blurs & (self.share < 1))

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
    moved = ("vibration_sigma", "drift")
    same = [field.name for field in fields(CameraResponse)[:-1] if field.name not in moved]
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
    exponent = response.transfer_exponent
    mtf = parametric_transfer(frequencies.radial, response.mtf_half_frequency, settings.shape, exponent)
    ntf = parametric_transfer(frequencies.radial, response.ntf_half_frequency, settings.shape, exponent)
    if settings.mtf_table is not None:
        mtf = mtf * tabled(settings.mtf_table, frequencies)
    if settings.ntf_table is not None:
        ntf = ntf * tabled(settings.ntf_table, frequencies)
    if bool((scatters := torch.isfinite(response.share)).any()):
        shared = mtf.clamp_min(torch.finfo(mtf.dtype).tiny).pow(1 - torch.where(scatters, response.share, 1.0)[:, None])
        ntf = torch.where(scatters[:, None], shared, ntf)
    return mtf, ntf


def _require_sense(response: CameraResponse) -> None:
    given, counts = torch.isfinite(response.scattering_share), torch.isfinite(response.counting_frames)
    if bool((given & response.own_ntf).any()):
        raise ValueError(
            "scattering_share gives the NTF, and so does ntf_half_frequency or ntf_table; leave one of them out"
        )
    if response.settings.kind == "scintillator" and bool(counts.any()):
        raise ValueError(
            "counting_frames needs a camera that counts, and this one is kind: scintillator; leave one of them out"
        )
    if response.settings.kind == "counting" and bool((given & (response.scattering_share < 1)).any()):
        raise ValueError(
            "scattering_share below 1 makes a camera integrate, and this one is kind: counting; leave one of them out"
        )


def _require_bounds(response: CameraResponse) -> None:
    for name, (allowed, holds) in _BOUNDS.items():
        value = getattr(response, name).detach()
        within = holds(value)
        if not bool(within.all()):
            raise ValueError(f"{name} = {float(value[~within][0]):g}; must be {allowed}")
