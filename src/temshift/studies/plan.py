"""What a study has to make: databases, networks and scores, each named by the hash of what it depends on."""

from dataclasses import dataclass
from functools import cached_property

from temshift.core.hashes import content_hash
from temshift.core.seeds import Stage, torch_seed
from temshift.datasets.micrographs import DATASETS_VERSION, Stream
from temshift.generalization.scores import SCORES_VERSION
from temshift.information.metrics import METRICS_VERSION
from temshift.networks.training import TRAINING_VERSION
from temshift.optics.images import OPTICS_VERSION
from temshift.optics.imaging import ImagingConditions
from temshift.studies.study import Study
from temshift.studies.waves import WaveSet

ROLES = ("training", "test")


@dataclass(frozen=True)
class NetworkRun:
    """One network to train: a training distribution and the number of its initialisation."""

    id: str
    training_name: str
    conditions: ImagingConditions
    seed: int


@dataclass(frozen=True)
class TestCondition:
    """One distribution of conditions to test on; ``key`` numbers its random stream, by content."""

    name: str
    conditions: ImagingConditions
    key: int


class Plan:
    """Everything a study makes, expanded and named.

    Parameters
    ----------
    study : Study
        The resolved study.
    """

    def __init__(self, study: Study) -> None:
        self.study = study

    @cached_property
    def databases(self) -> dict[str, WaveSet]:
        """The sets of specimens with their waves, by role."""
        return self.study.wave_sets

    @cached_property
    def networks(self) -> tuple[NetworkRun, ...]:
        """All networks, training distribution by training distribution."""
        named = self.study.conditions.resolved("training")
        return tuple(
            NetworkRun(self._network_id(conditions, seed), name, conditions, seed)
            for name, conditions in named
            for seed in range(self.study.seeds)
        )

    @cached_property
    def tests(self) -> tuple[TestCondition, ...]:
        """All test conditions."""
        named = self.study.conditions.resolved("test")
        return tuple(
            TestCondition(name, conditions, int(content_hash(conditions)[:8], 16)) for name, conditions in named
        )

    @cached_property
    def metrics_id(self) -> str:
        """Hash of all that the object spectra depend on."""
        band = self.study.widest_semiangle
        settings = self.study.information.model_dump(mode="json")
        return content_hash([self.databases["training"].id, settings, band, METRICS_VERSION])

    def score_id(self, network_id: str, test: TestCondition) -> str:
        """Name the scores of one network under one test condition."""
        parts = [network_id, self.databases["test"].id, test.conditions, self.study.imaging, SCORES_VERSION]
        return content_hash([*parts, self.study.seed, OPTICS_VERSION, DATASETS_VERSION])

    def training_stream(self, run: NetworkRun) -> Stream:
        """Where a network's batches draw from: networks of one seed number see the same draws, for fair comparison."""
        return Stream(self.study.seed, (0, run.seed))

    def test_stream(self, test: TestCondition) -> Stream:
        """Where a test condition's images draw from: the same images for every network."""
        return Stream(self.study.seed, (1, test.key))

    def initial_seed(self, run: NetworkRun) -> int:
        """Seed of a network's initial weights."""
        return torch_seed(self.study.seed, Stage.INITIALISATION, run.seed)

    def _network_id(self, conditions: ImagingConditions, seed: int) -> str:
        study = self.study
        parts = [
            self.databases["training"].id,
            conditions,
            study.imaging,
            study.network,
            study.training.identity(),
            study.seed,
            seed,
        ]
        # Which frequencies the stored spectra keep follows from the widest aperture; it does not change a result.
        return content_hash([*parts, OPTICS_VERSION, DATASETS_VERSION, TRAINING_VERSION])
