"""Run a study: make what is missing, keep what is finished, gather and report."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from temshift.core.files import read_table, write_json, write_table
from temshift.core.hashes import content_hash
from temshift.core.records import read_facts, record_state, write_record
from temshift.core.tables import SCORES, SPECTRA
from temshift.datasets.conditions import Setting, summary, told_keys
from temshift.execution import Progress, SilentProgress, Task, make_executor
from temshift.exitwaves.store import read_geometry
from temshift.information.spectra import ObjectSpectra, average_spectra
from temshift.report import write_report
from temshift.studies.analysis import Analysis, analyse
from temshift.studies.examples import write_examples
from temshift.studies.folder import StudyFolder, locked, open_folder
from temshift.studies.plan import Plan
from temshift.studies.room import require_room
from temshift.studies.study import Study
from temshift.studies.tasks import NETWORKS_PER_TASK, measure_spectra, score_networks, train_network
from temshift.studies.waves import WaveSet, make_waves
from temshift.studies.work import Stage, Work

SPECIMENS_PER_TASK = 12
TESTS_PER_TASK = 12
PACKAGES = ("temshift", "torch", "numpy", "scipy", "ase", "polars", "zarr", "pydantic")


@dataclass(frozen=True)
class Run:
    """A study being run: its plan, its folder, and who does the work."""

    plan: Plan
    folder: StudyFolder
    work: Work


def run_study(
    study: Study,
    output: Path,
    *,
    workers: int = 1,
    device: str = "cpu",
    progress: Progress | None = None,
) -> StudyFolder:
    """Run a study from atoms to report; finished work in ``output`` is kept.

    Parameters
    ----------
    study : Study
        What to run.
    output : Path
        The study folder, new or of an earlier run of the same study.
    workers : int
        Processes of one thread each; 0 works in this process. Results do not depend on it.
    device : str
        "cpu" or "cuda".
    progress : Progress, optional
        Told about every stage; silent by default.

    Returns
    -------
    StudyFolder
        With every file that DESIGN describes, and ``report``.

    Raises
    ------
    InputError
        Where the folder holds another study, another run works there, or disk or memory are too small.
    TemshiftError
        Where a part of the work fails; what is finished is kept.
    """
    progress, plan, folder = progress or SilentProgress(), Plan(study), StudyFolder(output)
    needs = [(folder.waves(waves.id), waves, range(waves.layout.shards)) for waves in plan.databases.values()]
    require_room(output, needs, workers)
    open_folder(output, study, progress)
    with locked(output), make_executor(workers) as executor:
        run = Run(plan, folder, Work(executor, device, progress))
        for place, waves, shards in needs:
            make_waves(run.work, place, waves, shards)
        objects = _measure(run)
        _train(run)
        _score(run)
        _conclude(run, objects, workers)
    return folder


def _measure(run: Run) -> ObjectSpectra:
    record, plan = run.folder.spectra_record, run.plan
    count = min(plan.study.information.specimens, plan.study.counts.training)
    kept = not run.work.missing([record], record_state) and read_facts(record)["id"] == plan.metrics_id
    chunks = [] if kept else _batched(range(count), SPECIMENS_PER_TASK)
    tasks = [
        Task(measure_spectra, (run.folder.root, plan.study, chunk), f"spectra of specimens {chunk}") for chunk in chunks
    ]
    measured = run.work.perform("object spectra", tasks, [len(chunk) for chunk in chunks], count if kept else 0)
    if not kept:
        _write_spectra(run, average_spectra(one for part in measured for one in part))
    return _read_spectra(run.folder)


def _write_spectra(run: Run, objects: ObjectSpectra) -> None:
    columns = dict(zip(SPECTRA, (objects.q, objects.particle, objects.substrate), strict=True))
    write_table(run.folder.table("spectra"), pl.DataFrame(columns, schema=SPECTRA))
    facts = {
        "id": run.plan.metrics_id,
        "particle_height": objects.particle_height,
        "substrate_height": objects.substrate_height,
        "area_fraction": objects.area_fraction,
    }
    write_record(run.folder.spectra_record, [run.folder.table("spectra")], facts)


def _read_spectra(folder: StudyFolder) -> ObjectSpectra:
    facts = read_facts(folder.spectra_record)
    q, particle, substrate = (column.to_numpy(writable=True) for column in read_table(folder.table("spectra")))
    heights = facts["particle_height"], facts["substrate_height"]
    return ObjectSpectra(q, particle, substrate, *heights, facts["area_fraction"])


def _train(run: Run) -> None:
    numbers = {network.id: number for number, network in enumerate(run.plan.networks)}
    ids = run.work.missing(numbers, lambda id_: record_state(run.folder.network(id_) / "network.json"))
    tasks = [
        Task(
            train_network,
            (run.folder.root, run.plan.study, numbers[id_], run.work.device),
            f"network {id_}, {run.plan.networks[numbers[id_]].training_name}",
        )
        for id_ in ids
    ]
    run.work.perform("networks", tasks, [1] * len(tasks), len(numbers) - len(tasks))


def _score(run: Run) -> None:
    plan = run.plan
    done = _known_scores(run)
    pending: dict[tuple[int, ...], list[int]] = {}
    for number in {network.id: number for number, network in enumerate(plan.networks)}.values():
        id_ = plan.networks[number].id
        tests = tuple(place for place, test in enumerate(plan.tests) if plan.score_id(id_, test) not in done)
        if tests:
            pending.setdefault(tests, []).append(number)
    groups = [
        (some, part)
        for tests, numbers in pending.items()
        for some in _batched(numbers, NETWORKS_PER_TASK)
        for part in _batched(tests, TESTS_PER_TASK)
    ]
    tasks = [
        Task(
            score_networks,
            (run.folder.root, plan.study, numbers, tests, run.work.device),
            f"scores of networks {', '.join(plan.networks[number].id for number in numbers)}",
        )
        for numbers, tests in groups
    ]
    sizes = [len(numbers) * len(tests) for numbers, tests in groups]
    run.work.perform("scores", tasks, sizes, len(plan.networks) * len(plan.tests) - sum(sizes))


def _batched(items: Sequence[int], size: int) -> list[Sequence[int]]:
    """Cut a sequence into runs of ``size``; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _score_records(run: Run) -> list[Path]:
    networks = dict.fromkeys(network.id for network in run.plan.networks)
    return [path for id_ in networks for path in sorted(run.folder.scores(id_).glob("*.json"))]


def _known_scores(run: Run) -> set[str]:
    records = _score_records(run)
    damaged = run.work.missing(records, record_state)
    for record in damaged:
        record.unlink(missing_ok=True)
    kept = [record for record in records if record not in damaged]
    return {score_id for record in kept for score_id in read_facts(record)["score_ids"]}


def _conclude(run: Run, objects: ObjectSpectra, workers: int) -> None:
    """Gather tables and pictures and write the report, unless all of it stands as it is."""
    folder, record = run.folder, run.folder.root / "report.json"
    identity = content_hash(
        [
            run.plan.study.resolved(),
            [[run.plan.score_id(n.id, t) for t in run.plan.tests] for n in run.plan.networks],
        ]
    )
    if not run.work.missing([record], record_state) and read_facts(record)["id"] == identity:
        run.work.progress.message("everything was there already")
        return
    tasks = [Task(write_examples, (folder.root, run.plan.study, run.work.device), "example pictures")]
    run.work.perform("example pictures", tasks, [1], 0)
    started = time.monotonic()
    scores = [read_table(path.with_suffix(".parquet")) for path in _score_records(run)]
    _write_tables(folder, analyse(run.plan, pl.concat(scores).select(list(SCORES)), objects))
    run.work.stages.append(Stage("analysis", 1, 0, time.monotonic() - started))
    write_json(folder.manifest, _manifest(run, workers))
    write_report(folder.root)
    names = ("results", "metrics", "transfer")
    files = [folder.report, folder.manifest, folder.root / "prediction.json", *map(folder.table, names)]
    write_record(record, [*files, *sorted(folder.examples.glob("examples.*"))], {"id": identity})


def _write_tables(folder: StudyFolder, analysis: Analysis) -> None:
    for name in ("results", "metrics", "transfer"):
        write_table(folder.table(name), getattr(analysis, name))
    write_json(folder.root / "prediction.json", analysis.prediction)


def _manifest(run: Run, workers: int) -> dict[str, Any]:
    plan, folder = run.plan, run.folder
    networks = [read_facts(folder.network(network.id) / "network.json") for network in plan.networks]
    geometry = {role: read_geometry(folder.waves(plan.databases[role].id)) for role in plan.databases}
    coverage = [share for rows in geometry.values() for row in rows for share in row["coverage"] if share is not None]
    return {
        "name": plan.study.name,
        "temshift": version("temshift"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "seed": plan.study.seed,
        "device": run.work.device,
        "workers": workers,
        "stages": [vars(stage) for stage in run.work.stages],
        "database": {
            **{role: _database_facts(database, geometry[role]) for role, database in plan.databases.items()},
            "coverage_mean": float(np.mean(coverage)) if coverage else None,
            "coverage_min": min(coverage, default=None),
        },
        "networks": len(plan.networks),
        "parameters": networks[0]["parameters"],
        "trainings": _trainings(plan),
    }


def _trainings(plan: Plan) -> dict[str, dict[str, Setting]]:
    """Centre and spread of what networks were trained on, of each parameter that any condition tells."""
    named = {run.training_name: run.conditions for run in plan.networks}
    every = [*named.values(), *(test.conditions for test in plan.tests)]
    told = told_keys(every)
    return {
        name: {key: setting for key, setting in summary(conditions).items() if key in told}
        for name, conditions in named.items()
    }


def _database_facts(database: WaveSet, geometry: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": database.id,
        "specimens": database.count,
        "seed": database.seed,
        "mask_fraction_mean": _mean(geometry, "mask_fraction"),
        "particle_height_mean_angstrom": _mean(geometry, "particle_height_angstrom"),
        "substrate_height_mean_angstrom": _mean(geometry, "substrate_height_angstrom"),
    }


def _mean(rows: Sequence[dict[str, Any]], key: str) -> float | None:
    """Mean over the rows that have the number; None where none has."""
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.mean(values)) if values else None
