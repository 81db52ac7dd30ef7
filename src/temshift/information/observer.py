"""Observers: the simplest learners, taken through a change of imaging conditions without images or networks."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol, TypeVar, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit, logsumexp
from scipy.stats import qmc

from temshift.core.errors import InputError
from temshift.core.faults import allowed_text
from temshift.core.seeds import Stage, generator
from temshift.information.library import ObjectLibrary
from temshift.information.microscope import Microscope
from temshift.information.overlaps import overlaps
from temshift.information.rings import local_spectrum
from temshift.information.rules import ForestRule, LinearRule, weighted_cross_entropy, weighted_f1
from temshift.information.transferred import WHOLE, PowerTransfer, Seen, power_transfer
from temshift.optics.imaging import COLUMNS, ImagingConditions

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
RuleName = Literal["linear", "forest", "both", "ideal"]
RULES: tuple[RuleName, ...] = get_args(RuleName)
Key = TypeVar("Key", bound=Hashable)

OBSERVER_VERSION = 2  # raised whenever the same library and conditions would be scored otherwise, for other optics too
CONDITIONS = 128  # draws of conditions of a distribution
PLACES = 16  # windows on particles, and as many beside them, under each drawn condition
CENTRES = 64  # draws of each kind that the ideal observer's density is a mixture of


@dataclass(frozen=True)
class Draws:
    """Windows on particles and beside them, under drawn conditions.

    Attributes
    ----------
    powers : ndarray (n, rings)
        Ring powers in units of the mean power of the image.
    expected : ndarray (n, rings)
        Their expectation.
    modes : ndarray (rings,)
        Independent modes of each ring: powers are expectations times Gamma(modes) / modes.
    labels : ndarray (n,)
        1 where the middle of the window lies on a particle.
    weights : ndarray (n,)
        Share of the image that each stands for; their sum is 1.
    condition : ndarray (n,)
        Number of the drawn condition.
    """

    powers: Array
    expected: Array
    modes: Array
    labels: Integers
    weights: Array
    condition: Integers

    @classmethod
    def joined(cls, parts: Sequence["Draws"]) -> "Draws":
        """Join draws into those of an equal mixture of their distributions.

        Raises
        ------
        ValueError
            Where there are none.
        """
        if not parts:
            raise ValueError("no draws given; give those of at least one distribution")
        offsets = np.cumsum([0, *(int(one.condition.max()) + 1 for one in parts[:-1])])
        lined = {
            field.name: np.concatenate([getattr(one, field.name) for one in parts])
            for field in fields(cls)
            if field.name not in ("modes", "weights", "condition")
        }
        weights = np.concatenate([one.weights / len(parts) for one in parts])
        condition = np.concatenate([one.condition + offset for one, offset in zip(parts, offsets, strict=True)])
        return cls(modes=parts[0].modes, weights=weights, condition=condition, **lined)


@dataclass(frozen=True)
class Expected:
    """What an observer scores.

    Attributes
    ----------
    cross_entropy : float
        Mean cross-entropy [nats], particles and background as frequent as in images.
    ln_error : float
        Standard error of its logarithm from the finite number of drawn conditions.
    f1 : float
        F1 of "particle" at probability 1/2.
    """

    cross_entropy: float
    ln_error: float
    f1: float


class Observer(Protocol):
    """A fitted observer."""

    def expected(self, draws: Draws) -> Expected:
        """Return what it scores on draws of a test distribution."""
        ...


def ring_draws(
    conditions: ImagingConditions, library: ObjectLibrary, microscope: Microscope, *, stream: int = 0
) -> Draws:
    """Draw windows under a distribution of conditions, as an observer would see them in micrographs.

    A window beside particles has the spectrum N (1 + 4 D <T^2> C t) of a film of thickness t, N the noise of the camera
    and <T^2> averaged over the film's depth. One that sees a particle k of the library has N 4 D (T^2 P_k + A^2 Q_k -
    2 T A X_k) more, by the share of the window that the particle covers; each frequency q is imaged twice, displaced by
    grad chi(q) and grad chi(-q) over 2 pi, and the two interfere (sin^2 chi) only where both are. Spectra are divided
    by the mean power of the image up to the Nyquist frequency, seen through a Hann window of 12.8 A and averaged over
    about 10 rings up to the aperture, which fluctuate as Gamma(n) / n, n the modes of a ring.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.
    library : ObjectLibrary
        Particles and films. Streams of even number take every second particle, those of odd number the others.
    microscope : Microscope
        Energy, camera, pixels, band and seed.
    stream : int
        Number of the stream of draws: distributions of one stream share their deviates; take another one to test.

    Returns
    -------
    Draws

    Raises
    ------
    ValueError
        Where the band holds no ring, or pixels are too coarse for a window.
    """
    random = generator(microscope.seed, Stage.OBSERVER, stream)
    uniform = qmc.LatinHypercube(len(COLUMNS), rng=random).random(CONDITIONS)
    height = float(np.average(library.particle_height, weights=library.area))
    band = library.q <= max(microscope.semiangle / microscope.wavelength, library.q[0])
    objects = _Objects(library, band)
    power = power_transfer(conditions.quantiles(uniform), library.q[band], microscope, height)
    labels = np.tile(np.repeat([1, 0], PLACES), CONDITIONS)
    condition = np.repeat(np.arange(CONDITIONS), 2 * PLACES)
    chosen = objects.pick(random, stream, len(labels))
    pixel = 0.5 / microscope.nyquist
    places = _places(random, library.radius[chosen], library.area_fraction, labels)
    views = overlaps(library.radius).views(random, chosen, places, power.displacement[condition])
    spectrum, mean_power = objects.spectra(power, condition, chosen, views, microscope.nyquist)
    local = local_spectrum(library.q[band], microscope.semiangle / microscope.wavelength, pixel)
    expected = spectrum @ local.response.T / mean_power[:, None]
    noise = random.gamma(local.modes, size=expected.shape) / local.modes
    share = np.where(labels == 1, library.area_fraction, 1 - library.area_fraction)
    return Draws(expected * noise, expected, local.modes, labels, share / share.sum(), condition)


class _Objects:
    """Particles and films of a library within a band."""

    def __init__(self, library: ObjectLibrary, band: NDArray[np.bool_]) -> None:
        self.library = library
        self.q, self.substrate = library.q[band], library.substrate[band]
        self.parts = [part[:, band] for part in (library.particle, library.amplitude, library.cross)]

    def pick(self, random: np.random.Generator, stream: int, count: int) -> Integers:
        """Pick particles by their area, of the half that a stream has; all where there is one only."""
        mine = np.arange(len(self.library)) % 2 == stream % 2 if len(self.library) > 1 else np.array([True])
        area = np.where(mine, self.library.area, 0.0)
        return np.asarray(random.choice(len(area), count, p=area / area.sum()))

    def spectra(
        self, power: PowerTransfer, condition: Integers, chosen: Integers, views: Seen, nyquist: float
    ) -> tuple[Array, Array]:
        """Spectra of windows (n, frequencies), and mean power (n,) of their images up to the Nyquist frequency."""
        library, noise = self.library, power.noise[condition]
        film = power.over(condition, library.substrate_height[chosen], library.thickness[chosen])
        film *= self.substrate * library.thickness[chosen, None]
        parts, height = [part[chosen] for part in self.parts], library.particle_height[chosen]
        whole, particle = (power.of(condition, height, parts, share) for share in (WHOLE, views))
        step = float(self.q[1] - self.q[0]) if len(self.q) > 1 else float(self.q[0])
        within = 2 * np.pi * self.q * step / (np.pi * nyquist**2)
        mean_power = power.whole_noise[condition] + noise * (film + library.area_fraction * whole) @ within
        return noise * (1 + film + particle), mean_power


def _places(random: np.random.Generator, radius: Array, share: float, labels: Integers) -> NDArray[np.complex128]:
    """Places (n,) of discs against the middle of a window that lies inside or outside of them, x + i y [A].

    Outside, places are even over the area that a particle has for itself, 1 / share times its own.
    """
    even, angle = random.random(len(radius)), random.random(len(radius)) * 2 * np.pi
    outside = 1 + even * (1 / share - 1) if share < 1 else np.ones_like(even)
    distance = radius * np.sqrt(np.where(labels == 1, even, outside))
    return np.asarray(distance * np.exp(1j * angle))


def fit_observer(draws: Draws, rule: RuleName, *, seed: int = 0) -> Observer:
    """Fit an observer to draws of the training distribution.

    Parameters
    ----------
    draws : Draws
        Of :func:`ring_draws`.
    rule : {"linear", "forest", "both", "ideal"}
        Logistic regression on amplitudes; a random forest on log power; both, averaged in ln(cross-entropy) and F1; or
        the likelihood ratio of the drawn densities, which asks for draws of ``library.averaged``: a mixture of some
        instances is no density of others.
    seed : int
        Seed of the forest.

    Returns
    -------
    Observer

    Raises
    ------
    InputError
        For an unknown rule.
    """
    _require_rules([rule])
    if rule == "both":
        return _Both(fit_observer(draws, "linear", seed=seed), fit_observer(draws, "forest", seed=seed))
    if rule == "ideal":
        return _Scored(_Densities(draws))
    learner = LinearRule if rule == "linear" else ForestRule
    weights = draws.weights * len(draws.weights)
    return _Scored(learner(draws.powers, draws.labels, weights, seed))


def _require_rules(rules: Sequence[str]) -> None:
    for rule in rules:
        if rule not in RULES:
            raise InputError(f"no observer is called {rule!r}{allowed_text(rule, RULES)}")


class _Rule(Protocol):
    def probabilities(self, powers: Array) -> Array: ...


class _Scored:
    """An observer that judges windows by a rule."""

    def __init__(self, rule: _Rule) -> None:
        self._rule = rule

    def expected(self, draws: Draws) -> Expected:
        """Return what it scores on draws of a test distribution."""
        probabilities = self._rule.probabilities(draws.powers)
        each = weighted_cross_entropy(probabilities, draws.labels, draws.weights)
        sums = np.bincount(draws.condition, each)
        by_condition = sums / np.bincount(draws.condition)
        mean = float(each.mean())
        error = float(by_condition.std(ddof=1) / np.sqrt(len(by_condition)) / mean)
        return Expected(mean, error, weighted_f1(probabilities, draws.labels, draws.weights))


class _Both:
    """Two observers, averaged in ln(cross-entropy) and in F1."""

    def __init__(self, one: Observer, other: Observer) -> None:
        self._each = one, other

    def expected(self, draws: Draws) -> Expected:
        """Return what they score on average."""
        one, other = (each.expected(draws) for each in self._each)
        return average(one, other)


def average(one: Expected, other: Expected) -> Expected:
    """Average two observers in ln(cross-entropy) and in F1; their errors are of the same draws, and add up."""
    cross_entropy = float(np.sqrt(one.cross_entropy * other.cross_entropy))
    return Expected(cross_entropy, (one.ln_error + other.ln_error) / 2, (one.f1 + other.f1) / 2)


class _Densities:
    """The likelihood ratio of ring powers under mixtures of the drawn spectra of each kind."""

    def __init__(self, draws: Draws) -> None:
        self._modes = draws.modes
        self._prior = logit(float(draws.weights[draws.labels == 1].sum()))
        self._centres = [_spread(draws.expected[draws.labels == label]) for label in (1, 0)]

    def probabilities(self, powers: Array) -> Array:
        """Return the probability of "particle" (n,) at ring powers (n, rings)."""
        particle, background = (self._log_density(powers, centres) for centres in self._centres)
        return np.asarray(expit(self._prior + particle - background))

    def _log_density(self, powers: Array, centres: Array) -> Array:
        """Logarithm of the density, but for what both kinds have in common."""
        each = -(powers * self._modes) @ (1 / centres).T - np.log(centres) @ self._modes
        return np.asarray(logsumexp(each, axis=1) - np.log(len(centres)))


def _spread(rows: Array) -> Array:
    places = np.linspace(0, len(rows) - 1, min(CENTRES, len(rows))).round().astype(int)
    return np.asarray(rows[places])


def observe(
    trainings: Mapping[str, ImagingConditions],
    tests: Mapping[str, ImagingConditions],
    library: ObjectLibrary,
    microscope: Microscope,
    rules: Sequence[RuleName] = ("linear", "forest", "both"),
) -> pl.DataFrame:
    """Take observers from every training distribution to every test distribution.

    Parameters
    ----------
    trainings, tests : mapping of str to ImagingConditions
        Distributions by name.
    library : ObjectLibrary
        Particles and films; training and test see different halves of it. The ideal observer knows densities and no
        instances, and is taken over the average particle.
    microscope : Microscope
        Energy, camera, pixels, band and seed.
    rules : sequence of {"linear", "forest", "both", "ideal"}
        Which observers; both together cost no more than linear and forest.

    Returns
    -------
    polars.DataFrame
        ``training_name``, ``test_name``, and ``observer_RULE_cross_entropy`` [nats], ``observer_RULE_ln_error`` and
        ``observer_RULE_f1`` for each rule.

    Raises
    ------
    InputError
        For an unknown rule.
    """
    found = expected_scores(trainings, tests, library, microscope, rules)
    rows = [{"training_name": one, "test_name": to, **_columns(found[one, to], rules)} for one, to in found]
    return pl.DataFrame(rows)


def expected_scores(
    trainings: Mapping[Key, ImagingConditions],
    tests: Mapping[Key, ImagingConditions],
    library: ObjectLibrary,
    microscope: Microscope,
    rules: Sequence[RuleName],
) -> dict[tuple[Key, Key], dict[RuleName, Expected]]:
    """Take observers from every training to every test distribution, as :func:`observe` does.

    Returns
    -------
    dict
        What each rule scores, by (training, test).
    """
    _require_rules(rules)
    found: dict[tuple[Key, Key], dict[RuleName, Expected]] = {(one, to): {} for one in trainings for to in tests}
    learners: list[RuleName] = [rule for rule in ("linear", "forest") if rule in rules or "both" in rules]
    if learners:
        _take(found, trainings, tests, library, microscope, learners)
    if "ideal" in rules:
        _take(found, trainings, tests, shown_to("ideal", library), microscope, ["ideal"])
    if "both" in rules:
        for scored in found.values():
            scored["both"] = average(scored["linear"], scored["forest"])
    return {pair: {rule: scored[rule] for rule in rules} for pair, scored in found.items()}


def shown_to(rule: RuleName, library: ObjectLibrary) -> ObjectLibrary:
    """Return what an observer sees of a library: the ideal one knows densities, and so the average particle alone."""
    return library.averaged if rule == "ideal" else library


def _take(
    found: Mapping[tuple[Key, Key], dict[RuleName, Expected]],
    trainings: Mapping[Key, ImagingConditions],
    tests: Mapping[Key, ImagingConditions],
    library: ObjectLibrary,
    microscope: Microscope,
    rules: Sequence[RuleName],
) -> None:
    """Add what each rule scores from every training to every test distribution."""
    tested = {name: ring_draws(one, library, microscope, stream=1) for name, one in tests.items()}
    for training, conditions in trainings.items():
        draws = ring_draws(conditions, library, microscope, stream=0)
        for rule in rules:
            observer = fit_observer(draws, rule, seed=microscope.seed)
            for test, seen in tested.items():
                found[training, test][rule] = observer.expected(seen)


def _columns(found: Mapping[RuleName, Expected], rules: Sequence[RuleName]) -> dict[str, float]:
    return {
        f"observer_{rule}_{field.name}": getattr(found[rule], field.name)
        for rule in rules
        for field in fields(Expected)
    }
