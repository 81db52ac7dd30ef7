"""Exact sums over focus and illumination: their nodes, and images against sums made another way."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.core.grids import Grid
from temshift.exitwaves.multislice import Multislice, propagate_through
from temshift.optics import ImagingSettings, image_intensities, wave_spectra
from temshift.optics.aberrations import aberration_basis, aberration_function
from temshift.optics.sums import angle_lattice, band_margin, coherence_nodes, gauss_hermite, hermite_order, sum_error

ENERGY = 300e3
GRID = Grid.covering((16.0, 19.2), 0.2)
CUTOFF = 20e-3
ONE = torch.zeros(1, dtype=torch.long)


@pytest.fixture(scope="module")
def exit_wave() -> torch.Tensor:
    """Two phonon configurations of a strongly scattering cell."""
    draws = np.random.default_rng(5)
    waves = []
    for _ in range(2):
        positions = draws.uniform(0, 1, (150, 3)) * (15.0, 12.0, 30.0)
        numbers = draws.choice([6, 34, 48], 150)
        waves.append(propagate_through(positions, numbers, 30.0, GRID, Multislice(ENERGY, 2.0), dtype=torch.float64))
    return torch.stack(waves)


def conditions(**values: object) -> ImagingConditions:
    return ImagingConditions.model_validate({"dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": 20.0, **values})


def image(wave: torch.Tensor, chosen: ImagingConditions, **imaging: object) -> torch.Tensor:
    tilt = band_margin(chosen.highest("angular_spread_sigma"))
    spectra = wave_spectra(wave[None], GRID, ENERGY, CUTOFF, tilt)
    settings_of = ImagingSettings.model_validate(imaging)
    return image_intensities(spectra, ONE, chosen.central(), settings_of)[0]


def brute_force(wave: torch.Tensor, chosen: ImagingConditions) -> torch.Tensor:
    """The same image on the whole grid: a fine even lattice over focus and both angles, apertures written anew."""
    drawn = chosen.central()
    focus_sd, angle_sd = float(drawn.focal_spread_sigma), float(drawn.angular_spread_sigma)
    lines = [np.linspace(-4.5, 4.5, 21) if sd else np.zeros(1) for sd in (focus_sd, angle_sd, angle_sd)]
    qy, qx = (torch.from_numpy(q) for q in GRID.frequencies())
    wavelength = wave_spectra(wave[None], GRID, ENERGY, CUTOFF).band.wavelength
    spectrum, total, weight = torch.fft.fft2(wave), torch.zeros(GRID.shape, dtype=torch.float64), 0.0
    edge = wavelength * torch.hypot(qx / GRID.extent[1], qy / GRID.extent[0]) / torch.hypot(qx, qy).clamp_min(1e-12)
    edge[0, 0] = 1e-6
    for focus in lines[0]:
        for tilt_x in lines[1]:
            for tilt_y in lines[2]:
                each = math.exp(-(focus**2 + tilt_x**2 + tilt_y**2) / 2)
                omega = wavelength * torch.complex(qx, qy) + angle_sd * complex(tilt_x, tilt_y)
                flat = omega.flatten()
                shifted = {**drawn.aberrations, "C10": drawn.aberrations["C10"] + focus_sd * focus}
                chi = aberration_function(aberration_basis(flat), wavelength, shifted).view(GRID.shape)
                passed = ((CUTOFF - omega.abs()) / edge + 0.5).clamp(0, 1)
                formed = torch.fft.ifft2(spectrum * passed * torch.polar(torch.ones_like(chi), -chi))
                total, weight = total + each * formed.abs().square().mean(dim=0), weight + each
    return total / weight


FOCAL = [{"defocus_nm": 10.0, "focal_spread_sigma_nm": 1.0}, {"defocus_nm": 0.0, "focal_spread_sigma_nm": 3.0}]
ANGULAR = [
    {"defocus_nm": 20.0, "angular_spread_sigma_mrad": 0.1},
    {"defocus_nm": 0.0, "angular_spread_sigma_mrad": 0.3},
    {"defocus_nm": 30.0, "C30_mm": 0.5, "C21_nm": 300.0, "angular_spread_sigma_mrad": 0.3},
]


LONG = [pytest.param(values, marks=pytest.mark.slow) for values in ANGULAR[1:]]


@pytest.mark.parametrize("values", [*FOCAL, ANGULAR[0], *LONG])
def test_images_are_exact_to_the_tolerance(exit_wave: torch.Tensor, values: dict[str, float]) -> None:
    """rms error over the image's standard deviation; the envelopes err at least 2.5 times as much."""
    truth, chosen = brute_force(exit_wave, conditions(**values)), conditions(**values)

    def error(**imaging: object) -> float:
        return float((image(exit_wave, chosen, **imaging) - truth).square().mean().sqrt() / truth.std())

    assert error() < 1e-3
    assert error(tolerance=1e-2) < 1e-2
    assert error(coherence="envelope") > 2.5e-3


def test_a_tighter_tolerance_comes_nearer(exit_wave: torch.Tensor) -> None:
    chosen = conditions(**FOCAL[1])
    truth = image(exit_wave, chosen, tolerance=1e-9)
    errors = [
        float((image(exit_wave, chosen, tolerance=tolerance) - truth).square().mean().sqrt() / truth.std())
        for tolerance in (1e-2, 1e-3, 1e-4, 1e-5)
    ]
    assert all(error < tolerance for error, tolerance in zip(errors, (1e-2, 1e-3, 1e-4, 1e-5), strict=True))
    assert errors == sorted(errors, reverse=True)


def test_without_spread_both_ways_are_the_coherent_image(exit_wave: torch.Tensor) -> None:
    chosen = conditions(defocus_nm=8.0, C12_nm=5.0)
    assert torch.equal(image(exit_wave, chosen), image(exit_wave, chosen, coherence="envelope"))


@settings(max_examples=30)
@given(st.floats(0, 8), st.sampled_from([1e-2, 1e-3, 1e-5]))
def test_the_order_is_the_lowest_that_holds_for_every_beat(reach: float, tolerance: float) -> None:
    order = hermite_order(reach, tolerance)
    assert order is not None
    phases = np.linspace(0, reach, 400)
    nodes, weights = gauss_hermite(order)
    truth = np.exp(-(phases**2) / 2)
    assert np.abs(np.cos(np.outer(phases, nodes)) @ weights - truth).max() <= tolerance * 1.01
    assert order == 1 or sum_error(order - 1, reach) > tolerance


@pytest.mark.parametrize("order", [1, 2, 7, 40])
def test_gauss_hermite_integrates_polynomials(order: int) -> None:
    """Moments of a normal distribution up to order 2 n - 1: 1, 0, 1, 0, 3, 0, 15."""
    nodes, weights = gauss_hermite(order)
    moments = [1.0, 0.0, 1.0, 0.0, 3.0, 0.0, 15.0][: 2 * order]
    assert [float(weights @ nodes**power) for power in range(len(moments))] == pytest.approx(moments, abs=1e-9)


@pytest.mark.parametrize("spacing", [1.5, 1.0, 0.4])
def test_a_lattice_of_angles_has_the_transform_of_a_normal_distribution(spacing: float) -> None:
    points, weights = angle_lattice(spacing, 1e-6)
    assert weights.sum() == pytest.approx(1)
    for phase in (0.0, 0.3 + 0.4j, 1j):
        turned = np.exp(1j * (points * np.conj(phase)).real) @ weights
        bound = 5 * math.exp(-((2 * math.pi / spacing - abs(phase)) ** 2) / 2) + 1e-5
        assert abs(turned - math.exp(-(abs(phase) ** 2) / 2)) < bound


def test_a_sum_that_cannot_reach_the_tolerance_says_so(exit_wave: torch.Tensor) -> None:
    with pytest.raises(
        ValueError, match=r"focal spread turns phases by 19.1 rad .* smaller semiangle_cutoff or spread"
    ):
        image(exit_wave, conditions(defocus_nm=10.0, focal_spread_sigma_nm=30.0))
    with pytest.raises(ValueError, match=r"angular spread turns phases .* coherence: envelope"):
        image(exit_wave, conditions(defocus_nm=5000.0, angular_spread_sigma_mrad=1.0))


def test_nodes_of_an_image_ignore_its_companions() -> None:
    wave = torch.ones(1, 1, *GRID.shape, dtype=torch.complex128)
    band = wave_spectra(wave, GRID, ENERGY, CUTOFF).band
    spread = {"uniform": {"minimum": 0.0, "maximum": 2.0}}
    chosen = conditions(defocus_nm=10.0, focal_spread_sigma_nm=spread, angular_spread_sigma_mrad=0.1)
    drawn = chosen.quantiles(np.random.default_rng(0).random((5, len(COLUMNS))))
    together = coherence_nodes(band, drawn, 1e-3)
    for number, nodes in enumerate(together):
        (alone,) = coherence_nodes(band, drawn.only(slice(number, number + 1)), 1e-3)
        assert np.array_equal(alone.weight, nodes.weight) and np.array_equal(alone.tilt, nodes.tilt)
        assert np.array_equal(alone.focus, nodes.focus)
    assert len({len(nodes.weight) for nodes in together}) > 1
