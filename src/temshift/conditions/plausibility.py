"""Plausible ranges of the parameters of a lens, and the unit that was probably meant where a value lies outside.

The ranges are assumed: wide enough for uncorrected, corrected and deliberately misaligned transmission microscopes.
"""

import math
import warnings
from difflib import get_close_matches
from typing import NamedTuple

from temshift.conditions.notations import SYMBOLS

# Units by quantity: factor to the first, in which the ranges are given
UNITS = {
    "length": {"A": 1.0, "nm": 10.0, "um": 1e4, "mm": 1e7, "pm": 0.01},
    "angle": {"rad": 1.0, "mrad": 1e-3, "degree": math.pi / 180},
    "energy": {"eV": 1.0, "meV": 1e-3, "keV": 1e3},
    "dose": {"e/A^2": 1.0, "e/nm^2": 0.01},
    "ratio": {"": 1.0, "percent": 0.01, "ppm": 1e-6},
    "counts": {"counts": 1.0},
    "frames": {"frames": 1.0},
    "number": {"": 1.0},
    "rate": {"hits/pixel": 1.0, "hits/megapixel": 1e-6},
}


_SUFFIXES = {
    "deg": "degree",
    "ev": "eV",
    "A2": "e/A^2",
    "megapixel": "hits/megapixel",
}  # of keys, where units are written otherwise
_UNUSUAL = "pm"  # for all that is of the order of an angstrom or more


class Unit(NamedTuple):
    """A unit and its factor to A, rad, eV, e/A^2 or none."""

    name: str
    factor: float


class Plausible(NamedTuple):
    """Range of a magnitude that raises no doubt; 0 never does. ``typical`` decides between two units that would fit."""

    title: str
    quantity: str
    lowest: float
    highest: float
    typical: float


def _aberrations() -> dict[str, Plausible]:
    highest = {1: 1e5, 2: 1e6, 3: 1e8, 4: 1e8, 5: 1e10}
    typical = {1: 100.0, 2: 1000.0, 3: 1e4, 4: 1e5, 5: 1e7}
    plausible = {}
    for symbol in SYMBOLS:
        order, name = symbol.order, symbol.krivanek
        plausible[name] = Plausible(symbol.title, "length", 0.0, highest[order], typical[order])
        if symbol.multiplicity:
            plausible |= {name + part: plausible[name] for part in "ab"}
            plausible[symbol.azimuth] = Plausible(f"azimuth of the {symbol.title}", "angle", 0.0, 2 * math.pi, 1.0)
    return plausible


PLAUSIBLE = _aberrations() | {
    "C30": Plausible("spherical aberration", "length", 1e3, 1e8, 1e7),
    "C50": Plausible("fifth-order spherical aberration", "length", 1e5, 1e10, 1e7),
    "Cc": Plausible("chromatic aberration", "length", 1e5, 1e9, 1e7),
    "focal_spread_sigma": Plausible("focal spread", "length", 0.5, 2e3, 30.0),
    "angular_spread_sigma": Plausible("angular spread", "angle", 1e-6, 5e-3, 2e-4),
    "semiangle_cutoff": Plausible("semiangle of the aperture", "angle", 1e-3, 0.2, 0.02),
    "aperture_edge": Plausible("width of the aperture's edge", "angle", 1e-6, 0.05, 5e-4),
    "vibration_sigma": Plausible("vibration", "length", 1e-3, 10.0, 0.3),
    "drift": Plausible("drift", "length", 1e-3, 100.0, 1.0),
    "drift_azimuth": Plausible("azimuth of the drift", "angle", 0.0, 2 * math.pi, 1.0),
    "energy": Plausible("electron energy", "energy", 1e4, 3e6, 2e5),
    "energy_spread_sigma": Plausible("energy spread", "energy", 1e-3, 5.0, 0.3),
    "voltage_instability_sigma": Plausible("instability of the voltage", "ratio", 1e-9, 1e-4, 1e-6),
    "current_instability_sigma": Plausible("instability of the current", "ratio", 1e-9, 1e-4, 1e-6),
    "pixel_size_error": Plausible("error of the pixel size", "ratio", 0.0, 0.3, 0.01),
    "dose": Plausible("dose", "dose", 0.1, 1e6, 400.0),
    "mtf_half_frequency": Plausible("half frequency of the MTF", "ratio", 0.01, 10.0, 0.3),
    "ntf_half_frequency": Plausible("half frequency of the NTF", "ratio", 0.01, 10.0, 0.3),
    "dqe_zero": Plausible("DQE at zero frequency", "ratio", 0.01, 1.0, 0.7),
    "gain": Plausible("gain", "counts", 1e-3, 1e5, 10.0),
    "transfer_exponent": Plausible("exponent of the camera's transfer", "ratio", 0.5, 4.0, 2.0),
    "scattering_share": Plausible("share of scattering in the camera's blur", "ratio", 0.0, 1.0, 0.5),
    "counting_frames": Plausible("number of frames of an exposure", "frames", 10.0, 1e6, 1000.0),
    "read_noise": Plausible("read noise", "counts", 0.0, 1e4, 3.0),
    "illumination_sd": Plausible("unevenness of the illumination", "ratio", 1e-4, 0.1, 0.02),
    "gain_residue_sd": Plausible("residue of the gain", "ratio", 1e-4, 0.05, 0.01),
    "dead_pixels": Plausible("share of dead pixels", "ratio", 1e-7, 1e-2, 1e-4),
    "hot_pixels": Plausible("share of hot pixels", "ratio", 1e-7, 1e-2, 1e-4),
    "hot_pixel_level": Plausible("level of hot pixels", "ratio", 1.0, 1e3, 10.0),
    "xray_hits": Plausible("rate of x-ray hits", "rate", 1e-7, 1e-2, 1e-5),
    "xray_counts": Plausible("signal of an x-ray hit", "counts", 1.0, 1e5, 1e3),
    "camera_number": Plausible("number of the camera", "number", 0.0, 1e6, 1.0),
}


def implausible(name: str, value: float, unit: str | None = None) -> str | None:
    """Doubt about a value, with the unit that was probably meant.

    Parameters
    ----------
    name : str
        A key of :data:`PLAUSIBLE`, such as ``C30``.
    value : float
        The value as it was written; its sign doesn't matter, and 0 is always plausible.
    unit : str, optional
        The unit it was written in, one of :data:`UNITS`; without one A, rad, eV, e/A^2 or none.

    Returns
    -------
    str or None
        A remark for the user; None if the value is plausible. The number may have been meant in another unit, else
        what it is in A, rad, eV or e/A^2, which happens where it was converted twice.

    Raises
    ------
    ValueError
        If the name, or the unit of that quantity, is unknown.

    Examples
    --------
    >>> implausible("C30", 2.7)
    'C30 = 2.7 A is implausibly small for the spherical aberration; 2.7 mm is 2.7e+07 A'
    >>> implausible("C30", 2.7, "mm")
    """
    known = _known(name)
    units = UNITS[known.quantity]
    unit = next(iter(units)) if unit is None else unit
    if unit not in units:
        raise ValueError(f"unit = {unit!r} of {name}; choose one of {', '.join(map(repr, units))}")
    magnitude = abs(value) * units[unit]
    if magnitude == 0 or known.lowest <= magnitude <= known.highest:
        return None
    size = "large" if magnitude > known.highest else "small"
    doubt = f"{name} = {_number(value, unit)} is implausibly {size} for the {known.title}"
    meant = _meant(known, value, unit) or _meant(known, value * units[unit], next(iter(units)))
    return f"{doubt}; {meant or f'plausible are {known.lowest:.3g} to {_number(known.highest, next(iter(units)))}'}"


def unit_of(key: str, name: str) -> Unit:
    """Return the unit that a key ends with.

    Parameters
    ----------
    key : str
        A key of a condition, such as ``C30_mm``.
    name : str
        Its quantity, a key of :data:`PLAUSIBLE`.

    Returns
    -------
    Unit
        That of the quantity itself where the key ends with none.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> unit_of("C30_mm", "C30")
    Unit(name='mm', factor=10000000.0)
    """
    units = UNITS[_known(name).quantity]
    suffix = key.rsplit("_", 1)[-1]
    unit = _SUFFIXES.get(suffix, suffix)
    return Unit(unit, units[unit]) if unit in units else Unit(*next(iter(units.items())))


def warn_if_implausible(name: str, value: float, unit: str | None = None) -> None:
    """Warn of a value that :func:`implausible` doubts, as a ``UserWarning``.

    Parameters
    ----------
    name, value, unit
        As for :func:`implausible`, which also raises the same errors.
    """
    doubt = implausible(name, value, unit)
    if doubt is not None:
        warnings.warn(doubt, UserWarning, stacklevel=2)


def _known(name: str) -> Plausible:
    if name not in PLAUSIBLE:
        near = get_close_matches(name, PLAUSIBLE, n=1, cutoff=0.0)
        raise ValueError(f"{name!r} is no parameter that is known here; the nearest is {near[0]!r}")
    return PLAUSIBLE[name]


def _meant(known: Plausible, value: float, written: str) -> str | None:
    """Return the other unit under which a number comes nearest to a typical value; None if no unit fits."""
    units = UNITS[known.quantity]
    base = next(iter(units))
    fitting = {
        unit: factor
        for unit, factor in units.items()
        if unit != written
        and known.lowest <= abs(value) * factor <= known.highest
        and (unit != _UNUSUAL or known.typical < 1)
    }
    if not fitting:
        return None
    unit = min(fitting, key=lambda unit: abs(math.log(abs(value) * fitting[unit] / known.typical)))
    if unit == base:
        return f"{_number(value, base)} would be plausible"
    return f"{_number(value, unit)} is {_number(value * fitting[unit], base)}"


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".rstrip()
