"""Specimens to train on, chosen for others that a network shall serve: one kind, or a mixture of a few."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from temshift.core import InputError
from temshift.execution import Progress, SilentProgress
from temshift.information.comparison.verdict import NOTABLE, factor_text
from temshift.information.designs.bench import RANKING, SEARCH, Named, thinned
from temshift.information.objects.library import ObjectLibrary
from temshift.information.transfer.survey import Survey

if TYPE_CHECKING:
    from temshift.information.observers.draws import Draws
    from temshift.information.observers.observer import RuleName

MIXED = 6  # of the best kinds by themselves, which mixtures are made of
RANKED = 6  # of the best sets of the search, which are ranked
OWN = "the target itself"


@dataclass(frozen=True)
class SpecimenChoice:
    """Specimens to train on for a target.

    Attributes
    ----------
    target : str
        What the target is called.
    rule : str
        The observer of the ranking.
    ranked : polars.DataFrame
        ``set_name``, its ``members`` and the ``cross_entropy`` [nats] that the observer expects on the target, the
        geometric mean over conditions; the best first. ``regret`` is the factor above training on the target itself,
        ``own_cross_entropy``.
    searched : polars.DataFrame
        The same of every kind and mixture of the search, by its observer, on other draws.
    """

    target: str
    rule: "RuleName"
    ranked: pl.DataFrame
    searched: pl.DataFrame

    @property
    def sentence(self) -> str:
        """The choice in one sentence."""
        best, worst = self.ranked.row(0, named=True), self.searched.row(-1, named=True)
        regret = best["regret"]
        there = f"networks trained on {self.target} itself"
        cost = f"about as good as {there}" if regret < NOTABLE else f"a factor of {factor_text(regret)} above {there}"
        loss = f"predicted cross-entropy {best['cross_entropy']:.3f}"
        words = f"train on {best['set_name']} for {self.target}: {loss}, {cost}"
        if worst["set_name"] == best["set_name"]:
            return words
        return (
            f"{words}; worst of {len(self.searched)} is {worst['set_name']}, a factor of {factor_text(worst['regret'])}"
        )


def choose_specimens(
    target: tuple[str, ObjectLibrary],
    candidates: Mapping[str, ObjectLibrary],
    conditions: Named,
    survey: Survey,
    *,
    most: int = 2,
    search: "RuleName" = "linear",
    rule: "RuleName" = "both",
    progress: Progress | None = None,
) -> SpecimenChoice:
    """Choose specimens to train on, so that networks are predicted to do best on others.

    An observer learns from every candidate, and from mixtures in equal shares of the best of them, under all
    conditions, and is taken to the target under each. The best of the search are ranked on new draws.

    Parameters
    ----------
    target : (str, ObjectLibrary)
        Name and objects of the specimens to serve.
    candidates : mapping of str to ObjectLibrary
        Kinds of specimens to train on, at least two, with the rings of the target.
    conditions : mapping of str to ImagingConditions
        Conditions of the training and of the test.
    survey : Survey
        Microscope, band and seed.
    most : int
        The largest number of kinds in a mixture.
    search, rule : {"linear", "forest", "both", "ideal"}
        Observers of the search and of the ranking.
    progress : Progress, optional
        Notified of every step.

    Returns
    -------
    SpecimenChoice

    Raises
    ------
    InputError
        If there are fewer than two candidates, no conditions, or ``most`` is below 1.
    """
    if len(candidates) < 2:
        raise InputError(f"{len(candidates)} kind of specimens to train on is no choice; give two candidates at least")
    if not conditions or most < 1:
        raise InputError("give one condition at least, and mixtures of one kind at least")
    trial = _Trial(target[1], candidates, conditions, survey)
    hears = progress or SilentProgress()
    alone = trial.scored([(name,) for name in candidates], search, SEARCH, hears)
    best = sorted(alone, key=lambda members: alone[members])[:MIXED]
    names = [members[0] for members in best]
    mixtures = [mix for size in range(2, most + 1) for mix in itertools.combinations(names, size)]
    searched = alone | trial.scored(mixtures, search, SEARCH, hears)
    leading = sorted(searched, key=lambda members: searched[members])[:RANKED]
    ranked = trial.scored(leading, rule, RANKING, hears)
    own = {streams: trial.own(one, streams) for one, streams in ((search, SEARCH), (rule, RANKING))}
    return SpecimenChoice(target[0], rule, _table(ranked, own[RANKING]), _table(searched, own[SEARCH]))


Members = tuple[str, ...]


def _table(scores: Mapping[Members, float], own: float) -> pl.DataFrame:
    rows = [
        {"set_name": " and ".join(members), "members": list(members), "cross_entropy": loss, "regret": loss / own}
        for members, loss in scores.items()
    ]
    return pl.DataFrame(rows).with_columns(own_cross_entropy=pl.lit(own)).sort("cross_entropy", maintain_order=True)


class _Trial:
    """Candidates, a target, and the conditions that observers learn and are tested under."""

    def __init__(
        self, target: ObjectLibrary, candidates: Mapping[str, ObjectLibrary], conditions: Named, survey: Survey
    ) -> None:
        self._target, self._candidates = target, candidates
        self._conditions, self._survey = conditions, survey
        self._drawn: dict[tuple[str | None, int, bool], list[Draws]] = {}

    def scored(
        self, sets: Sequence[Members], rule: "RuleName", streams: tuple[int, int], progress: Progress
    ) -> dict[Members, float]:
        """Cross-entropy on the target of an observer of each set, the geometric mean over conditions."""
        progress.start("specimens to train on", len(sets))
        scores = {}
        for members in sets:
            scores[members] = self._score(members, rule, streams)
            progress.advance()
        progress.finish()
        return scores

    def own(self, rule: "RuleName", streams: tuple[int, int]) -> float:
        """The same of an observer that learns from other particles of the target."""
        return self._score((), rule, streams)

    def _score(self, members: Members, rule: "RuleName", streams: tuple[int, int]) -> float:
        from temshift.information.observers.draws import Draws
        from temshift.information.observers.observer import fit_observer

        kinds: Sequence[str | None] = members or (None,)
        parts = [one for kind in kinds for one in self._draws(kind, streams[0], rule)]
        learnt = Draws.joined([thinned(one, len(parts)) for one in parts])
        observer = fit_observer(learnt, rule, seed=self._survey.seed)
        losses = [observer.expected(one).cross_entropy for one in self._draws(None, streams[1], rule)]
        return float(np.exp(np.mean(np.log(losses))))

    def _draws(self, kind: str | None, stream: int, rule: "RuleName") -> "list[Draws]":
        """Draws under each condition of a candidate, or of the target."""
        from temshift.information.observers.draws import ring_draws
        from temshift.information.observers.observer import shown_to

        key = (kind, stream, rule == "ideal")
        if key not in self._drawn:
            library = shown_to(rule, self._target if kind is None else self._candidates[kind])
            named = self._conditions.items()
            try:
                self._drawn[key] = [ring_draws(one, library, self._survey, stream=stream) for _, one in named]
            except ValueError as error:
                raise InputError(f"{kind or OWN}: {error}") from error
        return self._drawn[key]
