"""The work of a study, as functions that any worker can run: each makes one whole thing, or nothing."""

import functools
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.files import write_table
from temshift.core.hashes import content_hash
from temshift.core.records import write_record
from temshift.core.tables import SCORES
from temshift.datasets.micrographs import MicrographSource, scoring_batches, training_batches
from temshift.exitwaves.store import read_geometry, read_layout, read_masks, read_waves
from temshift.generalization.scores import Scores, score_together
from temshift.information.spectra import ObjectSpectra, measure_specimen
from temshift.networks.layers import UNet, parameter_count
from temshift.networks.settings import initialised
from temshift.networks.training import train
from temshift.networks.weights import load_weights, save_weights
from temshift.optics.images import WaveSpectra, wave_spectra
from temshift.studies.folder import StudyFolder
from temshift.studies.plan import NetworkRun, Plan, TestCondition
from temshift.studies.study import Study
from temshift.studies.work import one_thread

SCORING_BATCH = 32
NETWORKS_PER_TASK = 8  # score the same images, which are formed once for them


def measure_spectra(root: Path, study: Study, numbers: Sequence[int]) -> list[ObjectSpectra]:
    """Measure the object spectra of some training specimens, whose waves are there."""
    one_thread()
    waves = Plan(study).databases["training"]
    geometry = read_geometry(StudyFolder(root).waves(waves.id))
    highest = study.widest_semiangle / wavelength(study.exit_waves.energy)
    return [
        measure_specimen(
            waves.specimen(number),
            study.exit_waves,
            highest,
            geometry[number]["focus_height_angstrom"],
        )
        for number in numbers
    ]


def train_network(root: Path, study: Study, number: int, device: str) -> None:
    """Train network ``number`` of the plan and write weights, history and, last, its record."""
    one_thread()
    folder, plan = StudyFolder(root), Plan(study)
    run = plan.networks[number]
    source = source_of(folder, plan, "training", device)
    network = initialised(study.network, plan.initial_seed(run)).to(device)
    settings = study.training
    batches = training_batches(
        source,
        run.conditions,
        steps=settings.steps_in_all(len(source)),
        batch=settings.batch,
        stream=plan.training_stream(run),
        images=settings.images,
        augmentation=settings.augmentation,
    )
    trained = train(network, batches, settings, epoch_steps=settings.steps_per_epoch(len(source)))
    _write_network(folder, plan, run, network, trained.history)


def score_networks(root: Path, study: Study, numbers: Sequence[int], tests: Sequence[int], device: str) -> None:
    """Score some networks of the plan under some of its test conditions; images are formed once for all of them."""
    one_thread()
    folder, plan = StudyFolder(root), Plan(study)
    runs = [plan.networks[number] for number in numbers]
    networks = [load_network(folder, study, run, device) for run in runs]
    source = source_of(folder, plan, "test", device)
    rows: list[list[dict[str, object]]] = [[] for _ in runs]
    for test in (plan.tests[number] for number in tests):
        batches = scoring_batches(source, test.conditions, batch=SCORING_BATCH, stream=plan.test_stream(test))
        for run, scores, collected in zip(runs, score_together(networks, batches), rows, strict=True):
            collected.append(_score_row(plan, run, test, scores))
    for run, collected in zip(runs, rows, strict=True):
        _write_scores(folder, run, collected)


def load_network(folder: StudyFolder, study: Study, run: NetworkRun, device: str) -> UNet:
    """Load a trained network of a study, ready to segment."""
    network = initialised(study.network, 0)
    load_weights(network, folder.network(run.id) / "weights.safetensors")
    return network.to(device)


def source_of(folder: StudyFolder, plan: Plan, role: str, device: str) -> MicrographSource:
    """Load the waves and masks of a database, ready to form images; a worker keeps the last two."""
    study = plan.study
    band = (study.exit_waves.energy, study.widest_semiangle, study.band_margin)
    return MicrographSource(*_loaded(folder.waves(plan.databases[role].id), band, device), study.imaging)


@functools.lru_cache(maxsize=2)
def _loaded(waves: Path, band: tuple[float, float, float], device: str) -> tuple[WaveSpectra, Tensor]:
    spectra = wave_spectra(read_waves(waves).to(device), read_layout(waves).grid, *band)
    return spectra, read_masks(waves).to(device)


def _write_network(folder: StudyFolder, plan: Plan, run: NetworkRun, network: UNet, history: pl.DataFrame) -> None:
    place = folder.network(run.id)
    save_weights(network, place / "weights.safetensors")
    write_table(place / "history.parquet", history)
    card = {
        "id": run.id,
        "training_name": run.training_name,
        "seed": run.seed,
        "conditions": run.conditions.model_dump(mode="json"),
        "database": plan.databases["training"].id,
        "network": plan.study.network.model_dump(mode="json"),
        "training": plan.study.training.model_dump(mode="json"),
        "parameters": parameter_count(network),
    }
    write_record(place / "network.json", [place / "weights.safetensors", place / "history.parquet"], card)


def _score_row(plan: Plan, run: NetworkRun, test: TestCondition, scores: Scores) -> dict[str, object]:
    return {"score_id": plan.score_id(run.id, test), "network_id": run.id, **vars(scores)}


def _write_scores(folder: StudyFolder, run: NetworkRun, rows: list[dict[str, object]]) -> None:
    """Write rows and record under the hash of the score ids they hold."""
    name = content_hash([row["score_id"] for row in rows])
    path = folder.scores(run.id) / f"{name}.parquet"
    write_table(path, pl.DataFrame(rows, schema=SCORES))
    write_record(path.with_suffix(".json"), [path], {"score_ids": [row["score_id"] for row in rows]})
