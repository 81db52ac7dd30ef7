"""Observers of a study, taken from every training distribution to every test condition: in parallel, and once."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import polars as pl

from temshift.core.errors import TemshiftError
from temshift.core.files import read_table, table_bytes
from temshift.core.hashes import content_hash
from temshift.core.records import read_facts, write_recorded
from temshift.core.tables import OBSERVED
from temshift.execution import Task
from temshift.information.library import ObjectLibrary
from temshift.information.microscope import Microscope
from temshift.information.observer import OBSERVER_VERSION, Draws, observe_draws, ring_draws
from temshift.optics.imaging import ImagingConditions
from temshift.studies.folder import StudyFolder
from temshift.studies.work import Work, one_thread

TESTS_HELD = 128  # draws of test conditions that a worker holds, under a megabyte each


@dataclass(frozen=True)
class Scene:
    """Specimens and microscope that observers see, known by the hash of all that they depend on."""

    id: str
    library: ObjectLibrary = field(compare=False)
    microscope: Microscope = field(compare=False)

    @classmethod
    def of(cls, library: ObjectLibrary, microscope: Microscope) -> "Scene":
        """Name a scene by its content."""
        arrays = [np.ascontiguousarray(getattr(library, one.name)).tobytes() for one in fields(ObjectLibrary)]
        hashes = [hashlib.sha256(array).hexdigest() for array in arrays]
        settings = [microscope.energy, microscope.imaging, microscope.nyquist, microscope.semiangle, microscope.seed]
        return cls(content_hash([hashes, settings, OBSERVER_VERSION]), library, microscope)

    def observer_id(self, training: ImagingConditions) -> str:
        """Name the observers of a training distribution."""
        return content_hash([self.id, training])


@dataclass(frozen=True)
class Seen:
    """A test condition in a scene, known by their hashes."""

    scene: Scene
    id: str
    conditions: ImagingConditions = field(compare=False)


def observed(
    folder: StudyFolder, work: Work, asked: Sequence[tuple[Scene, ImagingConditions, Sequence[ImagingConditions]]]
) -> list[dict[str, dict[str, float]]]:
    """Tell what observers score that are asked for; what the folder holds is not computed again.

    Parameters
    ----------
    folder : StudyFolder
        Where results are kept.
    work : Work
        Who computes, a task a training distribution.
    asked : sequence of (Scene, ImagingConditions, sequence of ImagingConditions)
        Training distributions in their scenes, each with its test conditions.

    Returns
    -------
    list of dict
        For each that is asked, columns of :data:`temshift.core.tables.OBSERVED` by the hash of the test condition.

    Raises
    ------
    TemshiftError
        Where an observer can't be computed.
    """
    wanted: dict[str, tuple[Scene, ImagingConditions, dict[str, ImagingConditions]]] = {}
    for scene, training, tests in asked:
        key = scene.observer_id(training)
        wanted.setdefault(key, (scene, training, {}))[2].update({content_hash(one): one for one in tests})
    held = {key: _held(folder, key, work) for key in wanted}
    lacking = {key: {id_: one for id_, one in wanted[key][2].items() if id_ not in held[key]} for key in wanted}
    tasks, sizes = [], []
    for key, tests in lacking.items():
        if tests:
            seen = [Seen(wanted[key][0], id_, one) for id_, one in tests.items()]
            label = f"observers of training distribution {key}"
            tasks.append(Task(observe_tests, (folder.root, key, wanted[key][1], seen), label))
            sizes.append(len(tests))
    kept = sum(len(tests) for _, _, tests in wanted.values()) - sum(sizes)
    work.perform("observers", tasks, sizes, kept)
    complete = {key: _held(folder, key, work) if lacking[key] else held[key] for key in wanted}
    return [
        {id_: complete[scene.observer_id(training)][id_] for id_ in map(content_hash, tests)}
        for scene, training, tests in asked
    ]


def observe_tests(root: StudyFolder | object, key: str, training: ImagingConditions, seen: Sequence[Seen]) -> None:
    """Fit observers to one training distribution, and keep what they score under test conditions."""
