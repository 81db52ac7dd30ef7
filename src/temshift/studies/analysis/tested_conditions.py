"""The test conditions of a study as a table, next to those of its earlier versions."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from temshift.conditions.summary import centers
from temshift.core import DamagedError, TemshiftError
from temshift.scoring.scored_images import source_id
from temshift.storage import read_table, write_table
from temshift.studies.folder import StudyFolder, Warn
from temshift.studies.planning.part import TestCondition
from temshift.studies.planning.plan import Plan
from temshift.vocabulary.columns import LATER_SCORES, TESTS, with_later_columns

_REMEDY = "temshift run makes it again"


def keep_tests(folder: StudyFolder, plan: Plan, warn: Warn) -> None:
    """Write the test conditions of a plan, next to those of earlier versions of the study."""
    former, table = _held_tests(folder), folder.table("tests")
    if former is None and (table.exists() or any((folder.root / "scores").glob("*/*.json"))):
        fault = f"{table} is {'damaged' if table.exists() else 'missing'}"
        warn(f"made again: {fault}; results of test conditions that the study no longer has are left out")
    known = set() if former is None else set(former.select("test_id", "listed").rows())
    rows = [_test_row(test, listed) for test, listed in _tests(plan) if (test.id, listed) not in known]
    if former is not None and not rows:
        return
    new = pl.DataFrame(rows, schema=TESTS)
    write_table(table, new if former is None else pl.concat([former, new]))


def _tests(plan: Plan) -> Iterator[tuple[TestCondition, bool]]:
    """Test conditions of a plan, by id and name, and whether the study lists them."""
    listed = {(test.id, test.name): test for part in plan.parts for test in part.tests}
    ids, made = {id_ for id_, _ in listed}, {run.id for run in plan.networks}
    asked = [(part, run.name) for part in plan.parts for run in part.networks if run.id in made]
    named = [test for part, name in asked for test in (part.own_tests[name], *part.away_tests[name])]
    owns = {own.id: own for own in named if own.id not in ids}
    yield from ((test, True) for test in listed.values())
    yield from ((own, False) for own in owns.values())


def _test_row(test: TestCondition, listed: bool) -> dict[str, Any]:
    names = {"test_id": test.id, "test_name": test.name, "test_specimens": test.specimens or None, "listed": listed}
    ids = {"conditions_id": test.conditions_id, "source_id": source_of_test(test)}
    return {**names, **ids, **centers("test", test.conditions)}


def source_of_test(test: TestCondition) -> str:
    """Return the hash of all that the images of a test depend on apart from its conditions."""
    return source_id(test.source.database, test.source.imaging, test.root)


def _held_tests(folder: StudyFolder) -> pl.DataFrame | None:
    try:
        table = with_later_columns(read_table(folder.table("tests")))
        later = [name for name in LATER_SCORES if name in TESTS and name not in table.columns]
        return table.with_columns(pl.lit(None, TESTS[name]).alias(name) for name in later).select(list(TESTS))
    except (TemshiftError, pl.exceptions.ColumnNotFoundError):
        return None


def known_tests(folder: StudyFolder, plan: Plan, warn: Warn | None) -> pl.DataFrame:
    """Test conditions by the names that the study has for them now; those of earlier versions as they were.

    One that the study listed once stays so, also if it is only a training distribution now.
    """
    new = pl.DataFrame([_test_row(test, listed) for test, listed in _tests(plan)], schema=TESTS)
    former = _held_tests(folder)
    if former is None and warn is None and folder.table("tests").exists():
        raise DamagedError(f"{folder.table('tests')} is damaged; {_REMEDY}")
    if former is None:
        return new
    ranked = [new.filter("listed"), former.filter("listed"), new, former]
    known = ranked[0]
    for more in ranked[1:]:
        known = pl.concat([known, more.join(known, on="test_id", how="anti")])
    return known
