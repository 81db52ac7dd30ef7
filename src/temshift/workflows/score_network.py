"""Anyone's network on a wave database: the tables, the prediction and the report that a study has."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from torch import nn

from temshift.conditions.summary import Setting, summary, told_keys
from temshift.configuration.yaml_document import write_document
from temshift.core.hashes import content_hash
from temshift.core.selection import spread_out
from temshift.databases.object_libraries import measured_set
from temshift.databases.wave_sets import stored_set
from temshift.execution import Progress, SilentProgress
from temshift.execution.stages import Stage
from temshift.exitwaves.sources import WaveSource, refuse_inside_store
from temshift.information.objects.library import LIBRARY_VERSION, join_libraries
from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.prediction.score_prediction import predict
from temshift.information.transfer.metrics import METRICS_VERSION, Information, information_of
from temshift.micrographs.formation import DATASETS_VERSION
from temshift.networks import parameter_count
from temshift.optics.image_formation import OPTICS_VERSION
from temshift.optics.microscope import Microscope
from temshift.report import write_report
from temshift.scoring.evaluation import loaded_waves, result_rows, score_conditions, wave_source, widest_semiangle
from temshift.scoring.scored_images import images_stream
from temshift.scoring.scores import SCORES_VERSION, Network
from temshift.scoring.scoring_conditions import AnyConditions, ScoringConditions, require_possible, scoring_conditions
from temshift.storage.files import write_json, write_table, write_text
from temshift.storage.folders import locked, making, refuse_strangers
from temshift.storage.records import read_facts, record_state, write_record
from temshift.studies.analysis.conclude import TABLES, database_facts, provenance
from temshift.studies.analysis.example_pictures import SHOWN_CONDITIONS, draw_examples
from temshift.studies.analysis.galleries import MOST_PICTURES, draw_pictures, write_index
from temshift.studies.analysis.results import CONDITIONS_FILE
from temshift.studies.analysis.transfer_tables import pair_metrics, transfer_curve
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.plan import score_id
from temshift.studies.planning.study import ExampleSettings, InformationSettings
from temshift.vocabulary.columns import METRICS

RECORD = "report.json"
PICTURES = "every-condition"  # name of the file of pictures
INFORMATION, EXAMPLES = InformationSettings(), ExampleSettings()
_PAIR = {name: METRICS[name] for name in METRICS if name.startswith(("test_", "epsilon", "sigma", "distance"))}

Made = TypeVar("Made")


@dataclass(frozen=True)
class _Trial:
    """A network being scored: on what, where to write, who is told, and what was done so far."""

    network: Network
    wanted: ScoringConditions
    source: WaveSource
    folder: StudyFolder
    device: str
    progress: Progress
    stages: list[Stage] = field(default_factory=list)

    @property
    def microscope(self) -> Microscope:
        """What transfer depends on beside conditions and specimens."""
        energy, nyquist = self.source.exit_waves.energy, self.source.layout.grid.nyquist
        semiangle, seed = widest_semiangle(self.source, self.wanted), self.wanted.seed
        return Microscope(energy, self.wanted.imaging, nyquist, semiangle, INFORMATION.draws, seed)


def score_network(
    network: Network,
    database: Path | str,
    conditions: AnyConditions,
    output: Path | str,
    *,
    identity: str | None = None,
    set: str | None = "test",
    device: str = "cpu",
    progress: Progress | None = None,
) -> StudyFolder:
    """Score anyone's network and write what a study writes: results, metrics, transfer functions, prediction, report.

    Parameters
    ----------
    network, database, conditions, set, device
        As for :func:`temshift.scoring.score`; the name of the conditions is the network's.
    output : path
        A new or empty folder, or one of an earlier call, which is then written anew.
    identity : str, optional
        Hash of the network, such as that of its file. Where it is given and nothing has changed, all is kept.
    progress : Progress, optional
        Told about every stage; silent by default.

    Returns
    -------
    StudyFolder
        With ``results``, ``metrics``, ``transfer``, ``examples`` and ``report``. sigma and all that needs it are
        missing where ``conditions`` don't tell what the network was trained on.

    Raises
    ------
    InputError
        Where conditions, database or folder can't be taken.
    TemshiftError
        Where the network gives something else than one logit a pixel.
    """
    wanted, source = scoring_conditions(conditions), wave_source(database, set)
    return score_opened(network, source, wanted, Path(output), identity=identity, device=device, progress=progress)


def score_opened(
    network: Network,
    source: WaveSource,
    wanted: ScoringConditions,
    output: Path,
    *,
    identity: str | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> StudyFolder:
    """Score a network on waves that are open already; see `score_network`."""
    require_possible(wanted, source)
    folder = StudyFolder(output)
    refuse_inside_store(folder.report)
    refuse_strangers(folder.root, folder.root / CONDITIONS_FILE, "scores of a network")
    with making(folder.root):
        folder.root.mkdir(parents=True, exist_ok=True)
    trial = _Trial(network, wanted, source, folder, device, progress or SilentProgress())
    with locked(folder.root):
        if identity is None or _kept(trial) != _all_that_counts(trial, identity):
            _make(trial, identity)
        else:
            trial.progress.message("everything was there already")
    return folder


def _all_that_counts(trial: _Trial, identity: str) -> str:
    versions = [SCORES_VERSION, OPTICS_VERSION, DATASETS_VERSION, METRICS_VERSION, LIBRARY_VERSION]
    wanted = trial.wanted.model_dump(mode="json", exclude_none=True)
    return content_hash([identity, wanted, trial.source.id, trial.source.name, trial.device, versions])


def _kept(trial: _Trial) -> str | None:
    record = trial.folder.root / RECORD
    return str(read_facts(record)["id"]) if record_state(record).state == "complete" else None


def _make(trial: _Trial, identity: str | None) -> None:
    folder = trial.folder
    (folder.root / RECORD).unlink(missing_ok=True)
    write_text(folder.root / CONDITIONS_FILE, conditions_text(trial.wanted))
    results = _timed(trial, "images", len(trial.wanted.every), lambda: _results(trial, identity))
    objects = _timed(trial, "object spectra", _measured(trial), lambda: _objects(trial))
    metrics, prediction = predict(_cells(trial, results, objects))
    for name, table in zip(TABLES, (results, metrics, _transfer(trial, objects)), strict=True):
        write_table(folder.table(name), table)
    write_json(folder.root / "prediction.json", prediction)
    _draw(trial)
    write_json(folder.manifest, _manifest(trial))
    write_report(folder.root)
    _record(trial, identity)


def _record(trial: _Trial, identity: str | None) -> None:
    folder = trial.folder
    files = [folder.report, folder.manifest, *(folder.root / name for name in (CONDITIONS_FILE, "prediction.json"))]
    files += [*map(folder.table, TABLES), *folder.pictures]
    write_record(folder.root / RECORD, files, {"id": identity and _all_that_counts(trial, identity)})


def conditions_text(wanted: ScoringConditions) -> str:
    """Write conditions with every default filled in, as YAML that reads back alike."""
    return write_document(wanted.model_dump(mode="json", exclude_none=True))


def _timed(trial: _Trial, name: str, made: int, make: Callable[[], Made]) -> Made:
    started = time.monotonic()
    value = make()
    trial.stages.append(Stage(name, made, 0, time.monotonic() - started))
    return value


def _results(trial: _Trial, identity: str | None) -> pl.DataFrame:
    scores = score_conditions(trial.network, trial.source, trial.wanted, device=trial.device, progress=trial.progress)
    network_id = identity or trial.wanted.name
    found = result_rows(trial.wanted, trial.source, scores)
    ids = [score_id(network_id, test) for test in found["test_id"]]
    return found.with_columns(score_id=pl.Series(ids), network_id=pl.lit(network_id), in_study=pl.lit(True))


def _measured(trial: _Trial) -> int:
    """How many specimens spectra are averaged over."""
    return min(INFORMATION.specimens, trial.source.layout.count)


def _objects(trial: _Trial) -> ObjectSpectra:
    """Average spectra of the first specimens, which are built again."""
    waves, count, microscope = stored_set(trial.source), _measured(trial), trial.microscope
    highest = microscope.semiangle / microscope.wavelength
    trial.progress.start("object spectra", count, 0)
    found = []
    for one in measured_set(waves, trial.source.store, range(count), highest):
        found.append(one)
        trial.progress.advance(1)
    trial.progress.finish()
    return join_libraries(found).mean


def _cells(trial: _Trial, results: pl.DataFrame, objects: ObjectSpectra) -> pl.DataFrame:
    """One row a test condition: its loss, its epsilon and, where it is known, its distance from the training."""
    trained, microscope = trial.wanted.trained_on, trial.microscope
    training = None if trained is None else information_of(microscope, trained[1], objects)
    rows = [
        {"test_name": name, **_metrics(training, information_of(microscope, conditions, objects), objects)}
        for name, conditions in trial.wanted.tests.items()
    ]
    losses = results.select(
        "training_name",
        pl.col("training_name").alias("training_group"),
        "test_name",
        pl.col("cross_entropy").log().alias("ln_cross_entropy"),
        pl.lit(None, pl.Float64).alias("ln_cross_entropy_sd"),
        (pl.col("test_defocus_nm") - pl.col("training_defocus_nm")).alias("defocus_difference_nm"),
    )
    return losses.join(pl.DataFrame(rows, schema=_PAIR), on="test_name", maintain_order="left")


def _metrics(training: Information | None, test: Information, objects: ObjectSpectra) -> dict[str, float]:
    if training is not None:
        return pair_metrics(training, test, objects.q)
    return {"epsilon_test": test.epsilon, "epsilon_test_error": test.epsilon_error}


def _transfer(trial: _Trial, objects: ObjectSpectra) -> pl.DataFrame:
    tested = [("test", name, conditions) for name, conditions in trial.wanted.tests.items()]
    trained = [("training", *trial.wanted.trained_on)] if trial.wanted.trained_on is not None else []
    return pl.concat(
        transfer_curve(role, name, conditions, trial.microscope, objects) for role, name, conditions in trained + tested
    )


def _draw(trial: _Trial) -> None:
    _, loaded = next(loaded_waves(trial.source, trial.wanted, trial.device))
    every = [
        (name, conditions, images_stream(content_hash(conditions), trial.wanted.seed))
        for name, conditions in trial.wanted.tests.items()
    ]
    place, networks = trial.folder.examples, [(trial.wanted.name, trial.network)]
    draw_examples(place, loaded, spread_out(every, SHOWN_CONDITIONS), networks, EXAMPLES.specimens)
    chosen = spread_out(every, MOST_PICTURES // EXAMPLES.specimens)
    draw_pictures(place, PICTURES, loaded, chosen, networks, EXAMPLES.specimens)
    write_index(place, [{"label": "", "parts": [PICTURES], "of": len(every)}])


def _manifest(trial: _Trial) -> dict[str, Any]:
    network, waves = trial.network, stored_set(trial.source)
    return {
        "kind": "own network",
        "name": trial.wanted.name,
        **provenance(),
        "seed": trial.wanted.seed,
        "device": trial.device,
        "workers": 0,
        "stages": [vars(stage) for stage in trial.stages],
        "database": database_facts({trial.source.name: (waves, trial.source.store)}),
        "networks": 1,
        "parameters": [parameter_count(network)] if isinstance(network, nn.Module) else [],
        "trainings": _trained_on(trial.wanted),
    }


def _trained_on(wanted: ScoringConditions) -> dict[str, dict[str, Setting]]:
    if wanted.trained_on is None:
        return {}
    name, conditions = wanted.trained_on
    told = told_keys(one for _, one in wanted.every)
    return {name: {key: setting for key, setting in summary(conditions).items() if key in told}}
