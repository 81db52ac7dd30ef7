"""All that a study has to make: databases, networks and scores, each named by a hash of all it depends on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from temshift.conditions.imaging import ImagingConditions
from temshift.core.errors import InputError
from temshift.core.hashes import content_hash
from temshift.core.seeds import Stage, torch_seed
from temshift.databases.wave_sets import WaveSet
from temshift.information.objects.library import LIBRARY_VERSION
from temshift.information.transfer.metrics import METRICS_VERSION
from temshift.micrographs.formation import DATASETS_VERSION, Stream
from temshift.networks import (
    NetworkSettings,
    TrainingSettings,
    carry_code,
    network_identity,
    require_initial,
    require_shape,
)
from temshift.networks.training import TRAINING_VERSION
from temshift.optics import OPTICS_VERSION, ImagingSettings
from temshift.scoring import images_stream
from temshift.scoring.scored_images import TRAINING, VALIDATION, images_id
from temshift.studies.planning.study import Study
from temshift.studies.planning.sweep import Settings, combinations, label_of, with_settings


@dataclass(frozen=True)
class ImageSource:
    """The waves that micrographs are formed from, and how.

    Attributes
    ----------
    database : str
        Hash of the wave database.
    store : str
        Its folder, inside the study folder or absolute.
    band : tuple of float
        Electron energy [eV], widest aperture and margin of the band that is kept of the waves [rad].
    imaging : ImagingSettings
        Coherence and camera.
    """

    database: str
    store: str
    band: tuple[float, float, float]
    imaging: ImagingSettings


@dataclass(frozen=True, kw_only=True)
class NetworkRun:
    """One network to train, with all that a worker has to know.

    Attributes
    ----------
    id : str
        Hash of all that the trained network depends on.
    name : str
        The training distribution, and the swept settings.
    settings : mapping
        Swept settings by dotted key.
    conditions : ImagingConditions
        The training distribution.
    seed : int
        Number of the initialisation and of the draws.
    root : int
        Seed of the study.
    network, training : configurations
        Its shape, and how it is trained.
    source, validation : ImageSource
        Where training images come from, and those that training may stop by.
    """

    id: str
    name: str
    settings: Settings
    conditions: ImagingConditions
    seed: int
    root: int
    network: NetworkSettings
    training: TrainingSettings
    source: ImageSource
    validation: ImageSource | None

    @property
    def stream(self) -> Stream:
        """Where its batches draw from: networks of one seed number see the same draws, for fair comparison."""
        return Stream(self.root, (TRAINING, self.seed))

    @property
    def initial_seed(self) -> int:
        """Seed of its initial weights."""
        return torch_seed(self.root, Stage.INITIALISATION, self.seed)


@dataclass(frozen=True, kw_only=True)
class TestCondition:
    """One distribution of conditions to test on; its images are the same for every network.

    Attributes
    ----------
    id : str
        Hash of all that its images depend on.
    name : str
        For people.
    conditions : ImagingConditions
        The distribution.
    conditions_id : str
        Hash of the distribution alone.
    root : int
        Seed of the study.
    source : ImageSource
        Where its images come from.
    """

    __test__ = False  # no test case for pytest

    id: str
    name: str
    conditions: ImagingConditions
    conditions_id: str
    root: int
    source: ImageSource

    @property
    def stream(self) -> Stream:
        """Where its images draw from."""
        return images_stream(self.conditions_id, self.root)


def validation_stream(run: NetworkRun) -> Stream:
    """Return the stream of draws for the images that a network's training is watched by."""
    return images_stream(content_hash(run.conditions), run.root, VALIDATION)


def common_hash(
    source: ImageSource, validation: ImageSource | None, network: NetworkSettings, training: TrainingSettings, root: int
) -> str:
    """Hash all that the networks of a study have in common.

    Which frequencies the stored spectra keep follows from the widest aperture of all; it does not change a result.
    """
    watched = [] if validation is None else [validation.database]
    parts = [source.database, source.imaging, network_identity(network), training.identity(), root, *watched]
    return content_hash([*parts, OPTICS_VERSION, DATASETS_VERSION, TRAINING_VERSION])


def network_hash(common: str, conditions_id: str, seed: int) -> str:
    """Name a network by the hash that it shares with others, the conditions it is trained on, and its seed number."""
    return content_hash([common, conditions_id, seed])


def score_id(network_id: str, test_id: str) -> str:
    """Name the scores of one network under one test condition."""
    return content_hash([network_id, test_id])


@dataclass(frozen=True)
class Part:
    """One combination of the swept settings of a study: the whole study, if nothing is swept.

    Attributes
    ----------
    study : Study
        The study with these settings and no others.
    settings : mapping
        Swept settings by dotted key.
    """

    study: Study
    settings: Settings = field(default_factory=dict)

    @cached_property
    def databases(self) -> dict[str, WaveSet]:
        """The sets of specimens with their waves, by role."""
        return self.study.wave_sets

    @cached_property
    def sources(self) -> dict[str, ImageSource]:
        """Where images come from, by role."""
        study = self.study
        band = (study.exit_waves.energy, study.widest_semiangle, study.band_margin)
        return {
            role: ImageSource(waves.id, f"waves/{waves.id}", band, study.imaging)
            for role, waves in self.databases.items()
        }

    @cached_property
    def trainings(self) -> dict[str, ImagingConditions]:
        """The training distributions, by the names that networks trained on them have."""
        label = label_of(self.settings)
        named = self.study.conditions.resolved("training")
        return {f"{name}, {label}" if label else name: conditions for name, conditions in named}

    @cached_property
    def networks(self) -> tuple[NetworkRun, ...]:
        """All networks, training distribution by training distribution."""
        study, training = self.study, self.study.training.resolved()
        watched = self.sources.get("validation") if training.needs_validation else None
        common = common_hash(self.sources["training"], watched, study.network, training, study.seed)
        return tuple(
            NetworkRun(
                id=network_hash(common, conditions_id, seed),
                name=name,
                settings=self.settings,
                conditions=conditions,
                seed=seed,
                root=study.seed,
                network=study.network,
                training=training,
                source=self.sources["training"],
                validation=watched,
            )
            for name, conditions in self.trainings.items()
            for conditions_id in [content_hash(conditions)]
            for seed in range(study.seeds)
        )

    @cached_property
    def tests(self) -> tuple[TestCondition, ...]:
        """All test conditions."""
        return tuple(self._test(name, conditions) for name, conditions in self.study.conditions.resolved("test"))

    @cached_property
    def own_tests(self) -> dict[str, TestCondition]:
        """Each training distribution as a test condition, by its name: the images for scores in distribution."""
        return {name: self._test(name, conditions) for name, conditions in self.trainings.items()}

    @cached_property
    def tests_of(self) -> dict[str, tuple[TestCondition, ...]]:
        """All conditions that networks are scored under, their own training distribution last, by its name."""
        return {name: _once([*self.tests, own]) for name, own in self.own_tests.items()}

    @cached_property
    def metrics_id(self) -> str:
        """Hash of all that the object spectra depend on."""
        settings = self.study.information.model_dump(mode="json", exclude={"images", "observers"})
        versions = [METRICS_VERSION, LIBRARY_VERSION]
        return content_hash([self.databases["training"].id, settings, self.study.widest_semiangle, versions])

    def _test(self, name: str, conditions: ImagingConditions) -> TestCondition:
        conditions_id, source = content_hash(conditions), self.sources["test"]
        return TestCondition(
            id=images_id(source.database, conditions_id, source.imaging, self.study.seed),
            name=name,
            conditions=conditions,
            conditions_id=conditions_id,
            root=self.study.seed,
            source=source,
        )


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
        """The combinations of swept settings, in order."""
        if not self.study.sweep:
            return (Part(self.study),)
        return tuple(self._part(settings) for settings in combinations(self.study.sweep))

    def _part(self, settings: Settings) -> Part:
        study = with_settings(self.study, settings)
        return Part(study.with_network(carry_code(self.study.network, study.network)), settings)

    @cached_property
    def databases(self) -> dict[str, WaveSet]:
        """The sets of specimens with their waves, by id: those that the networks are trained and scored on."""
        every = {waves.id: waves for part in self.parts for waves in part.databases.values()}
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
        trained = [conditions for part in self.parts for conditions in part.trainings.values()]
        order = {id(one): places.setdefault(content_hash(one), len(places)) for one in trained}
        return tuple(sorted(self.every, key=lambda run: order[id(run.conditions)]))

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
                tests[run.id] = more if earlier is None else _once([*earlier, *more])
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


def _once(tests: Sequence[TestCondition]) -> tuple[TestCondition, ...]:
    """Each test condition once, by content, under its first name."""
    first: dict[str, TestCondition] = {}
    for test in tests:
        first.setdefault(test.id, test)
    return tuple(first.values())
