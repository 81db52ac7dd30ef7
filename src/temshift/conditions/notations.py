"""Names of the aberration coefficients: Krivanek's, polar and Cartesian, and those of CEOS (Haider).

Krivanek's polar notation is the one inside: chi = (2 pi / lambda) sum C_nm alpha^(n+1) / (n+1) cos(m (phi - phi_nm)).
Cartesian coefficients are C_a = C cos(m phi_nm) and C_b = C sin(m phi_nm); abTEM's have other signs and order.

CEOS writes chi as the real part of a polynomial in omega = alpha exp(i phi) with complex coefficients: Re (2 pi /
lambda) [C1 |omega|^2 / 2 + A1 conj(omega)^2 / 2 + B2 omega^2 conj(omega) + A2 conj(omega)^3 / 3 + ...]. Thus C21 =
3 B2, C32 = 4 S3, C41 = 5 B4, C43 = 5 D4, C52 = 6 S5, C54 = 6 R5 (also called D5), and the others are equal. A quoted
angle is either the azimuth, where the term is greatest (``B2_azimuth``, equal to phi21), or the argument of the complex
coefficient (``B2_argument``). The argument of an A is m times the azimuth; that of a B, S, D or R is **minus** m times
it, since these multiply unconjugated powers of omega. Programs differ, so a plain "angle" is not accepted.

References
----------
O. L. Krivanek, N. Dellby and A. R. Lupini, Ultramicroscopy 78, 1 (1999), DOI 10.1016/S0304-3991(99)00013-3.
Factors: documentation of Dr. Probe, https://er-c.org/barthel/drprobe/doc-control-aberrations.html. Polynomial, with
angles as arguments: Aurora, github.com/ChristianWacker/Aurora, AuroraLib/Ctf.hpp and Ctf.cpp, after R. Erni (2010),
eq. 7.14. Angles as azimuths: PtyRAD, github.com/chiahao3/ptyrad, src/ptyrad/optics/aberrations.py, whose factor 4 for
B4 and D4 contradicts the other two. The names go back to S. Uhlemann and M. Haider, Ultramicroscopy 72, 109 (1998), DOI
10.1016/S0304-3991(97)00102-2, which was not at hand.
"""

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from temshift.vocabulary import ABERRATIONS
from temshift.vocabulary.parameters import LENGTHS, azimuth, customary_unit

Value = float | NDArray[np.float64]


class Symbol(NamedTuple):
    """One aberration: Krivanek's name C_nm, CEOS's name, what it is called, and its order n and multiplicity m."""

    krivanek: str
    ceos: str
    title: str

    @property
    def order(self) -> int:
        """Order n: the ray deviates by alpha^n."""
        return ABERRATIONS[self.krivanek][0]

    @property
    def multiplicity(self) -> int:
        """Azimuthal multiplicity m; 0 is round."""
        return ABERRATIONS[self.krivanek][1]

    @property
    def azimuth(self) -> str:
        """Krivanek's name of the azimuth, such as ``phi12``."""
        return azimuth(self.krivanek)

    @property
    def per_ceos(self) -> float:
        """Krivanek's coefficient divided by that of CEOS."""
        return 1.0 if self.ceos[0] in "AC" else self.order + 1.0

    @property
    def turns(self) -> int:
        """Argument of the complex coefficient divided by the azimuth: m for an A, -m for a B, S, D or R."""
        return self.multiplicity if self.ceos[0] == "A" else -self.multiplicity

    @property
    def unit(self) -> str:
        """The unit that microscopists use for it."""
        return customary_unit(self.krivanek)


SYMBOLS = (
    Symbol("C10", "C1", "defocus"),
    Symbol("C12", "A1", "twofold astigmatism"),
    Symbol("C21", "B2", "axial coma"),
    Symbol("C23", "A2", "threefold astigmatism"),
    Symbol("C30", "C3", "spherical aberration"),
    Symbol("C32", "S3", "star aberration"),
    Symbol("C34", "A3", "fourfold astigmatism"),
    Symbol("C41", "B4", "fourth-order axial coma"),
    Symbol("C43", "D4", "three-lobe aberration"),
    Symbol("C45", "A4", "fivefold astigmatism"),
    Symbol("C50", "C5", "fifth-order spherical aberration"),
    Symbol("C52", "S5", "fifth-order star aberration"),
    Symbol("C54", "R5", "rosette aberration"),
    Symbol("C56", "A5", "sixfold astigmatism"),
)


class _Name(NamedTuple):
    """What a name stands for: part of a symbol ("magnitude", "azimuth", "a" or "b"), and the factor to it."""

    symbol: Symbol
    part: str
    factor: float


def _names() -> dict[str, _Name]:
    names = {}
    for symbol in SYMBOLS:
        names[symbol.krivanek] = _Name(symbol, "magnitude", 1.0)
        for ceos in (symbol.ceos, "D5") if symbol.ceos == "R5" else (symbol.ceos,):
            names[ceos] = _Name(symbol, "magnitude", symbol.per_ceos)
            if symbol.multiplicity:
                names[ceos + "_azimuth"] = _Name(symbol, "azimuth", 1.0)
                names[ceos + "_argument"] = _Name(symbol, "azimuth", 1 / symbol.turns)
        if symbol.multiplicity:
            names[symbol.azimuth] = _Name(symbol, "azimuth", 1.0)
            names |= {symbol.krivanek + part: _Name(symbol, part, 1.0) for part in "ab"}
    return names | {"defocus": names["C10"]._replace(factor=-1.0), "Cs": names["C30"]}


_NAMES = _names()


def to_polar(coefficients: Mapping[str, Value]) -> dict[str, Value]:
    """Aberration coefficients under any names in Krivanek's polar notation.

    Parameters
    ----------
    coefficients : mapping of float or ndarray (...)
        By name: ``C12`` and ``phi12``, ``C12a`` and ``C12b``, ``A1`` and ``A1_azimuth`` or ``A1_argument``, ``defocus``
        (= -C10), ``Cs``; the coefficients in any mix, each in one notation. Magnitudes [A], angles from x towards y
        [rad]. An azimuth or a Cartesian component that is not given is 0.

    Returns
    -------
    dict
        ``C10``, ``C12`` and ``phi12``, ... of the coefficients given, in the order of :data:`SYMBOLS` [A, rad].

    Raises
    ------
    ValueError
        If a name is unknown, a coefficient is given twice, or an azimuth has no magnitude.

    Examples
    --------
    >>> to_polar({"defocus": 100.0, "B2": 20.0, "B2_azimuth": 0.5})
    {'C10': -100.0, 'C21': 60.0, 'phi21': 0.5}
    """
    polar: dict[str, Value] = {}
    parts = _gathered(coefficients)
    for symbol in SYMBOLS:
        if symbol.krivanek in parts:
            polar |= _polar(symbol, parts[symbol.krivanek])
    return polar


def to_cartesian(coefficients: Mapping[str, Value]) -> dict[str, Value]:
    """Aberration coefficients under any names in Krivanek's Cartesian notation.

    Parameters
    ----------
    coefficients : mapping of float or ndarray (...)
        As for :func:`to_polar`, which also raises the same errors.

    Returns
    -------
    dict
        ``C10``, ``C12a`` = C12 cos(2 phi12), ``C12b`` = C12 sin(2 phi12), ... [A].

    Examples
    --------
    >>> to_cartesian({"A2": 30.0, "A2_azimuth": 0.0})
    {'C23a': 30.0, 'C23b': 0.0}
    """
    cartesian: dict[str, Value] = {}
    for symbol, magnitude, angle in _each(coefficients):
        if symbol.multiplicity == 0:
            cartesian[symbol.krivanek] = magnitude
        else:
            cartesian[symbol.krivanek + "a"] = magnitude * _plain(np.cos(symbol.multiplicity * angle))
            cartesian[symbol.krivanek + "b"] = magnitude * _plain(np.sin(symbol.multiplicity * angle))
    return cartesian


def to_ceos(coefficients: Mapping[str, Value]) -> dict[str, Value]:
    """Aberration coefficients under any names in the notation of CEOS.

    Parameters
    ----------
    coefficients : mapping of float or ndarray (...)
        As for :func:`to_polar`, which also raises the same errors.

    Returns
    -------
    dict
        ``C1``, ``A1`` and ``A1_azimuth``, ... [A, rad].

    Examples
    --------
    >>> to_ceos({"C30": 1e7, "C32": 400.0, "phi32": 0.2})
    {'C3': 10000000.0, 'S3': 100.0, 'S3_azimuth': 0.2}
    """
    ceos: dict[str, Value] = {}
    for symbol, magnitude, angle in _each(coefficients):
        ceos[symbol.ceos] = magnitude / symbol.per_ceos
        if symbol.multiplicity:
            ceos[symbol.ceos + "_azimuth"] = angle
    return ceos


class NotationKey(NamedTuple):
    """How a file may write a coefficient: key, field that it stands for (polar or Cartesian), factor to A or rad."""

    key: str
    field: str
    factor: float


def _keys() -> tuple[NotationKey, ...]:
    rows = []
    for name, (symbol, part, factor) in _NAMES.items():
        if part == "azimuth":
            rows.append(NotationKey(f"{name}_deg", symbol.azimuth, factor * math.pi / 180))
            continue
        field = symbol.krivanek + ("" if part == "magnitude" else part)
        units = sorted(LENGTHS, key=lambda unit, usual=symbol.unit: unit != usual)  # type: ignore[misc]
        rows += [NotationKey(f"{name}_{unit}", field, factor * LENGTHS[unit]) for unit in units]
    return tuple(rows)


# Every spelling of a coefficient in files; the usual unit of a coefficient goes first
NOTATION_KEYS = _keys()


def _gathered(coefficients: Mapping[str, Value]) -> dict[str, dict[str, Value]]:
    """Parts of each coefficient by Krivanek's name."""
    parts: dict[str, dict[str, Value]] = {}
    givers: dict[tuple[str, str], str] = {}
    for name, value in coefficients.items():
        symbol, part, factor = _known(name)
        for other in {part, *_rivals(part)}:
            if (symbol.krivanek, other) in givers:
                first = givers[symbol.krivanek, other]
                raise ValueError(f"{first!r} and {name!r} give {symbol.krivanek} ({symbol.title}) twice; keep one")
        givers[symbol.krivanek, part] = name
        parts.setdefault(symbol.krivanek, {})[part] = value * factor
    _require_magnitudes(givers)
    return parts


def _rivals(part: str) -> tuple[str, str]:
    return ("a", "b") if part in ("magnitude", "azimuth") else ("magnitude", "azimuth")


def _require_magnitudes(givers: Mapping[tuple[str, str], str]) -> None:
    for (krivanek, part), name in givers.items():
        if part == "azimuth" and (krivanek, "magnitude") not in givers:
            raise ValueError(f"{name!r} is an azimuth without a magnitude; give {krivanek} as well")


def _known(name: str) -> _Name:
    if name not in _NAMES:
        near = get_close_matches(name, _NAMES, n=1, cutoff=0.0)
        raise ValueError(f"{name!r} is no aberration coefficient that is known here; the nearest is {near[0]!r}")
    return _NAMES[name]


def _polar(symbol: Symbol, parts: Mapping[str, Value]) -> dict[str, Value]:
    if symbol.multiplicity == 0:
        return {symbol.krivanek: parts["magnitude"]}
    if "magnitude" in parts:
        return {symbol.krivanek: parts["magnitude"], symbol.azimuth: parts.get("azimuth", 0.0)}
    a, b = parts.get("a", 0.0), parts.get("b", 0.0)
    azimuth = np.arctan2(b, a) / symbol.multiplicity
    return {symbol.krivanek: _plain(np.hypot(a, b)), symbol.azimuth: _plain(azimuth)}


def _each(coefficients: Mapping[str, Value]) -> list[tuple[Symbol, Value, Value]]:
    """Symbol, magnitude and azimuth of every coefficient given."""
    polar = to_polar(coefficients)
    present = [symbol for symbol in SYMBOLS if symbol.krivanek in polar]
    return [(symbol, polar[symbol.krivanek], polar.get(symbol.azimuth, 0.0)) for symbol in present]


def _plain(value: Value) -> Value:
    return float(value) if np.ndim(value) == 0 else value
