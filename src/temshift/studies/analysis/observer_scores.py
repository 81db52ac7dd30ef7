"""Observers of a study, taken from every training distribution to every test condition: in parallel, and once."""

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from temshift.conditions import ImagingConditions
from temshift.core import content_hash
from temshift.execution import Task, Work
from temshift.information import ObjectLibrary, RuleName, Survey, fit_observer, ring_draws
from temshift.information.observers.draws import Draws
from temshift.information.observers.observer import OBSERVER_VERSION, Observer, average
from temshift.micrographs.threads import one_thread
from temshift.storage import read_table, record_state
from temshift.storage.files import table_bytes
from temshift.storage.records import write_recorded
from temshift.studies.folder import StudyFolder
from temshift.vocabulary.columns import OBSERVED, OBSERVED_IDEAL

LEARNERS: tuple[RuleName, ...] = ("linear", "forest")
TESTS_HELD = 128  # draws of test conditions that a worker holds, under a megabyte each
TRAININGS_HELD = 16  # fitted observers that a worker holds: sets of specimens are asked about one after the other


@dataclass(frozen=True)
class Scene:
    """Specimens and the survey that observers see them in, known by the hash of all that they depend on."""

    id: str
    library: ObjectLibrary = field(compare=False)
    survey: Survey = field(compare=False)

    @classmethod
    def of(cls, library: ObjectLibrary, survey: Survey) -> "Scene":
        """Name a scene by its content."""
        arrays = [np.ascontiguousarray(getattr(library, one.name)).tobytes() for one in fields(ObjectLibrary)]
        hashes = [hashlib.sha256(array).hexdigest() for array in arrays]
        microscope = survey.microscope
        settings = [microscope.energy, microscope.imaging, microscope.nyquist, survey.semiangle, survey.seed]
        return cls(content_hash([hashes, settings, OBSERVER_VERSION]), library, survey)


@dataclass(frozen=True)
class Passage:
    """A training distribution in a scene, and the test conditions, by their hashes, that its observers are taken to.

    Tests show the specimens of the same scene, or of another one, ``shown``. ``ideal`` asks for the ideal observer,
    too, which knows the densities of the scene that it is trained on.
    """

    scene: Scene
    training: ImagingConditions
    tests: Mapping[str, ImagingConditions]
    shown: Scene | None = None
    ideal: bool = False

    @cached_property
    def id(self) -> str:
        """Hash of all that its observers depend on."""
        elsewhere = [] if self.shown is None else [self.shown.id]
        return content_hash([self.scene.id, *elsewhere, *(["ideal"] if self.ideal else []), self.training])


@dataclass(frozen=True)
class _Seen:
    """A test condition in a scene, known by their hashes."""

    scene: Scene
    id: str
    conditions: ImagingConditions = field(compare=False)


def take_observers(folder: StudyFolder, work: Work, passages: Sequence[Passage]) -> list[pl.DataFrame]:
    """Take observers from training distributions to test conditions; scores in the folder are not computed again.

    Parameters
    ----------
    folder : StudyFolder
        The folder that keeps results.
    work : Work
        Who computes, a task a training distribution.
    passages : sequence of Passage
        Tasks; the same training in the same scene is fitted once.

    Returns
    -------
    list of polars.DataFrame
        Rows of :data:`temshift.vocabulary.columns.OBSERVED` for each passage, a test condition each, and of
        ``OBSERVED_IDEAL`` where the ideal observer is asked for.

    Raises
    ------
    TemshiftError
        If an observer can't be computed, such as in a band that holds no ring of spatial frequencies.
    """
    joined = _joined(passages)
    tables = {id_: _held(folder, id_, work) for id_ in joined}
    lacking = {id_: _lacking(passage, tables[id_]) for id_, passage in joined.items()}
    asked = [passage for passage in lacking.values() if passage.tests]
    tasks = [Task(observe_tests, (folder.root, one), f"observers of training distribution {one.id}") for one in asked]
    sizes = [len(one.tests) for one in asked]
    kept = sum(len(one.tests) for one in joined.values()) - sum(sizes)
    work.perform("observers", tasks, sizes, kept)
    tables |= {one.id: _held(folder, one.id, work) for one in asked}
    return [tables[one.id].filter(pl.col("conditions_id").is_in(list(one.tests))) for one in passages]


def has_observers(folder: StudyFolder, passage: Passage) -> bool:
    """Return whether a folder keeps scores of the observers of a training distribution, by the code of now."""
    return any(folder.observers(passage.id).glob("*.json"))


def observe_tests(root: Path, passage: Passage) -> None:
    """Fit observers to one training distribution, and keep their scores under test conditions."""
    one_thread()
    scene, shown = passage.scene, passage.shown or passage.scene
    seen = {id_: _Seen(shown, id_, one) for id_, one in passage.tests.items()}
    training = _Seen(scene, content_hash(passage.training), passage.training)
    tested = {id_: _test_draws(one) for id_, one in seen.items()}
    table = pl.DataFrame(_scored(_fitted(training), tested), schema=OBSERVED)
    if passage.ideal:
        table = table.hstack(pl.DataFrame(_scored_ideally(_ideal(training), seen.values()), OBSERVED_IDEAL))
    name = content_hash(sorted(tested))
    contents = {f"{name}.parquet": table_bytes(table)}
    write_recorded(StudyFolder(root).observers(passage.id) / f"{name}.json", contents, {"tests": len(tested)})


@functools.lru_cache(maxsize=TRAININGS_HELD)
def _fitted(training: _Seen) -> tuple[Observer, ...]:
    """The linear observer and the forest of a training distribution."""
    draws = ring_draws(training.conditions, training.scene.library, training.scene.survey, stream=0)
    return tuple(fit_observer(draws, rule, seed=training.scene.survey.seed) for rule in LEARNERS)


@functools.lru_cache(maxsize=TRAININGS_HELD)
def _ideal(training: _Seen) -> Observer:
    """The ideal observer of a training distribution; it knows densities and no instances, so it has mean particles."""
    draws = ring_draws(training.conditions, training.scene.library.averaged, training.scene.survey, stream=0)
    return fit_observer(draws, "ideal")


def _scored(observers: tuple[Observer, ...], tested: Mapping[str, Draws]) -> Iterator[dict[str, str | float]]:
    """Rows of scores of the linear observer, the forest and both."""
    linear, forest = observers
    for id_, seen in tested.items():
        by_linear, by_forest = linear.expected(seen), forest.expected(seen)
        expected = {"linear": by_linear, "forest": by_forest, "both": average(by_linear, by_forest)}
        numbers = {
            f"observer_{rule}_{name}": value for rule in expected for name, value in asdict(expected[rule]).items()
        }
        yield {"conditions_id": id_, **numbers}


def _scored_ideally(ideal: Observer, seen: Iterable[_Seen]) -> Iterator[dict[str, float]]:
    """Rows of scores of the ideal observer, on mean particles."""
    for test in seen:
        draws = ring_draws(test.conditions, test.scene.library.averaged, test.scene.survey, stream=1)
        yield {f"observer_ideal_{name}": value for name, value in asdict(ideal.expected(draws)).items()}


@functools.lru_cache(maxsize=TESTS_HELD)
def _test_draws(seen: _Seen) -> Draws:
    return ring_draws(seen.conditions, seen.scene.library, seen.scene.survey, stream=1)


def _joined(passages: Sequence[Passage]) -> dict[str, Passage]:
    """Passages of one training in one scene as one, by id."""
    joined: dict[str, Passage] = {}
    for passage in passages:
        before = joined.get(passage.id)
        joined[passage.id] = passage if before is None else replace(passage, tests={**before.tests, **passage.tests})
    return joined


def _lacking(passage: Passage, kept: pl.DataFrame) -> Passage:
    there = set(kept["conditions_id"])
    return replace(passage, tests={id_: one for id_, one in passage.tests.items() if id_ not in there})


def _held(folder: StudyFolder, id_: str, work: Work) -> pl.DataFrame:
    """Scores of the observers of a training distribution that the folder keeps; damaged ones are made again."""
    records = sorted(folder.observers(id_).glob("*.json"))
    damaged = set(work.missing(records, record_state))
    tables = [read_table(path.with_suffix(".parquet")) for path in records if path not in damaged]
    return pl.concat([pl.DataFrame(schema=OBSERVED), *tables], how="diagonal").unique("conditions_id", keep="first")
