"""Imaging conditions as drawn: values in angstrom and radian, one for each image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from torch import Tensor

from temshift.conditions.chromatic import focal_spread
from temshift.vocabulary import ABERRATIONS, CANONICAL, DEFAULTS
from temshift.vocabulary.parameters import FIELDS, azimuth

_NO_ABERRATIONS: Mapping[str, Tensor] = {}
_NOTHING = 1e-9  # coefficient [A] too small to matter: an azimuth has no slope at 0, but what it makes has beside it


@dataclass(frozen=True)
class Conditions:
    """Imaging conditions of n images; every value is a Tensor (n,), made by :meth:`of`.

    Attributes
    ----------
    aberrations : mapping of symbol to Tensor
        C10 (minus the defocus: negative is underfocus), C12, C21 ... C56 [A], and their azimuths phi12 ... from x
        towards y [rad]; those that are left out are 0.
    focal_spread_sigma : Tensor
        Standard deviation of the focus [A], apart from what Cc makes.
    Cc : Tensor
        Chromatic aberration [A].
    energy_spread_sigma : Tensor
        Standard deviation of the energy [eV].
    voltage_instability_sigma, current_instability_sigma : Tensor
        Relative standard deviations of the high voltage and of the current of the lens.
    angular_spread_sigma : Tensor
        Standard deviation of the illumination's angle along each axis [rad].
    semiangle_cutoff : Tensor
        Objective aperture [rad]; infinity is none.
    aperture_edge : Tensor
        Width of its edge [rad], at least one step of frequency.
    dose : Tensor
        Electrons per area [e/A^2].
    vibration_sigma : Tensor
        Standard deviation of vibrations along each axis [A].
    drift, drift_azimuth : Tensor
        Way that the specimen drifts in an exposure [A], and its azimuth from x towards y [rad].
    pixel_size_error : Tensor
        Relative error of the pixel size: 0.01 where pixels are 1 % larger than they are said to be.
    mtf_half_frequency, ntf_half_frequency : Tensor
        Where the camera's signal and noise transfer are 1/2, in units of its Nyquist frequency; infinity is perfect.
    dqe_zero : Tensor
        Share of the electrons that are detected.
    gain : Tensor
        Counts for each detected electron.
    read_noise : Tensor
        Standard deviation of the read noise [counts].
    transfer_exponent : Tensor
        Exponent p of the camera's transfer 2^-(f/h)^p; infinity leaves it to the camera's shape.
    scattering_share : Tensor
        Share s of the camera's blur by scattering to random places, NTF = MTF^(1 - s); infinity leaves the NTF to its
        own half frequency.
    counting_frames : Tensor
        Frames of an exposure, each of which counts at most one electron in a pixel; infinity counts all.
    illumination_sd : Tensor
        Relative standard deviation of the illumination over the image.
    gain_residue_sd : Tensor
        Relative standard deviation of the pixels' gains about their mean.
    dead_pixels, hot_pixels : Tensor
        Shares of the pixels that read 0, and that read ``hot_pixel_level`` times the mean.
    hot_pixel_level : Tensor
        Reading of a hot pixel, in units of the mean of the image.
    xray_hits, xray_counts : Tensor
        Mean number of x-ray hits in a pixel, and the counts that each adds.
    camera_number : Tensor
        Number of the camera, which gains, dead and hot pixels belong to.
    """

    focal_spread_sigma: Tensor
    Cc: Tensor
    energy_spread_sigma: Tensor
    voltage_instability_sigma: Tensor
    current_instability_sigma: Tensor
    angular_spread_sigma: Tensor
    semiangle_cutoff: Tensor
    aperture_edge: Tensor
    dose: Tensor
    vibration_sigma: Tensor
    drift: Tensor
    drift_azimuth: Tensor
    pixel_size_error: Tensor
    mtf_half_frequency: Tensor
    ntf_half_frequency: Tensor
    dqe_zero: Tensor
    gain: Tensor
    read_noise: Tensor
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
    aberrations: Mapping[str, Tensor] = field(default_factory=lambda: _NO_ABERRATIONS)

    @classmethod
    def of(cls, **values: Tensor) -> "Conditions":
        """Make conditions of some fields, each (n,); what is left out takes its default.

        Coefficients may be given by their Cartesian components, ``C12a`` and ``C12b``, too.

        Raises
        ------
        ValueError
            For an unknown field, or without ``dose``.
        """
        if "dose" not in values:
            raise ValueError("dose is missing; give the electrons per A^2 of each image")
        values = _polar(values)
        like = values["dose"]
        aberrations = {"C10": torch.zeros_like(like)}
        aberrations |= {name: value for name, value in values.items() if name in _SYMBOLS}
        others = {name: value for name, value in values.items() if name not in _SYMBOLS}
        known = [one.name for one in fields(cls) if one.name != "aberrations"]
        unknown = sorted(set(others) - set(known))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not known; allowed: {', '.join([*_SYMBOLS, *known])}")
        filled = {name: others.get(name, torch.full_like(like, DEFAULTS[name])) for name in known}
        return cls(**filled, aberrations=aberrations)

    def focal_spread(self, energy: float) -> Tensor:
        """Standard deviation of the focus from all causes (n,) [A], at an electron energy [eV]."""
        if not bool((self.Cc > 0).any()):
            return self.focal_spread_sigma
        chromatic = focal_spread(
            self.Cc,
            energy,
            self.energy_spread_sigma,
            self.voltage_instability_sigma,
            self.current_instability_sigma,
        )
        return torch.hypot(self.focal_spread_sigma, chromatic)

    def defocused(self, change: float | Tensor) -> "Conditions":
        """Return the same conditions with ``change`` [A] added to C10."""
        coefficient = self.aberrations.get("C10", torch.zeros_like(self.dose)) + change
        return replace(self, aberrations={**self.aberrations, "C10": coefficient})

    def only(self, numbers: Tensor | slice | list[int]) -> "Conditions":
        """Return the conditions of some images."""
        return self._each(lambda values: values[numbers])

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Conditions":
        """Return the same conditions on another device or in another precision."""
        return self._each(lambda values: values.to(device, dtype))

    def in_file_units(self) -> dict[str, list[float | None]]:
        """Return each parameter (n) under the key and in the unit of the files; None is no aperture, no blur."""
        columns = {}
        for row in CANONICAL:
            values = self.aberrations.get(row.field) if row.field in _SYMBOLS else getattr(self, row.field)
            plain = np.zeros(len(self)) if values is None else values.detach().cpu().numpy().astype(np.float64)
            columns[row.key] = [float(one) if np.isfinite(one) else None for one in plain / row.factor + 0.0]
        return columns

    def __len__(self) -> int:
        return len(self.dose)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Conditions":
        parts = {one.name: change(getattr(self, one.name)) for one in fields(self) if one.name != "aberrations"}
        return Conditions(**parts, aberrations={name: change(value) for name, value in self.aberrations.items()})


_SYMBOLS = tuple(name for name in FIELDS if name in ABERRATIONS or name.startswith("phi"))


def _polar(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn Cartesian components among the values into magnitude and azimuth."""
    polar = dict(values)
    for symbol, (_, multiplicity) in ABERRATIONS.items():
        pair = [polar.pop(f"{symbol}{part}", None) for part in "ab"]
        if any(one is not None for one in pair) and multiplicity:
            along, across = (torch.zeros_like(polar["dose"]) if one is None else one for one in pair)
            if along.requires_grad or across.requires_grad:
                along = along + _NOTHING * ((along == 0) & (across == 0))
            polar[symbol] = torch.hypot(along, across)
            polar[azimuth(symbol)] = torch.atan2(across, along) / multiplicity
    return polar
