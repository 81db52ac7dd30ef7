"""The end of a study: tables gathered, pictures drawn, the report written, of whatever networks there are."""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from temshift.conditions.summary import Setting, summary, told_keys
from temshift.core.hashes import content_hash
from temshift.databases.wave_sets import WaveSet
from temshift.execution import Task
from temshift.execution.stages import Stage, Work
from temshift.exitwaves.store import read_geometry
from temshift.information.objects.library import ObjectLibrary
from temshift.information.observers.observer import OBSERVER_VERSION
from temshift.networks.stored import CARD
from temshift.report import write_report
from temshift.storage.files import write_json, write_table
from temshift.storage.provenance import provenance
from temshift.storage.records import read_facts, record_state, write_record
from temshift.studies.analysis.analyse import Analysis, analyse, observe_plan
from temshift.studies.analysis.example_pictures import write_examples
from temshift.studies.analysis.galleries import GALLERIES_VERSION, make_galleries
from temshift.studies.analysis.image_features import IMAGE_FEATURES_VERSION, measure_image_features
from temshift.studies.analysis.results import gather
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.plan import Plan

PACKAGES = ("temshift", "torch", "numpy", "scipy", "ase", "polars", "zarr", "pydantic")
TABLES = ("results", "metrics", "transfer")


def conclude(plan: Plan, folder: StudyFolder, work: Work, libraries: Mapping[str, ObjectLibrary], failed: int) -> None:
    """Gather tables and pictures and write the report, unless all of it stands as it is.

    Parameters
    ----------
    plan : Plan
        What the study asks for.
    folder : StudyFolder
        Where scores are, and where everything goes.
    work : Work
        Who makes the pictures.
    libraries : mapping of str to ObjectLibrary
        Of the training specimens, by the ``metrics_id`` of a part of the plan.
    failed : int
        Networks that are missing, which the report tells.
    """
    record = folder.root / "report.json"
    files_of_scores = sorted(path.name for path in folder.root.glob("scores/*/*.json"))  # named by what they hold
    identity = content_hash([plan.study.resolved(), files_of_scores, failed, sorted(libraries), _versions()])
    if not work.missing([record], record_state) and read_facts(record)["id"] == identity:
        work.progress.message("everything was there already")
        return
    results = gather(folder, plan, work.progress.warning)
    current = results.filter("in_study")
    if current.is_empty():
        work.progress.warning("no network has scores: there is nothing to report")
        return
    tasks = [Task(write_examples, (folder.root, plan.study, work.device), "example pictures")]
    work.perform("example pictures", tasks, [1], 0)
    make_galleries(plan, folder, work)
    observed = observe_plan(plan, folder, work, libraries)
    images = measure_image_features(plan, folder, work)
    started = time.monotonic()
    _write_tables(folder, analyse(plan, current, libraries, observed, images), results)
    work.stages.append(Stage("analysis", 1, 0, time.monotonic() - started))
    write_json(folder.manifest, _manifest(plan, folder, work, failed, set(current["network_id"])))
    write_report(folder.root)
    files = [folder.report, folder.manifest, folder.root / "prediction.json", *map(folder.table, TABLES)]
    write_record(record, [*files, *folder.pictures], {"id": identity})


def _versions() -> list[int]:
    """Versions of what the tables hold beside scores and spectra, which files of their own are named by."""
    return [OBSERVER_VERSION, IMAGE_FEATURES_VERSION, GALLERIES_VERSION]


def _write_tables(folder: StudyFolder, analysis: Analysis, results: pl.DataFrame) -> None:
    write_table(folder.table("results"), results)
    write_table(folder.table("metrics"), analysis.metrics)
    write_table(folder.table("transfer"), analysis.transfer)
    write_json(folder.root / "prediction.json", analysis.prediction)


def _manifest(plan: Plan, folder: StudyFolder, work: Work, failed: int, scored: Collection[str]) -> dict[str, Any]:
    return {
        "name": plan.study.name,
        **provenance(PACKAGES),
        "seed": plan.study.seed,
        "device": work.device,
        "workers": work.workers,
        "stages": [vars(stage) for stage in work.stages],
        "database": database_facts({name: (one, folder.waves(one.id)) for name, one in _named_databases(plan).items()}),
        "networks": len(plan.networks),
        "failed": failed,
        "parameters": _parameters(plan, folder, scored),
        "trainings": _trainings(plan),
    }


def database_facts(sets: Mapping[str, tuple[WaveSet, Path]]) -> dict[str, Any]:
    """Tell what sets of specimens are, by name, from their settings and the geometry in their stores."""
    geometry = {name: read_geometry(store) for name, (_, store) in sets.items()}
    coverage = [share for rows in geometry.values() for row in rows for share in row["coverage"] if share is not None]
    return {
        **{name: _set_facts(waves, geometry[name]) for name, (waves, _) in sets.items()},
        "coverage_mean": float(np.mean(coverage)) if coverage else None,
        "coverage_min": min(coverage, default=None),
    }


def _named_databases(plan: Plan) -> dict[str, WaveSet]:
    """Databases by role, numbered from the second of a role on."""
    roles: dict[str, list[WaveSet]] = {}
    for waves in plan.databases.values():
        roles.setdefault(waves.role, []).append(waves)
    return {
        f"{role} {number}" if number > 1 else role: waves
        for role, sets in roles.items()
        for number, waves in enumerate(sets, start=1)
    }


def _parameters(plan: Plan, folder: StudyFolder, scored: Collection[str]) -> list[int]:
    """Numbers of parameters of the networks, each once: one network of a kind is asked."""
    kinds = {repr(run.network): run.id for run in reversed(plan.networks) if run.id in scored}
    return sorted({read_facts(folder.network(id_) / CARD)["parameters"] for id_ in kinds.values()})


def _trainings(plan: Plan) -> dict[str, dict[str, Setting]]:
    """Centre and spread of what networks were trained on, of each parameter that any condition tells."""
    named = {name: conditions for part in plan.parts for name, conditions in part.trainings.items()}
    tests = [test.conditions for part in plan.parts for test in part.tests]
    told = told_keys([*named.values(), *tests])
    return {
        name: {key: setting for key, setting in summary(conditions).items() if key in told}
        for name, conditions in named.items()
    }


def _set_facts(database: WaveSet, geometry: Sequence[dict[str, Any]]) -> dict[str, Any]:
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
