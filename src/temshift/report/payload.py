"""The numbers that the page's interactive plots draw from, ready for JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.report.axes import Axis
from temshift.report.matrix import Matrix, Test, Training
from temshift.report.tables import StudyTables

_DIGITS = 5
_FAR_APART = 5  # from this ratio on, an axis is logarithmic
_STEP = 0.2  # of an axis, between its largest number and what has none
SCORES_SHOWN: tuple[dict[str, Any], ...] = (
    {"key": "cross_entropy", "label": "cross-entropy", "unit": "nats per pixel", "lower": True},
    {"key": "f1", "label": "F1", "unit": "", "lower": False},
    {"key": "iou", "label": "IoU", "unit": "", "lower": False},
    {"key": "calibration_error", "label": "calibration error", "unit": "", "lower": True},
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
        Of plain numbers, texts, lists and dicts; a missing number is ``None``.
    """
    return {
        "own": study.name if study.manifest.kind == "own network" else None,
        "scores": SCORES_SHOWN,
        "trainings": [_training(training) for training in matrix.trainings],
        "tests": [_test(test) for test in matrix.tests],
        "groups": [_group(axis, matrix.tests) for axis in matrix.groups],
        "cells": {name: _rounded(values) for name, values in matrix.cells.items()},
        "seeds": {name: _rounded(values) for name, values in matrix.seeds.items()},
        "near": matrix.near.tolist(),
        "transfer": {role: _transfer(study.transfer, role) for role in ("training", "test")},
    }


def _training(training: Training) -> dict[str, Any]:
    spans = {key: [_round(center), _round(sd)] for key, (center, sd) in training.settings.items()}
    return {"name": training.name, "broad": training.broad, "spans": spans, "words": training.words}


def _group(axis: Axis, tests: Sequence[Test]) -> dict[str, Any]:
    """An axis as it is drawn: logarithmic where values are positive and far apart; where missing ones stand."""
    values = [test.values[axis.column] for test in tests if axis.column in test.values]
    numbers = [value for value in values if value is not None]
    log = bool(numbers) and min(numbers) > 0 and max(numbers) > _FAR_APART * min(numbers)
    return {**asdict(axis), "log": log, "beyond": _beyond(numbers, log) if None in values else None}


def _beyond(numbers: Sequence[float], log: bool) -> float:
    """A place beyond the largest number, for what has none."""
    if not numbers:
        return 1.0
    lowest, highest = min(numbers), max(numbers)
    step = (highest / lowest) ** _STEP if log else _STEP * (highest - lowest or abs(highest) or 1.0)
    return highest * step if log else highest + step


def _test(test: Test) -> dict[str, Any]:
    values = {key: _round(value) for key, value in test.values.items()}
    return {"name": test.name, "group": test.group, "values": values, "words": test.words}


def _transfer(transfer: pl.DataFrame, role: str) -> Mapping[str, Mapping[str, Any]]:
    columns = ("q_per_A", "particle_transfer", "substrate_transfer", "particle_transfer_rms", "envelope")
    parts = transfer.filter(pl.col("role") == role).partition_by("name", maintain_order=True)
    return {
        part["name"][0]: {column: [_round(value) for value in part[column].to_list()] for column in columns}
        for part in parts
    }


def _rounded(values: NDArray[np.float64]) -> Any:
    if values.ndim > 1:
        return [_rounded(part) for part in values]
    return [_round(float(value)) for value in values]


def _round(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
