"""The work of a study, as functions that any worker can run: each makes whole things, or nothing."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from torch import nn

from temshift.core import TemshiftError, content_hash, wavelength
from temshift.databases import WaveSet, measured_set
from temshift.execution import Progress
from temshift.exitwaves.origin import Origin, origin_of
from temshift.exitwaves.store import geometry_of, read_description
from temshift.information.objects.library import ObjectLibrary, join_libraries
from temshift.micrographs import MicrographSource, first_images, scoring_batches, training_batches
from temshift.micrographs.formation import Batch
from temshift.micrographs.threads import one_thread
from temshift.networks import (
    Member,
    Trained,
    apply_initial,
    drop_weights,
    initialised,
    parameter_count,
    train,
    train_cohort,
    write_network,
)
from temshift.networks.stored import SOURCE, TRAINED_ON
from temshift.scoring.scores import Scores, score_together
from temshift.storage.files import table_bytes
from temshift.storage.provenance import processor, versions_of
from temshift.storage.records import write_recorded
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.part import ImageSource, NetworkRun, TestCondition, score_id, validation_stream
from temshift.studies.sources import SCORING_BATCH, load_network, source_of, test_batches
from temshift.vocabulary.columns import SCORES

TRAINING_SCORE_BATCHES = 4  # of the first images that a network was trained on, for its loss on images that it has seen

Failures = dict[str, str]  # why a network failed, by its id
Evaluation = tuple[NetworkRun, Sequence[TestCondition]]


def make_ready() -> None:
    """Do nothing: a worker that runs this imports the packages of all tasks while the study folder is looked at."""


def measure_library(root: Path, waves: WaveSet, semiangle: float, numbers: Sequence[int]) -> ObjectLibrary:
    """Measure the particles of some specimens, whose waves are there, up to an angle [rad]."""
    one_thread()
    highest = semiangle / wavelength(waves.exit_waves.energy)
    geometry = geometry_of(StudyFolder(root).waves(waves.id), numbers)
    return join_libraries(measured_set(waves, geometry, highest))


def train_runs(root: Path, runs: Sequence[NetworkRun], device: str) -> Failures:
    """Train networks of one kind together; write each whole, and return why others failed."""
    one_thread()
    source = source_of(root, runs[0].source, device)
    members = [_member(root, run, source, device) for run in runs]
    origin = _origin(root, runs[0].source)
    trained = train_cohort(members, epoch_steps=runs[0].training.steps_per_epoch(len(source)))
    return _failures(
        (
            run,
            functools.partial(_keep, StudyFolder(root).network(run.id), run, member.network, outcome, (source, origin)),
        )
        for run, member, outcome in zip(runs, members, trained, strict=True)
    )


def train_alone(place: Path | str, run: NetworkRun, device: str, progress: Progress) -> None:
    """Train one network, whose waves lie anywhere, and write it whole into a folder of its own."""
    place = Path(place)
    one_thread()
    source, settings = source_of(place, run.source, device), run.training
    member = _member(place, run, source, device)
    epoch_steps = settings.steps_per_epoch(len(source))
    progress.start("epochs", math.ceil(settings.steps_in_all(len(source)) / epoch_steps))
    outcome = train(
        member.network,
        member.batches,
        settings,
        epoch_steps=epoch_steps,
        validation=member.validation,
        on_epoch=lambda _: progress.advance(),
    )
    progress.finish()
    _keep(place, run, member.network, outcome, (source, _origin(place, run.source)))
    if settings.keep == "none":
        drop_weights(place)


def score_runs(root: Path, evaluations: Sequence[Evaluation], device: str) -> Failures:
    """Score networks under test conditions, each as far as asked; images are formed once for all of them."""
    one_thread()
    networks: dict[str, nn.Module] = {}
    failures = _failures((run, functools.partial(_add_network, networks, root, run, device)) for run, _ in evaluations)
    loaded = [(run, tests) for run, tests in evaluations if run.id in networks]
    rows: dict[str, list[dict[str, Any]]] = {run.id: [] for run, _ in loaded}
    for test in {test.id: test for _, tests in loaded for test in tests}.values():
        scored = [run for run, tests in loaded if any(one.id == test.id for one in tests)]
        batches = test_batches(root, test, device)
        each = score_together([networks[run.id] for run in scored], batches)
        for run, scores in zip(scored, each, strict=True):
            rows[run.id].append(_score_row(run, test, scores))
    return failures | _failures((run, functools.partial(_write_scores, root, run, rows[run.id])) for run, _ in loaded)


def _member(root: Path, run: NetworkRun, source: MicrographSource, device: str) -> Member:
    settings = run.training
    network = initialised(run.network, run.initial_seed).to(device)
    apply_initial(network, settings)
    batches = training_batches(
        _shown(source, run),
        run.conditions,
        steps=settings.steps_in_all(len(source)),
        batch=settings.batch,
        stream=run.stream,
        images=settings.images,
        augmentation=settings.augmentation,
    )
    return Member(network, batches, settings, _validation(root, run, device))


def _shown(source: MicrographSource, run: NetworkRun) -> MicrographSource:
    """The waves of a training set, as the images of a training take them."""
    return replace(source, phonons=run.training.phonons)


def _validation(root: Path, run: NetworkRun, device: str) -> list[Batch] | None:
    if run.validation is None:
        return None
    source = source_of(root, run.validation, device)
    return list(scoring_batches(source, run.conditions, batch=SCORING_BATCH, stream=validation_stream(run)))


def _origin(root: Path, source: ImageSource) -> Origin:
    """The images that networks are trained on, for their cards."""
    layout, settings = read_description(root / source.store)
    return origin_of(settings, layout.grid, source.imaging)


def _keep(
    place: Path,
    run: NetworkRun,
    network: nn.Module,
    outcome: Trained | TemshiftError,
    learned_from: tuple[MicrographSource, Origin],
) -> None:
    """Write a trained network with its card; all weights are kept until it is scored."""
    source, origin = learned_from
    if isinstance(outcome, TemshiftError):
        raise outcome
    images = first_images(_shown(source, run), run.conditions, batch=SCORING_BATCH, stream=run.stream)
    batches = itertools.islice(images, TRAINING_SCORE_BATCHES)
    (scores,) = score_together([network], batches)
    trained_on = origin.model_dump(mode="json", exclude_none=True)
    card = {**_card(run, network), TRAINED_ON: trained_on, "scores": {"training": vars(scores)}}
    write_network(place, outcome.states, outcome.history, card)


def _card(run: NetworkRun, network: nn.Module) -> dict[str, Any]:
    return {
        "id": run.id,
        "training_name": run.name,
        "settings": dict(run.settings),
        "seed": run.seed,
        "root_seed": run.root,
        "conditions": run.conditions.model_dump(mode="json"),
        "database": run.source.database,
        "imaging": run.source.imaging.model_dump(mode="json", exclude_none=True),
        "network": run.network.model_dump(mode="json"),
        "training": run.training.model_dump(mode="json"),
        "parameters": parameter_count(network),
        SOURCE: getattr(network, "made_by", None) or _own(network),
        "versions": _versions(),
        "cpu": processor(),
    }


def _own(network: nn.Module) -> dict[str, str]:
    """The source of a network of temshift's own, as cards write it."""
    name = f"temshift.networks.{type(network).__name__}"
    return {"library": "temshift", "version": _versions()["temshift"], "class": name}


@functools.cache
def _versions() -> dict[str, str]:
    return versions_of(("temshift", "torch"))


def _failures(actions: Iterable[tuple[NetworkRun, Callable[[], None]]]) -> Failures:
    """Do the action of each run; return the reason of each that fails, which disturbs no other."""
    failures: Failures = {}
    for run, action in actions:
        try:
            action()
        except Exception as error:
            failures[run.id] = reason(error)
    return failures


def reason(error: BaseException) -> str:
    """Return the text of an error for people, with its kind if it is none of temshift's."""
    return str(error) if isinstance(error, TemshiftError) else f"{type(error).__name__}: {error}"


def _add_network(networks: dict[str, nn.Module], root: Path, run: NetworkRun, device: str) -> None:
    networks[run.id] = load_network(root, run, device)


def _score_row(run: NetworkRun, test: TestCondition, scores: Scores) -> dict[str, Any]:
    return {"score_id": score_id(run.id, test.id), "network_id": run.id, "test_id": test.id, **vars(scores)}


def _write_scores(root: Path, run: NetworkRun, rows: list[dict[str, Any]]) -> None:
    """Write rows and record under the hash of the score ids they hold; a loss that is not finite is no score."""
    lost = sum(not math.isfinite(row["cross_entropy"]) for row in rows)
    if lost:
        raise TemshiftError(
            f"the cross-entropy is not finite under {lost} of {len(rows)} test conditions; take a lower learning_rate"
        )
    name = content_hash([row["score_id"] for row in rows])
    place, table = StudyFolder(root).scores(run.id), pl.DataFrame(rows, schema=SCORES)
    facts = {"score_ids": [row["score_id"] for row in rows]}
    write_recorded(place / f"{name}.json", {f"{name}.parquet": table_bytes(table)}, facts)
