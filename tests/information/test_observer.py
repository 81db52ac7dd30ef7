"""Observers: what is known exactly of them, and that they follow the physics of the change they are taken through."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from temshift.conditions.imaging import ImagingConditions
from temshift.core.errors import InputError
from temshift.core.grids import Grid
from temshift.information.objects.library import ObjectLibrary
from temshift.information.observers.draws import Draws, _Objects, ring_draws
from temshift.information.observers.observer import RULES, fit_observer, observe
from temshift.information.observers.probe import image_patches
from temshift.information.transfer.survey import Survey
from temshift.optics import ImagingSettings
from temshift.optics.camera import CameraSettings, camera_response, detect
from temshift.optics.microscope import Microscope

SCOPE = Survey(Microscope(300e3, nyquist=1.25), 12e-3, 64, 3)
Q = np.arange(1, 32) / 51.2
SHARE = 0.2


def library(**changes: object) -> ObjectLibrary:
    """Particles whose lattice rings differ, on a film with the heights of the quick study."""
    random, count = np.random.default_rng(7), 24
    rings = np.exp(-(((Q - random.uniform(0.25, 0.5, (count, 1))) / 0.02) ** 2))
    radius, thickness = random.uniform(9, 16, count), random.uniform(20, 50, count)
    zeros = np.zeros((count, len(Q)))
    made = ObjectLibrary(
        Q,
        0.5 * np.exp(-4 * Q) + 1.5 * random.uniform(0.2, 1.8, (count, 1)) * rings,
        zeros,
        zeros,
        np.pi * radius**2,
        radius + 1,
        0.04 * np.exp(-3 * Q),
        thickness,
        2 * radius + 3 + thickness / 2,
        SHARE,
    )
    return replace(made, **changes)


def conditions(**given: object) -> ImagingConditions:
    usual = {"defocus_nm": -10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12, "focal_spread_sigma_nm": 1}
    return ImagingConditions.model_validate(usual | given)


def score(train: ImagingConditions, test: ImagingConditions, rule: str, objects: ObjectLibrary | None = None) -> float:
    objects = objects or library()
    frame = observe({"one": train}, {"other": test}, objects, SCOPE, (rule,))  # type: ignore[arg-type]
    return float(frame[f"observer_{rule}_cross_entropy"][0])


def test_windows_have_the_shares_of_the_image_and_powers_the_fluctuations_of_their_modes():
    draws = ring_draws(conditions(), library(), SCOPE)
    assert draws.weights.sum() == pytest.approx(1)
    assert draws.weights[draws.labels == 1].sum() == pytest.approx(SHARE)
    ratio = draws.powers / draws.expected
    np.testing.assert_allclose(ratio.mean(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(ratio.var(axis=0), 1 / draws.modes, rtol=0.12)


def test_one_seed_draws_the_same_and_streams_differ():
    one, again, other = (ring_draws(conditions(), library(), SCOPE, stream=stream) for stream in (0, 0, 1))
    assert np.array_equal(one.powers, again.powers)
    assert not np.array_equal(one.powers, other.powers)


def test_training_and_test_see_different_particles():
    marked = library()
    marked.particle[1::2] = 0
    seen, unseen = (ring_draws(conditions(), marked, SCOPE, stream=stream) for stream in (0, 1))
    ratios = [d.expected[d.labels == 1].mean() / d.expected[d.labels == 0].mean() for d in (seen, unseen)]
    assert ratios[0] > 1.3
    assert ratios[1] == pytest.approx(1, abs=0.1)


def test_pixels_of_unknown_size_are_refused():
    with pytest.raises(ValueError, match="the size of the microscope's pixels is unknown; give it a finite nyquist"):
        ring_draws(conditions(), library(), replace(SCOPE, microscope=Microscope(300e3)))


CAMERAS = [({}, 1), ({"mtf_half_frequency": 0.6, "ntf_half_frequency": 0.6}, 1), ({"read_noise_counts": 9.0}, 2)]


@pytest.mark.parametrize(("camera", "binning"), CAMERAS)
def test_windows_on_noise_have_the_powers_of_patches_of_flat_fields(camera, binning):
    """Rings of the aperture and the one beyond it, computed and measured by the probe."""
    scope = Microscope(300e3, ImagingSettings(camera=CameraSettings(binning=binning)), 1.25 * binning)
    chosen, nothing = conditions(**camera), np.zeros(31)
    empty = library(particle=np.zeros((24, 31)), substrate=nothing)
    drawn = ring_draws(chosen, empty, replace(SCOPE, microscope=scope))
    grid, central = Grid((96 * binning,) * 2, (0.4 / binning,) * 2), chosen.central()
    flat, answer = torch.ones(1, *grid.shape, dtype=torch.float64), camera_response(central, scope.imaging.camera)
    images = np.concatenate([detect(flat, central.dose, grid, [seed], answer).numpy() for seed in range(60)])
    masks = np.random.default_rng(0).random(images.shape) < 0.5
    measured = image_patches(images, masks, 0.4, SCOPE.highest, count=1500).powers.mean(axis=0)
    np.testing.assert_allclose(measured, drawn.expected[0], rtol=0.06)
    assert np.ptp(drawn.expected, axis=0).max() < 1e-9


def test_rings_beyond_the_aperture_see_the_dose_and_the_camera_alone():
    """Signal adds to the mean power that they are divided by, and leaks a little."""
    low, high = (ring_draws(conditions(dose_e_per_A2=dose), library(), SCOPE).expected for dose in (0.01, 4000))
    np.testing.assert_allclose(low[:, -1], 1, atol=0.02)
    assert high[:, -1].max() < 0.5
    blurred = conditions(mtf_half_frequency=0.6, ntf_half_frequency=0.6, dose_e_per_A2=0.01)
    coloured = ring_draws(blurred, library(), SCOPE)
    assert coloured.expected[:, -1].max() < 0.7 < 1.2 < coloured.expected[:, 0].min()


def test_windows_on_background_come_from_images_with_room_for_them():
    """One particle a specimen: half of them fill nine tenths of their image, and half one tenth."""
    area = np.tile([450.0, 450.0, 50.0, 50.0], 6)
    scene = library(area=area, area_fraction=0.5, specimens=24, thickness=np.where(area > 100, 50.0, 20.0))
    assert scene.coverage == pytest.approx(np.where(area > 100, 0.9, 0.1))
    objects, labels = _Objects(scene, np.ones(31, bool)), np.repeat([1, 0], 4000)
    chosen = objects.pick(np.random.default_rng(0), 0, labels)
    shares = [(scene.coverage[chosen[labels == label]] > 0.5).mean() for label in (1, 0)]
    assert shares == pytest.approx([0.9, 0.1], abs=0.02)


RULES_BY_SPEED = ["linear", "ideal", *(pytest.param(rule, marks=pytest.mark.slow) for rule in ("forest", "both"))]


def test_all_rules_are_tested():
    assert {*RULES} == {"linear", "ideal", "forest", "both"}


def test_an_unknown_rule_is_refused():
    with pytest.raises(InputError, match="no observer is called 'linaer'; allowed: .*; nearest: 'linear'"):
        observe({"one": conditions()}, {"other": conditions()}, library(), SCOPE, ("linaer",))


@pytest.mark.parametrize("rule", RULES_BY_SPEED)
def test_without_electrons_an_observer_knows_how_frequent_particles_are_and_no_more(rule):
    none = conditions(dose_e_per_A2=1e-9)
    frame = observe({"one": none}, {"other": none}, library(), SCOPE, (rule,))
    entropy = -SHARE * np.log(SHARE) - (1 - SHARE) * np.log(1 - SHARE)
    assert frame[f"observer_{rule}_cross_entropy"][0] == pytest.approx(entropy, rel=0.03)
    assert frame[f"observer_{rule}_f1"][0] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("rule", RULES_BY_SPEED)
def test_more_dose_is_no_harder_and_the_conditions_trained_on_are_the_easiest(rule):
    low, high = conditions(dose_e_per_A2=40), conditions(dose_e_per_A2=1000)
    assert score(high, high, rule) < score(low, low, rule)
    assert score(low, low, rule) < score(high, low, rule)


@pytest.mark.parametrize("rule", ["linear", pytest.param("forest", marks=pytest.mark.slow)])
def test_learners_are_directed(rule):
    there, back = (
        score(*pair, rule)
        for pair in ((conditions(), conditions(defocus_nm=0)), (conditions(defocus_nm=0), conditions()))
    )
    assert abs(np.log(there / back)) > 0.05


def test_particles_that_lie_higher_are_in_focus_at_more_underfocus():
    """A wrong sign of the height would put this minimum of transfer at -6 nm."""
    high = library(particle_height=np.full(24, 60.0), substrate=np.zeros(31))
    hard, easy = (score(conditions(defocus_nm=at), conditions(defocus_nm=at), "linear", high) for at in (6, -6))
    assert hard > 2 * easy


def test_films_hide_particles_where_they_are_not_in_focus_themselves():
    """Carbon at 80 A, particles at 0: at +8 nm the film's contrast is least."""
    stacked = library(
        particle_height=np.zeros(24),
        substrate_height=np.full(24, 80.0),
        thickness=np.full(24, 10.0),
        substrate=np.full(31, 0.3),
    )
    clean, covered = (score(conditions(defocus_nm=at), conditions(defocus_nm=at), "linear", stacked) for at in (8, -8))
    assert clean < 0.7 * covered


@pytest.mark.parametrize("rule", ["linear", "ideal"])
def test_a_mixture_is_near_the_best_on_each_of_its_parts(rule):
    parts = [conditions(dose_e_per_A2=60), conditions(defocus_nm=12, dose_e_per_A2=1500)]
    draws = [ring_draws(one, library(), SCOPE) for one in parts]
    tests = [ring_draws(one, library(), SCOPE, stream=1) for one in parts]
    mixed = Draws.joined(draws)
    assert mixed.weights.sum() == pytest.approx(1)
    assert mixed.condition.max() == 2 * draws[0].condition.max() + 1
    both = [fit_observer(mixed, rule).expected(test).cross_entropy for test in tests]
    own = [fit_observer(one, rule).expected(test).cross_entropy for one, test in zip(draws, tests, strict=True)]
    other = [fit_observer(one, rule).expected(test).cross_entropy for one, test in zip(draws[::-1], tests, strict=True)]
    assert max(np.divide(both, own)) < 1.35
    assert max(both) < max(other)


def test_the_ideal_observer_is_the_likelihood_ratio_of_gamma_distributed_powers():
    """Of one ring and one spectrum of each kind the error probability is an integral that is known."""
    from scipy.stats import gamma

    random, modes, powers = np.random.default_rng(2), np.array([3.0]), (2.0, 1.0)
    labels = np.repeat([1, 0], 40_000)
    expected = np.where(labels == 1, *powers)[:, None]
    drawn = expected * random.gamma(modes, size=expected.shape) / modes
    draws = Draws(drawn, expected, modes, labels, np.full(80_000, 1 / 80_000), np.arange(80_000) % 64)
    found = fit_observer(draws, "ideal").expected(draws)
    x = np.linspace(1e-6, 20, 400_001)
    density = [gamma.pdf(x, 3, scale=power / 3) for power in powers]
    posterior = density[0] / (density[0] + density[1])  # x / (x + y) of 3 modes never reaches 1 below 20
    exact = -0.5 * np.trapezoid(density[0] * np.log(posterior) + density[1] * np.log1p(-posterior), x)
    assert found.cross_entropy == pytest.approx(exact, rel=0.01)


@pytest.mark.slow
def test_the_stated_error_is_that_of_repeated_draws():
    broad = conditions(defocus_nm={"normal": {"mean": 0, "sd": 10}})
    frames = [
        observe({"a": conditions()}, {"b": broad}, library(), replace(SCOPE, seed=seed), ("linear",))
        for seed in range(10)
    ]
    spread = np.std([np.log(frame["observer_linear_cross_entropy"][0]) for frame in frames], ddof=1)
    told = np.mean([frame["observer_linear_ln_error"][0] for frame in frames])
    assert 0.4 < spread / told < 1.6  # stratified draws of conditions scatter less than independent ones


@pytest.mark.slow
def test_both_is_the_geometric_mean_of_the_two_learners():
    frame = observe({"a": conditions()}, {"b": conditions(defocus_nm=4)}, library(), SCOPE)
    linear, forest, both = (frame[f"observer_{rule}_cross_entropy"][0] for rule in ("linear", "forest", "both"))
    assert both == pytest.approx(np.sqrt(linear * forest))
    alone = fit_observer(ring_draws(conditions(), library(), SCOPE), "both", seed=SCOPE.seed)
    again = alone.expected(ring_draws(conditions(defocus_nm=4), library(), SCOPE, stream=1))
    assert again.cross_entropy == pytest.approx(both)
    assert again.f1 == pytest.approx(frame["observer_both_f1"][0])


def test_no_draws_are_no_mixture():
    with pytest.raises(ValueError, match="no draws given"):
        Draws.joined([])
