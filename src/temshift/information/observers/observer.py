"""Observers: the simplest learners, taken through a change of imaging conditions without images or networks."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol, TypeVar, get_args

import numpy as np
import polars as pl
from scipy.special import expit, logit, logsumexp

from temshift.conditions import ImagingConditions
from temshift.configuration import allowed_text
from temshift.core import InputError
from temshift.information.objects.library import ObjectLibrary
from temshift.information.observers.draws import Array, Draws, ring_draws
from temshift.information.observers.learners import ForestRule, LinearRule, weighted_cross_entropy, weighted_f1
from temshift.information.transfer.survey import Survey

RuleName = Literal["linear", "forest", "both", "ideal"]
RULES: tuple[RuleName, ...] = get_args(RuleName)
Key = TypeVar("Key", bound=Hashable)

OBSERVER_VERSION = 3  # raised whenever the same library and conditions would be scored otherwise, for other optics too
CENTRES = 64  # draws of each kind that the ideal observer's density is a mixture of


@dataclass(frozen=True)
class Expected:
    """Scores of an observer.

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
        """Return its scores on draws of a test distribution."""
        ...


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
        """Return its scores on draws of a test distribution."""
        probabilities = self._rule.probabilities(draws.powers)
        each = weighted_cross_entropy(probabilities, draws.labels, draws.weights)
        sums = np.bincount(draws.condition, each)
        by_condition = sums / np.bincount(draws.condition)
        mean = float(each.mean())
        error = float(by_condition.std(ddof=1) / np.sqrt(len(by_condition)) / mean)
        return Expected(mean, error, weighted_f1(probabilities, draws.labels, draws.weights))


class _Both:
    """Two observers, averaged in ln(cross-entropy) and in F1."""

    def __init__(self, linear: Observer, forest: Observer) -> None:
        self._each = linear, forest

    def expected(self, draws: Draws) -> Expected:
        """Return their scores on average."""
        linear, forest = (each.expected(draws) for each in self._each)
        return average(linear, forest)


def average(ours: Expected, theirs: Expected) -> Expected:
    """Average two observers in ln(cross-entropy) and in F1; their errors are of the same draws, and add up."""
    cross_entropy = float(np.sqrt(ours.cross_entropy * theirs.cross_entropy))
    return Expected(cross_entropy, (ours.ln_error + theirs.ln_error) / 2, (ours.f1 + theirs.f1) / 2)


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
        """Logarithm of the density, without the terms that both kinds have in common."""
        each = -(powers * self._modes) @ (1 / centres).T - np.log(centres) @ self._modes
        return np.asarray(logsumexp(each, axis=1) - np.log(len(centres)))


def _spread(rows: Array) -> Array:
    places = np.linspace(0, len(rows) - 1, min(CENTRES, len(rows))).round().astype(int)
    return np.asarray(rows[places])


def observe(
    trainings: Mapping[str, ImagingConditions],
    tests: Mapping[str, ImagingConditions],
    library: ObjectLibrary,
    survey: Survey,
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
    survey : Survey
        Microscope, band and seed.
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
    scores = expected_scores(trainings, tests, library, survey, rules)
    rows = [
        {"training_name": one, "test_name": to, **_columns(by_rule, rules)} for (one, to), by_rule in scores.items()
    ]
    return pl.DataFrame(rows)


def expected_scores(
    trainings: Mapping[Key, ImagingConditions],
    tests: Mapping[Key, ImagingConditions],
    library: ObjectLibrary,
    survey: Survey,
    rules: Sequence[RuleName],
    others: Mapping[Key, ObjectLibrary] | None = None,
) -> dict[tuple[Key, Key], dict[RuleName, Expected]]:
    """Take observers from every training to every test distribution, as :func:`observe` does.

    Parameters
    ----------
    trainings, tests, library, survey, rules
        As for :func:`observe`.
    others : mapping of name to ObjectLibrary, optional
        Specimens of those distributions that have other ones, with the same rings.

    Returns
    -------
    dict
        Scores of each rule, by (training, test).
    """
    _require_rules(rules)
    scores: dict[tuple[Key, Key], dict[RuleName, Expected]] = {(one, to): {} for one in trainings for to in tests}
    learners: list[RuleName] = [rule for rule in ("linear", "forest") if rule in rules or "both" in rules]
    libraries = {name: (others or {}).get(name, library) for name in {**trainings, **tests}}
    if learners:
        _take(scores, trainings, tests, libraries, survey, learners)
    if "ideal" in rules:
        averaged = {name: shown_to("ideal", one) for name, one in libraries.items()}
        _take(scores, trainings, tests, averaged, survey, ["ideal"])
    if "both" in rules:
        for scored in scores.values():
            scored["both"] = average(scored["linear"], scored["forest"])
    return {pair: {rule: scored[rule] for rule in rules} for pair, scored in scores.items()}


def shown_to(rule: RuleName, library: ObjectLibrary) -> ObjectLibrary:
    """Return the part of a library that an observer sees: for the ideal one, which knows densities, the average."""
    return library.averaged if rule == "ideal" else library


def _take(
    scores: Mapping[tuple[Key, Key], dict[RuleName, Expected]],
    trainings: Mapping[Key, ImagingConditions],
    tests: Mapping[Key, ImagingConditions],
    libraries: Mapping[Key, ObjectLibrary],
    survey: Survey,
    rules: Sequence[RuleName],
) -> None:
    """Add the scores of each rule from every training to every test distribution, each with its own specimens."""
    tested = {name: ring_draws(one, libraries[name], survey, stream=1) for name, one in tests.items()}
    for training, conditions in trainings.items():
        draws = ring_draws(conditions, libraries[training], survey, stream=0)
        for rule in rules:
            observer = fit_observer(draws, rule, seed=survey.seed)
            for test, seen in tested.items():
                scores[training, test][rule] = observer.expected(seen)


def _columns(scores: Mapping[RuleName, Expected], rules: Sequence[RuleName]) -> dict[str, float]:
    return {
        f"observer_{rule}_{field.name}": getattr(scores[rule], field.name)
        for rule in rules
        for field in fields(Expected)
    }
