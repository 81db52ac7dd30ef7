"""Electron physics against published values and an independent implementation."""

import pytest
from abtem.core.energy import energy2sigma, energy2wavelength

from temshift.core.electrons import POTENTIAL_FACTOR, interaction_constant, wavelength

ENERGIES = (80e3, 200e3, 300e3)


@pytest.mark.parametrize(
    ("energy", "published"),
    [(80e3, 0.04176), (200e3, 0.02508), (300e3, 0.01969)],  # Kirkland (2010), table 2.2 and eq. 2.5
)
def test_wavelength_is_the_published_one(energy: float, published: float) -> None:
    assert wavelength(energy) == pytest.approx(published, abs=1e-5)


@pytest.mark.parametrize("energy", ENERGIES)
def test_wavelength_and_interaction_constant_agree_with_abtem(energy: float) -> None:
    assert wavelength(energy) == pytest.approx(energy2wavelength(energy), rel=1e-6)
    assert interaction_constant(energy) == pytest.approx(energy2sigma(energy), rel=1e-6)


@pytest.mark.parametrize(
    ("energy", "published"),
    [(80e3, 1.0087e-3), (200e3, 0.7288e-3), (300e3, 0.6526e-3)],  # rad / (V A); sigma of 100 kV is 0.9244e-3
)
def test_interaction_constant_is_the_published_one(energy: float, published: float) -> None:
    assert interaction_constant(energy) == pytest.approx(published, rel=1e-3)


def test_slow_electrons_follow_de_broglie() -> None:
    """Without relativity lambda = 12.2643 A / sqrt(E / eV)."""
    assert wavelength(1.0) == pytest.approx(12.2643, rel=1e-5)


def test_potential_factor_is_kirklands() -> None:
    assert pytest.approx(47.878, abs=1e-3) == POTENTIAL_FACTOR


@pytest.mark.parametrize("energy", [0.0, -300e3])
def test_energy_must_be_positive(energy: float) -> None:
    with pytest.raises(ValueError, match="positive kinetic energy"):
        wavelength(energy)
