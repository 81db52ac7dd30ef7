"""Metrics of pairs, their Monte-Carlo errors, and that every parameter counts."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.core.electrons import wavelength
from temshift.information import (
    Information,
    ObjectSpectra,
    distance_matrix,
    information,
    pair_metrics,
    signed_cosine,
    spectral_distance,
    transfer_overlap,
)
from temshift.information.transfer.monte_carlo import jackknife_error, replicates
from temshift.optics import Microscope
from temshift.vocabulary.parameters import CANONICAL

LAMBDA = wavelength(300e3)
MARKS = {  # of beam and camera, which no formula knows
    *("illumination_sd", "gain_residue_sd", "dead_pixels", "hot_pixels", "hot_pixel_level"),
    *("xray_hits", "xray_counts", "camera_number"),
}
SCOPE = Microscope(300e3, nyquist=1.25)
Q = np.arange(1, 33) / 51.2
OBJECTS = ObjectSpectra(Q, 3 * np.exp(-3 * Q), 1.5 * np.exp(-3 * Q), 12.0, 41.0, 0.2)
BASE = {
    "defocus_nm": {"normal": {"mean": -10.0, "sd": 1.5}},
    "dose_e_per_A2": 400.0,
    "semiangle_cutoff_mrad": 12.0,
    "angular_spread_sigma_mrad": 0.3,
    "focal_spread_sigma_nm": 1.0,
    "Cc_mm": 1.0,
    "C12_nm": 3.0,
    "phi12_deg": 20.0,
    "C30_mm": 0.1,
    "drift_nm": 0.05,
    "read_noise_counts": 0.5,
    "mtf_half_frequency": 0.9,
    "ntf_half_frequency": 1.1,
}


def inform(spectra: ObjectSpectra = OBJECTS, *, draws: int = 16, seed: int = 0, **given_values: object) -> Information:
    values = {"defocus_nm": -10.0, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0, **given_values}
    chosen = ImagingConditions.model_validate(values)
    return information(chosen, spectra, SCOPE, draws=draws, seed=seed)


def normal(mean: float, sd: float) -> dict[str, dict[str, float]]:
    return {"normal": {"mean": mean, "sd": sd}}


# Every parameter counts -----------------------------------------------------------------------------------------------

CHANGED = {
    "aperture_edge_mrad": 3.0,
    "semiangle_cutoff_mrad": 9.0,
    "dqe_zero": 0.5,
    "gain_counts_per_e": 0.3,
    "pixel_size_error_percent": 4.0,
    "dose_e_per_A2": 100.0,
    "mtf_half_frequency": 0.5,
    "scattering_share": 0.4,
    "counting_frames": 50.0,
    "defocus_nm": normal(-14.0, 1.5),
    "focal_spread_sigma_nm": 3.0,
    "C12_nm": 6.0,
    "vibration_sigma_nm": 0.05,
}
USUAL = {"C21_nm": 4e3, "C23_nm": 4e3, "C41_um": 3e3, "C43_um": 3e3, "C45_um": 3e3, "C32_um": 5.0, "C34_um": 5.0}
ENERGY = {"energy_spread_sigma_ev": 2.0, "voltage_instability_sigma_ppm": 5.0, "current_instability_sigma_ppm": 5.0}


def changed(key: str) -> dict[str, object]:
    """A value of a parameter that differs from BASE; azimuths need their coefficient."""
    if key.startswith("phi"):
        symbol = next(row.key for row in CANONICAL if row.field == f"C{key[3:5]}")
        return {symbol: large(symbol), key: 33.0}
    return {key: CHANGED.get(key, large(key))}


def large(key: str) -> float:
    default = {"mm": 20.0 if key.startswith("C5") else 0.5}.get(key.rsplit("_", 1)[-1], 1.0)
    return {**USUAL, **ENERGY, "Cc_mm": 2.0, "C12_nm": 3.0, "drift_azimuth_deg": 70.0, "drift_nm": 0.15}.get(
        key, default
    )


@pytest.mark.parametrize("key", [row.key for row in CANONICAL if row.field not in MARKS])
def test_every_parameter_counts(key: str) -> None:
    values = {**BASE, "energy_spread_sigma_ev": 0.5}
    start = dict(values)
    if key == "scattering_share":
        del start["ntf_half_frequency"]  # either of them gives the NTF
    if key.startswith("phi"):
        symbol = next(name for name in changed(key) if name != key)
        start |= {symbol: changed(key)[symbol], key: 0.0}
    before, after = inform(draws=2, **start), inform(draws=2, **{**start, **changed(key)})
    assert before.epsilon != pytest.approx(after.epsilon, rel=1e-7)
    assert spectral_distance(before, after) > 1e-12  # azimuths of folds 2 and 5 all but average out


@pytest.mark.parametrize("key", [row.key for row in CANONICAL if row.field in MARKS])
def test_marks_of_beam_and_camera_do_not_count(key: str) -> None:
    assert inform(draws=2, **BASE, **{key: large(key)}).epsilon == inform(draws=2, **BASE).epsilon


def test_read_noise_counts_as_a_noise_floor() -> None:
    """(r / g)^2 / n of the shot noise, n the electrons of a pixel of 0.4 A; without an MTF as a lower dose."""
    electrons = 400 * 0.4**2
    noise = 3.0
    share = 1 + noise**2 / 2.0**2 / electrons
    noisy = inform(read_noise_counts=noise, gain_counts_per_e=2.0)
    assert noisy.epsilon == pytest.approx(inform(dose_e_per_A2=400 / share).epsilon)
    assert noisy.spectrum == pytest.approx(inform(dose_e_per_A2=400 / share).spectrum)


def test_larger_pixels_show_everything_at_higher_frequencies() -> None:
    """Pixels larger by 25 % are those of an object 1 / 1.25 as large: q (1 + e) and P, C with it."""
    fine = np.arange(1, 641) / 1024
    flat = ObjectSpectra(fine, np.ones(640), 0.5 * np.ones(640), 0.0, 0.0, 0.2)
    values = {"semiangle_cutoff_mrad": 50.0, "defocus_nm": -20.0}
    moved = inform(flat, pixel_size_error_percent=25.0, draws=2, **values)
    still = inform(flat, draws=2, **values)
    peaks = [float(fine[np.argmax(one.transfer_rms[:500])]) for one in (still, moved)]
    assert peaks[1] == pytest.approx(1.25 * peaks[0], abs=2 / 1024)
    assert moved.transfer_rms.max() == pytest.approx(1, abs=1e-3)


# Pairs ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0, 6), st.floats(0.5, 4))
def test_all_metrics_of_pairs_are_symmetric_and_bounded(one: float, two: float, sd: float, spread: float) -> None:
    a, b = inform(defocus_nm=normal(one, sd)), inform(defocus_nm=two, focal_spread_sigma_nm=spread, dose_e_per_A2=99.0)
    there, back, same = (pair_metrics(*pair, OBJECTS) for pair in ((a, b), (b, a), (a, a)))
    assert there == back
    assert there.overlap is not None and there.cosine is not None
    assert 0 < there.sigma.value <= 1
    assert there.sigma.value == pytest.approx(math.exp(-there.distance.value))
    assert 0 <= there.overlap.value <= 1
    assert -1 <= there.cosine.value <= 1
    assert (same.sigma, same.distance) == ((1, 0), (0, 0))
    assert same.overlap == (1, 0)
    assert same.cosine == pytest.approx((1, 0))


def test_reversed_contrast_has_cosine_minus_one_and_full_overlap() -> None:
    flat = replace(OBJECTS, particle_height=0.0, substrate_height=0.0)
    found = pair_metrics(inform(flat, defocus_nm=8.0), inform(flat, defocus_nm=-8.0), flat)
    assert found.cosine == pytest.approx((-1, 0))
    assert found.overlap == pytest.approx((1, 0))
    assert found.sigma == pytest.approx((1, 0))


def test_overlap_and_cosine_agree_with_plain_sums() -> None:
    chi = [np.pi * LAMBDA * (-focus + 12.0) * Q**2 for focus in (60.0, 100.0)]
    one, two = (inform(defocus_nm=focus, semiangle_cutoff_mrad=50.0) for focus in (6.0, 10.0))
    weight, squares = Q * OBJECTS.particle, [np.sin(each) ** 2 for each in chi]
    overlap = sum(weight * np.minimum(*squares)) / sum(weight * np.maximum(*squares))
    product = sum(weight * np.sin(chi[0]) * np.sin(chi[1]))
    cosine = product / math.sqrt(sum(weight * squares[0]) * sum(weight * squares[1]))
    assert transfer_overlap(one, two, OBJECTS) == pytest.approx((overlap, 0))
    assert signed_cosine(one, two, OBJECTS) == pytest.approx((cosine, 0))


def test_the_one_plane_distance_is_that_of_a_substrate_at_the_particles() -> None:
    flat = replace(OBJECTS, substrate_height=12.0)
    spread = {"defocus_nm": normal(7, 2), "C12_nm": 4.0}
    pair, plane = ((inform(one, **spread), inform(one, defocus_nm=-10.0)) for one in (OBJECTS, flat))
    found = pair_metrics(*pair, OBJECTS)
    assert found.one_plane_distance.value == pytest.approx(spectral_distance(*plane))
    assert abs(found.one_plane_distance.value - found.distance.value) > 0.05


def test_without_transfer_ratios_are_undefined_and_images_are_noise() -> None:
    """Exact focus of everything: T = 0, and both cosine and overlap are 0 / 0."""
    flat = replace(OBJECTS, particle_height=0.0, substrate_height=0.0)
    nothing, something = inform(flat, defocus_nm=0.0), inform(flat)
    assert pair_metrics(nothing, nothing, flat).overlap is None
    half = pair_metrics(nothing, something, flat)
    assert half.cosine is None
    assert half.overlap == (0, 0)
    assert half.sigma.value < 1


def test_disjoint_bands_and_other_numbers_of_draws_are_refused() -> None:
    short = replace(OBJECTS, q=Q[:20], particle=OBJECTS.particle[:20], substrate=OBJECTS.substrate[:20])
    with pytest.raises(ValueError, match="spectra of 32 and 20 rings compared on 32 frequencies; compute both with"):
        pair_metrics(inform(), inform(short), OBJECTS)
    fine = information(ImagingConditions.model_validate(BASE), OBJECTS, replace(SCOPE, nyquist=2.5), draws=2)
    with pytest.raises(ValueError, match="64 rings up to 1.25 1/A and of 128 up to 2.5 1/A; compute both with"):
        spectral_distance(inform(), fine)
    with pytest.raises(ValueError, match="other batches, rings and ends|64 and 128 rings; compute all with"):
        distance_matrix([inform(draws=2)], [fine])
    with pytest.raises(ValueError, match="16 and 4 batches of draws; give as many draws to all"):
        distance_matrix([inform()], [inform(draws=4)])
    with pytest.raises(ValueError, match="no distributions given"):
        distance_matrix([], [inform()])


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"particle": np.full(32, np.nan)}, "not finite; measure them again"),
        ({"substrate_height": math.inf}, "not finite"),
        ({"substrate": -OBJECTS.substrate}, "negative powers or frequencies"),
    ],
)
def test_object_spectra_that_mean_nothing_are_refused(spoilt: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inform(replace(OBJECTS, **spoilt))


def test_one_draw_tells_no_error() -> None:
    with pytest.raises(ValueError, match="draws = 1; must be 2 or more"):
        inform(draws=1)


# Errors ---------------------------------------------------------------------------------------------------------------


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=(16, 3))
    assert jackknife_error(replicates(values)) == pytest.approx(values.std(axis=0, ddof=1) / 4)


def test_errors_of_pairs_are_their_scatter_over_seeds() -> None:
    """Over 60 seeds the standard deviation of each metric is what the jackknife says, to a third."""
    runs = [
        pair_metrics(
            inform(draws=64, seed=seed, defocus_nm=normal(9, 4)), inform(draws=64, seed=seed, defocus_nm=12.0), OBJECTS
        )
        for seed in range(60)
    ]
    for name in ("distance", "sigma", "one_plane_distance", "distance_log_aperture", "overlap", "cosine"):
        values, errors = np.array([getattr(run, name) for run in runs]).T
        assert np.std(values, ddof=1) == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.35), name


def test_shared_deviates_lower_the_error() -> None:
    """Two nearly equal distributions scatter together, and their distance is known better than either spectrum."""
    one, two = inform(draws=64, defocus_nm=normal(-10, 4)), inform(draws=64, defocus_nm=normal(-10.5, 4))
    apart = inform(draws=64, seed=1, defocus_nm=normal(-10.5, 4))
    shared, independent = (pair_metrics(one, other, OBJECTS).distance for other in (two, apart))
    assert shared.error < 0.3 * independent.error


def test_the_matrix_holds_what_each_pair_gives() -> None:
    found = [inform(defocus_nm=normal(focus, 2.0)) for focus in (-12, -3, 8)]
    matrix = distance_matrix(found, found[:2])
    pairs = [[pair_metrics(one, other, OBJECTS) for other in found[:2]] for one in found]
    assert matrix.value == pytest.approx(np.array([[pair.distance.value for pair in row] for row in pairs]))
    assert matrix.error == pytest.approx(np.array([[pair.distance.error for pair in row] for row in pairs]))
    assert matrix.sigma.value == pytest.approx(np.exp(-matrix.value))
    assert matrix.sigma.error[2, 0] == pytest.approx(pairs[2][0].sigma.error, rel=0.1)
