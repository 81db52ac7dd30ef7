"""Image formation against abTEM: every aberration, envelope and axis, on one exit wave without symmetry."""

import math
from collections.abc import Mapping

import abtem
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.core.grids import Grid
from temshift.exitwaves.multislice import Multislice, propagate_through
from temshift.optics import ImagingSettings, image_intensities, wave_spectra
from temshift.vocabulary.parameters import ABERRATIONS

ENERGY = 300e3
GRID = Grid.covering((16.0, 12.8), 0.2)
CUTOFF = 20.0  # mrad
ENVELOPE = ImagingSettings(coherence="envelope")
UNITS = {"nm": 10.0, "um": 1e4, "mm": 1e7}
WIDTHS = {"focal_spread_sigma_nm": ("focal_spread", 10.0), "angular_spread_sigma_mrad": ("angular_spread", 1.0)}


@pytest.fixture(scope="module")
def exit_wave() -> torch.Tensor:
    draws = np.random.default_rng(3)
    positions = draws.uniform(0, 1, (60, 3)) * (9.0, 8.0, 16.0)
    numbers = draws.choice([6, 34, 48], 60)
    return propagate_through(positions, numbers, 16.0, GRID, Multislice(ENERGY, 2.0), dtype=torch.float64)


# Of a size that changes the image: some tenths of a turn at the edge of the aperture.
SIZES = {1: "nm 12", 2: "nm 700", 3: "um 50", 4: "mm 3", 5: "mm 200"}


def single(symbol: str) -> dict[str, float]:
    """One aberration alone, at an azimuth without symmetry."""
    unit, size = SIZES[ABERRATIONS[symbol][0]].split()
    values = {"defocus_nm": 0.0, f"{symbol}_{unit}": float(size)}
    if symbol == "C10":
        return {"defocus_nm": -float(size)}
    return values | ({f"phi{symbol[1:]}_deg": 23.0} if ABERRATIONS[symbol][1] else {})


CASES = {
    **{symbol: single(symbol) for symbol in ABERRATIONS},
    "underfocus": {"defocus_nm": 12.0},
    "negative C30": {"defocus_nm": 5.0, "C30_mm": -0.8},
    "focal spread": {"defocus_nm": 10.0, "focal_spread_sigma_nm": 3.0},
    "angular spread": {"defocus_nm": 20.0, "C30_mm": 0.5, "angular_spread_sigma_mrad": 0.3},
    "angular spread, astigmatism and coma": {
        "defocus_nm": 20.0,
        "C12_nm": 10.0,
        "phi12_deg": 70.0,
        "C21_nm": 500.0,
        "phi21_deg": -20.0,
        "angular_spread_sigma_mrad": 0.3,
    },
}


@pytest.mark.parametrize("case", CASES)
def test_images_agree(exit_wave: torch.Tensor, case: str) -> None:
    ours, theirs = our_image(exit_wave, CASES[case]), abtem_image(exit_wave, CASES[case])
    assert np.abs(ours - theirs).max() <= 1e-5 * theirs.std()
    assert np.abs(ours - our_image(exit_wave, {"defocus_nm": 0.0})).max() > 0.05 * theirs.std()
    assert np.abs(ours[:, ::-1] - theirs).max() > 0.1 * theirs.std()


@st.composite
def mixtures(draw: st.DrawFn) -> dict[str, float]:
    """Any aberrations at any azimuths, with both envelopes."""
    values = {"defocus_nm": draw(st.floats(-30, 30))}
    for symbol, (order, multiplicity) in ABERRATIONS.items():
        if symbol == "C10" or not draw(st.booleans()):
            continue
        unit, size = SIZES[order].split()
        values[f"{symbol}_{unit}"] = float(size) * draw(st.floats(0.1, 1))
        if multiplicity:
            values[f"phi{symbol[1:]}_deg"] = draw(st.floats(-180, 180))
    return values | {
        "focal_spread_sigma_nm": draw(st.floats(0, 3)),
        "angular_spread_sigma_mrad": draw(st.floats(0, 0.2)),
    }


@settings(max_examples=15)
@given(values=mixtures())
def test_random_mixtures_agree(exit_wave: torch.Tensor, values: dict[str, float]) -> None:
    ours, theirs = our_image(exit_wave, values), abtem_image(exit_wave, values)
    assert np.abs(ours - theirs).max() <= 1e-5 * theirs.std()


def test_a_focal_sum_is_that_of_abtem(exit_wave: torch.Tensor) -> None:
    """abTEM's Gauss-Hermite ensemble of focus, of a higher order than ours needs."""
    values = {"defocus_nm": 10.0, "focal_spread_sigma_nm": 3.0}
    spread = abtem.distributions.gaussian(30.0, 61, center=100.0, ensemble_mean=True, sampling_limit=6)
    ours = our_image(exit_wave, values, ImagingSettings(tolerance=1e-7))
    with abtem.config.set({"precision": "float64"}):
        waves = abtem.Waves(exit_wave.numpy().T.copy(), energy=ENERGY, sampling=GRID.sampling[::-1])
        ctf = abtem.CTF(energy=ENERGY, semiangle_cutoff=CUTOFF, defocus=spread)
        theirs = np.asarray(waves.apply_ctf(ctf).intensity().reduce_ensemble().array).T
    assert np.abs(ours - theirs).max() <= 1e-6 * theirs.std()
    assert np.abs(our_image(exit_wave, values) - theirs).max() > 0.1 * theirs.std()


def our_image(wave: torch.Tensor, values: Mapping[str, float], imaging: ImagingSettings = ENVELOPE) -> np.ndarray:
    given = {"dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": CUTOFF, **values}
    conditions = ImagingConditions.model_validate(given)
    spectra = wave_spectra(wave[None, None], GRID, ENERGY, CUTOFF * 1e-3)
    return image_intensities(spectra, torch.zeros(1, dtype=torch.long), conditions.central(), imaging)[0].numpy()


def abtem_image(wave: torch.Tensor, values: Mapping[str, float]) -> np.ndarray:
    """The same image by abTEM, whose widths are 1/e widths, sqrt(2) sigma."""
    widths = {name: values.get(key, 0.0) * factor * math.sqrt(2) for key, (name, factor) in WIDTHS.items()}
    aberrations = {}
    for key, value in values.items():
        symbol, _, unit = key.partition("_")
        if key not in WIDTHS and symbol != "defocus":
            aberrations[symbol] = math.radians(value) if unit == "deg" else UNITS[unit] * value
    with abtem.config.set({"precision": "float64"}):
        waves = abtem.Waves(wave.numpy().T.copy(), energy=ENERGY, sampling=GRID.sampling[::-1])
        ctf = abtem.CTF(
            energy=ENERGY, semiangle_cutoff=CUTOFF, defocus=10 * values["defocus_nm"], **aberrations, **widths
        )
        image = waves.apply_ctf(ctf).intensity()
    return np.asarray(image.array).T
