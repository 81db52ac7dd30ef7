"""The numbers that the page's interactive plots draw from, ready for JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.figures.labels import told_apart
from temshift.report.data.axes import AXES
from temshift.report.data.matrix import Matrix, Test, Training, drawn_axis
from temshift.report.data.study_tables import StudyTables
from temshift.report.page.packing import pack, pack_within
from temshift.report.page.quantities import predictors, scores

Array = NDArray[np.float64]

_DIGITS = 5
_MOST_CELL_BYTES = 7_000_000
_MOST_CURVE_BYTES = 3_500_000
_CURVE_STEPS = 1000
_LONGEST = {"short": 34, "brief": 22}  # letters of a name on an axis
_STEP = 4  # by which they become longer where names would be alike
_CURVES = (
    "q_per_A",
    "particle_transfer",
    "particle_transfer_rms",
    "information_bits",
    "envelope",
    "substrate_transfer",
)
# Of very large studies not all grids fit; these come first.
_FIRST = (
    "cross_entropy",
    "sigma",
    "f1",
    "ln_cross_entropy",
    "left_out_test_prediction",
    "left_out_test_lower",
    "left_out_test_upper",
    "epsilon_test",
    "epsilon_training",
    "networks",
    "observer_both_cross_entropy",
    "iou",
    "calibration_error",
    "left_out_training_prediction",
)


def page_data(study: StudyTables, matrix: Matrix) -> dict[str, Any]:
    """Gather what the interactive plots need.

    Parameters
    ----------
    study : StudyTables
    matrix : Matrix

    Returns
    -------
    dict
        Of plain numbers, texts, lists and dicts; a missing number is ``None``. Grids are packed by
        :func:`temshift.report.page.packing.pack`; of very large ones the last do not fit, and ``dropped`` names those.
    """
    cells, dropped = pack_within(_by_importance(matrix.cells), _MOST_CELL_BYTES)
    return {
        "own": study.name if study.manifest.kind == "own network" else None,
        "scores": scores(cells),
        "predictors": predictors(cells),
        "trainings": _trainings(matrix.trainings),
        "tests": _tests(matrix.tests),
        "groups": [drawn_axis(axis, matrix.tests) for axis in matrix.groups],
        "parameters": _parameters(matrix),
        "cells": cells,
        "dropped": dropped,
        "near": pack(matrix.near.astype(np.float64)),
        "transfer": _transfer(study.transfer),
    }


def _by_importance(cells: Mapping[str, Array]) -> dict[str, Array]:
    first = {name: cells[name] for name in _FIRST if name in cells}
    return {**first, **{name: grid for name, grid in cells.items() if name not in first}}


def _trainings(trainings: Sequence[Training]) -> dict[str, Any]:
    """Names, words and, of parameters that are known of any, centres and standard deviations; a list over rows each."""
    keys = [axis.key for axis in AXES if any(axis.key in one.settings for one in trainings)]
    spans = {key: [one.settings.get(key, (None, 0.0)) for one in trainings] for key in keys}
    return {
        "names": [one.name for one in trainings],
        "words": [one.words for one in trainings],
        **_short_names([one.name for one in trainings]),
        "broad": [one.broad for one in trainings],
        "centers": {key: _unless_alike([_round(center) for center, _ in span]) for key, span in spans.items()},
        "widths": {key: _unless_alike([_round(sd) for _, sd in span]) for key, span in spans.items()},
    }


def _short_names(names: Sequence[str]) -> dict[str, list[str | None]]:
    """Names as axes show them on a wide and on a narrow screen; None where nothing is cut."""
    cut = {kind: told_apart(names, longest, _STEP) for kind, longest in _LONGEST.items()}
    return {
        kind: [None if short == name else short for short, name in zip(shown, names, strict=True)]
        for kind, shown in cut.items()
    }


def _unless_alike(values: list[float | None]) -> list[float | None]:
    """The list, or its one value where all are the same."""
    return values[:1] if len(set(values)) == 1 else values


def _parameters(matrix: Matrix) -> list[dict[str, Any]]:
    """The parameters in which test conditions or training distributions differ, which filters and sorting offer."""
    tested = {column for test in matrix.tests for column in test.values}
    return [
        asdict(axis) | {"title": axis.title}
        for axis in AXES
        if axis.column in tested or _differ(matrix.trainings, axis.key)
    ]


def _differ(trainings: Sequence[Training], key: str) -> bool:
    return len({training.settings.get(key, (None, 0.0)) for training in trainings}) > 1


def _tests(tests: Sequence[Test]) -> list[dict[str, Any]]:
    cut = _short_names([test.name for test in tests])
    return [_test(test) | {kind: shown[place] for kind, shown in cut.items()} for place, test in enumerate(tests)]


def _test(test: Test) -> dict[str, Any]:
    values = {key: _round(value) for key, value in test.values.items()}
    return {"name": test.name, "group": test.group, "values": values, "words": test.words}


def _transfer(transfer: pl.DataFrame) -> dict[str, Any]:
    """The curves of all distributions: names by role, and a grid a kind of curve, in which ``rows`` give the place."""
    place = pl.int_range(pl.len()).over("role", "name").alias("place")
    placed = transfer.sort("role", "name", maintain_order=True).with_columns(place)
    lines = placed["place"].eq(0).cum_sum().to_numpy() - 1
    grids = {column: _curves(lines, placed["place"].to_numpy(), placed[column]) for column in _CURVES}
    different, rows = _different(np.concatenate(list(grids.values()), axis=1))
    packed, dropped = pack_within(
        {column: grid[different] for column, grid in grids.items()}, _MOST_CURVE_BYTES, _CURVE_STEPS
    )
    names: dict[str, dict[str, int]] = {"training": {}, "test": {}}
    for (role, name), row in zip(placed.filter(place=0).select("role", "name").rows(), rows.tolist(), strict=True):
        names[role][name] = row
    return {"names": names, "curves": packed, "dropped": dropped}


def _curves(lines: NDArray[np.int64], places: NDArray[np.int64], values: pl.Series) -> Array:
    grid = np.full((lines.max() + 1, places.max() + 1), np.nan)
    grid[lines, places] = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return grid


def _different(lines: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The lines that differ from all before them, and by line the place of its like among those."""
    _, first, inverse = np.unique(np.nan_to_num(lines, nan=np.inf), axis=0, return_index=True, return_inverse=True)
    return first, np.asarray(inverse).reshape(-1)


def _round(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
