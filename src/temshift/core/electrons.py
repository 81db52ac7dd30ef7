"""Relativistic electron physics; energies in eV, lengths in angstrom."""

import math

# CODATA 2018 (Tiesinga et al., Rev. Mod. Phys. 93, 025010, 2021, DOI 10.1103/RevModPhys.93.025010)
PLANCK_TIMES_LIGHT = 12398.419843320026  # h c [eV A]
ELECTRON_REST_ENERGY = 510998.95  # m c^2 [eV]
BOHR_RADIUS = 0.529177210903  # a0 [A]
HARTREE_TIMES_BOHR = 14.399645478  # e^2 / (4 pi epsilon0) [eV A]

# h^2 / (2 pi m0 e) [V A^2]: turns an electron scattering factor [A] into the Fourier transform of a projected
# potential [V A^3]. Kirkland, Advanced Computing in Electron Microscopy (2010), eq. C.1: 2 pi a0 e in V A^2.
POTENTIAL_FACTOR = 2 * math.pi * BOHR_RADIUS * HARTREE_TIMES_BOHR


def wavelength(energy: float) -> float:
    """Relativistic electron wavelength, lambda = h c / sqrt(E (E + 2 m c^2)).

    Parameters
    ----------
    energy : float
        Kinetic energy E [eV], > 0.

    Returns
    -------
    float
        Wavelength [A].

    Raises
    ------
    ValueError
        If the energy is not positive.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), eq. 2.5, DOI 10.1007/978-1-4419-6533-2

    Examples
    --------
    >>> round(wavelength(300e3), 5)
    0.01969
    """
    _require_positive(energy)
    return PLANCK_TIMES_LIGHT / math.sqrt(energy * (energy + 2 * ELECTRON_REST_ENERGY))


def energy_of(wavelength: float) -> float:
    """Energy of an electron of some wavelength, E = sqrt((m c^2)^2 + (h c / lambda)^2) - m c^2.

    Parameters
    ----------
    wavelength : float
        Electron wavelength [A], > 0.

    Returns
    -------
    float
        Kinetic energy [eV].

    Examples
    --------
    >>> round(energy_of(wavelength(200e3)), 3)
    200000.0
    """
    return math.hypot(ELECTRON_REST_ENERGY, PLANCK_TIMES_LIGHT / wavelength) - ELECTRON_REST_ENERGY


def interaction_constant(energy: float) -> float:
    """Phase per projected potential, sigma = (2 pi / lambda E) (m c^2 + E) / (2 m c^2 + E).

    Parameters
    ----------
    energy : float
        Kinetic energy E [eV], > 0.

    Returns
    -------
    float
        Interaction constant [rad / (V A)].

    Raises
    ------
    ValueError
        If the energy is not positive.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy (2010), eq. 5.6, DOI 10.1007/978-1-4419-6533-2

    Examples
    --------
    >>> round(interaction_constant(300e3) * 1e3, 3)
    0.653
    """
    relativistic = (ELECTRON_REST_ENERGY + energy) / (2 * ELECTRON_REST_ENERGY + energy)
    return 2 * math.pi / (wavelength(energy) * energy) * relativistic


def _require_positive(energy: float) -> None:
    if not energy > 0:
        raise ValueError(f"energy = {energy!r} eV; a positive kinetic energy is needed, such as 300e3 for 300 kV")


def largest_semiangle(nyquist: float, energy: float) -> float:
    """Widest aperture that a wave on some grid can fill, lambda q at its Nyquist frequency.

    Parameters
    ----------
    nyquist : float
        Nyquist frequency of the grid [1/A].
    energy : float
        Electron energy [eV].

    Returns
    -------
    float
        Semiangle [rad].

    Examples
    --------
    >>> round(largest_semiangle(2.5, 300e3) * 1e3, 1)
    49.2
    """
    return wavelength(energy) * nyquist
