"""A bench for training sets: the scores that an observer expects of them on all targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.conditions import ImagingConditions
from temshift.core import InputError
from temshift.execution import Progress
from temshift.information.comparison.verdict import HOPELESS, chance_loss
from temshift.information.designs.objectives import Objective, judged
from temshift.information.objects.library import ObjectLibrary
from temshift.information.transfer.survey import Survey

if TYPE_CHECKING:
    from temshift.information.observers.draws import Draws
    from temshift.information.observers.observer import Expected, RuleName

Array = NDArray[np.float64]
Named = Mapping[str, ImagingConditions]
Streams = tuple[int, int]

SEARCH, RANKING = (0, 1), (2, 3)  # streams of draws to train and to test on: choices are ranked on new ones
COARSE = 4  # a search by other observers than the linear one takes one drawn condition in so many


@dataclass(frozen=True)
class Task:
    """A design's targets, its candidates, and the number that it minimises.

    Attributes
    ----------
    targets, pool : mapping of str to ImagingConditions
        Conditions to serve, and candidates to train on.
    library : ObjectLibrary
        Particles and films.
    survey : Survey
        Microscope, band and seed.
    objective : {"regret", "worst", "mean"}
        The number minimised.
    search, rule : str
        The observer of the search, and that of ranking and predictions.
    """

    targets: Named
    pool: Named
    library: ObjectLibrary
    survey: Survey
    objective: Objective
    search: "RuleName"
    rule: "RuleName"


class Bench:
    """Predicts scores on the targets of a network trained on a mixture of conditions; nothing is computed twice."""

    def __init__(self, task: Task, progress: Progress) -> None:
        self.task, self.progress = task, progress
        self._drawn: dict[tuple[str, int, bool], Draws] = {}
        self._expected: dict[tuple[object, ...], list[Expected]] = {}
        self._best: dict[Streams, tuple[list[str], Array]] = {}

    def predict(self, parts: Named, streams: Streams = RANKING) -> list["Expected"]:
        """Scores on each target of an observer of a mixture of conditions, that of the search on its streams."""
        rule = self.task.search if streams == SEARCH else self.task.rule
        key = (tuple(sorted(parts)), streams)
        if key not in self._expected:
            from temshift.information.observers.draws import Draws
            from temshift.information.observers.observer import fit_observer

            training, test = streams
            coarse = COARSE if streams == SEARCH and rule != "linear" else 1
            every = 1 if rule == "linear" else coarse * len(parts)
            drawn = [thinned(self._draws(name, one, training, rule), every) for name, one in sorted(parts.items())]
            observer = fit_observer(Draws.joined(drawn), rule, seed=self.task.survey.seed)
            tests = [thinned(self._draws(name, one, test, rule), coarse) for name, one in self.task.targets.items()]
            self._expected[key] = [observer.expected(one) for one in tests]
        return self._expected[key]

    def best(self, streams: Streams) -> tuple[list[str], Array]:
        """Return the best single candidate of each target, and its loss there [nats].

        The search compares all candidates. On new draws, the best of the search are compared: so none is the best
        by the luck of the draws that it is judged by.
        """
        if streams not in self._best:
            names = list(self.task.pool) if streams == SEARCH else list(dict.fromkeys(self.best(SEARCH)[0]))
            losses = np.empty((len(names), len(self.task.targets)))
            self.progress.start("single conditions", len(names))
            for number, name in enumerate(names):
                losses[number] = self._losses({name: self.task.pool[name]}, streams)
                self.progress.advance()
            self.progress.finish()
            self._best[streams] = [names[number] for number in losses.argmin(axis=0)], losses.min(axis=0)
        return self._best[streams]

    def score(self, parts: Named, streams: Streams = SEARCH) -> float:
        """Return the number to minimise."""
        objective = self.task.objective
        losses = self._losses(parts, streams)
        return judged(losses, self.best(streams)[1] if objective == "regret" else losses, objective)

    def ranked(self, sets: Sequence[Named]) -> Named:
        """Return the best of some sets on new draws; the first of equals."""
        distinct = [one for number, one in enumerate(sets) if one.keys() not in [two.keys() for two in sets[:number]]]
        if len(distinct) == 1:
            return distinct[0]
        self.progress.start("ranking", len(distinct))
        scores = []
        for members in distinct:
            scores.append(self.score(members, RANKING))
            self.progress.advance()
        self.progress.finish()
        return distinct[int(np.argmin(scores))]

    def compared(self, sets: Mapping[str, Named]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Predict all sets on new draws: tables of sets by targets, and of targets."""
        self.progress.start("comparison", len(sets))
        rows = []
        for set_name, parts in sets.items():
            for target, expected in zip(self.task.targets, self.predict(parts), strict=True):
                rows.append({"set_name": set_name, "target_name": target, **vars(expected)})
            self.progress.advance()
        self.progress.finish()
        return pl.DataFrame(rows), self._limits()

    def _limits(self) -> pl.DataFrame:
        """The best that single candidates reach on each target, and whether even that is hopeless."""
        names, losses = self.best(RANKING)
        chance = chance_loss(self.task.library.area_fraction)
        return pl.DataFrame(
            {
                "target_name": list(self.task.targets),
                "best_single": names,
                "best_cross_entropy": losses,
                "hopeless": losses >= HOPELESS * chance,
            }
        ).with_columns(chance_cross_entropy=pl.lit(chance))

    def _losses(self, parts: Named, streams: Streams) -> Array:
        return np.array([one.cross_entropy for one in self.predict(parts, streams)])

    def _draws(self, name: str, conditions: ImagingConditions, stream: int, rule: "RuleName") -> "Draws":
        from temshift.information.observers.draws import ring_draws
        from temshift.information.observers.observer import shown_to

        key, task = (name, stream, rule == "ideal"), self.task
        if key not in self._drawn:
            try:
                self._drawn[key] = ring_draws(conditions, shown_to(rule, task.library), task.survey, stream=stream)
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
