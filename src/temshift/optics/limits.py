"""Numbers that microscopists quote of a lens: characteristic defoci, resolution limits, focal spread and widths."""

import math
from typing import Literal, TypeVar

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor

from temshift.conditions.plausibility import warn_if_implausible

T = TypeVar("T", float, Tensor)

# Widths of exp(-x^2 / 2 sigma^2) in units of sigma: half the width at 1/e, full width at half maximum
WIDTHS = {"sigma": 1.0, "one_over_e": math.sqrt(2), "fwhm": 2 * math.sqrt(2 * math.log(2))}


def scherzer_defocus(C30: float, wavelength: float, *, form: Literal["extended", "scherzer"] = "extended") -> float:
    """Scherzer's defocus, 1.2 sqrt(C30 lambda) (extended) or sqrt(C30 lambda), underfocus positive.

    A negative C30 asks for overfocus, a negative defocus. abTEM takes sqrt(1.5) in place of 1.2.

    Parameters
    ----------
    C30, wavelength : float
        Spherical aberration, of either sign, and wavelength [A].
    form : str
        "extended", where chi reaches -0.72 pi and the pass band is wider, or "scherzer", where it reaches -pi / 2.

    Returns
    -------
    float
        Defocus [A].

    Warns
    -----
    UserWarning
        Where C30 is implausible, such as 2.7 A, with the unit that was probably meant.

    References
    ----------
    O. Scherzer, J. Appl. Phys. 20, 20 (1949); in the extended form of D. B. Williams and C. B. Carter,
    Transmission Electron Microscopy (2009), eq. 28.35, DOI 10.1007/978-0-387-76501-3

    Examples
    --------
    >>> round(scherzer_defocus(1e7, 0.0251), 1), round(scherzer_defocus(-1e7, 0.0251, form="scherzer"), 1)
    (601.2, -501.0)
    """
    warn_if_implausible("C30", C30)
    factor = _choice("form", form, {"extended": 1.2, "scherzer": 1.0})
    return math.copysign(factor * math.sqrt(abs(C30) * wavelength), C30)


def point_resolution(C30: float, wavelength: float) -> float:
    """Scherzer's point resolution, 0.66 |C30|^(1/4) lambda^(3/4).

    The first zero of sin chi at Scherzer's defocus lies at 0.645 C30^(1/4) lambda^(3/4); 0.66 is the usual rounding.
    For any other defocus, or with C50, take 1 / :func:`first_zero`.

    Parameters
    ----------
    C30, wavelength : float
        Spherical aberration, of either sign, and wavelength [A].

    Returns
    -------
    float
        Distance [A].

    Warns
    -----
    UserWarning
        As :func:`scherzer_defocus` does.

    References
    ----------
    D. B. Williams and C. B. Carter, Transmission Electron Microscopy (2009), eq. 28.36

    Examples
    --------
    >>> round(point_resolution(1e7, 0.0251), 2)  # Cs 1 mm at 200 kV
    2.34
    """
    warn_if_implausible("C30", C30)
    return float(0.66 * abs(C30) ** 0.25 * wavelength**0.75)


def first_zero(wavelength: float, C10: float, C30: float, C50: float = 0.0) -> float | None:
    """Lowest spatial frequency above 0 where sin chi of a round lens is 0.

    It lies where chi, which starts at 0, first comes back to 0 or first reaches pi or -pi.

    Parameters
    ----------
    wavelength : float
        Electron wavelength [A].
    C10, C30, C50 : float
        Minus the defocus, and spherical aberrations of third and fifth order [A].

    Returns
    -------
    float or None
        Frequency [1/A]; None if the lens has no aberration at all.

    Examples
    --------
    >>> round(1 / first_zero(0.0251, -scherzer_defocus(1e7, 0.0251), 1e7), 2)
    2.29
    """
    chi = _chi_per_pi(wavelength, C10, C30, C50)
    roots = [_lowest_root(chi - level) for level in (0.0, 1.0, -1.0)]
    real = [root for root in roots if root is not None]
    return math.sqrt(min(real)) if real else None


def information_limit(
    wavelength: float,
    *,
    focal_spread_sigma: float = 0.0,
    angular_spread_sigma: float = 0.0,
    C10: float = 0.0,
    C30: float = 0.0,
    C50: float = 0.0,
    criterion: float = math.exp(-2),
) -> float:
    """Distance of the frequency where the envelopes of partial coherence first fall to ``criterion``.

    From ln(1 / criterion) = (pi lambda Delta q^2)^2 / 2 + (s |d chi / d alpha|)^2 / 2. Without angular spread and with
    the usual criterion exp(-2) it is sqrt(pi lambda Delta / 2), Delta the **standard deviation** of the focus.

    Parameters
    ----------
    wavelength : float
        Electron wavelength [A].
    focal_spread_sigma : float
        Standard deviation Delta of the focus [A].
    angular_spread_sigma : float
        Standard deviation s of the angle of illumination along each axis [rad].
    C10, C30, C50 : float
        Coefficients of the round lens [A], which only matter with an angular spread.
    criterion : float
        Product of both envelopes at the limit, between 0 and 1.

    Returns
    -------
    float
        Distance [A]; 0 where nothing limits.

    Raises
    ------
    ValueError
        If the criterion isn't between 0 and 1.

    Examples
    --------
    >>> round(information_limit(0.0197, focal_spread_sigma=30.0), 2)
    0.96
    """
    if not 0 < criterion < 1:
        raise ValueError(f"criterion = {criterion!r}; give a value between 0 and 1, such as exp(-2) = 0.135")
    slope = Polynomial([C10, C30 * wavelength**2, C50 * wavelength**4]) * (2 * math.pi * angular_spread_sigma)
    focal = Polynomial([0.0, math.pi * wavelength * focal_spread_sigma])
    loss = focal**2 / 2 + Polynomial([0.0, 1.0]) * slope**2 / 2
    limit = _lowest_root(loss + math.log(criterion))
    return 0.0 if limit is None else 1 / math.sqrt(limit)


def lichte_defocus(C30: float, wavelength: float, highest_frequency: float) -> float:
    """Lichte's defocus of least delocalisation, 3/4 C30 lambda^2 q^2, underfocus positive.

    It makes the greatest |d chi / d alpha| up to q as small as can be.

    Parameters
    ----------
    C30, wavelength : float
        Spherical aberration and wavelength [A].
    highest_frequency : float
        Highest frequency q that is wanted [1/A].

    Returns
    -------
    float
        Defocus [A].

    References
    ----------
    H. Lichte, Ultramicroscopy 38, 13 (1991)

    Examples
    --------
    >>> round(lichte_defocus(1e7, 0.0197, 0.5), 1)
    727.7
    """
    return 0.75 * C30 * (wavelength * highest_frequency) ** 2


def minimum_contrast_defocus(
    wavelength: float, C30: float, highest_frequency: float, *, C50: float = 0.0, focal_spread_sigma: float = 0.0
) -> float:
    """Defocus near 0 where a weak phase object that scatters evenly has the least contrast, underfocus positive.

    It minimises int q E^2 sin^2 chi dq up to the highest frequency, E the envelope of the focal spread, over defoci of
    at most sqrt(|C30| lambda) + (|C50| lambda^2)^(1/3) of either sign. For a wide band it is about 0.52 sqrt(C30
    lambda), for a narrow one 3/8 C30 lambda^2 q^2; both are derived in the tests: no published factor was at hand.

    Parameters
    ----------
    wavelength : float
        Electron wavelength [A].
    C30, C50 : float
        Spherical aberrations [A].
    highest_frequency : float
        Edge of the band [1/A].
    focal_spread_sigma : float
        Standard deviation of the focus [A].

    Returns
    -------
    float
        Defocus [A]; 0 without spherical aberration.

    Examples
    --------
    >>> defocus = minimum_contrast_defocus(0.0197, 1e7, 0.5, focal_spread_sigma=40.0)
    >>> round(defocus / math.sqrt(1e7 * 0.0197), 2)
    0.51
    """
    reach = math.sqrt(abs(C30) * wavelength) + math.cbrt(abs(C50) * wavelength**2)
    if reach == 0:
        return 0.0
    squared, still = _band(wavelength, C30, highest_frequency, C50, reach)
    weight = np.exp(-((math.pi * wavelength * focal_spread_sigma * squared) ** 2))

    def contrast(defocus: float) -> float:
        chi = still - math.pi * wavelength * defocus * squared
        return float(np.mean(weight * np.sin(chi) ** 2))

    defoci = np.linspace(-reach, reach, 401)
    best = int(np.argmin([contrast(defocus) for defocus in defoci]))
    around = (float(defoci[max(best - 1, 0)]), float(defoci[min(best + 1, 400)]))
    return float(minimize_scalar(contrast, bounds=around, method="bounded").x)


def sigma_of(width: T, kind: str) -> T:
    """Standard deviation of a normal distribution whose width is named otherwise.

    Parameters
    ----------
    width : float or Tensor (...)
        Width in any unit.
    kind : str
        "sigma", "one_over_e" (half the width at 1/e, sqrt(2) sigma) or "fwhm" (2 sqrt(2 ln 2) sigma).

    Returns
    -------
    float or Tensor (...)
        In the unit of ``width``.

    Raises
    ------
    ValueError
        If the kind is another.

    Examples
    --------
    >>> round(sigma_of(0.7, "fwhm"), 3)
    0.297
    """
    return width / _choice("kind", kind, WIDTHS)


def _choice(argument: str, given: str, allowed: dict[str, float]) -> float:
    if given not in allowed:
        raise ValueError(f"{argument} = {given!r}; choose one of {', '.join(allowed)}")
    return allowed[given]


def _chi_per_pi(wavelength: float, C10: float, C30: float, C50: float) -> Polynomial:
    """Phase chi / pi of a round lens as a polynomial in q^2."""
    return Polynomial([0.0, wavelength * C10, wavelength**3 * C30 / 2, wavelength**5 * C50 / 3])


def _lowest_root(polynomial: Polynomial) -> float | None:
    """Lowest root above 0; a root that is only touched counts."""
    coefficients: list[float] = np.trim_zeros(polynomial.coef).tolist()  # roots at 0 go with the leading zeros
    if len(coefficients) < 2:
        return None
    # The lowest root is the greatest of the reversed polynomial's, which comes out exactly however far the others lie
    reversed_roots: list[complex] = Polynomial([c / coefficients[0] for c in reversed(coefficients)]).roots().tolist()
    real = [root.real for root in reversed_roots if root.real > 0 and abs(root.imag) <= 1e-7 * abs(root)]
    return 1 / max(real) if real else None


def _band(
    wavelength: float, C30: float, highest_frequency: float, C50: float, reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """q^2 (points,) evenly over the band, finely enough for defoci up to ``reach``, and chi without defocus there."""
    end = highest_frequency**2
    waves = _chi_per_pi(wavelength, reach, abs(C30), abs(C50))(end)
    points = 512 + 16 * math.ceil(waves)
    squared = (np.arange(points) + 0.5) / points * end
    return squared, math.pi * _chi_per_pi(wavelength, 0.0, C30, C50)(squared)
