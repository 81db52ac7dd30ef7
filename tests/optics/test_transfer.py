"""Transfer functions against closed forms and against images of weak objects."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.core.electrons import wavelength
from temshift.core.grids import Grid
from temshift.optics import ImagingSettings, azimuthal_transfer, image_intensities, transfer_functions, wave_spectra
from temshift.vocabulary.parameters import ABERRATIONS

ENERGY = 200e3
LAMBDA = wavelength(ENERGY)
GRID = Grid((48, 64), (0.4, 0.4))
STEP = 1 / 25.6
WEAK = 1e-5
ENVELOPE = ImagingSettings(coherence="envelope")
SIZES = {1: ("nm", 30.0), 2: ("nm", 800.0), 3: ("um", 100.0), 4: ("um", 8e3), 5: ("mm", 500.0)}


def conditions(**values: float) -> ImagingConditions:
    given_values = {"defocus_nm": -20.0, "dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": 12.0, **values}
    return ImagingConditions.model_validate(given_values)


@st.composite
def imaging(draw: st.DrawFn) -> dict[str, float]:
    """Any aberrations with both spreads."""
    values = {"defocus_nm": draw(st.floats(-80, 80))}
    for symbol in draw(st.lists(st.sampled_from(list(ABERRATIONS)[1:]), unique=True)):
        order, multiplicity = ABERRATIONS[symbol]
        unit, size = SIZES[order] if symbol != "C30" else ("mm", 1.0)
        unit = {"C30": "mm"}.get(symbol, unit)
        values[f"{symbol}_{unit}"] = size * draw(st.floats(0, 1))
        if multiplicity:
            values[f"phi{symbol[1:]}_deg"] = draw(st.floats(-180, 180))
    return values | {
        "focal_spread_sigma_nm": draw(st.floats(0, 5)),
        "angular_spread_sigma_mrad": draw(st.floats(0, 0.3)),
    }


@settings(max_examples=40)
@given(imaging(), st.integers(1, 7), st.integers(-7, 7))
def test_images_of_weak_gratings_have_the_spectrum_that_transfer_functions_say(
    values: dict[str, float], across: int, down: int
) -> None:
    """2 T_p(q) phi(q) of a phase and -2 T_a(q) a(q) of an amplitude, complex phases included."""
    y, x = np.meshgrid(np.arange(48) / 48, np.arange(64) / 64, indexing="ij")
    grating = torch.from_numpy(np.cos(2 * np.pi * (across * x + down * y)))
    q = torch.tensor([across / 25.6 + 1j * down / 19.2])
    drawn = conditions(**values).central()
    transfer = transfer_functions(q, LAMBDA, drawn, step=float(grating_step(across, down)))
    for wave, expected in (
        (torch.polar(torch.ones_like(grating), WEAK * grating), 2 * WEAK * transfer.phase[0, 0]),
        ((1 - WEAK * grating).to(torch.complex128), -2 * WEAK * transfer.amplitude[0, 0]),
    ):
        spectra = wave_spectra(wave[None, None], GRID, ENERGY, 12e-3)
        image = image_intensities(
            spectra, torch.zeros(1, dtype=torch.long), drawn, ImagingSettings(coherence="envelope")
        )
        found = torch.fft.fft2(image[0], norm="forward")[down % 48, across] * 2
        assert abs(complex(found - expected)) < 3e-4 * WEAK


def grating_step(across: int, down: int) -> float:
    """One step of frequency along the azimuth of a grating, over which an aperture's edge falls."""
    phi = math.atan2(down / 19.2, across / 25.6)
    return math.hypot(math.cos(phi) / 25.6, math.sin(phi) / 19.2)


def test_without_aberrations_but_focus_it_is_sin_and_cos_of_chi() -> None:
    q = np.linspace(0.05, 0.4, 8)
    found = azimuthal_transfer(q, LAMBDA, conditions(defocus_nm=30.0).central(), 0.0)
    chi = -math.pi * LAMBDA * 300 * q**2
    assert found.phase[0, 0].numpy() == pytest.approx(np.sin(chi) + 0j, abs=1e-12)
    assert found.amplitude[0, 0].numpy() == pytest.approx(np.cos(chi) + 0j, abs=1e-12)
    assert found.signed[0, 0].numpy() == pytest.approx(np.sin(chi), abs=1e-12)


def test_envelopes_are_given_by_themselves() -> None:
    q = np.linspace(0.05, 0.7, 14)
    values = {"defocus_nm": 30.0, "C30_mm": 1.0, "focal_spread_sigma_nm": 4.0, "angular_spread_sigma_mrad": 0.2}
    found = azimuthal_transfer(q, LAMBDA, conditions(**values).central(), 0.0)
    gradient = 2 * math.pi * (-300 * q + 1e7 * LAMBDA**2 * q**3)
    assert found.temporal[0, 0].numpy() == pytest.approx(np.exp(-0.5 * (math.pi * LAMBDA * 40 * q**2) ** 2))
    assert found.spatial[0, 0].numpy() == pytest.approx(np.exp(-0.5 * (2e-4 * gradient) ** 2))
    assert found.aperture[0, 0, 0] == 1 and found.aperture[0, 0, -1] == 0
    assert torch.equal(found.envelope, found.aperture * found.temporal * found.spatial)


def test_the_edge_of_an_aperture_is_one_step_of_frequency_wide_unless_it_is_wider() -> None:
    step = 0.02
    q = torch.tensor([12e-3 / LAMBDA + share * step for share in (-0.5, -0.25, 0.0, 0.25, 0.5)]) + 0j
    for edge, expected in ((0.0, [1, 0.75, 0.5, 0.25, 0]), (2e3 * LAMBDA * step, [0.75, 0.625, 0.5, 0.375, 0.25])):
        found = transfer_functions(q, LAMBDA, conditions(aperture_edge_mrad=edge).central(), step=step).aperture
        assert found[0].numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_coma_shifts_and_leaves_the_size() -> None:
    q = np.linspace(0.05, 0.4, 8)
    plain, coma = (
        azimuthal_transfer(q, LAMBDA, conditions(**values).central(), 0.0, azimuths=6)
        for values in ({}, {"C21_nm": 500.0, "phi21_deg": 40.0})
    )
    assert torch.allclose(coma.phase.abs(), plain.phase.abs())
    assert torch.allclose(coma.signed, plain.signed)
    assert (coma.phase.imag.abs() > 0.1).any() and not plain.phase.imag.abs().gt(1e-12).any()


@settings(max_examples=30)
@given(imaging())
def test_no_transfer_exceeds_its_envelopes(values: dict[str, float]) -> None:
    q = np.linspace(0.02, 0.5, 25)
    found = azimuthal_transfer(q, LAMBDA, conditions(**values).central(), 30.0, azimuths=4)
    assert (found.phase.abs() <= 1 + 1e-12).all()
    assert (found.signed.abs() <= found.phase.abs() + 1e-12).all()


def test_focal_spread_from_chromatic_aberration_is_the_same_as_given() -> None:
    q = np.linspace(0.1, 0.6, 6)
    chromatic = conditions(Cc_mm=1.2, energy_spread_fwhm_ev=0.7, current_instability_sigma_ppm=0.3).central()
    given_width = conditions(focal_spread_sigma_nm=float(chromatic.focal_spread(ENERGY)) / 10).central()
    one, other = (azimuthal_transfer(q, LAMBDA, drawn, 0.0).temporal for drawn in (chromatic, given_width))
    assert torch.allclose(one, other)
    assert 0.01 < float(one[0, 0, -1]) < 0.9
