"""What is quoted of a lens: analytic values, numerical ones against them, and abTEM."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from abtem.transfer import CTF
from abtem.transfer import point_resolution as abtem_resolution
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import fresnel

from temshift.conditions.chromatic import focal_spread
from temshift.conditions.imaging import ImagingConditions
from temshift.core.electrons import ELECTRON_REST_ENERGY, wavelength
from temshift.optics.coherence import temporal_envelope
from temshift.optics.limits import (
    first_zero,
    information_limit,
    lichte_defocus,
    minimum_contrast_defocus,
    point_resolution,
    scherzer_defocus,
    sigma_of,
)
from temshift.optics.transfer import azimuthal_transfer

LAMBDA = wavelength(300e3)
C30 = 1.2e7


def chi_per_pi(q: np.ndarray, C10: float, C30: float, C50: float) -> np.ndarray:
    return LAMBDA * C10 * q**2 + C30 * LAMBDA**3 * q**4 / 2 + C50 * LAMBDA**5 * q**6 / 3


def test_scherzers_defoci() -> None:
    """The phase at its extreme is -pi / 2 by Scherzer, -0.72 pi in the extended form; the sign follows C30."""
    q = np.linspace(0, 0.6, 20001)
    for form, extreme in (("scherzer", -0.5), ("extended", -0.72)):
        defocus = scherzer_defocus(C30, LAMBDA, form=form)
        assert chi_per_pi(q, -defocus, C30, 0.0).min() == pytest.approx(extreme, rel=1e-6)
        assert scherzer_defocus(-C30, LAMBDA, form=form) == -defocus
    theirs = CTF(energy=300e3, Cs=C30, defocus="scherzer").defocus
    assert scherzer_defocus(C30, LAMBDA) == pytest.approx(theirs * 1.2 / math.sqrt(1.5), rel=1e-5)
    with pytest.raises(ValueError, match=r"form = 'wide'; choose one of extended, scherzer"):
        scherzer_defocus(C30, LAMBDA, form="wide")


def test_point_resolution_is_near_abtems_and_the_first_zero() -> None:
    exact = 1 / first_zero(LAMBDA, -scherzer_defocus(C30, LAMBDA), C30)
    assert exact == pytest.approx(2.4**-0.5 * C30**0.25 * LAMBDA**0.75)
    assert point_resolution(C30, LAMBDA) == pytest.approx(exact, rel=0.03)
    assert point_resolution(-C30, LAMBDA) == pytest.approx(abtem_resolution(C30, 300e3), rel=0.05)


@given(*(st.floats(-size, size).map(lambda value: round(value, 3)) for size in (1500, 2e7, 5e7)))
def test_first_zero_is_a_zero_and_none_lies_before_it(C10: float, C30: float, C50: float) -> None:
    zero = first_zero(LAMBDA, C10, C30, C50)
    if zero is None:
        assert C10 == C30 == C50 == 0
        return
    at = chi_per_pi(np.array([zero]), C10, C30, C50)[0]
    assert at == pytest.approx(round(at), abs=1e-5)
    before = chi_per_pi(zero * np.linspace(1e-3, 0.999, 4000), C10, C30, C50)
    assert np.all(np.sign(before) == np.sign(before[0]))
    assert np.abs(before).max() < 1 + 1e-5


def test_first_zero_without_spherical_aberration() -> None:
    assert first_zero(LAMBDA, -200.0, 0.0) == pytest.approx(1 / math.sqrt(LAMBDA * 200))
    assert first_zero(LAMBDA, 0.0, C30) == pytest.approx((2 / (C30 * LAMBDA**3)) ** 0.25)
    assert first_zero(LAMBDA, 0.0, 0.0) is None


def test_information_limit_of_a_focal_spread() -> None:
    assert information_limit(LAMBDA, focal_spread_sigma=30.0) == pytest.approx(math.sqrt(math.pi * LAMBDA * 30 / 2))
    assert information_limit(LAMBDA) == 0.0
    with pytest.raises(ValueError, match=r"criterion = 1; give a value between 0 and 1"):
        information_limit(LAMBDA, focal_spread_sigma=30.0, criterion=1)


@pytest.mark.parametrize("criterion", [math.exp(-2), 0.5])
@pytest.mark.parametrize(("focal_spread_nm", "C50"), [(0.0, 0.0), (3.0, 0.0), (1.0, 1e10)])
def test_envelopes_of_the_transfer_function_reach_the_criterion_at_the_limit(
    criterion: float, focal_spread_nm: float, C50: float
) -> None:
    angular, defocus = 0.4e-3, 600.0
    limit = information_limit(
        LAMBDA,
        focal_spread_sigma=10 * focal_spread_nm,
        angular_spread_sigma=angular,
        C10=-defocus,
        C30=C30,
        C50=C50,
        criterion=criterion,
    )
    drawn = {"defocus_nm": defocus / 10, "C30_mm": C30 / 1e7, "dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": 90.0}
    drawn |= {"focal_spread_sigma_nm": focal_spread_nm, "angular_spread_sigma_mrad": angular * 1e3}
    drawn["C50_mm"] = C50 / 1e7
    q = np.linspace(0.01, 1, 400) / limit
    conditions = ImagingConditions.model_validate(drawn).central()
    envelope = azimuthal_transfer(q, LAMBDA, conditions, 0.0).envelope[0, 0].numpy()
    assert envelope[-1] == pytest.approx(criterion, rel=1e-6)
    assert np.all(envelope[:-1] > criterion)


def test_lichtes_defocus_minimises_the_greatest_slope() -> None:
    q = np.linspace(0, 0.8, 4001)
    defoci = np.linspace(0, 6000, 6001)
    greatest = [np.abs(C30 * (LAMBDA * q) ** 3 - defocus * LAMBDA * q).max() for defocus in defoci]
    assert lichte_defocus(C30, LAMBDA, 0.8) == pytest.approx(defoci[np.argmin(greatest)], abs=1)


def test_minimum_contrast_of_a_narrow_band() -> None:
    """Where chi is small, int (q^4 / 2 C30 lambda^2 - D q^2)^2 q dq is least at D = 3/8 C30 lambda^2 q^2."""
    assert minimum_contrast_defocus(LAMBDA, C30, 0.05) == pytest.approx(3 / 8 * C30 * (LAMBDA * 0.05) ** 2, rel=1e-3)
    assert minimum_contrast_defocus(LAMBDA, 0.0, 0.5) == 0.0


def test_minimum_contrast_of_a_wide_band_is_that_of_fresnels_integrals() -> None:
    """Over all frequencies, int cos 2 chi dq^2 is a sum of Fresnel integrals in D = defocus / sqrt(C30 lambda)."""
    D = np.linspace(0, 1, 10001)
    s, c = fresnel(math.sqrt(2) * D)
    transparency = np.cos(math.pi * D**2) * (0.5 + c) + np.sin(math.pi * D**2) * (0.5 + s)
    expected = float(D[np.argmax(transparency)]) * math.sqrt(C30 * LAMBDA)
    assert expected == pytest.approx(0.521 * math.sqrt(C30 * LAMBDA), rel=1e-3)
    found = minimum_contrast_defocus(LAMBDA, C30, 1.5, focal_spread_sigma=20.0)
    assert found == pytest.approx(expected, rel=0.01)
    assert minimum_contrast_defocus(LAMBDA, -C30, 1.5, focal_spread_sigma=20.0) == pytest.approx(-found, rel=1e-3)


def test_minimum_contrast_knows_the_envelope_of_the_focal_spread() -> None:
    """Against a search over the power of an image of white noise, with the envelope of images."""
    q = (np.arange(4000) + 0.5) / 4000 * 0.7
    spread = torch.tensor([80.0], dtype=torch.float64)
    envelope = temporal_envelope(torch.from_numpy(LAMBDA * q), LAMBDA, spread)[0].numpy()
    defoci = np.arange(200.0, 450.0)
    chi = math.pi * chi_per_pi(q, -defoci[:, None], C30, 0.0)
    best = defoci[np.argmin((q * (envelope * np.sin(chi)) ** 2).sum(axis=1))]
    assert minimum_contrast_defocus(LAMBDA, C30, 0.7, focal_spread_sigma=80.0) == pytest.approx(best, abs=1.5)


def test_focal_spread_from_chromatic_aberration() -> None:
    """An energy of 1 eV more changes the focus by Cc dV* / V*, V* = E (1 + E / 2 m c^2)."""
    energy, rest = 300e3, ELECTRON_REST_ENERGY
    accelerating = energy * (1 + energy / (2 * rest))
    slope = ((energy + 1) * (1 + (energy + 1) / (2 * rest)) - accelerating) / accelerating
    assert focal_spread(1.4e7, energy, 1.0, 0.0, 0.0) == pytest.approx(1.4e7 * slope, rel=1e-5)
    assert focal_spread(1.4e7, energy, 0.0, 0.0, 1e-6) == pytest.approx(2 * 14.0)
    assert focal_spread(1.4e7, energy, 0.0, 1e-6, 0.0, relativistic=False) == pytest.approx(14.0)
    parts = [focal_spread(1.4e7, energy, *widths) for widths in ((0.3, 0.0, 0.0), (0.0, 4e-7, 0.0), (0.0, 0.0, 2e-7))]
    assert focal_spread(1.4e7, energy, 0.3, 4e-7, 2e-7) == pytest.approx(math.hypot(*parts))


def test_focal_spread_takes_tensors_and_gradients() -> None:
    energy_spread = torch.tensor([0.3, 0.6], dtype=torch.float64, requires_grad=True)
    nothing = torch.zeros(2, dtype=torch.float64)
    spread = focal_spread(torch.full_like(nothing, 1.2e7), 300e3, energy_spread, nothing, nothing)
    spread.sum().backward()
    assert energy_spread.grad is not None
    assert torch.allclose(energy_spread.grad * energy_spread, spread)


@pytest.mark.parametrize(("kind", "fraction", "widths"), [("one_over_e", math.exp(-1), 1), ("fwhm", 0.5, 2)])
def test_widths(kind: str, fraction: float, widths: int) -> None:
    """The distribution falls to ``fraction`` at the half width."""
    sigma = sigma_of(1.0, kind)
    assert math.exp(-((1 / widths) ** 2) / (2 * sigma**2)) == pytest.approx(fraction)
    assert sigma_of(1.0, "sigma") == 1.0
    with pytest.raises(ValueError, match=r"kind = 'hwhm'; choose one of sigma, one_over_e, fwhm"):
        sigma_of(1.0, "hwhm")


@pytest.mark.parametrize("of", [scherzer_defocus, point_resolution])
def test_a_spherical_aberration_in_millimetres_is_doubted(of: Callable[[float, float], float]) -> None:
    with pytest.warns(UserWarning, match="C30 = 2.7 A is implausibly small .*; 2.7 mm is 2.7e[+]07 A"):
        of(2.7, LAMBDA)
