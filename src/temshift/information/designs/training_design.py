"""Designs: conditions to train on, chosen for the loss that observers predict under target conditions."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from temshift.conditions import ImagingConditions, mixture
from temshift.core import InputError, Stage, generator
from temshift.execution import Progress, SilentProgress
from temshift.information.comparison.compare import DEFAULT_BENCH, survey_for
from temshift.information.designs.bench import SEARCH, Bench, Named, Task
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
from temshift.information.designs.objectives import OBJECTIVES, Objective
from temshift.information.objects.library import ObjectLibrary
from temshift.information.objects.shipped_libraries import shipped_library
from temshift.information.transfer.survey import Survey

if TYPE_CHECKING:
    from temshift.information.observers.observer import RuleName

RANDOM_SETS = 3  # that a design is compared with
LEVELS = 9  # ends that a broad range may have on each axis
DESIGN, EVEN, SINGLE, FULL, MIDDLE = "design", "evenly spaced", "single best", "full range", "middle"


@dataclass(frozen=True)
class Design:
    """Conditions to train on, and the scores that are predicted for them.

    Attributes
    ----------
    objective : {"regret", "worst", "mean"}
        The number minimised over the targets: the largest regret, the highest cross-entropy, or the mean. The regret on
        a target is the cross-entropy over the least that any single candidate reaches there.
    rule : str
        The observer that the final choice is by.
    sets : mapping of str to mapping of str to ImagingConditions
        Members by name of the design, to be mixed in equal shares (a broad one has one), and of those sets that it is
        compared with.
    predicted : polars.DataFrame
        ``set_name``, ``target_name``, ``cross_entropy`` [nats], ``ln_error`` (standard error of its logarithm) and
        ``f1`` that the observer expects, on other draws than those of the search.
    limits : polars.DataFrame
        ``target_name``, ``best_single`` candidate and its ``best_cross_entropy`` on the same draws,
        ``chance_cross_entropy`` of an observer that knows only the area on particles, and ``hopeless``: whether even
        the best single candidate keeps 80 % of that.
    """

    objective: Objective
    rule: "RuleName"
    sets: Mapping[str, Named]
    predicted: pl.DataFrame
    limits: pl.DataFrame

    @property
    def members(self) -> Named:
        """The chosen conditions by name."""
        return self.sets[DESIGN]

    @property
    def conditions(self) -> ImagingConditions:
        """The one distribution to train on: the members mixed in equal shares."""
        return mixture(list(self.members.values()))

    @property
    def rival(self) -> str:
        """The name of the plain set that a design has to beat: evenly spaced, or the full range of a broad one."""
        return EVEN if EVEN in self.sets else FULL

    @property
    def regrets(self) -> pl.DataFrame:
        """``predicted`` with ``limits`` and the ``regret``, a factor, of each set on each target."""
        joined = self.predicted.join(self.limits, on="target_name", how="left", maintain_order="left")
        return joined.with_columns(regret=pl.col("cross_entropy") / pl.col("best_cross_entropy"))

    @property
    def summary(self) -> pl.DataFrame:
        """``worst`` and ``mean`` cross-entropy and largest ``regret`` of each ``set_name``, and the targets of both."""
        loss, regret = pl.col("cross_entropy"), pl.col("regret")
        return self.regrets.group_by("set_name", maintain_order=True).agg(
            loss.max().alias("worst"),
            loss.mean().alias("mean"),
            pl.col("target_name").sort_by(loss).last().alias("worst_target"),
            regret.max(),
            pl.col("target_name").sort_by(regret).last().alias("regret_target"),
        )

    @property
    def costs(self) -> pl.DataFrame:
        """The price of the design on each target.

        ``limits`` with the cross-entropies ``design`` and ``rival``, the ``regret`` of both and ``cost``, the factor of
        the design's over the rival's: above 1 if that target pays for others.
        """
        sides = {DESIGN: ("design", "regret"), self.rival: ("rival", "rival_regret")}
        table = self.limits
        for set_name, (loss, regret) in sides.items():
            part = self.regrets.filter(set_name=set_name)
            columns = part.select("target_name", pl.col("cross_entropy").alias(loss), pl.col("regret").alias(regret))
            table = table.join(columns, on="target_name", how="left", maintain_order="left")
        return table.with_columns(cost=pl.col("design") / pl.col("rival"))


def design(
    targets: Named,
    library: ObjectLibrary | None = None,
    survey: Survey | None = None,
    *,
    size: int | None = None,
    broad: bool = False,
    objective: Objective = "regret",
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
    objective : {"regret", "worst", "mean"}
        Minimise the largest regret over the targets, the highest cross-entropy, or the mean.
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
    ground = survey or survey_for(every, objects, DEFAULT_BENCH)[0]
    if broad or (size or 0) > 1:
        _require_apertures(every)
    pool = candidates_for(targets, extra or {}, grid)
    bench = Bench(Task(targets, pool, objects, ground, objective, search, rule), progress or SilentProgress())
    if broad:
        return _broad(bench)
    if size is None or size > len(pool):
        raise InputError(f"size = {size} is more than the {len(pool)} candidates; take fewer, or a finer grid")
    return _chosen(bench, size)


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


def candidates_for(targets: Named, extra: Named, grid: int) -> dict[str, ImagingConditions]:
    """Return the candidates of a design by name, each distribution once: targets, further ones, and the grid."""
    pool: dict[str, ImagingConditions] = {}
    for name, conditions in [*targets.items(), *extra.items(), *grid_candidates(targets, grid).items()]:
        pool[_free(name, pool)] = conditions
    return distinct_conditions(pool)


def _free(name: str, taken: Mapping[str, object]) -> str:
    return name if name not in taken else _free(f"{name} (candidate)", taken)


def _chosen(bench: Bench, size: int) -> Design:
    """Search sets of candidates."""
    pool, seed = bench.task.pool, bench.task.survey.seed
    names = list(pool)
    even = even_set(bench.task.targets, pool, size)
    bench.best(SEARCH)
    score = functools.cache(lambda members: bench.score(_named(pool, names, members)))
    starts = added(score, len(names), size, bench.progress), even
    ends = [exchanged(score, start, len(names), bench.progress) for start in starts]
    best = bench.ranked([_named(pool, names, members) for members in (*ends, even)])
    picked = random_sets(len(names), size, seed)
    sets = {
        DESIGN: best,
        EVEN: _named(pool, names, even),
        SINGLE: _named(pool, names, added(score, len(names), 1)),
        **{f"random {number + 1}": _named(pool, names, members) for number, members in enumerate(picked)},
    }
    return _compared(bench, sets)


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


def _broad(bench: Bench) -> Design:
    """Search the ends of one broad distribution, axis by axis, from the full range."""
    span = Span.of(bench.task.targets)
    axes = len(span.axes)
    if not axes:
        raise InputError("the targets differ in the centre of no parameter; give a size in place of broad")
    full, still = Range((0.0,) * axes, (1.0,) * axes), Range((0.5,) * axes, (0.5,) * axes)
    named = functools.cache(lambda reach: _broad_member(span, reach, bench.task.pool))
    bench.best(SEARCH)
    narrowed = _narrowed(full, lambda reach: bench.score(named(reach)), axes, bench.progress)
    best = bench.ranked([named(narrowed), named(full)])
    return _compared(bench, {DESIGN: best, FULL: named(full), MIDDLE: named(still)})


def _broad_member(span: Span, reach: Range, pool: Named) -> dict[str, ImagingConditions]:
    """A broad distribution under a name that holds its ends, and that no other candidate has."""
    try:
        name, conditions = broad_conditions(span, reach)
    except ValueError as error:
        raise InputError(str(error)) from error
    return {name if pool.get(name, conditions) == conditions else _free(name, pool): conditions}


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


def _compared(bench: Bench, sets: Mapping[str, Named]) -> Design:
    """Predict all sets on new draws."""
    predicted, limits = bench.compared(sets)
    return Design(bench.task.objective, bench.task.rule, sets, predicted, limits)
