"""epsilon, S, d and sigma: closed forms, laws, an independent sum, and the images themselves."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import pdist

from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import condition_deviates
from temshift.core.electrons import wavelength
from temshift.core.seeds import Stage, generator
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import grid_of, simulate
from temshift.information import (
    Information,
    ObjectSpectra,
    average_spectra,
    information,
    log_aperture_distance,
    measure_specimen,
    spectral_distance,
    transfer_similarity,
)
from temshift.information.transfer.metrics import Replicates
from temshift.optics import ImagingSettings, Microscope, image_intensities, wave_spectra
from temshift.optics.camera import CameraSettings
from temshift.report.page.sections import LIMITS_OF_ALL

LAMBDA = wavelength(300e3)
SCOPE = Microscope(300e3, nyquist=1.0)
AZIMUTHS = 64
Q = np.arange(1, 33) / 51.2
CUTOFF = 12.0


def objects(particle_height: float = 12.0, substrate_height: float = 41.0, fraction: float = 0.2) -> ObjectSpectra:
    """Spectra like those of CdSe on carbon."""
    return ObjectSpectra(Q, 3 * np.exp(-3 * Q), 1.5 * np.exp(-3 * Q), particle_height, substrate_height, fraction)


def conditions(**given_values: object) -> ImagingConditions:
    values = {"defocus_nm": -10.0, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": CUTOFF, **given_values}
    return ImagingConditions.model_validate(values)


def inform(
    spectra: ObjectSpectra | None = None, *, draws: int = 16, seed: int = 0, **given_values: object
) -> Information:
    return information(conditions(**given_values), spectra or objects(), SCOPE, draws=draws, seed=seed)


def normal(mean: float, sd: float) -> dict[str, dict[str, float]]:
    return {"normal": {"mean": mean, "sd": sd}}


defocus = st.floats(-40, 40)
kinds = st.builds(
    lambda focus, sd, dose, spherical, spread: conditions(
        defocus_nm=normal(focus, sd), dose_e_per_A2=dose, C30_mm=spherical, focal_spread_sigma_nm=spread
    ),
    defocus,
    st.floats(0, 12),
    st.floats(10, 2000),
    st.floats(-1, 1),
    st.floats(0, 4),
)


def test_no_transfer_carries_no_information() -> None:
    """A phase object in exact focus: T = 0, epsilon = 0, and the image is white noise."""
    nothing = inform(objects(0.0, 0.0), defocus_nm=0.0)
    assert nothing.epsilon == 0
    assert np.allclose(nothing.spectrum, 1)


@pytest.mark.parametrize("dose", [1.0, 50.0, 4000.0])
def test_one_ring_has_a_closed_form(dose: float) -> None:
    """At pi lambda h q^2 = pi/2 the transfer of the particle is 1; twice as high up, the substrate's is 0."""
    q, P, C = 0.25, 3.0, 1.5
    height = 0.5 / (LAMBDA * q**2)
    ring = (np.array([q]), np.array([P]), np.array([C]))
    wide = {"defocus_nm": 0.0, "dose_e_per_A2": dose, "semiangle_cutoff_mrad": 50.0}
    found = inform(ObjectSpectra(*ring, height, 2 * height, 0.2), **wide)
    assert found.epsilon == pytest.approx(math.log2(1 + 4 * dose * P))
    both = inform(ObjectSpectra(*ring, height, height, 0.2), **wide)
    assert both.epsilon == pytest.approx(math.log2(1 + 4 * dose * P / (1 + 4 * dose * C)))
    assert inform(ObjectSpectra(*ring, 2 * height, height, 0.2), **wide).epsilon == pytest.approx(0, abs=1e-9)


def independent(given_values: ImagingConditions, spectra: ObjectSpectra, draws: int) -> tuple[float, np.ndarray]:
    """epsilon and S (mean 1 over the square up to Nyquist) as plain sums over draws, azimuths and rings."""
    uniform = condition_deviates(generator(0, Stage.METRIC), draws)
    bits, total = 0.0, np.zeros(len(Q))
    for row in uniform:
        focus = -10 * stats.norm.ppf(row[0], given_values.defocus_nm.normal.mean, given_values.defocus_nm.normal.sd)
        power = np.zeros(len(Q))
        for azimuth in np.arange(AZIMUTHS) * math.pi / AZIMUTHS:
            for ring, q in enumerate(Q):
                particle, substrate = (
                    4
                    * given_values.dose_e_per_A2.fixed
                    * transfer_squared(q, azimuth, focus + height, given_values)
                    * level
                    for height, level in (
                        (spectra.particle_height, spectra.particle[ring]),
                        (spectra.substrate_height, spectra.substrate[ring]),
                    )
                )
                bits += q * math.log2(1 + particle / (1 + substrate)) / Q.sum() / draws / AZIMUTHS
                power[ring] += (1 + spectra.area_fraction * particle + substrate) / AZIMUTHS
        signal = 2 * math.pi * (Q * (power - 1)).sum() * Q[0] / (2 * SCOPE.nyquist) ** 2
        total += power / (1 + signal) / draws
    return bits, total


def transfer_squared(q: float, azimuth: float, focus: float, given_values: ImagingConditions) -> float:
    """(sin chi times envelopes)^2, written out; apertures end a linear edge of one ring."""
    twofold = 10 * given_values.C12_nm.fixed * math.cos(2 * (azimuth - math.radians(given_values.phi12_deg.fixed)))
    spherical = 1e7 * given_values.C30_mm.fixed
    chi = math.pi * LAMBDA * (focus + twofold) * q**2 + math.pi / 2 * spherical * LAMBDA**3 * q**4
    spread = 10 * given_values.focal_spread_sigma_nm.fixed
    damping = math.exp(-0.5 * (math.pi * LAMBDA * spread * q**2) ** 2)
    edge = min(1.0, max(0.0, (CUTOFF * 1e-3 / LAMBDA - q) / Q[0] + 0.5))
    return (math.sin(chi) * damping * edge) ** 2


def test_the_metrics_agree_with_an_independent_sum() -> None:
    chosen = conditions(
        defocus_nm=normal(8.0, 3.0),
        C30_mm=0.4,
        C12_nm=3.0,
        phi12_deg=25.0,
        focal_spread_sigma_nm=1.5,
        dose_e_per_A2=150.0,
    )
    bits, spectrum = independent(chosen, objects(), 6)
    found = information(chosen, objects(), SCOPE, draws=6)
    assert found.epsilon == pytest.approx(bits, rel=1e-9)
    assert found.spectrum[: len(Q)] == pytest.approx(spectrum, rel=1e-9)
    assert found.spectrum[len(Q) :] == pytest.approx(np.full(19, found.spectrum[-1]))  # white noise, up to 51 / 51.2


@settings(max_examples=25)
@given(defocus, st.floats(1, 1000), st.floats(1.1, 10))
def test_more_dose_means_more_information(focus: float, dose: float, factor: float) -> None:
    """Each ring grows with the dose, up to the limit that the substrate sets."""
    low, high = (inform(defocus_nm=focus, dose_e_per_A2=value).epsilon for value in (dose, dose * factor))
    assert 0 <= low < high


def test_no_dose_means_no_information() -> None:
    """To first order epsilon is proportional to the dose."""
    little, less = (inform(dose_e_per_A2=dose).epsilon for dose in (1e-6, 1e-7))
    assert little < 1e-4
    assert little == pytest.approx(10 * less, rel=1e-3)


@settings(max_examples=25)
@given(kinds, st.floats(1.01, 4))
def test_a_noisier_substrate_hides_and_a_stronger_particle_shows(chosen: ImagingConditions, factor: float) -> None:
    plain = objects()
    noisier = ObjectSpectra(Q, plain.particle, factor * plain.substrate, 12.0, 41.0, 0.2)
    stronger = ObjectSpectra(Q, factor * plain.particle, plain.substrate, 12.0, 41.0, 0.2)
    of = [information(chosen, one, SCOPE, draws=8).epsilon for one in (noisier, plain, stronger)]
    assert of[0] < of[1] < of[2]


@settings(max_examples=25)
@given(defocus, st.floats(-300, 300))
def test_only_focus_and_height_together_count(focus: float, shift: float) -> None:
    """A specimen higher up by some angstrom is seen the same at so much more underfocus."""
    here = inform(defocus_nm=focus)
    there = inform(objects(12.0 + shift, 41.0 + shift), defocus_nm=focus + shift / 10)
    assert there.epsilon == pytest.approx(here.epsilon, rel=1e-6)
    assert there.spectrum == pytest.approx(here.spectrum, rel=1e-6)


@settings(max_examples=25)
@given(defocus, st.floats(-1, 1))
def test_contrast_reversal_does_not_count(focus: float, spherical: float) -> None:
    """chi and -chi transfer alike: heights, focus and spherical aberration all change sign."""
    one = inform(defocus_nm=focus, C30_mm=spherical)
    other = inform(objects(-12.0, -41.0), defocus_nm=-focus, C30_mm=-spherical)
    assert other.epsilon == pytest.approx(one.epsilon, rel=1e-9)


def test_a_camera_counts_by_its_dqe() -> None:
    """DQE(q) multiplies the dose; a blur after counting (NTF = MTF) costs no information, and colours the image."""
    perfect = inform()
    assert inform(dqe_zero=0.5).epsilon == pytest.approx(inform(dose_e_per_A2=200.0).epsilon, rel=1e-12)
    counting = inform(mtf_half_frequency=0.4)
    assert counting.epsilon < 0.95 * perfect.epsilon
    blurred = inform(mtf_half_frequency=0.4, ntf_half_frequency=0.4)
    assert blurred.epsilon == pytest.approx(perfect.epsilon, rel=1e-12)
    ntf = np.exp(-math.log(2) * (perfect.q / 0.4) ** 2)
    shares = blurred.spectrum / (perfect.spectrum * ntf**2)
    assert shares == pytest.approx(np.full(len(shares), shares[0]), rel=0.01)  # to the azimuthal mean of a profile


def test_the_camera_counts_in_units_of_its_nyquist_frequency() -> None:
    fine, coarse = (
        information(conditions(mtf_half_frequency=half), objects(), replace(SCOPE, nyquist=nyquist), draws=4)
        for half, nyquist in ((0.4, 1.25), (0.8, 0.625))
    )
    assert fine.epsilon == pytest.approx(coarse.epsilon, rel=1e-12)


def test_beyond_the_end_of_a_camera_there_is_no_information() -> None:
    """Tables of signal and noise that both end at 0 leave 0 / 0."""
    ends = [{"frequency_nyquist": [0.0, 0.5, 1.0], "value": [1.0, middle, 0.0]} for middle in (0.5, 0.6)]
    camera = CameraSettings.model_validate({"mtf_table": ends[0], "ntf_table": ends[1]})
    rings, whole_objects = 15, objects()
    microscope = Microscope(300e3, ImagingSettings(camera=camera), float(Q[rings]))
    radial = {name: getattr(whole_objects, name)[:rings] for name in ("q", "particle", "substrate")}
    whole, part = (
        information(conditions(), spectra, microscope, draws=2)
        for spectra in (whole_objects, replace(whole_objects, **radial))
    )
    assert whole.epsilon * Q.sum() == pytest.approx(part.epsilon * Q[:rings].sum())
    assert spectral_distance(whole, whole) == 0


def test_vibration_counts_as_a_camera_that_blurs_as_much() -> None:
    """exp(-2 pi^2 s^2 q^2) is 1/2 at q = sqrt(ln 2 / 2) / (pi s)."""
    half = math.sqrt(math.log(2) / 2) / (math.pi * 0.8)
    moved, blurred = inform(vibration_sigma_nm=0.08), inform(mtf_half_frequency=half)
    assert moved.epsilon == pytest.approx(blurred.epsilon)
    assert moved.spectrum == pytest.approx(blurred.spectrum)
    assert moved.epsilon < 0.9 * inform().epsilon


def test_motion_takes_information_along_its_azimuth() -> None:
    still, shaking, drifting = inform(), inform(vibration_sigma_nm=0.05), inform(drift_nm=0.05 * 12**0.5)
    assert shaking.epsilon < drifting.epsilon < still.epsilon
    assert inform(drift_nm=0.1, drift_azimuth_deg=77.0).epsilon == pytest.approx(inform(drift_nm=0.1).epsilon, rel=5e-3)


@settings(max_examples=10)
@given(st.floats(0, 2000), st.floats(-180, 180))
def test_coma_alone_takes_no_information(coma: float, azimuth: float) -> None:
    """An odd aberration shifts what it images, and a shift loses nothing."""
    assert inform(C21_nm=coma, phi21_deg=azimuth).epsilon == pytest.approx(inform().epsilon, rel=1e-6)


def test_two_planes_tell_underfocus_from_overfocus_and_one_does_not() -> None:
    under, over = (inform(defocus_nm=focus) for focus in (10.0, -10.0))
    assert abs(under.epsilon - over.epsilon) > 0.05
    assert spectral_distance(under, over) > 0.1
    flat_under, flat_over = (inform(objects(0.0, 0.0), defocus_nm=focus) for focus in (10.0, -10.0))
    assert flat_under.epsilon == pytest.approx(flat_over.epsilon)
    assert spectral_distance(flat_under, flat_over) == pytest.approx(0, abs=1e-12)


@settings(max_examples=10)
@given(st.floats(0, 180))
def test_weak_astigmatism_counts_whatever_its_azimuth(azimuth: float) -> None:
    spread = {"defocus_nm": normal(-10, 1.5), "C12_nm": 4.0}
    turned, straight = (inform(draws=64, phi12_deg=phi, **spread) for phi in (azimuth, 0.0))
    assert turned.epsilon == pytest.approx(straight.epsilon, rel=5e-3)


def test_strong_astigmatism_counts_whatever_its_azimuth() -> None:
    """An average over azimuth can't depend on where the astigmatism points."""
    spread = {"defocus_nm": normal(-10, 1.5), "C12_nm": 20.0, "focal_spread_sigma_nm": 1.0}
    found = [inform(draws=64, phi12_deg=phi, **spread) for phi in (0.0, 10.0, 30.0, 45.0)]
    assert np.ptp([one.epsilon for one in found]) < 0.03
    assert max(spectral_distance(found[0], one) for one in found) < 0.01


@settings(max_examples=25)
@given(kinds)
def test_the_spectrum_is_positive_and_has_a_mean_of_one_over_the_square(chosen: ImagingConditions) -> None:
    """Summed over a plane of pixels; in its corners noise is as beyond the aperture, for the camera is perfect."""
    found = information(chosen, objects(), SCOPE, draws=8)
    radius = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(256, 0.5)])).ravel()[1:]
    assert (found.spectrum > 0).all()
    assert np.interp(radius, found.q, found.spectrum).mean() == pytest.approx(1, rel=0.02)


@settings(max_examples=25)
@given(kinds, kinds, kinds)
def test_the_distance_is_a_metric_and_sigma_lies_in_0_to_1(
    one: ImagingConditions, two: ImagingConditions, three: ImagingConditions
) -> None:
    a, b, c = (information(chosen, objects(), SCOPE, draws=8) for chosen in (one, two, three))
    assert spectral_distance(a, a) == 0
    assert spectral_distance(a, b) == spectral_distance(b, a)
    assert spectral_distance(a, c) <= spectral_distance(a, b) + spectral_distance(b, c) + 1e-12
    assert 0 < transfer_similarity(spectral_distance(a, b)) <= 1


def given_spectrum(spectrum: np.ndarray) -> Information:
    whole = spectrum[None]
    return Information(0.0, 0.0, spectrum, Replicates(whole, whole, whole, whole, whole), Q, 1.0)


def test_a_spectrum_four_times_another_lies_at_distance_one_and_sigma_1_over_e() -> None:
    flat, stronger = given_spectrum(np.ones(len(Q))), given_spectrum(np.full(len(Q), 4.0))
    assert spectral_distance(flat, stronger) == pytest.approx(1)
    assert log_aperture_distance(flat, stronger, Q) == pytest.approx(math.log(4))
    assert transfer_similarity(1.0) == pytest.approx(1 / math.e)
    assert transfer_similarity(0.0) == 1.0


def test_the_distance_weighs_rings_by_their_circumference() -> None:
    """An amplitude of 2 in one ring, at q_k: d^2 = q_k / sum q."""
    flat = given_spectrum(np.ones(len(Q)))
    for ring in (0, 20):
        one = np.ones(len(Q))
        one[ring] = 4.0
        expected = math.sqrt(Q[ring] / Q.sum())
        assert spectral_distance(flat, given_spectrum(one)) == pytest.approx(expected)


def test_the_error_is_the_scatter_over_seeds_and_shrinks_with_the_root_of_the_draws() -> None:
    broad = {"defocus_nm": normal(0, 12)}
    runs = {draws: [inform(draws=draws, seed=seed, **broad) for seed in range(60)] for draws in (16, 256)}
    errors = {draws: float(np.mean([run.epsilon_error for run in found])) for draws, found in runs.items()}
    for draws, found in runs.items():
        assert np.std([run.epsilon for run in found], ddof=1) == pytest.approx(errors[draws], rel=0.35)
    assert errors[16] / errors[256] == pytest.approx(4, rel=0.15)


def test_fixed_conditions_have_no_error_and_one_seed_repeats() -> None:
    assert inform().epsilon_error == pytest.approx(0, abs=1e-12)
    broad = {"defocus_nm": normal(0, 12)}
    assert inform(seed=3, **broad).epsilon == inform(seed=3, **broad).epsilon
    assert inform(seed=3, **broad).epsilon != inform(seed=4, **broad).epsilon


# The images themselves ------------------------------------------------------------------------------------------------

WEAK = ExitWaveSettings.model_validate({"energy_kev": 300, "sampling_angstrom": 0.4, "slice_thickness_angstrom": 2})


def apart(draws: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Points anywhere in a square, no two on one spot."""
    while pdist(points := draws.uniform(low, high, (count, 2))).min() < 0.3:
        pass
    return points


def weak_specimen(number: int) -> Atoms:
    """Carbon atoms in two planes: 12 anywhere 105 A upstream of the exit plane, 36 in a square 5 A upstream of it."""
    draws = np.random.default_rng(number)
    places = np.concatenate([apart(draws, 0, 32.0, 12), apart(draws, 8, 22, 36)])
    atoms = Atoms(["C"] * 48, np.column_stack([places, np.repeat([5.0, 105.0], [12, 36])]), cell=[32.0, 32.0, 110.0])
    atoms.arrays["particle"] = np.repeat([-1, 0], [12, 36]).astype(np.int16)
    atoms.info.update({"substrate_thickness_angstrom": 0.0, "particles": []})
    return atoms


def image_power(atoms: Atoms, chosen: ImagingConditions, q: np.ndarray) -> np.ndarray:
    """|FT(I - 1)|^2 / area of one noiseless image, averaged in rings."""
    grid = grid_of(atoms, WEAK)
    spectra = wave_spectra(simulate(atoms, WEAK, 0, 0).waves[None], grid, 300e3, CUTOFF * 1e-3)
    image = image_intensities(spectra, torch.zeros(1, dtype=torch.long), chosen.central())[0].numpy()
    power = np.abs(np.fft.fft2(image) * grid.pixel_area) ** 2 / 32.0**2
    radius = np.hypot(*grid.frequencies())
    return np.array([power[np.abs(radius - one) < q[0] / 2].mean() for one in q])


UPSIDE_DOWN = {"substrate_height": -105.0}
SWAPPED = {"particle_height": 105.0, "substrate_height": 5.0}
NO_SHARE = {"area_fraction": 1.0}


@pytest.mark.parametrize(("focus", "mistakes"), [(10.0, (UPSIDE_DOWN,)), (-5.0, (UPSIDE_DOWN, SWAPPED, NO_SHARE))])
def test_the_spectrum_is_that_of_simulated_images(focus: float, mistakes: tuple[dict[str, float], ...]) -> None:
    """4 (f P T_p^2 + C T_c^2) against multislice, lens and squared modulus; wrong heights and shares miss it.

    At 10 nm the substrate is all but in focus. Below 0.15 / A the transfer of phases is so weak that what is second
    order in the phase counts.
    """
    specimens = [weak_specimen(number) for number in range(16)]
    measured = average_spectra([measure_specimen(atoms, WEAK, 0.55) for atoms in specimens])
    found = np.mean([image_power(atoms, conditions(defocus_nm=focus), measured.q) for atoms in specimens], axis=0)
    assert mismatch(measured, focus, found) < 0.1
    assert min(mismatch(replace(measured, **mistake), focus, found) for mistake in mistakes) > 0.2


def mismatch(measured: ObjectSpectra, focus: float, found: np.ndarray) -> float:
    """Root mean square difference of the logarithms of two normalised spectra beyond 0.15 / A."""
    expected = inform(measured, draws=2, defocus_nm=focus, dose_e_per_A2=1e9).spectrum[: len(measured.q)]
    band = measured.q > 0.15
    weights = measured.q[band]
    shares = [one[band] / np.average(one[band], weights=weights) for one in (expected, found)]
    return float(np.sqrt(np.average(np.log(shares[0] / shares[1]) ** 2, weights=weights)))


@pytest.mark.parametrize("changed", [{"read_noise_counts": 4.0}, {"pixel_size_error_percent": 5.0}])
def test_read_noise_and_errors_of_the_pixel_size_count(changed: dict[str, float]) -> None:
    """The page's limits say so."""
    usual, other = inform(), inform(**changed)
    assert abs(other.epsilon - usual.epsilon) > 1e-3 * usual.epsilon
    assert spectral_distance(usual, other) > 1e-3
    assert "Read noise and errors of the pixel size are in both" in " ".join(LIMITS_OF_ALL)
