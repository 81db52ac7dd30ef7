"""Parts of a study: the tables of the networks that a folder has, and several of them joined."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from temshift.conditions import summary
from temshift.conditions.summary import told_keys
from temshift.core import content_hash
from temshift.networks import CARD
from temshift.storage import read_facts
from temshift.studies.analysis.part_tables import (
    PartTables,
    is_part,
    joined_networks,
    merged_rows,
    read_tables,
    require_one_study,
    spread_column,
    write_tables,
)
from temshift.studies.analysis.results import placed_results
from temshift.studies.folder import StudyFolder, Warn, require_study
from temshift.studies.planning.part import NetworkRun
from temshift.studies.planning.plan import Plan
from temshift.studies.selection import stored_plan
from temshift.vocabulary.parameters import CANONICAL


def part_tables(folder: StudyFolder, plan: Plan, warn: Warn | None = None) -> PartTables:
    """Gather the tables of the networks of a plan that a folder has scores of.

    Parameters
    ----------
    folder : StudyFolder
        Where networks and scores lie; weights are not looked at.
    plan : Plan
        The study, with the networks that were chosen.
    warn : callable, optional
        Called for each damaged file, which is left out; without it that is an error.

    Returns
    -------
    PartTables
    """
    rows = placed_results(folder, plan, warn).filter("in_study")
    scored = set(rows["network_id"])
    numbers = {run.id: number for number, run in enumerate(plan.numbered)}
    runs = [run for run in plan.networks if run.id in scored]
    study = plan.study
    kinds = dict(rows.select("network_id", "training_specimens").rows())
    networks = _network_rows(folder, plan, runs, numbers).with_columns(
        training_specimens=pl.col("network_id").replace_strict(kinds, return_dtype=pl.String)
    )
    return PartTables(content_hash(study.resolved()), study.name, len(plan.numbered), rows, networks)


def write_part(folder: StudyFolder, plan: Plan, numbers: range, warn: Warn) -> Path:
    """Write the tables of the networks of some numbers, of which failed ones are left out; return their folder."""
    place = folder.part(numbers.start, numbers.stop)
    write_tables(place, part_tables(folder, plan, warn))
    return place


def read_parts(places: Sequence[Path | str], warn: Warn | None = None) -> PartTables:
    """Read parts of one study and join them.

    Parameters
    ----------
    places : sequence of path
        Folders of tables (``parts/00000-00250`` of a study folder, or those of an earlier join), or study folders.
    warn : callable, optional
        Called if the study of a folder was altered but can be read.

    Returns
    -------
    PartTables
        Rows in the order of the study, each once, the same whatever the parts.

    Raises
    ------
    InputError
        If parts are of different studies.
    DamagedError
        If a file was altered.
    """
    tables = [_read_part(Path(place), warn) for place in places]
    require_one_study([(str(place), one.study) for place, one in zip(places, tables, strict=True)])
    rows = merged_rows([one.results for one in tables])
    return PartTables(tables[0].study, tables[0].name, tables[0].count, rows, joined_networks(tables))


def is_part_of_study(place: Path | str) -> bool:
    """Return whether a folder holds some networks of a study alone, or their tables."""
    place = Path(place)
    return is_part(place) or StudyFolder(place).selection.exists()


def _read_part(place: Path, warn: Warn | None) -> PartTables:
    if is_part(place):
        return read_tables(place)
    folder = require_study(place)
    return part_tables(folder, stored_plan(folder, warn))


def _network_rows(folder: StudyFolder, plan: Plan, runs: Sequence[NetworkRun], numbers: dict[str, int]) -> pl.DataFrame:
    varied = told_keys(conditions for part in plan.parts for conditions in part.trainings.values())
    keys = [row.key for row in CANONICAL if row.key in varied]
    settings = {id(run.conditions): summary(run.conditions) for run in runs}
    rows = [
        {
            "number": numbers[run.id],
            **_facts(run, read_facts(folder.network(run.id) / CARD)),
            **{f"training_{key}": settings[id(run.conditions)][key].center for key in keys},
            **{spread_column(key): settings[id(run.conditions)][key].sd for key in keys},
        }
        for run in runs
    ]
    numeric = [name for key in keys for name in (f"training_{key}", spread_column(key))]
    swept = {key: pl.String for run in runs for key in run.settings}
    return pl.DataFrame(rows, schema={"number": pl.Int64, **_FACTS, **dict.fromkeys(numeric, pl.Float64), **swept})


_FACTS: dict[str, type[pl.DataType]] = {
    "network_id": pl.String,
    "training_name": pl.String,
    "seed": pl.Int64,
    "training_cross_entropy": pl.Float64,
    "cpu": pl.String,
}


def _facts(run: NetworkRun, card: dict[str, Any]) -> dict[str, Any]:
    swept = {key: str(value) for key, value in run.settings.items()}
    loss = card["scores"]["training"]["cross_entropy"]
    named = {"network_id": run.id, "training_name": run.name, "seed": run.seed, "cpu": card.get("cpu")}
    return {**named, "training_cross_entropy": loss, **swept}
