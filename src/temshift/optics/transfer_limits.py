"""Limits of the transfer of one condition along azimuths: zeros, envelopes, aperture, pixels."""

import math
import warnings

import numpy as np

from temshift.conditions import Conditions
from temshift.optics.image_transfer import ImageTransfer, has_azimuths
from temshift.optics.limits import first_zero, information_limit, scherzer_defocus
from temshift.optics.microscope import Microscope
from temshift.optics.transfer import Array
from temshift.vocabulary import ABERRATIONS, NANOMETRE
from temshift.vocabulary.parameters import MILLIMETRE, azimuth

CRITERION = math.exp(-2)  # product of envelopes at a limit
AZIMUTHS = 36  # over half a turn, if transfer depends on them
PROBED = np.linspace(0, 2.5, 626)[1:]  # frequencies at which limits are looked for [1/A]


def half_turn(conditions: Conditions) -> Array:
    """Return azimuths [rad] over half a turn, since |T| is the same at q and -q; one if transfer is the same in all."""
    return np.arange(AZIMUTHS if has_azimuths(conditions) else 1) * math.pi / AZIMUTHS


def transfer_limits(
    microscope: Microscope,
    conditions: Conditions,
    height: float,
    probe: ImageTransfer,
    q: Array,
    transfer: ImageTransfer,
) -> dict[str, float | None]:
    """Return the limits of one condition, by column of ``TRANSFER_LIMITS``; None if there is no such limit.

    Parameters
    ----------
    microscope : Microscope
        Energy, camera and pixels.
    conditions : Conditions
        One condition.
    height : float
        Height of the object upstream of the plane that defocus counts from [A].
    probe : ImageTransfer
        Transfer of such an object (azimuths, frequencies) at :data:`PROBED`, along :func:`half_turn`.
    q, transfer : ndarray (frequencies,), ImageTransfer
        The same at frequencies [1/A] that resolve all envelopes.

    Returns
    -------
    dict
        Lengths in the unit of their column. Scherzer's defocus counts from the same plane as the defocus.
    """
    lens = _Lens(microscope, conditions, height)
    coherence = probe.temporal * probe.spatial
    informed = [lens.information_limit] if lens.is_round else [_falls(PROBED, row) for row in coherence]
    limits = {
        "energy_kev": microscope.energy / 1e3,
        "height_nm": height / NANOMETRE,
        "defocus_nm": (height - lens.coefficient("C10")) / NANOMETRE,
        "C30_mm": lens.coefficient("C30") / MILLIMETRE,
        "focal_spread_sigma_nm": lens.focal_spread / NANOMETRE,
        "scherzer_defocus_nm": lens.scherzer / NANOMETRE if lens.scherzer is not None else None,
        "aperture_angstrom": _reciprocal(float(conditions.semiangle_cutoff[0]) / microscope.wavelength),
        "nyquist_angstrom": _reciprocal(microscope.image_nyquist),
        "dose_e_per_A2": float(conditions.dose[0]),
    }
    ranged = {
        "point_resolution": [lens.zero(phi) for phi in half_turn(conditions)],
        "information_limit": informed,
        "transfer_limit": [_falls(q, row) for row in transfer.envelope],
    }
    for name, frequencies in ranged.items():
        limits |= _ends(name, frequencies)
    return limits


class _Lens:
    """One condition along its azimuths; even aberrations of one order add up to one coefficient there."""

    def __init__(self, microscope: Microscope, conditions: Conditions, height: float) -> None:
        self._aberrations = {k: float(v[0]) for k, v in conditions.defocused(height).aberrations.items()}
        self._wavelength, self._height = microscope.wavelength, height
        self.focal_spread = float(conditions.focal_spread(microscope.energy)[0])
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
            warnings.simplefilter("ignore")  # a doubtful C30 of a file is reported under its own key
            return scherzer_defocus(C30, self._wavelength) + self._height if C30 else None

    def zero(self, phi: float) -> float | None:
        """First zero of T along an azimuth [1/A]; None beyond the frequencies that are looked at."""
        frequency = first_zero(self._wavelength, *(self._along(order, phi) for order in (1, 3, 5)))
        return None if frequency is None or frequency > PROBED[-1] else frequency

    @property
    def information_limit(self) -> float | None:
        """Frequency at which the envelopes of a round lens fall to the criterion [1/A]."""
        spreads = {"focal_spread_sigma": self.focal_spread, "angular_spread_sigma": self.angular_spread}
        coefficients = {symbol: self.coefficient(symbol) for symbol in ("C10", "C30", "C50")}
        return _reciprocal(information_limit(self._wavelength, **spreads, **coefficients, criterion=CRITERION))

    def _along(self, order: int, phi: float) -> float:
        """Coefficient of an order along an azimuth [A]; parts that cancel within rounding leave 0."""
        parts = [
            self.coefficient(symbol) * math.cos(fold * (phi - self._aberrations.get(azimuth(symbol), 0.0)))
            for symbol, (other, fold) in ABERRATIONS.items()
            if other == order
        ]
        largest = max(abs(self.coefficient(symbol)) for symbol, (other, _) in ABERRATIONS.items() if other == order)
        return sum(parts) if abs(sum(parts)) > 1e-9 * largest else 0.0


def _falls(q: Array, envelope: Array) -> float | None:
    """Frequency [1/A] at which an envelope first falls to the criterion; None if it never does."""
    below = np.flatnonzero(envelope < CRITERION)
    if not len(below):
        return None
    last = below[0]
    before, start = (envelope[last - 1], q[last - 1]) if last else (1.0, 0.0)
    share = (before - CRITERION) / (before - envelope[last])
    return float(start + share * (q[last] - start))


def _ends(name: str, frequencies: list[float | None]) -> dict[str, float | None]:
    known = [frequency for frequency in frequencies if frequency is not None]
    coarsest, finest = (1 / min(known), 1 / max(known)) if known else (None, None)
    return {f"{name}_angstrom": coarsest, f"finest_{name}_angstrom": finest}


def _reciprocal(frequency: float) -> float | None:
    """Reciprocal of a finite number above 0; None for others."""
    return 1 / frequency if 0 < frequency < math.inf else None
