"""Anyone's network on a wave database: the tables, the prediction and the report that a study has."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from torch import nn

from temshift.configuration import write_document
from temshift.core import content_hash, spread_out
from temshift.databases import measured_set, stored_set
from temshift.execution import Progress, SilentProgress, Work, make_executor
from temshift.exitwaves import WaveSource, refuse_inside_store
from temshift.information import LIBRARY_VERSION, METRICS_VERSION, ObjectLibrary, Survey, join_libraries
from temshift.micrographs import DATASETS_VERSION
from temshift.networks import OnnxNetwork, load, onnx_identity, parameter_count
from temshift.optics import OPTICS_VERSION, Microscope
from temshift.scoring import (
    SCORES_VERSION,
    AnyConditions,
    Asked,
    Gives,
    Network,
    OpenedWaves,
    Reading,
    ScoringConditions,
    ask,
    images_stream,
    require_readable,
    result_rows,
    score_conditions,
    wave_source,
    widest_semiangle,
)
from temshift.storage import claim, refuse_strangers, write_text
from temshift.studies import (
    CONDITIONS_FILE,
    MOST_PICTURES,
    SHOWN_CONDITIONS,
    ExampleSettings,
    InformationSettings,
    Scenario,
    StudyFolder,
    analyse,
    draw_examples,
    draw_pictures,
    is_concluded,
    manifest_of,
    score_id,
    scores_over_seeds,
    timed,
    write_conclusion,
    write_index,
)
from temshift.workflows.condition_files import given_scoring
from temshift.workflows.new_specimens.own_specimens import OwnSpecimens

KIND = "scores of a network"
PICTURES = "every-condition"  # name of the file of pictures
INFORMATION, EXAMPLES = InformationSettings(), ExampleSettings()
_LOSS = ("training_name", "test_name", "ln_cross_entropy", "ln_cross_entropy_sd", "defocus_difference_nm")


@dataclass(frozen=True)
class _Trial:
    """A network being scored: how it is asked, waves, its hash, conditions, the folder for results, and who works.

    ``own`` are the specimens that it was trained on, if tests show others.
    """

    asked: Asked
    waves: OpenedWaves
    identity: str | None
    conditions: ScoringConditions
    folder: StudyFolder
    work: Work
    own: OwnSpecimens | None = None

    @property
    def source(self) -> WaveSource:
        """The set of specimens."""
        return self.waves.source

    @property
    def survey(self) -> Survey:
        """The microscope, the band and the draws that conditions are compared with."""
        energy, nyquist = self.source.exit_waves.energy, self.source.layout.grid.nyquist
        semiangle, seed = widest_semiangle(self.source, self.conditions), self.conditions.seed
        return Survey(Microscope(energy, self.conditions.imaging, nyquist), semiangle, INFORMATION.draws, seed)

    @property
    def file(self) -> Path:
        """The resolved conditions."""
        return self.folder.root / CONDITIONS_FILE


def score_network(
    network: Network | Path | str,
    database: Path | str,
    conditions: AnyConditions,
    output: Path | str,
    *,
    identity: str | None = None,
    own_specimens: Path | str | None = None,
    set: str | None = "test",
    device: str = "cpu",
    progress: Progress | None = None,
    gives: Gives | None = None,
    channel: int | None = None,
    resample: bool = False,
    any_pixel: bool = False,
) -> StudyFolder:
    """Score anyone's network and write results, metrics, transfer functions, prediction and report, as a study does.

    Parameters
    ----------
    network : path or callable
        An ONNX file, the folder of a network that temshift trained, or anything that :func:`temshift.scoring.score`
        takes.
    database, conditions, set, device, gives, channel, resample, any_pixel
        As for :func:`temshift.scoring.score`; the name of the conditions is the network's.
    output : path
        A new or empty folder, or one of an earlier call, which is then written again.
    identity : str, optional
        Hash of the network, such as that of its file. If it is given and nothing has changed, all is kept.
    own_specimens : path, optional
        A database of specimens of the kind that the network was trained on, of the same ``set``: ``g_ood`` is then
        split into the cost of the conditions, of the specimens, and of both together.
    progress : Progress, optional
        Reports every stage; silent by default.

    Returns
    -------
    StudyFolder
        With ``results``, ``metrics``, ``transfer``, ``examples`` and ``report``. sigma and all that needs it are
        missing if ``conditions`` don't give the distribution that the network was trained on.

    Raises
    ------
    InputError
        If network, conditions, database or folder can't be taken, or the network was trained on other pixels.
    TemshiftError
        If the network gives something else than one logit a pixel. In both cases nothing is written.
    """
    (given, opened), source = given_scoring(conditions), wave_source(database, set)
    if opened is not None:
        opened.require_energy(source.exit_waves.energy)
    reading = Reading(gives=gives, channel=channel, resample=resample, any_pixel=any_pixel)
    opened_network = _opened_network(network, device)
    asked, own = ask(opened_network, source, given, reading), None
    if own_specimens is not None:
        own = OwnSpecimens.of(own_specimens, set, source, opened_network, given, reading)
    return score_opened(
        asked, source, given, Path(output), identity=identity, own=own, device=device, progress=progress
    )


def _opened_network(network: Network | Path | str, device: str) -> Network:
    """Open a network that is given by its file or folder."""
    if not isinstance(network, str | Path):
        return network
    path = Path(network)
    if path.is_dir():
        return load(path).to(device)
    onnx_identity(path)  # refuses what is no graph
    return OnnxNetwork(path, device=device)


def score_opened(
    asked: Asked,
    source: WaveSource,
    given: ScoringConditions,
    output: Path | str,
    *,
    identity: str | None = None,
    own: OwnSpecimens | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> StudyFolder:
    """Score a network on waves that are open already; see `score_network`."""
    output = Path(output)
    folder = StudyFolder(output)
    refuse_inside_store(folder.report)
    marks = folder.root / CONDITIONS_FILE
    refuse_strangers(folder.root, marks, KIND)
    fresh, waves = not marks.exists(), OpenedWaves(source, given, device, asked.shape)
    if fresh:
        require_readable(asked, waves, given)
    with claim(folder.root, marks, KIND), make_executor(0) as executor:
        work = Work(executor, device, progress or SilentProgress())
        trial = _Trial(asked, waves, identity, given, folder, work, own)
        hash_ = _all_that_counts(trial)
        if hash_ is None or not is_concluded(folder, work, hash_):
            if not fresh:
                require_readable(asked, waves, given)
            _make(trial, hash_)
    return folder


def _all_that_counts(trial: _Trial) -> str | None:
    """Hash of all that the scores depend on; None if that of the network is not known."""
    if trial.identity is None:
        return None
    versions = [SCORES_VERSION, OPTICS_VERSION, DATASETS_VERSION, METRICS_VERSION, LIBRARY_VERSION]
    conditions, source = trial.conditions.model_dump(mode="json", exclude_none=True), trial.source
    reading = trial.asked.network.reading
    other = [] if reading == Reading() else [reading.gives, reading.channel, trial.asked.shape]
    foreign = [list(trial.asked.foreign)] if trial.asked.foreign else []
    own = [] if trial.own is None else [trial.own.source.id, *trial.own.names]
    return content_hash(
        [trial.identity, conditions, source.id, source.name, trial.work.device, versions, other, foreign, *own]
    )


def _make(trial: _Trial, hash_: str | None) -> None:
    """Score the network, and conclude from that as a study does; F1 of a single network is not predicted."""
    folder, conditions, work = trial.folder, trial.conditions, trial.work
    folder.conclusion.unlink(missing_ok=True)
    write_text(trial.file, conditions_text(conditions))
    _draw(trial)
    results = timed(work, "images", len(conditions.every), lambda: _results(trial))
    scenario = timed(work, "object spectra", _measured(trial), lambda: _scenario(trial))
    analysis = analyse([scenario], scores_over_seeds(results).select(_LOSS))
    sets = {trial.source.name: (stored_set(trial.source), trial.source.geometry)}
    if trial.own is not None:
        sets["own specimens"] = (stored_set(trial.own.source), trial.own.source.geometry)
    network = trial.asked.network.network
    parameters = [parameter_count(network)] if isinstance(network, nn.Module) else []
    networks = {"networks": 1, "parameters": parameters}
    facts = manifest_of(conditions.name, conditions.seed, work, sets, networks, [scenario])
    write_conclusion(folder, results, analysis, {"kind": "own network", **facts}, hash_, [trial.file])


def conditions_text(conditions: ScoringConditions) -> str:
    """Write conditions with every default filled in, as YAML that reads back alike."""
    return write_document(conditions.model_dump(mode="json", exclude_none=True))


def _results(trial: _Trial) -> pl.DataFrame:
    source, conditions = trial.source, trial.conditions
    scores = score_conditions(trial.asked, trial.waves, conditions, progress=trial.work.progress)
    network_id = trial.identity or conditions.name
    key = trial.identity or content_hash(conditions.name)
    rows = result_rows(conditions, source, scores, trial.asked)
    if trial.own is not None:
        home = trial.own.scores(conditions, trial.work.device, trial.work.progress)
        rows = trial.own.split(rows, home, scores, conditions)
    ids = [score_id(key, test) for test in rows["test_id"]]
    return rows.with_columns(score_id=pl.Series(ids), network_id=pl.lit(network_id), in_study=pl.lit(True))


def _measured(trial: _Trial) -> int:
    """How many specimens spectra are averaged over."""
    sources = [trial.source, *([trial.own.source] if trial.own is not None else [])]
    return sum(min(INFORMATION.specimens, source.layout.count) for source in sources)


def _scenario(trial: _Trial) -> Scenario:
    """Training, tests and microscope, with mean spectra of the first specimens, which are built again."""
    survey = trial.survey
    shown = _library(trial, trial.source, survey.highest)
    own = shown if trial.own is None else _library(trial, trial.own.source, survey.highest)
    trained = dict([trial.conditions.trained_on] if trial.conditions.trained_on is not None else [])
    groups = {name: name for name in trained}
    tests = trial.conditions.tests
    elsewhere = {} if trial.own is None else dict.fromkeys(tests, shown.resampled(own.q).mean)
    return Scenario(trained, tests, groups, survey, own.mean, elsewhere)


def _library(trial: _Trial, source: WaveSource, highest: float) -> ObjectLibrary:
    """Measure the first specimens of a set."""
    progress, rows = trial.work.progress, source.geometry[: INFORMATION.specimens]
    progress.start("object spectra", len(rows), 0)
    libraries = []
    for library in measured_set(stored_set(source), rows, highest):
        libraries.append(library)
        progress.advance(1)
    progress.finish()
    return join_libraries(libraries)


def _draw(trial: _Trial) -> None:
    """Draw pictures of the first specimens, whose waves are in memory before all are scored."""
    given = trial.conditions
    _, loaded = trial.waves.first
    every = [
        (name, conditions, images_stream(content_hash(conditions), given.seed))
        for name, conditions in given.tests.items()
    ]
    place, networks = trial.folder.examples, [(given.name, trial.asked.network)]
    draw_examples(place, loaded, spread_out(every, SHOWN_CONDITIONS), networks, EXAMPLES.specimens)
    chosen = spread_out(every, MOST_PICTURES // EXAMPLES.specimens)
    draw_pictures(place, PICTURES, loaded, chosen, networks, EXAMPLES.specimens)
    write_index(place, [{"label": "", "parts": [PICTURES], "of": len(every)}])
