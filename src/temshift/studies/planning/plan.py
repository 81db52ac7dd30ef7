"""All that a study has to make: databases, networks and scores."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from temshift.core.errors import InputError
from temshift.databases.wave_sets import WaveSet
from temshift.networks import carry_code, require_initial, require_shape
from temshift.studies.planning.part import NetworkRun, Part, TestCondition, once
from temshift.studies.planning.study import Study, members_of
from temshift.studies.planning.sweep import Settings, combinations, with_settings


class Plan:
    """Everything a study makes, expanded and named.

    Parameters
    ----------
    study : Study
        The resolved study.
    chosen : sequence of range, optional
        Numbers of the networks that are to be made, in the order of :attr:`numbered`; all of them if it is left out.
    """

    def __init__(self, study: Study, chosen: Sequence[range] | None = None) -> None:
        self.study, self.chosen = study, chosen

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The combinations of swept settings, in order, each with the sets of specimens in turn."""
        if not self.study.sweep:
            return tuple(_parts(self.study, {}))
        return tuple(part for settings in combinations(self.study.sweep) for part in self._swept(settings))

    def _swept(self, settings: Settings) -> Iterator[Part]:
        study = with_settings(self.study, settings)
        return _parts(study.model_copy(update={"network": carry_code(self.study.network, study.network)}), settings)

    @cached_property
    def databases(self) -> dict[str, WaveSet]:
        """The sets of specimens with their waves, by id: those that the networks are trained and scored on."""
        every = {waves.id: waves for part in self.parts for waves in part.databases.values()}
        shown = [part.kin[name] for part in self.parts for name in dict.fromkeys(test.specimens for test in part.tests)]
        every |= {waves.id: waves for part in shown for waves in part.databases.values()}
        if self.chosen is None:
            return every
        trained = [source for run in self.networks for source in (run.source, run.validation) if source is not None]
        tested = {test.source.database for tests in self.tests_of.values() for test in tests}
        needed = {source.database for source in trained} | tested
        return {id_: waves for id_, waves in every.items() if id_ in needed}

    @cached_property
    def every(self) -> tuple[NetworkRun, ...]:
        """All networks of the study, each once, part by part."""
        return tuple({run.id: run for part in self.parts for run in part.networks}.values())

    @cached_property
    def numbered(self) -> tuple[NetworkRun, ...]:
        """All networks of the study in the order that their numbers count: training distribution by distribution.

        Those of the first distribution come first, of every swept setting and seed, then those of the second: any first
        ones are a sample of all settings.
        """
        places: dict[str, int] = {}
        for part in self.parts:
            for conditions in part.trainings.values():
                places.setdefault(conditions.identity, len(places))
        return tuple(sorted(self.every, key=lambda run: places[run.conditions.identity]))

    @cached_property
    def networks(self) -> tuple[NetworkRun, ...]:
        """The networks to make, each once, in the order that they are trained in."""
        if self.chosen is None:
            return self.every
        ends = [(some.start, min(some.stop, len(self.numbered))) for some in self.chosen]
        numbers = sorted({number for start, stop in ends for number in range(start, stop)})
        return tuple(self.numbered[number] for number in numbers)

    @property
    def numbers(self) -> range | None:
        """The numbers from the first to the last of the networks that are chosen; None if all are made."""
        if self.chosen is None:
            return None
        stop = max(some.stop for some in self.chosen)
        return range(min(some.start for some in self.chosen), min(stop, len(self.numbered)))

    @cached_property
    def tests_of(self) -> dict[str, tuple[TestCondition, ...]]:
        """All conditions that a network is scored under, by its id: those of every part that it belongs to."""
        tests: dict[str, tuple[TestCondition, ...]] = {}
        made = {run.id for run in self.networks}
        for part in self.parts:
            for run in part.networks:
                if run.id not in made:
                    continue
                earlier, more = tests.get(run.id), part.tests_of[run.name]
                tests[run.id] = more if earlier is None else once([*earlier, *more])
        return tests

    @cached_property
    def cohorts(self) -> tuple[Sequence[NetworkRun], ...]:
        """Networks that share the images that they are scored on."""
        size = self.study.cohort
        return tuple(self.networks[start : start + size] for start in range(0, len(self.networks), size))

    def require_chosen(self) -> None:
        """Refuse numbers of networks that the study does not have; an InputError says how many there are."""
        if self.chosen is not None and not self.networks:
            count, given = len(self.numbered), self.chosen[0]
            raise InputError(
                f"--networks {given.start}:{given.stop}: the study has {count} networks; give numbers from 0 to {count}"
            )

    def require_networks(self) -> None:
        """Refuse factories that may not be run, fail, or make another thing than a network of images like these.

        An InputError says why.
        """
        kinds = {(part.study.network, part.study.image_grid.shape) for part in self.parts}
        for network, sides in kinds:
            require_shape(network, sides)

    def require_initial_weights(self) -> None:
        """Refuse initial weights that the networks can't start from; an InputError says why."""
        kinds = {(part.study.network, part.study.training.initial): part.study for part in self.parts}
        for study in kinds.values():
            require_initial(study.network, study.training)

    @property
    def evaluations(self) -> int:
        """Number of pairs of a network and a condition that it is scored under."""
        return sum(len(tests) for tests in self.tests_of.values())


def _parts(study: Study, settings: Settings) -> Iterator[Part]:
    members = members_of(study)
    if not members:
        yield Part(study, settings)
        return
    parts = [Part(member, settings, name, members) for name, member in members.items()]
    yield from (part for part in parts if part.trainings)
