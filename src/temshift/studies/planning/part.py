"""What a study makes for one combination of settings: networks and tests, each named by all that it depends on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from temshift.conditions.imaging import ImagingConditions
from temshift.core.hashes import content_hash, joined_hash
from temshift.core.seeds import Stage, torch_seed
from temshift.databases.wave_sets import WaveSet
from temshift.information.objects.library import LIBRARY_VERSION
from temshift.information.transfer.metrics import METRICS_VERSION
from temshift.micrographs.formation import DATASETS_VERSION, Stream
from temshift.networks import (
    NetworkSettings,
    TrainingSettings,
    network_identity,
)
from temshift.networks.training import TRAINING_VERSION
from temshift.optics import OPTICS_VERSION, ImagingSettings
from temshift.scoring import images_stream
from temshift.scoring.scored_images import TRAINING, VALIDATION, images_of, source_id
from temshift.specimens import MixtureRecipe
from temshift.studies.planning.specimen_sets import ALL, OWN, Selection
from temshift.studies.planning.study import Study
from temshift.studies.planning.sweep import Settings, label_of


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
    specimens : str
        The set of specimens that they show; "" if the study has no sets.
    """

    __test__ = False  # no test case for pytest

    id: str
    name: str
    conditions: ImagingConditions
    conditions_id: str
    root: int
    source: ImageSource
    specimens: str = ""

    @property
    def stream(self) -> Stream:
        """Where its images draw from."""
        return images_stream(self.conditions_id, self.root)


def validation_stream(run: NetworkRun) -> Stream:
    """Return the stream of draws for the images that a network's training is watched by."""
    return images_stream(run.conditions.identity, run.root, VALIDATION)


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
    return joined_hash(network_id, test_id)


@dataclass(frozen=True)
class Part:
    """One combination of swept settings and a set of specimens to train on: the study itself, if it has neither.

    Attributes
    ----------
    study : Study
        The study with these settings and specimens and no others.
    settings : mapping
        Swept settings by dotted key.
    specimens : str
        Name of the set of specimens that networks are trained on; "" if the study has no sets.
    members : mapping of str to Study
        The same with the specimens of each set.
    """

    study: Study
    settings: Settings = field(default_factory=dict)
    specimens: str = ""
    members: Mapping[str, Study] = field(default_factory=dict)

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
    def kin(self) -> dict[str, "Part"]:
        """The parts that train on each set of specimens under the same settings, this one among them, by set."""
        parts = {name: Part(member, self.settings, name, self.members) for name, member in self.members.items()}
        return {**parts, self.specimens: self}

    @cached_property
    def trainings(self) -> dict[str, ImagingConditions]:
        """The training distributions, by the names that networks trained on them have."""
        label = ", ".join(text for text in (self.specimens, label_of(self.settings)) if text)
        return {f"{name}, {label}" if label else name: conditions for name, conditions in self._trained}

    @cached_property
    def distributions(self) -> dict[str, str]:
        """Names that the study has for the training distributions, by the names of networks trained on them."""
        return dict(zip(self.trainings, (name for name, _ in self._trained), strict=True))

    @property
    def _trained(self) -> list[tuple[str, ImagingConditions]]:
        named = zip(self.study.conditions.resolved("training"), self.study.conditions.chosen("training"), strict=True)
        return [one for one, sets in named if not self.specimens or {ALL, self.specimens} & set(sets)]

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
            for conditions_id in [conditions.identity]
            for seed in range(study.seeds)
        )

    @cached_property
    def tests(self) -> tuple[TestCondition, ...]:
        """All test conditions."""
        return tuple(self._tests())

    def _tests(self) -> Iterator[TestCondition]:
        swept = {key: value for key, value in self.settings.items() if key.startswith("conditions.")}
        conditions = self.study.conditions
        for (plain, shown), sets in zip(conditions.resolved("test"), conditions.chosen("test"), strict=True):
            name = f"{plain}, {label_of(swept)}" if swept else plain
            if not self.members or OWN in sets:
                yield self._test(name, shown, self.specimens)
            else:
                yield from (self._test(f"{name}, {kind}", shown, kind) for kind in self._named(sets))

    def _named(self, sets: Selection) -> Sequence[str]:
        """The sets of specimens that a test shows."""
        if ALL not in sets:
            return sets
        return [name for name, one in self.members.items() if not isinstance(one.specimens, MixtureRecipe)]

    @property
    def own_specimens(self) -> tuple[TestCondition, ...]:
        """Test conditions that show specimens of the set that networks are trained on."""
        return tuple(test for test in self.tests if test.specimens == self.specimens)

    @cached_property
    def own_tests(self) -> dict[str, TestCondition]:
        """Each training distribution as a test condition, by its name: the images for scores in distribution."""
        return {name: self._test(name, conditions, self.specimens) for name, conditions in self.trainings.items()}

    @cached_property
    def away_tests(self) -> dict[str, tuple[TestCondition, ...]]:
        """Each training distribution on the specimens of the other sets that it is tested on, by its name."""
        kinds = dict.fromkeys(test.specimens for test in self.tests if test.specimens != self.specimens)
        return {
            name: tuple(self._test(f"{name}, {kind}", conditions, kind) for kind in kinds)
            for name, conditions in self.trainings.items()
        }

    @cached_property
    def tests_of(self) -> dict[str, tuple[TestCondition, ...]]:
        """All conditions that networks are scored under, their own training distribution last, by its name."""
        return {name: once([*self.tests, own, *self.away_tests[name]]) for name, own in self.own_tests.items()}

    @cached_property
    def metrics_id(self) -> str:
        """Hash of all that the object spectra depend on."""
        settings = self.study.information.model_dump(mode="json", exclude={"images", "observers"})
        versions = [METRICS_VERSION, LIBRARY_VERSION]
        return content_hash([self.databases["training"].id, settings, self.study.widest_semiangle, versions])

    @cached_property
    def _source_ids(self) -> dict[str, str]:
        """What test images depend on apart from their conditions, by the set of specimens that they show."""
        sources = {name: part.sources["test"] for name, part in self.kin.items()}
        return {name: source_id(one.database, one.imaging, self.study.seed) for name, one in sources.items()}

    def _test(self, name: str, conditions: ImagingConditions, specimens: str) -> TestCondition:
        conditions_id, source = conditions.identity, self.kin[specimens].sources["test"]
        return TestCondition(
            id=images_of(self._source_ids[specimens], conditions_id),
            name=name,
            conditions=conditions,
            conditions_id=conditions_id,
            root=self.study.seed,
            source=source,
            specimens=specimens,
        )


def once(tests: Sequence[TestCondition]) -> tuple[TestCondition, ...]:
    """Return each test condition once, by content, under its first name."""
    first: dict[str, TestCondition] = {}
    for test in tests:
        first.setdefault(test.id, test)
    return tuple(first.values())
