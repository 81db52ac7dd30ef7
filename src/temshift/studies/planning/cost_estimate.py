"""The cost of a study or a database, from a short trial of each stage on this machine."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from temshift.conditions import ImagingConditions
from temshift.databases import Database, WaveSet
from temshift.exitwaves import ExitWave, simulate
from temshift.micrographs import Batch, MicrographSource, Stream, augmented, form_micrographs
from temshift.micrographs.threads import one_thread
from temshift.networks import TrainingSettings, initialised, parameter_count, train, unfilled
from temshift.optics.image_formation import wave_spectra
from temshift.scoring.scores import score_together
from temshift.studies.planning.part import NetworkRun, Part
from temshift.studies.planning.plan import Plan
from temshift.studies.planning.study import Study

TRIAL_STEPS = 4
TRIAL_ERRORS = 4  # specimens of each kind whose error is predicted
TRIAL_SPECIMENS = 8  # whose pixels and slices are looked at if an accuracy chooses them
TRIAL_IMAGES = 4  # formed under each condition that is tried
TRIAL_CONDITIONS = 48
WARM_SECONDS = 1.0
TRIAL_PIXELS = 2**20  # of a trial batch at most
LONG_TRIAL = 5.0  # seconds from which a trial is not repeated
REPORT_BYTES = 6_000_000

Row = tuple[str, int, float]


@dataclass(frozen=True)
class Estimate:
    """Cost of a study or a database.

    Attributes
    ----------
    rows : tuple of (name, number, seconds)
        Things to make, how many, and seconds of one core (or of the device).
    bytes : int
        Space on disk.
    worker_bytes : int
        Memory of a worker while it simulates exit waves.
    errors : tuple of float
        Error of the image that sampling and slices are expected to cause, of some specimens, as a share of its standard
        deviation.
    """

    rows: tuple[Row, ...]
    bytes: int
    worker_bytes: int
    errors: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds of one core in all."""
        return sum(seconds for _, _, seconds in self.rows)


def estimate(study: Study, device: str = "cpu") -> Estimate:
    """Simulate a specimen, form images, train some steps and score some images of every kind, and scale up.

    Nothing is written.

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
    waves = {_waves_kind(one): one for one in plan.databases.values()}
    trials = {kind: _trial_wave(one, device) for kind, one in waves.items()}
    costs = {
        cost_kind_of(part): _trial_costs(part, trials[_waves_kind(part.databases["test"])][0], device)
        for part in _kinds(plan)
    }
    rows = [_specimens_row(plan, {kind: seconds for kind, (_, seconds) in trials.items()})]
    rows += [networks_row(plan, costs), evaluations_row(plan, costs)]
    disk = sum(map(wave_bytes, plan.databases.values())) + _weights_bytes(plan) + REPORT_BYTES
    memory = max(one.worker_bytes for one in plan.databases.values())
    return Estimate(tuple(rows), disk, memory, _expected_errors(waves.values()))


def parameters_of(study: Study) -> list[int]:
    """Count the parameters of each kind of network that a study trains."""
    kinds = {repr(part.study.network): part.study.network for part in Plan(study).parts}
    return [parameter_count(unfilled(network)) for network in kinds.values()]


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
    memory = max(waves.worker_bytes for waves in sets)
    return Estimate(rows, sum(map(wave_bytes, sets)), memory, _expected_errors(list(sets)[:1]))


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
    return wave, building + seconds * phonons.configurations * _others(waves)


def _expected_errors(kinds: Iterable[WaveSet]) -> tuple[float, ...]:
    """Expected errors of the images of some specimens of each kind."""
    return tuple(
        choice.expected_error for waves in kinds for choice in waves.expected_of(range(min(TRIAL_ERRORS, waves.count)))
    )


def _others(waves: WaveSet) -> float:
    """Mean cost of some specimens as a multiple of that of the first: each may need pixels and slices of its own."""
    if waves.exit_waves.accuracy is None:
        return 1.0
    rungs = [choice.rung for choice in waves.expected_of(range(min(TRIAL_SPECIMENS, waves.count)))]
    costs = [1 / (rung.sampling**2 * rung.slice_thickness) for rung in rungs]
    return float(np.mean(costs)) / costs[0]


def _waves_kind(waves: WaveSet) -> str:
    return repr((waves.recipe, waves.exit_waves))


def cost_kind_of(part: Part) -> str:
    """Return a text that is the same for parts whose training and scoring take the same seconds."""
    study = part.study
    return repr(
        (study.network, study.training.batch, study.training.precision, study.training.phonons, part.sources["test"])
    )


def _kinds(plan: Plan) -> Iterable[Part]:
    return {cost_kind_of(part): part for part in plan.parts}.values()


@dataclass(frozen=True)
class Costs:
    """Seconds of a training step, of segmenting an image, of forming one to train on and one to test on."""

    step: float
    segmenting: float
    training_image: float
    test_image: float


def _trial_costs(part: Part, wave: ExitWave, device: str) -> Costs:
    source, settings = _trial_source(part, wave, device), part.study.training
    shown = replace(source, phonons=settings.phonons)
    trained = _forming_seconds(shown, list(part.trainings.values()), device)
    tested = _forming_seconds(source, [test.conditions for test in part.tests], device)
    network = initialised(part.study.network, 0).to(device)
    size = _trial_size(source, settings.batch)
    batch = _batch(source, next(iter(part.trainings.values())), size)
    step = _step_seconds(settings, batch, network) * settings.batch / size
    segmenting = _best(lambda: score_together([network.eval()], [batch]), device) / size
    return Costs(step, segmenting, trained, tested)


def _trial_size(source: MicrographSource, batch: int) -> int:
    """How many images are tried: all of a batch, unless they are large."""
    return max(1, min(batch, TRIAL_PIXELS // source.masks[0].numel()))


def _trial_source(part: Part, wave: ExitWave, device: str) -> MicrographSource:
    phonons, study = part.study.exit_waves.phonons.configurations, part.study
    waves = wave.waves[None].expand(TRIAL_IMAGES, phonons, -1, -1).to(device)
    masks = torch.from_numpy(np.repeat(wave.mask[None], TRIAL_IMAGES, axis=0)).to(device)
    return MicrographSource(wave_spectra(waves, study.grid, *part.sources["test"].band), masks, study.imaging)


def _forming_seconds(source: MicrographSource, conditions: Sequence[ImagingConditions], device: str) -> float:
    """Mean seconds of an image over some of the conditions: one summed from many others costs as many times more."""
    places = np.unique(np.linspace(0, len(conditions) - 1, min(len(conditions), TRIAL_CONDITIONS)).round().astype(int))
    images = TRIAL_IMAGES if source.masks[0].numel() * TRIAL_IMAGES <= TRIAL_PIXELS else 1
    _batch(source, conditions[0], images)  # warms up
    started = time.perf_counter()
    for place in places:
        _batch(source, conditions[place], images)
    _wait_for(device)
    return (time.perf_counter() - started) / (len(places) * images)


def _batch(source: MicrographSource, conditions: ImagingConditions, size: int) -> Batch:
    """A batch for a network, for which copies of a few images are as good as new ones."""
    few = range(min(size, TRIAL_IMAGES))
    images, masks = form_micrographs(source, conditions, np.array(few), few, Stream(0))
    copies = np.arange(size) % len(few)
    return images[copies], masks[copies]


def _step_seconds(settings: TrainingSettings, batch: Batch, network: nn.Module) -> float:
    """Seconds of a step on a batch that is there."""
    steps = TRIAL_STEPS if len(batch[0]) == settings.batch else 2
    images, masks = batch
    alone = {"steps": steps, "epochs": None, "keep": "last", "early_stopping_epochs": None, "initial": None}
    trial, numbers = settings.model_copy(update=alone), range(len(batch[0]))

    def trained() -> None:
        train(network, (augmented(images, masks, numbers, Stream(0)) for _ in range(steps)), trial, epoch_steps=steps)

    return _best(trained, str(batch[0].device)) / steps


def _specimens_row(plan: Plan, seconds: Mapping[str, float]) -> Row:
    sets = plan.databases.values()
    total = sum(waves.count * seconds[_waves_kind(waves)] for waves in sets)
    return ("specimens with exit waves", sum(waves.count for waves in sets), total)


def networks_row(plan: Plan, costs: Mapping[str, Costs]) -> Row:
    """All networks, each once: images new in each batch or formed once, if fixed; the steps; validation each epoch.

    Parameters
    ----------
    plan : Plan
        The networks to make.
    costs : mapping of str to Costs
        By the kind of a part, see `cost_kind_of`.

    Returns
    -------
    (name, number, seconds)
    """
    total, kinds = 0.0, _kinds_of(plan)
    for run, part in _with_parts(plan):
        cost, settings, counts = costs[kinds[id(part)]], run.training, part.study.counts
        steps = settings.steps_in_all(counts.training)
        formed = counts.training if settings.images == "fixed" else steps * settings.batch
        watched = (counts.validation or 0) if run.validation else 0
        epochs = math.ceil(steps / settings.steps_per_epoch(counts.training))
        total += steps * cost.step + (formed + watched) * cost.training_image + epochs * watched * cost.segmenting
    return ("networks", len(plan.networks), total)


def evaluations_row(plan: Plan, costs: Mapping[str, Costs]) -> Row:
    """All scores: images are formed once for the networks of a cohort, and segmented by each; see `networks_row`."""
    total = 0.0
    kinds = _kinds_of(plan)
    cost_of = {run.id: costs[kinds[id(part)]] for run, part in _with_parts(plan)}
    for cohort in plan.cohorts:
        formed: dict[str, float] = {}
        for run in cohort:
            for test in plan.tests_of[run.id]:
                images = plan.databases[test.source.database].count
                formed[test.id] = images * cost_of[run.id].test_image
                total += images * cost_of[run.id].segmenting
        total += sum(formed.values())
    return ("evaluations (network x condition)", plan.evaluations, total)


def _with_parts(plan: Plan) -> list[tuple[NetworkRun, Part]]:
    """Each network, with one of the parts of the plan that it belongs to."""
    parts = {run.id: part for part in reversed(plan.parts) for run in part.networks}
    return [(run, parts[run.id]) for run in plan.networks]


def _kinds_of(plan: Plan) -> dict[int, str]:
    """The kind of each part, see `cost_kind_of`: thousands of networks ask for it."""
    return {id(part): cost_kind_of(part) for part in plan.parts}


def _weights_bytes(plan: Plan) -> int:
    kept = {"none": 0, "both": 2}
    kinds = {repr(run.network): run.network for run in plan.networks}
    each = {kind: 4 * parameter_count(initialised(network, 0)) for kind, network in kinds.items()}
    return sum(each[repr(run.network)] * kept.get(run.training.keep, 1) for run in plan.networks)


def _timed(action: Callable[[], ExitWave]) -> tuple[ExitWave, float]:
    started = time.perf_counter()
    result = action()
    return result, time.perf_counter() - started


def _best(action: Callable[[], object], device: str) -> float:
    """The faster of two runs [s], as the first one warms up; the first, if it is long."""
    seconds: list[float] = []
    while len(seconds) < 2 and not (seconds and seconds[0] > LONG_TRIAL):
        started = time.perf_counter()
        action()
        _wait_for(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
