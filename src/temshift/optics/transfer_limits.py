"""Transfer of one microscope along azimuths, and what limits it: zeros, envelopes, aperture, pixels."""

import math
import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.conditions.drawn import Conditions
from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.optics.aberrations import aberration_basis, aberration_function, even_part, present
from temshift.optics.camera import blur_transfer, camera_response, camera_transfer
from temshift.optics.limits import first_zero, information_limit, scherzer_defocus
from temshift.optics.settings import EXACT, ImagingSettings
from temshift.optics.transfer import transfer_functions
from temshift.vocabulary.parameters import ABERRATIONS, MILLIMETRE, NANOMETRE, azimuth

CRITERION = math.exp(-2)  # product of envelopes at a limit
AZIMUTHS = 36  # over half a turn, where transfer depends on them
PROBED = np.linspace(0, 2.5, 626)[1:]  # frequencies where limits are looked for [1/A]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Instrument:
    """What transfer functions depend on beside the conditions.

    Attributes
    ----------
    energy : float
        Electron energy [eV].
    height : float
        Height of the object upstream of the plane that defocus counts from [A].
    imaging : ImagingSettings
        With the camera.
    grid : Grid, optional
        Plane of the camera's pixels before binning; where it is missing, the MTF and Nyquist's frequency are unknown.
    """

    energy: float
    height: float = 0.0
    imaging: ImagingSettings = EXACT
    grid: Grid | None = None

    @cached_property
    def wavelength(self) -> float:
        """Electron wavelength [A]."""
        return wavelength(self.energy)

    @cached_property
    def nyquist(self) -> float | None:
        """Nyquist frequency of binned images [1/A]."""
        return None if self.grid is None else self.grid.nyquist / self.imaging.camera.binning


@dataclass(frozen=True)
class Parts:
    """Transfer of n conditions at k frequencies, each array (n, k).

    Attributes
    ----------
    phase, amplitude : ndarray
        Signed transfer of a weak phase and of a weak amplitude, every envelope included.
    aperture, temporal, spatial, motion, camera : ndarray
        The envelopes; the spatial one is the mean of those at q and at -q, which coma makes differ.
    even : ndarray
        The part of chi that is even in the angle [rad].
    shift : ndarray
        Phase of T beside its sign, minus the odd part of chi, between -pi and pi [rad].
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

    def shaped(self, azimuths: int) -> "Parts":
        """Return the same parts of one condition as (azimuths, frequencies)."""
        return Parts(**{name: values.reshape(azimuths, -1) for name, values in vars(self).items()})


def transfer_parts(q: Tensor, conditions: Conditions, instrument: Instrument, *, step: float) -> Parts:
    """Compute transfer with every envelope by itself, motion and the camera included.

    Parameters
    ----------
    q : Tensor (k,)
        Spatial frequencies q_x + i q_y [1/A].
    conditions : Conditions
        n conditions in float64.
    instrument : Instrument
        Energy, height of the object, camera.
    step : float
        Spacing of frequencies [1/A], the least width of an aperture's edge.

    Returns
    -------
    Parts
    """
    here = transfer_functions(q, instrument.wavelength, conditions, instrument.height, step=step)
    even, odd = _chi(q, conditions, instrument)
    turn = torch.polar(torch.ones_like(odd), -odd)
    amplitude = (here.amplitude * turn.conj()).real
    motion = blur_transfer(q.imag, q.real, conditions.vibration_sigma, conditions.drift, conditions.drift_azimuth)
    camera = _camera(q.abs(), conditions, instrument)
    spatial = here.spatial
    if bool(odd.any()):
        there = transfer_functions(-q, instrument.wavelength, conditions, instrument.height, step=step)
        spatial = (spatial + there.spatial) / 2
    found = {
        "phase": here.signed * motion * camera,
        "amplitude": amplitude * motion * camera,
        "aperture": here.aperture,
        "temporal": here.temporal,
        "spatial": spatial,
        "motion": motion,
        "camera": camera,
        "even": even,
        "shift": turn.angle(),
    }
    return Parts(**{name: np.asarray(values.numpy()) for name, values in found.items()})


def polar_plane(q: Array, azimuths: Array) -> Tensor:
    """Return frequencies q_x + i q_y [1/A] along azimuths [rad], (azimuths * q,)."""
    return torch.polar(torch.from_numpy(q).repeat(len(azimuths)), torch.from_numpy(azimuths.repeat(len(q))))


def half_turn(conditions: Conditions) -> Array:
    """Return azimuths [rad] that tell all of some conditions; one where none matters: |T| is the same at q and -q."""
    folded = [values for name, values in conditions.aberrations.items() if ABERRATIONS.get(name, (0, 0))[1]]
    matters = any(bool((values != 0).any()) for values in [*folded, conditions.drift])
    return np.arange(AZIMUTHS if matters else 1) * math.pi / AZIMUTHS


def transfer_limits(
    conditions: Conditions, instrument: Instrument, probe: Parts, q: Array, parts: Parts
) -> dict[str, float | None]:
    """Return what limits one condition, by column of ``TRANSFER_LIMITS``; None where there is no such limit.

    Parameters
    ----------
    conditions : Conditions
        One condition.
    instrument : Instrument
        Energy, height of the object, camera.
    probe : Parts
        Its transfer (azimuths, frequencies) at :data:`PROBED`, along :func:`half_turn`.
    q, parts : ndarray (frequencies,), Parts
        The same at frequencies [1/A] that resolve all envelopes.

    Returns
    -------
    dict
        Lengths in the unit of their column. Scherzer's defocus counts from the same plane as the defocus.
    """
    lens = _Lens(conditions, instrument)
    coherence = probe.temporal * probe.spatial
    informed = [_closed(lens, instrument)] if lens.is_round else [_falls(PROBED, row) for row in coherence]
    found = {
        "energy_kev": instrument.energy / 1e3,
        "height_nm": instrument.height / NANOMETRE,
        "defocus_nm": (instrument.height - lens.coefficient("C10")) / NANOMETRE,
        "C30_mm": lens.coefficient("C30") / MILLIMETRE,
        "focal_spread_sigma_nm": lens.focal_spread / NANOMETRE,
        "scherzer_defocus_nm": lens.scherzer / NANOMETRE if lens.scherzer is not None else None,
        "aperture_angstrom": _reciprocal(float(conditions.semiangle_cutoff[0]) / instrument.wavelength),
        "nyquist_angstrom": None if instrument.nyquist is None else 1 / instrument.nyquist,
    }
    ranged = {
        "point_resolution": [lens.zero(phi) for phi in half_turn(conditions)],
        "information_limit": informed,
        "transfer_limit": [_falls(q, row) for row in parts.envelope],
    }
    for name, frequencies in ranged.items():
        found |= _ends(name, frequencies)
    return found


class _Lens:
    """One condition along its azimuths; even aberrations of one order add up to one coefficient there."""

    def __init__(self, conditions: Conditions, instrument: Instrument) -> None:
        self._aberrations = {k: float(v[0]) for k, v in conditions.defocused(instrument.height).aberrations.items()}
        self._wavelength, self._height = instrument.wavelength, instrument.height
        self.focal_spread = float(conditions.focal_spread(instrument.energy)[0])
        self.angular_spread = float(conditions.angular_spread_sigma[0])

    def coefficient(self, symbol: str) -> float:
        """Coefficient [A] that the object at its height sees."""
        return self._aberrations.get(symbol, 0.0)

    @property
    def is_round(self) -> bool:
        """Whether no aberration depends on the azimuth."""
        return not any(self.coefficient(symbol) for symbol, (_, fold) in ABERRATIONS.items() if fold)

    @property
    def scherzer(self) -> float | None:
        """Scherzer's defocus [A]."""
        C30 = self.coefficient("C30")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a doubtful C30 of a file is told under its own key
            return scherzer_defocus(C30, self._wavelength) + self._height if C30 else None

    def zero(self, phi: float) -> float | None:
        """First zero of T along an azimuth [1/A], where it is among frequencies that are looked at."""
        found = first_zero(self._wavelength, *(self._along(order, phi) for order in (1, 3, 5)))
        return None if found is None or found > PROBED[-1] else found

    def _along(self, order: int, phi: float) -> float:
        """Coefficient of an order along an azimuth [A]; parts that cancel but for rounding leave 0."""
        parts = [
            self.coefficient(symbol) * math.cos(fold * (phi - self._aberrations.get(azimuth(symbol), 0.0)))
            for symbol, (one, fold) in ABERRATIONS.items()
            if one == order
        ]
        largest = max(abs(self.coefficient(symbol)) for symbol, (one, _) in ABERRATIONS.items() if one == order)
        return sum(parts) if abs(sum(parts)) > 1e-9 * largest else 0.0


def _closed(lens: _Lens, instrument: Instrument) -> float | None:
    spreads = {"focal_spread_sigma": lens.focal_spread, "angular_spread_sigma": lens.angular_spread}
    coefficients = {symbol: lens.coefficient(symbol) for symbol in ("C10", "C30", "C50")}
    return _reciprocal(information_limit(instrument.wavelength, **spreads, **coefficients, criterion=CRITERION))


def _chi(q: Tensor, conditions: Conditions, instrument: Instrument) -> tuple[Tensor, Tensor]:
    """Parts of chi that are even and odd in the angle (n, k) [rad]."""
    lowered = conditions.defocused(instrument.height).aberrations
    evens = even_part(lowered)
    odds = {name: values for name, values in lowered.items() if name not in evens}
    basis = aberration_basis(instrument.wavelength * q.to(torch.complex128), present(lowered))
    even = aberration_function(basis, instrument.wavelength, evens)
    return even, aberration_function(basis, instrument.wavelength, odds) if present(odds) else torch.zeros_like(even)


def _camera(q: Tensor, conditions: Conditions, instrument: Instrument) -> Tensor:
    """MTF (n, k); 1 where the size of a pixel is unknown."""
    if instrument.grid is None:
        return torch.ones(len(conditions), len(q), dtype=torch.float64)
    return camera_transfer(q / instrument.grid.nyquist, camera_response(conditions, instrument.imaging.camera))[0]


def _falls(q: Array, envelope: Array) -> float | None:
    """Frequency [1/A] where an envelope first falls to the criterion."""
    below = np.flatnonzero(envelope < CRITERION)
    if not len(below):
        return None
    last = below[0]
    before, start = (envelope[last - 1], q[last - 1]) if last else (1.0, 0.0)
    share = (before - CRITERION) / (before - envelope[last])
    return float(start + share * (q[last] - start))


def _ends(name: str, frequencies: list[float | None]) -> dict[str, float | None]:
    known = [one for one in frequencies if one is not None]
    coarsest, finest = (1 / min(known), 1 / max(known)) if known else (None, None)
    return {f"{name}_angstrom": coarsest, f"finest_{name}_angstrom": finest}


def _reciprocal(frequency: float) -> float | None:
    """Reciprocal of a finite number above 0."""
    return 1 / frequency if 0 < frequency < math.inf else None
