"""Designs: conditions to train on, chosen for the loss that observers predict under target conditions."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.conditions.imaging import ImagingConditions
from temshift.conditions.mixtures import mixture
from temshift.core.errors import InputError
from temshift.core.seeds import Stage, generator
from temshift.execution import Progress, SilentProgress
from temshift.information.comparison.compare import DEFAULT_BENCH, survey_for
from temshift.information.designs.candidates import (
    GRID,
    Range,
    Span,
    axes_of,
    broad_conditions,
    distinct_conditions,
    grid_candidates,
    places_of,
)
from temshift.information.designs.exchange import Members, added, exchanged
from temshift.information.objects.library import ObjectLibrary
from temshift.information.objects.shipped_libraries import shipped_library
from temshift.information.transfer.survey import Survey

if TYPE_CHECKING:
    from temshift.information.observers.draws import Draws
    from temshift.information.observers.observer import Expected, RuleName

Array = NDArray[np.float64]
Named = Mapping[str, ImagingConditions]
Objective = Literal["worst", "mean"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

RANDOM_SETS = 3  # that a design is compared with
LEVELS = 9  # ends that a broad range may have on each axis
SEARCH, RANKING = (0, 1), (2, 3)  # streams of draws to train and to test on: choices are ranked on new ones
COARSE = 4  # a search by other observers than the linear one takes one drawn condition in so many
DESIGN, EVEN, SINGLE, FULL, MIDDLE = "design", "evenly spaced", "single best", "full range", "middle"


@dataclass(frozen=True)
class Design:
    """Conditions to train on, and the scores that are predicted for them.

    Attributes
    ----------
    objective : {"worst", "mean"}
        The number minimised over the targets: the highest cross-entropy, or the mean.
    rule : str
        The observer that the final choice is by.
    sets : mapping of str to mapping of str to ImagingConditions
        Members by name of the design, to be mixed in equal shares (a broad one has one), and of those sets that it is
        compared with.
    predicted : polars.DataFrame
        ``set_name``, ``target_name``, ``cross_entropy`` [nats], ``ln_error`` (standard error of its logarithm) and
        ``f1`` that the observer expects, on other draws than those of the search.
    """

    objective: Objective
    rule: "RuleName"
    sets: Mapping[str, Named]
    predicted: pl.DataFrame

    @property
    def members(self) -> Named:
        """The chosen conditions by name."""
        return self.sets[DESIGN]

    @property
    def conditions(self) -> ImagingConditions:
        """The one distribution to train on: the members mixed in equal shares."""
        return mixture(list(self.members.values()))

    @property
    def summary(self) -> pl.DataFrame:
        """``set_name``, ``worst`` and ``mean`` cross-entropy over the targets, and ``worst_target``."""
        loss = pl.col("cross_entropy")
        return self.predicted.group_by("set_name", maintain_order=True).agg(
            loss.max().alias("worst"),
            loss.mean().alias("mean"),
            pl.col("target_name").sort_by(loss).last().alias("worst_target"),
        )


def design(
    targets: Named,
    library: ObjectLibrary | None = None,
    survey: Survey | None = None,
    *,
    size: int | None = None,
    broad: bool = False,
    objective: Objective = "worst",
    extra: Named | None = None,
    grid: int = GRID,
    search: "RuleName" = "linear",
    rule: "RuleName" = "both",
    progress: Progress | None = None,
) -> Design:
    """Choose conditions to train on that minimise the predicted loss under target conditions.

    A network that is trained on ``size`` conditions in equal shares is predicted by an observer fitted to their
    mixture. Conditions are added one by one, then exchanged until no exchange helps, by the observer of ``search``;
    once more from the evenly spaced set. Both ends and the evenly spaced set itself are ranked by ``rule`` on new
    draws, so that a design is never predicted to be worse than that set. With ``broad``, one distribution is chosen in
    their place, uniform between two of 9 levels of each parameter in which the targets differ. Nothing is left to
    chance: the same call gives the same design.

    Parameters
    ----------
    targets : mapping of str to ImagingConditions
        Conditions that the network shall serve, by name.
    library : ObjectLibrary, optional
        Particles and films; CdSe on carbon by default.
    survey : Survey, optional
        Energy, camera, pixels, band and seed; by default 300 keV, a perfect camera and pixels of 0.4 A.
    size : int, optional
        Number of conditions to train on, >= 1; with ``broad`` it is left out.
    broad : bool
        Whether to choose one broad distribution.
    objective : {"worst", "mean"}
        Minimise the highest cross-entropy over the targets, or the mean.
    extra : mapping of str to ImagingConditions, optional
        Candidates apart from the targets and the grid.
    grid : int
        Points, about, of the grid of candidates over the ranges that the targets span; 0 for none.
    search : {"linear", "forest", "both", "ideal"}
        Observer of the search: linear takes seconds; others take minutes, on a quarter of the draws.
    rule : {"linear", "forest", "both", "ideal"}
        Observer of the final ranking and of the predictions.
    progress : Progress, optional
        Notified of every step.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        Without targets, for a size below 1 or above the number of candidates, for size and broad together or neither,
        or for conditions that the observer cannot take.
    """
    _require(targets, size, broad, objective)
    every = [*targets.values(), *(extra or {}).values()]
    objects = library if library is not None else shipped_library()
    world = objects, survey or survey_for(every, objects, DEFAULT_BENCH)[0]
    bench = _Bench(targets, world, objective, search, progress or SilentProgress())
    if broad or (size or 0) > 1:
        _require_apertures(every)
    if broad:
        return _broad(bench, rule)
    pool = _pool(targets, extra or {}, grid)
    if size is None or size > len(pool):
        raise InputError(f"size = {size} is more than the {len(pool)} candidates; take fewer, or a finer grid")
    return _chosen(bench, pool, size, rule)


def _require(targets: Named, size: int | None, broad: bool, objective: str) -> None:
    if not targets:
        raise InputError("no targets given; give the conditions that the network shall serve")
    if objective not in OBJECTIVES:
        raise InputError(f"objective = {objective!r}; allowed: {', '.join(OBJECTIVES)}")
    if broad == (size is not None):
        raise InputError("give either size, a number of conditions, or broad, one broad distribution")
    if size is not None and size < 1:
        raise InputError(f"size = {size}; a design has at least 1 condition")


def _require_apertures(every: Sequence[ImagingConditions]) -> None:
    if len({np.isfinite(one.widest_semiangle) for one in every}) > 1:
        raise InputError(
            "some conditions have an aperture and some have none, which no mixture can hold: give "
            "semiangle_cutoff_mrad to all"
        )


def _pool(targets: Named, extra: Named, grid: int) -> dict[str, ImagingConditions]:
    """Candidates by name, each distribution once: targets first."""
    pool: dict[str, ImagingConditions] = {}
    for name, conditions in [*targets.items(), *extra.items(), *grid_candidates(targets, grid).items()]:
        pool[_free(name, pool)] = conditions
    return distinct_conditions(pool)


def _free(name: str, taken: Mapping[str, object]) -> str:
    return name if name not in taken else _free(f"{name} (candidate)", taken)


class _Bench:
    """Predicts scores on the targets of a network trained on a mixture of conditions; nothing is computed twice."""

    def __init__(
        self,
        targets: Named,
        world: tuple[ObjectLibrary, Survey],
        objective: Objective,
        search: "RuleName",
        progress: Progress,
    ) -> None:
        self.targets, self.objective, self.progress = targets, objective, progress
        self._world, self._search = world, search
        self._drawn: dict[tuple[str, int, bool], Draws] = {}
        self._expected: dict[tuple[object, ...], list[Expected]] = {}

    @property
    def seed(self) -> int:
        return self._world[1].seed

    def predict(self, parts: Named, rule: "RuleName", streams: tuple[int, int]) -> list["Expected"]:
        """Scores on each target of an observer of a mixture of conditions."""
        key = (tuple(sorted(parts)), rule, streams)
        if key not in self._expected:
            from temshift.information.observers.draws import Draws
            from temshift.information.observers.observer import fit_observer

            training, test = streams
            coarse = COARSE if streams == SEARCH and rule != "linear" else 1
            every = 1 if rule == "linear" else coarse * len(parts)
            drawn = [thinned(self._draws(name, one, training, rule), every) for name, one in sorted(parts.items())]
            observer = fit_observer(Draws.joined(drawn), rule, seed=self.seed)
            tests = [thinned(self._draws(name, one, test, rule), coarse) for name, one in self.targets.items()]
            self._expected[key] = [observer.expected(one) for one in tests]
        return self._expected[key]

    def score(self, parts: Named, rule: "RuleName | None" = None, streams: tuple[int, int] = SEARCH) -> float:
        """The number to minimise; by the observer of the search unless another is given."""
        losses = [one.cross_entropy for one in self.predict(parts, rule or self._search, streams)]
        return max(losses) if self.objective == "worst" else float(np.mean(losses))

    def ranked(self, sets: Sequence[Named], rule: "RuleName") -> Named:
        """Return the best of some sets on new draws; the first of equals."""
        distinct = [one for number, one in enumerate(sets) if one.keys() not in [two.keys() for two in sets[:number]]]
        if len(distinct) == 1:
            return distinct[0]
        self.progress.start("ranking", len(distinct))
        scores = []
        for members in distinct:
            scores.append(self.score(members, rule, RANKING))
            self.progress.advance()
        self.progress.finish()
        return distinct[int(np.argmin(scores))]

    def _draws(self, name: str, conditions: ImagingConditions, stream: int, rule: "RuleName") -> "Draws":
        from temshift.information.observers.draws import ring_draws
        from temshift.information.observers.observer import shown_to

        key, (library, survey) = (name, stream, rule == "ideal"), self._world
        if key not in self._drawn:
            try:
                self._drawn[key] = ring_draws(conditions, shown_to(rule, library), survey, stream=stream)
            except ValueError as error:
                raise InputError(f"{name!r}: {error}") from error
        return self._drawn[key]


def thinned(draws: "Draws", every: int) -> "Draws":
    """Return draws of one in ``every`` drawn conditions: a mixture then costs no more than one of its parts."""
    if every == 1:
        return draws
    kept = draws.condition % every == 0
    weights = draws.weights[kept] / draws.weights[kept].sum()
    rows = {name: getattr(draws, name)[kept] for name in ("powers", "expected", "labels")}
    return replace(draws, **rows, weights=weights, condition=draws.condition[kept] // every)


def _chosen(bench: _Bench, pool: Named, size: int, rule: "RuleName") -> Design:
    """Search sets of candidates."""
    names = list(pool)
    even = even_set(bench.targets, pool, size)
    score = functools.cache(lambda members: bench.score(_named(pool, names, members)))
    starts = added(score, len(names), size, bench.progress), even
    ends = [exchanged(score, start, len(names), bench.progress) for start in starts]
    best = bench.ranked([_named(pool, names, members) for members in (*ends, even)], rule)
    single = added(score, len(names), 1)
    sets = {
        DESIGN: best,
        EVEN: _named(pool, names, even),
        SINGLE: _named(pool, names, single),
        **{
            f"random {number + 1}": _named(pool, names, members)
            for number, members in enumerate(random_sets(len(names), size, bench.seed))
        },
    }
    return _compared(bench, sets, rule)


def _named(pool: Named, names: Sequence[str], members: Members) -> dict[str, ImagingConditions]:
    return {names[number]: pool[names[number]] for number in members}


def even_set(targets: Named, pool: Named, size: int) -> Members:
    """Pick candidates that cover the targets evenly: the least sum of squares of the distance to the nearest one.

    Parameters
    ----------
    targets, pool : mapping of str to ImagingConditions
        Targets and candidates; distances are those of their centres, in units of the range of the targets.
    size : int
        How many.

    Returns
    -------
    tuple of int
        Numbers of candidates, rising: of evenly spaced targets, the middles of equal parts.
    """
    axes = axes_of(list(targets.values()))
    aims, candidates = (places_of(list(named.values()), axes) for named in (targets, pool))
    distance = np.square(aims[:, None] - candidates).sum(axis=2).round(9)

    def score(members: Members) -> float:
        return float(distance[:, members].min(axis=1).sum())

    return exchanged(score, added(score, len(pool), size), len(pool))


def random_sets(count: int, size: int, seed: int, sets: int = RANDOM_SETS) -> list[Members]:
    """Pick sets at random, each of ``size`` different items of ``count``, in rising order."""
    picks = [generator(seed, Stage.DESIGN, number).choice(count, size, replace=False) for number in range(sets)]
    return [tuple(sorted(map(int, pick))) for pick in picks]


def _broad(bench: _Bench, rule: "RuleName") -> Design:
    """Search the ends of one broad distribution, axis by axis, from the full range."""
    span = Span.of(bench.targets)
    axes = len(span.axes)
    if not axes:
        raise InputError("the targets differ in the centre of no parameter; give a size in place of broad")
    full, still = Range((0.0,) * axes, (1.0,) * axes), Range((0.5,) * axes, (0.5,) * axes)
    named = functools.cache(lambda reach: _broad_member(span, reach))
    narrowed = _narrowed(full, lambda reach: bench.score(named(reach)), axes, bench.progress)
    best = bench.ranked([named(narrowed), named(full)], rule)
    return _compared(bench, {DESIGN: best, FULL: named(full), MIDDLE: named(still)}, rule)


def _broad_member(span: Span, reach: Range) -> dict[str, ImagingConditions]:
    """A broad distribution under a name that holds its ends."""
    try:
        return dict([broad_conditions(span, reach)])
    except ValueError as error:
        raise InputError(str(error)) from error


def _narrowed(start: Range, score: Callable[[Range], float], axes: int, progress: Progress) -> Range:
    """Move both ends of one axis after the other to the best of all pairs of levels, until none moves."""
    levels = [float(one) for one in np.linspace(0, 1, LEVELS)]
    pairs = [(low, high) for low in levels for high in levels if low <= high]
    best, moved = start, True
    while moved:
        moved = False
        progress.start("search", axes)
        for number in range(axes):
            options = [best, *(best.with_axis(number, *pair) for pair in pairs)]
            least = min(options, key=score)
            moved = moved or least != best
            best = least
            progress.advance()
        progress.finish()
    return best


def _compared(bench: _Bench, sets: Mapping[str, Named], rule: "RuleName") -> Design:
    """Predict all sets on new draws by one rule."""
    bench.progress.start("comparison", len(sets))
    rows = []
    for set_name, parts in sets.items():
        for target, expected in zip(bench.targets, bench.predict(parts, rule, RANKING), strict=True):
            rows.append({"set_name": set_name, "target_name": target, **vars(expected)})
        bench.progress.advance()
    bench.progress.finish()
    return Design(bench.objective, rule, sets, pl.DataFrame(rows))
