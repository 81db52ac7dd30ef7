"""What a study or a database will cost, from a short trial of each stage on this machine."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from temshift.datasets.micrographs import Batch, MicrographSource, Stream, augmented, form_micrographs
from temshift.exitwaves.simulation import ExitWave, simulate
from temshift.generalization.scores import score
from temshift.networks.layers import UNet, parameter_count
from temshift.networks.settings import initialised
from temshift.networks.training import train
from temshift.optics.images import wave_spectra
from temshift.optics.imaging import ImagingConditions
from temshift.studies.database import Database
from temshift.studies.plan import Plan
from temshift.studies.study import Study
from temshift.studies.tasks import NETWORKS_PER_TASK, SCORING_BATCH
from temshift.studies.waves import WaveSet
from temshift.studies.work import one_thread

TRIAL_STEPS = 4
TRIAL_IMAGES = 4  # formed under each condition that is tried
TRIAL_CONDITIONS = 48
WARM_SECONDS = 1.0
REPORT_BYTES = 6_000_000


@dataclass(frozen=True)
class Estimate:
    """Cost of a study or a database.

    Attributes
    ----------
    rows : tuple of (name, number, seconds)
        What is made, how many, and seconds of one core (or of the device).
    bytes : int
        Space on disk.
    worker_bytes : int
        Memory of a worker while it simulates exit waves.
    """

    rows: tuple[tuple[str, int, float], ...]
    bytes: int
    worker_bytes: int

    @property
    def seconds(self) -> float:
        """Seconds of one core in all."""
        return sum(seconds for _, _, seconds in self.rows)


def estimate(study: Study, device: str = "cpu") -> Estimate:
    """Simulate one specimen, form images, train some steps and score one batch, and scale up; nothing is written.

    Parameters
    ----------
    study : Study
        The study.
    device : str
        "cpu" or "cuda".

    Returns
    -------
    Estimate
    """
    one_thread()
    plan = Plan(study)
    waves = plan.databases["training"]
    wave, wave_seconds = _trial_wave(waves, device)
    source = _trial_source(plan, wave, device)
    trained, tested = (_forming_seconds(source, one, device) for one in (_trainings(plan), _tests(plan)))
    batch = _batch(source, plan.networks[0].conditions, study.training.batch)
    network = initialised(study.network, 0).to(device)
    step = _best(lambda: _trial_steps(study, batch, network)) / TRIAL_STEPS + study.training.batch * trained
    scored = _batch(source, plan.tests[0].conditions, SCORING_BATCH)
    segmenting = _best(lambda: _trial_score(scored, network)) / SCORING_BATCH
    return _scaled(plan, wave_seconds, step, segmenting, tested)


def estimate_database(database: Database, device: str = "cpu") -> Estimate:
    """Simulate one phonon configuration of one specimen and scale up; nothing is written.

    Parameters
    ----------
    database : Database
        The database.
    device : str
        "cpu" or "cuda".

    Returns
    -------
    Estimate
    """
    one_thread()
    sets = database.sets.values()
    _, seconds = _trial_wave(next(iter(sets)), device)
    rows = tuple((f"{waves.role} specimens with exit waves", waves.count, waves.count * seconds) for waves in sets)
    return Estimate(rows, sum(map(wave_bytes, sets)), max(waves.worker_bytes for waves in sets))


def wave_bytes(waves: WaveSet) -> int:
    """Space on disk of the waves and masks of a set."""
    return waves.count * waves.layout.specimen_bytes


def _trial_wave(waves: WaveSet, device: str) -> tuple[ExitWave, float]:
    """One configuration of the first specimen, and seconds of all configurations of one specimen."""
    started = time.perf_counter()
    atoms = waves.specimen(0)
    building = time.perf_counter() - started
    phonons = waves.exit_waves.phonons
    single = waves.exit_waves.model_copy(update={"phonons": phonons.model_copy(update={"configurations": 1})})
    wave, seconds = _timed(lambda: simulate(atoms, single, waves.seed, 0, device=device))
    if seconds < WARM_SECONDS:  # a short first trial is mostly warming up
        wave, seconds = _timed(lambda: simulate(atoms, single, waves.seed, 0, device=device))
    return wave, building + seconds * phonons.configurations


def _trial_source(plan: Plan, wave: ExitWave, device: str) -> MicrographSource:
    phonons = plan.study.exit_waves.phonons.configurations
    waves = wave.waves[None].expand(SCORING_BATCH, phonons, -1, -1).to(device)
    masks = torch.from_numpy(np.repeat(wave.mask[None], SCORING_BATCH, axis=0)).to(device)
    study = plan.study
    band = (study.exit_waves.energy, study.widest_semiangle, study.band_margin)
    return MicrographSource(wave_spectra(waves, study.grid, *band), masks, study.imaging)


def _trainings(plan: Plan) -> list[ImagingConditions]:
    return [run.conditions for run in plan.networks if run.seed == 0]


def _tests(plan: Plan) -> list[ImagingConditions]:
    return [test.conditions for test in plan.tests]


def _forming_seconds(source: MicrographSource, conditions: Sequence[ImagingConditions], device: str) -> float:
    """Mean seconds of an image over some of the conditions: one summed from many others costs as many times more."""
    places = np.unique(np.linspace(0, len(conditions) - 1, min(len(conditions), TRIAL_CONDITIONS)).round().astype(int))
    _batch(source, conditions[0], TRIAL_IMAGES)  # warms up
    started = time.perf_counter()
    for place in places:
        _batch(source, conditions[place], TRIAL_IMAGES)
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / (len(places) * TRIAL_IMAGES)


def _batch(source: MicrographSource, conditions: ImagingConditions, size: int) -> Batch:
    """A batch for a network, for which copies of a few images are as good as new ones."""
    few = range(min(size, TRIAL_IMAGES))
    images, masks = form_micrographs(source, conditions, np.array(few), few, Stream(0))
    copies = np.arange(size) % len(few)
    return images[copies], masks[copies]


def _trial_steps(study: Study, batch: Batch, network: UNet) -> None:
    short = {"steps": TRIAL_STEPS, "epochs": None, "keep": "last", "early_stopping_epochs": None, "initial": None}
    numbers, settings = range(len(batch[0])), study.training.model_copy(update=short)
    batches = (augmented(*batch, numbers, Stream(0), settings.augmentation) for _ in range(TRIAL_STEPS))
    train(network, batches, settings, epoch_steps=TRIAL_STEPS)


def _trial_score(batch: Batch, network: UNet) -> None:
    score(network, [batch])


def _scaled(plan: Plan, wave_seconds: float, step_seconds: float, segmenting: float, forming: float) -> Estimate:
    """Images are formed once for several networks, and segmented by each."""
    study, sets = plan.study, plan.databases.values()
    specimens = sum(waves.count for waves in sets)
    networks, evaluations = len(plan.networks), len(plan.networks) * len(plan.tests)
    formed = math.ceil(networks / NETWORKS_PER_TASK) * len(plan.tests)
    rows = (
        ("specimens with exit waves", specimens, specimens * wave_seconds),
        ("networks", networks, networks * study.training.steps_in_all(study.counts.training) * step_seconds),
        (
            "evaluations (network x test condition)",
            evaluations,
            study.counts.test * (evaluations * segmenting + formed * forming),
        ),
    )
    weights = 4 * parameter_count(initialised(study.network, 0))
    disk = sum(map(wave_bytes, sets)) + networks * weights + REPORT_BYTES
    return Estimate(rows, disk, max(waves.worker_bytes for waves in sets))


def _timed(action: Callable[[], ExitWave]) -> tuple[ExitWave, float]:
    started = time.perf_counter()
    result = action()
    return result, time.perf_counter() - started


def _best(action: Callable[[], None]) -> float:
    """The faster of two runs [s]: the first one warms up."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
