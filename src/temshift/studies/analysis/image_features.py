"""Features of a study's micrographs that foretell scores: d_image, and a probe, on specimens of the training.

Images under training conditions are formed of the first specimens of the training set, those under test conditions of
the next ones: no specimen that networks are scored on is looked at, and none on both sides of a pair.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from temshift.conditions import ImagingConditions
from temshift.core import TemshiftError, content_hash, wavelength
from temshift.execution import Task, Work
from temshift.information import ImageSpectra, fit_probe, image_distance, image_patches, image_spectra
from temshift.information.observers.observer import OBSERVER_VERSION
from temshift.information.observers.probe import Patches
from temshift.micrographs import DATASETS_VERSION, Batch, form_micrographs
from temshift.micrographs.threads import one_thread
from temshift.optics import OPTICS_VERSION
from temshift.scoring import images_stream
from temshift.scoring.scored_images import COMPARING
from temshift.storage import read_facts, read_table, record_state
from temshift.storage.files import table_bytes
from temshift.storage.records import write_recorded
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.part import ImageSource, Part
from temshift.studies.planning.plan import Plan
from temshift.studies.sources import SCORING_BATCH, source_of
from temshift.vocabulary.columns import IMAGE_FEATURES

IMAGE_FEATURES_VERSION = 2  # raised whenever the same settings would give other features
SIDES = ("training", "test")
LEAST_SPECIMENS = 2  # on each side


@dataclass(frozen=True)
class Look:
    """Micrographs to look at: those of some specimens under one distribution of conditions.

    Attributes
    ----------
    source : ImageSource
        Waves, and how images are formed.
    conditions : ImagingConditions
        The distribution.
    seed : int
        Seed of the study.
    first, count : int
        Which specimens of the set.
    pixel : float
        Size of a pixel of the images [A].
    highest : float
        Where the rings of the aperture end, for the probe [1/A].
    kept : tuple of str
        "spectra" for d_image, "patches" for the probe.
    patches : int
        How many patches.
    """

    source: ImageSource
    conditions: ImagingConditions
    seed: int
    first: int
    count: int
    pixel: float
    highest: float
    kept: tuple[str, ...]
    patches: int

    @property
    def id(self) -> str:
        """Hash of all that the images depend on."""
        versions = [IMAGE_FEATURES_VERSION, OPTICS_VERSION, DATASETS_VERSION]
        shown = [self.source.database, self.source.imaging, self.conditions, self.seed, self.first, self.count]
        return content_hash([*shown, self.pixel, self.highest, self.kept, self.patches, versions])

    def images(self, root: Path, device: str) -> Batch:
        """Form the micrographs (n, y, x), each standardised, and their masks."""
        source = source_of(root, self.source, device, self.first + self.count)
        stream = images_stream(content_hash(self.conditions), self.seed, COMPARING)
        every = np.arange(self.first, self.first + self.count)
        parts = [every[start : start + SCORING_BATCH] for start in range(0, self.count, SCORING_BATCH)]
        formed = [form_micrographs(source, self.conditions, part, part.tolist(), stream) for part in parts]
        images, masks = (torch.cat(each)[:, 0].cpu() for each in zip(*formed, strict=True))
        return images, masks


@dataclass(frozen=True)
class Looks:
    """Looks for one part of a plan: images under each training and each test distribution, by name."""

    training: Mapping[str, Look]
    test: Mapping[str, Look]

    @property
    def every(self) -> list[Look]:
        """All of them."""
        return [*self.training.values(), *self.test.values()]

    @property
    def probed(self) -> list[str]:
        """Names of the training distributions that a probe is fitted to."""
        return [name for name, look in self.training.items() if "patches" in look.kept]


def measure_image_features(plan: Plan, folder: StudyFolder, work: Work) -> pl.DataFrame:
    """Measure d_image and, if it is asked for, the probe for every training x test distribution of a study.

    Parameters
    ----------
    plan : Plan
        The study's plan; its ``information.images`` chooses the features.
    folder : StudyFolder
        The folder of waves; spectra, patches and scores of the probe are kept there, so that nothing is done twice.
    work : Work
        Who does it.

    Returns
    -------
    polars.DataFrame
        Of :data:`temshift.vocabulary.columns.IMAGE_FEATURES`; empty if nothing is asked for. Unknown numbers
        are null, and a warning says why.
    """
    looks = [looks_of(part) for part in plan.parts]
    _perform(work, folder, "micrographs compared", {look.id: (_look, look) for one in looks for look in one.every})
    for reason in dict.fromkeys(_faults(folder, looks)):
        work.progress.warning(f"no image features: {reason}")
    probes = {_probe_id(one, name): (one.training[name], [*one.test.values()]) for one in looks for name in one.probed}
    _perform(work, folder, "probes", {id_: (_probe, *pair) for id_, pair in probes.items()})
    return _gathered(work, folder, looks)


def _gathered(work: Work, folder: StudyFolder, looks: Sequence[Looks]) -> pl.DataFrame:
    """The table of all pairs, made again only if it would differ."""
    record = features_record(folder)
    sides = [[[name, look.id] for name, look in side.items()] for one in looks for side in (one.training, one.test)]
    probes = [_probe_id(one, name) for one in looks for name in one.probed]
    identity = content_hash([*sides, probes])
    if work.missing([record], record_state) or read_facts(record)["id"] != identity:
        pairs = pl.concat([pl.DataFrame(schema=IMAGE_FEATURES), *(_pairs(folder, one) for one in looks)])
        write_recorded(record, {record.with_suffix(".parquet").name: table_bytes(pairs)}, {"id": identity})
    return read_table(record.with_suffix(".parquet"))


def features_record(folder: StudyFolder) -> Path:
    """Return the path of the record of the table of all pairs."""
    return folder.root / "image_features" / "pairs.json"


def looks_of(part: Part) -> Looks:
    """Return the looks for a part of a plan: none if they are not asked for, or specimens are too few."""
    settings, specimens = part.study.information.images, part.databases["training"].count
    count = min(settings.specimens, specimens // len(SIDES))
    kept = tuple(name for name, asked in (("spectra", settings.distance), ("patches", settings.probe)) if asked)
    if not kept or count < LEAST_SPECIMENS:
        return Looks({}, {})
    grid = part.study.image_grid
    highest = min(part.study.widest_semiangle / wavelength(part.study.exit_waves.energy), grid.nyquist)

    def look(conditions: ImagingConditions, first: int, specimens: str) -> Look:
        other, pixel = part.kin[specimens], grid.sampling[1]
        features = _comparable(kept, part, other)
        source = other.sources["training"]
        return Look(source, conditions, part.study.seed, first, count, pixel, highest, features, settings.patches)

    enough = {name for name, other in part.kin.items() if other.databases["training"].count >= 2 * count}
    tests = [test for test in part.tests if test.specimens in enough]
    return Looks(
        {name: look(conditions, 0, part.specimens) for name, conditions in part.trainings.items()},
        {test.name: look(test.conditions, count, test.specimens) for test in tests},
    )


def _comparable(kept: tuple[str, ...], part: Part, other: Part) -> tuple[str, ...]:
    """The features that a set of specimens may be compared by: spectra need images of one size, patches one pixel."""
    ours, theirs = part.study.image_grid, other.study.image_grid
    alike = {"spectra": ours == theirs, "patches": np.allclose(ours.sampling, theirs.sampling)}
    return tuple(name for name in kept if alike[name])


def _perform(work: Work, folder: StudyFolder, name: str, calls: Mapping[str, tuple[Any, ...]]) -> None:
    """Make calls that have no record yet: a function of the study folder, its input, the record and the device."""
    records = {id_: _record(folder, id_) for id_ in calls}
    missing = set(work.missing(records.values(), record_state))
    tasks = [
        Task(function, (folder.root, *needs, records[id_], work.device), f"{name}, {id_}")
        for id_, (function, *needs) in calls.items()
        if records[id_] in missing
    ]
    if calls:
        work.perform(name, tasks, [1] * len(tasks), len(calls) - len(tasks))


def _record(folder: StudyFolder, id_: str) -> Path:
    return features_record(folder).with_name(f"{id_}.json")


def _faults(folder: StudyFolder, looks: Iterable[Looks]) -> Iterable[str]:
    """Why some images have no features."""
    for some in looks:
        for name, look in itertools.chain(some.training.items(), some.test.items()):
            for fault in read_facts(_record(folder, look.id))["faults"]:
                yield f"{name}: {fault}"


def _look(root: Path, look: Look, record: Path, device: str) -> None:
    """Form micrographs and keep their spectra and patches; the record names images that have none."""
    one_thread()
    images, masks = look.images(root, device)
    makers: dict[str, Callable[[], pl.DataFrame]] = {
        "spectra": lambda: _spectra_table(image_spectra(images, look.pixel)),
        "patches": lambda: _patches_table(
            image_patches(images, masks, look.pixel, look.highest, count=look.patches, seed=look.seed)
        ),
    }
    tables, faults = {}, []
    for name in look.kept:
        try:
            tables[f"{record.stem}.{name}.parquet"] = table_bytes(makers[name]())
        except (TemshiftError, ValueError) as error:
            faults.append(str(error))
    write_recorded(record, tables, {"faults": faults})


def _spectra_table(spectra: ImageSpectra) -> pl.DataFrame:
    """A column for the frequencies and one for each image."""
    return pl.DataFrame({"q_per_A": spectra.q} | {f"image {n}": power for n, power in enumerate(spectra.power)})


def _patches_table(patches: Patches) -> pl.DataFrame:
    """A row for each patch."""
    powers = {f"ring {number}": ring.astype(np.float32) for number, ring in enumerate(patches.powers.T)}
    return pl.DataFrame({"label": patches.labels, "weight": patches.weights, "image": patches.images, **powers})


def _kept(record: Path, name: str) -> pl.DataFrame | None:
    """One of the tables of a look; None if there are none."""
    path = record.with_suffix(f".{name}.parquet")
    return read_table(path) if path.exists() else None


def _spectra(record: Path) -> ImageSpectra | None:
    table = _kept(record, "spectra")
    return None if table is None else ImageSpectra(table["q_per_A"].to_numpy(), table[:, 1:].to_numpy().T)


def _patches(record: Path) -> Patches | None:
    table = _kept(record, "patches")
    if table is None:
        return None
    columns = (table[name].to_numpy() for name in ("label", "weight", "image"))
    return Patches(table[:, 3:].to_numpy().astype(np.float64), *columns)


def _probe_id(looks: Looks, name: str) -> str:
    return content_hash([looks.training[name].id, [look.id for look in looks.test.values()], OBSERVER_VERSION])


def _probe(root: Path, training: Look, tests: Sequence[Look], record: Path, device: str) -> None:
    """Fit a probe to patches under a training distribution; keep its scores under each test distribution."""
    one_thread()
    patches = _patches(_record(StudyFolder(root), training.id))
    probe = None if patches is None else fit_probe(patches, seed=training.seed)
    rows = []
    for look in tests:
        shown = _patches(_record(StudyFolder(root), look.id))
        scored = {} if probe is None or shown is None else probe.score(shown)
        numbers = {f"probe_{rule}_{key}": value for rule, one in scored.items() for key, value in vars(one).items()}
        rows.append({"look": look.id, **numbers})
    names = [name for name in IMAGE_FEATURES if name.startswith("probe_")]
    table = pl.DataFrame(rows, schema={"look": pl.String, **dict.fromkeys(names, pl.Float64)})
    write_recorded(record, {record.with_suffix(".parquet").name: table_bytes(table)}, {"training": training.id})


def _pairs(folder: StudyFolder, looks: Looks) -> pl.DataFrame:
    """Rows of all pairs of a part."""
    seen = {look.id: _spectra(_record(folder, look.id)) for look in looks.every}
    rows = []
    for training, ours in looks.training.items():
        probed = _probed(folder, looks, training)
        for test, theirs in looks.test.items():
            numbers = _distance(seen[ours.id], seen[theirs.id]) | probed.get(theirs.id, {})
            rows.append({"training_name": training, "test_name": test, **numbers})
    return pl.DataFrame(rows, schema=IMAGE_FEATURES)


def _distance(ours: ImageSpectra | None, theirs: ImageSpectra | None) -> dict[str, float]:
    if ours is None or theirs is None:
        return {}
    distance = image_distance(ours, theirs)
    return {
        "distance_image": distance.distance,
        "distance_image_error": distance.error,
        "distance_image_chance": distance.chance,
    }


def _probed(folder: StudyFolder, looks: Looks, training: str) -> dict[str, dict[str, float]]:
    """Scores of a probe, by the id of the look under each test distribution."""
    if "patches" not in looks.training[training].kept:
        return {}
    table = read_table(_record(folder, _probe_id(looks, training)).with_suffix(".parquet"))
    return {row.pop("look"): row for row in table.iter_rows(named=True)}
