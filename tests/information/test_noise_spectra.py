"""Spectra of images up to Nyquist: noise in closed form, and micrographs measured by plain numpy."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import dblquad

from temshift.conditions import ImagingConditions
from temshift.core.grids import Grid
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import grid_of, simulate
from temshift.information import (
    Information,
    ObjectSpectra,
    average_spectra,
    information,
    measure_specimen,
    pair_metrics,
    shipped_library,
    spectral_distance,
)
from temshift.information.transfer.metrics import Replicates
from temshift.optics import ImagingSettings, Microscope, image_intensities, wave_spectra
from temshift.optics.camera import CameraSettings, camera_response, detect

Array = NDArray[np.float64]

Q = np.arange(1, 33) / 51.2
NOTHING = ObjectSpectra(Q, np.zeros(32), np.zeros(32), 0.0, 0.0, 0.2)
PIXEL = 0.4
SCOPE = Microscope(300e3, nyquist=0.5 / PIXEL)
GREATEST = math.sqrt(8 / math.pi)


def conditions(**given_values: object) -> ImagingConditions:
    values = {"defocus_nm": 9.0, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0, **given_values}
    return ImagingConditions.model_validate(values)


def noise_alone(microscope: Microscope = SCOPE, **given_values: object) -> Information:
    return information(conditions(**given_values), NOTHING, microscope, draws=2)


def binning(count: int, nyquist: float = SCOPE.nyquist) -> Microscope:
    return Microscope(300e3, ImagingSettings(camera=CameraSettings(binning=count)), nyquist)


def test_white_noise_is_white_noise_at_any_dose_and_binning() -> None:
    one, other = noise_alone(dose_e_per_A2=10.0), noise_alone(dose_e_per_A2=1e4)
    assert one.spectrum == pytest.approx(np.ones(64))
    assert spectral_distance(one, other) == pytest.approx(0, abs=1e-12)
    summed = noise_alone(binning(2), read_noise_counts=3.0)
    assert summed.spectrum == pytest.approx(np.ones(32))
    assert summed.q[-1] == pytest.approx(0.625)


@pytest.mark.parametrize("half", [0.4, 0.6, 1.2])
def test_the_noise_of_a_camera_is_its_ntf_squared_over_the_mean_of_the_square(half: float) -> None:
    def squared(radius: float) -> float:
        return 2.0 ** (-2 * (radius / half) ** 2)

    mean, _ = dblquad(lambda x, y: squared(math.hypot(x, y)), 0, 1, 0, 1)
    found = noise_alone(mtf_half_frequency=half, ntf_half_frequency=half)
    expected = np.array([squared(q / SCOPE.nyquist) for q in found.q]) / mean
    assert found.spectrum == pytest.approx(expected, rel=5e-3, abs=1e-4)
    distance = math.sqrt(np.average((np.sqrt(expected) - 1) ** 2, weights=found.q))
    assert spectral_distance(found, noise_alone()) == pytest.approx(distance, rel=2e-3)


def test_read_noise_fills_what_the_ntf_leaves() -> None:
    """(r / g)^2 / n in units of shot noise, n the electrons of a pixel."""
    floor = 4.0**2 / (400 * PIXEL**2)
    coloured = noise_alone(mtf_half_frequency=0.4, ntf_half_frequency=0.4)
    filled = noise_alone(mtf_half_frequency=0.4, ntf_half_frequency=0.4, read_noise_counts=4.0)
    ratio = filled.spectrum - filled.spectrum[-1]
    assert ratio / ratio[0] == pytest.approx(
        (coloured.spectrum - coloured.spectrum[-1]) / coloured.spectrum[0], rel=0.1
    )
    ntf_squared = 2.0 ** (-2 * (filled.q[-1] / SCOPE.nyquist / 0.4) ** 2)
    assert filled.spectrum[0] / filled.spectrum[-1] == pytest.approx((1 + floor) / (ntf_squared + floor), rel=0.01)


def measured_power(images: Array, pixel: float, q: Array) -> Array:
    """Power of standardised images in rings, by plain numpy."""
    standard = images - images.mean(axis=(1, 2), keepdims=True)
    standard /= standard.std(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(standard)) ** 2).mean(axis=0) / images[0].size
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(size, pixel) for size in images.shape[1:]), indexing="ij"))
    return np.array([power[np.abs(radius - middle) < q[0] / 2].mean() for middle in q])


def photographed(
    intensity: torch.Tensor, chosen: ImagingConditions, scope: Microscope, grid: Grid, seeds: range
) -> Array:
    """Micrographs of one intensity (1, y, x), a seed each."""
    drawn, camera = chosen.central(), scope.imaging.camera
    answer = camera_response(drawn, camera)
    return np.concatenate([detect(intensity, drawn.dose, grid, [seed], answer).numpy() for seed in seeds])


CAMERAS = [
    ({}, 1),
    ({"mtf_half_frequency": 0.6, "ntf_half_frequency": 0.6}, 1),
    ({"mtf_half_frequency": 0.6}, 1),
    ({"mtf_half_frequency": 0.7, "ntf_half_frequency": 0.9, "read_noise_counts": 3.0, "gain_counts_per_e": 2.0}, 2),
    ({"mtf_half_frequency": 0.5, "ntf_half_frequency": 0.5}, 2),
]


@pytest.mark.parametrize(("camera", "count"), CAMERAS)
def test_a_flat_field_has_the_spectrum_that_is_computed(camera: dict[str, float], count: int) -> None:
    microscope, chosen = binning(count), conditions(**camera)
    grid = Grid((96, 96), (PIXEL, PIXEL))
    images = photographed(torch.ones(1, 96, 96, dtype=torch.float64), chosen, microscope, grid, range(200))
    flat = replace(NOTHING, q=np.arange(1, 9) / 38.4, particle=np.zeros(8), substrate=np.zeros(8))
    found = information(chosen, flat, microscope, draws=2)
    assert found.q[-1] == pytest.approx(microscope.image_nyquist)
    measured = measured_power(images, PIXEL * count, found.q)
    assert measured == pytest.approx(found.spectrum, rel=0.05, abs=2e-3)


# Micrographs of objects -----------------------------------------------------------------------------------------------

WEAK = ExitWaveSettings.model_validate({"energy_kev": 300, "sampling_angstrom": 0.4, "slice_thickness_angstrom": 2})


def weak_specimen(number: int) -> Atoms:
    """Carbon atoms in two planes, no two above each other: a film of 24 and a particle of 36, 80 A apart."""
    draws = np.random.default_rng(number)
    cells = np.array([(x, y) for x in range(16) for y in range(16)])
    within = np.flatnonzero((cells >= 4).all(axis=1) & (cells < 11).all(axis=1))
    chosen = [draws.choice(256, 24, replace=False), draws.choice(within, 36, replace=False)]
    places = 2.0 * np.concatenate([cells[each] for each in chosen]) + draws.uniform(0, 1, (60, 2))
    atoms = Atoms(["C"] * 60, np.column_stack([places, np.repeat([5.0, 85.0], [24, 36])]), cell=[32.0, 32.0, 90.0])
    atoms.arrays["particle"] = np.repeat([-1, 0], [24, 36]).astype(np.int16)
    atoms.info.update({"substrate_thickness_angstrom": 0.0, "particles": []})
    return atoms


@pytest.mark.parametrize(("camera", "count"), CAMERAS[:3])
def test_micrographs_have_the_spectrum_that_is_computed(camera: dict[str, float], count: int) -> None:
    """Objects against noise, within the aperture and beyond: multislice, lens, camera, and numpy's FFT."""
    specimens = [weak_specimen(number) for number in range(12)]
    objects = average_spectra([measure_specimen(atoms, WEAK, 0.6) for atoms in specimens])
    chosen, grid, scope = conditions(dose_e_per_A2=40000.0, **camera), grid_of(specimens[0], WEAK), binning(count)
    images = []
    for number, atoms in enumerate(specimens):
        waves = wave_spectra(simulate(atoms, WEAK, 0, 0).waves[None], grid, 300e3, 12e-3)
        intensity = image_intensities(waves, torch.zeros(1, dtype=torch.long), chosen.central()).double()
        images.append(photographed(intensity, chosen, scope, grid, range(20 * number, 20 * number + 20)))
    found = information(chosen, objects, scope, draws=2)
    measured = measured_power(np.concatenate(images), PIXEL, found.q)
    apart = np.sqrt(np.average((np.sqrt(measured) - np.sqrt(found.spectrum)) ** 2, weights=found.q))
    blind = spectral_distance(found, information(chosen, empty(objects), scope, draws=2))
    assert apart < 0.05 < 0.3 * blind


def empty(objects: ObjectSpectra) -> ObjectSpectra:
    return replace(objects, particle=0 * objects.particle, substrate=0 * objects.substrate)


# Bounds and axioms ----------------------------------------------------------------------------------------------------


def standardised(power: Array) -> Information:
    """A spectrum of that power in 32 rings up to Nyquist, and no more beyond it, standardised over the square."""
    step = Q[0]
    mean = (2 * np.pi * Q * power * step).sum() / (2 * (Q[-1] + step / 2)) ** 2
    whole = np.asarray(power / mean)[None]
    return Information(0.0, 0.0, whole[0], Replicates(whole, whole, whole, whole, whole), Q, float(Q[-1] + step / 2))


powers = st.lists(st.floats(0, 1e3), min_size=32, max_size=32).filter(lambda some: max(some) > 1e-3).map(np.array)


@settings(max_examples=50)
@given(powers, powers, powers)
def test_the_distance_is_a_bounded_metric_of_any_spectra(one: Array, two: Array, three: Array) -> None:
    a, b, c = (standardised(power) for power in (one, two, three))
    assert spectral_distance(a, a) == 0
    assert spectral_distance(a, b) == spectral_distance(b, a)
    assert spectral_distance(a, c) <= spectral_distance(a, b) + spectral_distance(b, c) + 1e-9
    assert 0 <= spectral_distance(a, b) <= GREATEST * 1.001


def test_spectra_with_nothing_in_common_reach_the_bound() -> None:
    halves = [standardised(np.where(side, 1.0, 0.0)) for side in (Q < 0.3, Q >= 0.3)]
    assert spectral_distance(*halves) == pytest.approx(GREATEST, rel=1e-3)


def test_a_camera_that_colours_noise_is_a_greater_change_than_its_mtf_alone() -> None:
    """The step of the quick study at -10 nm that costs networks a factor of five, and one that costs a fifth."""
    objects = shipped_library("CdSe").mean
    inside = objects.q <= 0.61
    objects = replace(objects, **{name: getattr(objects, name)[inside] for name in ("q", "particle", "substrate")})
    usual = {"defocus_nm": {"normal": {"mean": -10, "sd": 1.5}}, "focal_spread_sigma_nm": 1.0}
    halves = ({}, {"mtf_half_frequency": 0.6}, {"mtf_half_frequency": 0.6, "ntf_half_frequency": 0.6})
    before, signal, noise = (information(conditions(**usual, **each), objects, SCOPE) for each in halves)
    pairs = [pair_metrics(before, after, objects) for after in (signal, noise)]
    assert pairs[1].distance.value > 2.5 * pairs[0].distance.value
    assert pairs[1].distance_log_aperture.value < 2 * pairs[0].distance_log_aperture.value
