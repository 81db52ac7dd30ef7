"""The end of a study, or of scoring one network: tables gathered, pictures drawn, the report written."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from temshift.conditions import Setting, summary
from temshift.conditions.summary import told_keys
from temshift.core import content_hash
from temshift.databases import WaveSet, error_remark
from temshift.execution import Task, Work
from temshift.execution.stages import Stage
from temshift.exitwaves import read_geometry
from temshift.exitwaves.sources import set_names
from temshift.information import ObjectLibrary
from temshift.information.observers.observer import OBSERVER_VERSION
from temshift.networks import CARD
from temshift.report import write_report
from temshift.storage import read_facts, record_state, write_json, write_table
from temshift.storage.provenance import provenance
from temshift.storage.records import write_record
from temshift.studies.analysis.analyse import Analysis, Scenario, analyse, observe_plan, scenarios_of, scores_over_seeds
from temshift.studies.analysis.example_pictures import drawable_networks, example_networks, write_examples
from temshift.studies.analysis.galleries import GALLERIES_VERSION, make_galleries
from temshift.studies.analysis.image_features import IMAGE_FEATURES_VERSION, measure_image_features
from temshift.studies.analysis.results import gather
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.plan import Plan

PACKAGES = ("temshift", "torch", "numpy", "scipy", "ase", "polars", "zarr", "pydantic")
TABLES = ("results", "metrics", "transfer")

Made = TypeVar("Made")
Geometry = Sequence[dict[str, Any]]  # a row a specimen


def conclude(plan: Plan, folder: StudyFolder, work: Work, libraries: Mapping[str, ObjectLibrary], failed: int) -> None:
    """Gather tables and pictures and write the report, unless all of it stands as it is.

    Parameters
    ----------
    plan : Plan
        The study's plan.
    folder : StudyFolder
        The folder of scores, to which everything goes.
    work : Work
        Who makes the pictures.
    libraries : mapping of str to ObjectLibrary
        Of the training specimens, by the ``metrics_id`` of a part of the plan.
    failed : int
        Networks that are missing, which the report counts.
    """
    files_of_scores = sorted(path.name for path in folder.root.glob("scores/*/*.json"))  # named by their content
    identity = content_hash([plan.study.resolved(), files_of_scores, failed, sorted(libraries), _versions()])
    if is_concluded(folder, work, identity):
        return
    results = gather(folder, plan, work.progress.warning)
    current = results.filter("in_study")
    if current.is_empty():
        work.progress.warning("no network has scores: there is nothing to report")
        return
    _draw(plan, folder, work)
    observed = observe_plan(plan, folder, work, libraries)
    images = measure_image_features(plan, folder, work)
    scenarios = scenarios_of(plan, libraries)
    analysis = timed(work, "analysis", 1, lambda: analyse(scenarios, scores_over_seeds(current), observed, images))
    sets = {name: (waves, read_geometry(folder.waves(waves.id))) for name, waves in _named_databases(plan).items()}
    parameters = _parameters(plan, folder, set(current["network_id"]))
    networks = {"networks": len(plan.networks), "failed": failed, "parameters": parameters}
    manifest = manifest_of(plan.study.name, plan.study.seed, work, sets, networks, scenarios)
    write_conclusion(folder, results, analysis, manifest, identity, [folder.study_file])


def _draw(plan: Plan, folder: StudyFolder, work: Work) -> None:
    """Draw the example pictures and those of every test condition, of the networks that are there."""
    drawable = drawable_networks(plan, folder)
    shown = [run for run in example_networks(plan.parts[0]) if run.id in drawable]
    tasks = [Task(write_examples, (folder.root, plan.study, shown, work.device), "example pictures")]
    work.perform("example pictures", tasks, [1], 0)
    make_galleries(plan, folder, work, drawable)


def _versions() -> list[int]:
    """Versions of columns beyond scores and spectra, whose own files are named by these versions."""
    return [OBSERVER_VERSION, IMAGE_FEATURES_VERSION, GALLERIES_VERSION]


def is_concluded(folder: StudyFolder, work: Work, identity: str) -> bool:
    """Whether a folder holds the conclusion of some identity, unaltered; if it does, that is announced."""
    record = folder.conclusion
    whole = not work.missing([record], record_state) and read_facts(record)["id"] == identity
    if whole:
        work.progress.message("everything was there already")
    return whole


def timed(work: Work, name: str, made: int, make: Callable[[], Made]) -> Made:
    """Do something as a stage of its own, which makes so many items, and return its result."""
    started = time.monotonic()
    value = make()
    work.stages.append(Stage(name, made, 0, time.monotonic() - started))
    return value


def write_conclusion(
    folder: StudyFolder,
    results: pl.DataFrame,
    analysis: Analysis,
    manifest: Mapping[str, Any],
    identity: str | None,
    more: Sequence[Path | str] = (),
) -> None:
    """Write tables, prediction, manifest and report and, last, the record of all that the report shows.

    Parameters
    ----------
    folder : StudyFolder
        The folder; its pictures are there already.
    results : polars.DataFrame
        Rows of :data:`temshift.vocabulary.columns.RESULTS`.
    analysis : Analysis
        Derived from them.
    manifest : mapping
        Its facts, see `manifest_of`.
    identity : str or None
        Hash of all that the conclusion depends on; see `is_concluded`.
    more : sequence of Path
        Further files of the record.
    """
    more = [Path(part) for part in more]
    folder.conclusion.unlink(missing_ok=True)  # it vouches for files that are replaced now
    for name, table in zip(TABLES, (results, analysis.metrics, analysis.transfer), strict=True):
        write_table(folder.table(name), table)
    write_json(folder.prediction, analysis.prediction)
    write_json(folder.manifest, manifest)
    write_report(folder.root)
    files = [folder.report, folder.manifest, folder.prediction, *map(folder.table, TABLES), *more, *folder.pictures]
    write_record(folder.conclusion, files, {"id": identity})


def manifest_of(
    name: str,
    seed: int,
    work: Work,
    sets: Mapping[str, tuple[WaveSet, Geometry]],
    networks: Mapping[str, Any],
    scenarios: Sequence[Scenario],
) -> dict[str, Any]:
    """Return the facts of a manifest, those of a study or of a single network.

    Parameters
    ----------
    name : str
        Name of the study or of the network.
    seed : int
        Root of all draws.
    work : Work
        Who worked, on which device, and in which stages.
    sets : mapping of str to (WaveSet, sequence of dict)
        Specimens by their role, and the geometry of each, as the store of their waves has it.
    networks : mapping
        Facts of the networks.
    scenarios : sequence of Scenario
        Distributions that they were trained and tested on.
    """
    return {
        "name": name,
        **provenance(PACKAGES),
        "seed": seed,
        "device": work.device,
        "workers": work.workers,
        "stages": [vars(stage) for stage in work.stages],
        "database": _database_facts(sets),
        **networks,
        "trainings": _trainings(scenarios),
    }


def _database_facts(sets: Mapping[str, tuple[WaveSet, Geometry]]) -> dict[str, Any]:
    """Facts of sets of specimens, by name, from their settings and their geometry."""
    coverage = [share for _, rows in sets.values() for row in rows for share in row["coverage"] if share is not None]
    return {
        **{name: _set_facts(waves, rows) for name, (waves, rows) in sets.items()},
        "coverage_mean": float(np.mean(coverage)) if coverage else None,
        "coverage_min": min(coverage, default=None),
    }


def _named_databases(plan: Plan) -> dict[str, WaveSet]:
    """Databases by role, set of specimens and settings, those of one role together."""
    every = plan.databases
    kinds = {
        waves.id: f"{waves.role}, {name}" if name else waves.role
        for part in plan.parts
        for name, kin in part.kin.items()
        for waves in kin.databases.values()
    }
    roles = {id_: kinds[id_] for id_ in sorted(every, key=lambda id_: every[id_].role)}
    names = set_names(roles, {id_: one.settings for id_, one in every.items()})
    return {name: every[id_] for id_, name in names.items()}


def _parameters(plan: Plan, folder: StudyFolder, scored: Collection[str]) -> list[int]:
    """Numbers of parameters of the networks, each once: one network of a kind is asked."""
    kinds = {repr(run.network): run.id for run in reversed(plan.networks) if run.id in scored}
    return sorted({read_facts(folder.network(id_) / CARD)["parameters"] for id_ in kinds.values()})


def _trainings(scenarios: Sequence[Scenario]) -> dict[str, dict[str, Setting]]:
    """Centre and spread of training distributions, of each parameter that any condition gives."""
    named = {name: conditions for scenario in scenarios for name, conditions in scenario.trained.items()}
    tests = [conditions for scenario in scenarios for conditions in scenario.tested.values()]
    given = told_keys([*named.values(), *tests])
    return {
        name: {key: spread for key, spread in summary(conditions).items() if key in given}
        for name, conditions in named.items()
    }


def _set_facts(database: WaveSet, geometry: Geometry) -> dict[str, Any]:
    errors = [row["expected_image_error"] for row in geometry if "expected_image_error" in row]
    remark = error_remark(errors)
    return {
        "id": database.id,
        "specimens": database.count,
        "seed": database.seed,
        "mask_fraction_mean": _mean(geometry, "mask_fraction"),
        "particle_height_mean_angstrom": _mean(geometry, "particle_height_angstrom"),
        "substrate_height_mean_angstrom": _mean(geometry, "substrate_height_angstrom"),
        "expected_image_error_mean": float(np.mean(errors)) if errors else None,
        "expected_image_error_max": max(errors, default=None),
        **({"remark": remark} if remark else {}),
    }


def _mean(rows: Geometry, key: str) -> float | None:
    """Mean over the rows that have the number; None if none has."""
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.mean(values)) if values else None
