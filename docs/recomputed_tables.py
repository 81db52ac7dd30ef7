"""Metrics, observers and predictions of a study computed again from the scores of its networks, none trained again.

    python docs/recomputed_tables.py examples/confirmation_study.yaml examples/confirmation_study --work FOLDER
    python docs/recomputed_tables.py examples/confirmation_study.yaml examples/confirmation_study --predictions

The second argument is a folder that holds ``results.parquet``; its ``metrics.parquet`` is written again, with all its
columns by this code. Specimens and waves of the training set are made again from their seeds, for object spectra and
for what is measured on micrographs, and kept in the folder ``--work``, so that an interrupted call goes on. With
``--predictions`` metrics and observers stay as they are, and only what they predict is computed again, in seconds.
"""

import argparse
import sys
from pathlib import Path

import polars as pl

from temshift.core import wavelength
from temshift.databases import make_waves, measured_set
from temshift.execution import LogProgress, Work, make_executor
from temshift.exitwaves import read_geometry
from temshift.information import ObjectLibrary, join_libraries, predict, read_library, write_library
from temshift.storage import record_state, write_table
from temshift.studies import (
    Part,
    Plan,
    StudyFolder,
    analyse,
    load_study,
    measure_image_features,
    observe_plan,
    scenarios_of,
    scores_over_seeds,
)


def main() -> None:
    """Recompute the table of metrics of a study."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("study", type=Path, help="YAML of the study")
    asked.add_argument("tables", type=Path, help="folder of its results.parquet and metrics.parquet")
    does = asked.add_mutually_exclusive_group(required=True)
    does.add_argument("--work", type=Path, help="folder that keeps waves and spectra")
    does.add_argument("--predictions", action="store_true", help="compute predictions alone")
    asked.add_argument("--waves-only", action="store_true", help="make waves and end")
    given = asked.parse_args()
    plan = Plan(load_study(given.study))
    if given.predictions:
        write_table(given.tables / "metrics.parquet", predicted_again(plan, given.tables))
        return
    folder = StudyFolder(given.work.absolute())
    with make_executor(0) as executor:
        work = Work(executor, "cpu", LogProgress(sys.stderr))
        for part in plan.parts:
            waves = part.databases["training"]
            make_waves(work, folder.waves(waves.id), waves, range(waves.layout.shards))
        if not given.waves_only:
            write_table(given.tables / "metrics.parquet", recomputed(plan, folder, work, given.tables))


def recomputed(plan: Plan, folder: StudyFolder, work: Work, tables: Path) -> pl.DataFrame:
    """Return the table of metrics of a plan, from the scores in ``tables``."""
    libraries = {part.metrics_id: library_of(part, folder) for part in plan.parts}
    observed = observe_plan(plan, folder, work, libraries)
    images = measure_image_features(plan, folder, work)
    results = pl.read_parquet(tables / "results.parquet").filter("in_study")
    return analyse(scenarios_of(plan, libraries), scores_over_seeds(results), observed, images).metrics


def predicted_again(plan: Plan, tables: Path) -> pl.DataFrame:
    """Return the table of metrics with what this code predicts from its metrics and the scores in ``tables``."""
    metrics = pl.read_parquet(tables / "metrics.parquet")
    scores = scores_over_seeds(pl.read_parquet(tables / "results.parquet").filter("in_study"))
    fresh = ["training_name", "test_name", *(name for name in scores.columns if name not in metrics.columns)]
    names = [name for name, _ in plan.study.conditions.resolved("training")]
    groups = {training: group for part in plan.parts for training, group in zip(part.trainings, names, strict=True)}
    group = pl.col("training_name").replace_strict(groups, return_dtype=pl.String).alias("training_group")
    cells = metrics.join(scores.select(fresh), on=["training_name", "test_name"], how="left", maintain_order="left")
    return predict(cells.with_columns(group))[0]


def library_of(part: Part, folder: StudyFolder) -> ObjectLibrary:
    """Return the object library of a part of a plan, as a run measures it."""
    record, waves = folder.spectra_record(part.metrics_id), part.databases["training"]
    if record_state(record).state != "complete":
        highest = part.study.widest_semiangle / wavelength(waves.exit_waves.energy)
        rows = read_geometry(folder.waves(waves.id))[: part.study.information.specimens]
        write_library(record, join_libraries(measured_set(waves, rows, highest)))
    return read_library(record)


if __name__ == "__main__":
    main()
