"""The numbers that the page's interactive plots draw from, ready for JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.report.matrix import Axis, Matrix, Test
from temshift.report.tables import StudyTables

_DIGITS = 5
_SCORES = (
    {"key": "cross_entropy", "label": "cross-entropy", "unit": "nats per pixel", "lower": True},
    {"key": "f1", "label": "F1", "unit": "", "lower": False},
    {"key": "iou", "label": "IoU", "unit": "", "lower": False},
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
        "scores": _SCORES,
        "trainings": [asdict(training) for training in matrix.trainings],
        "tests": [_test(test) for test in matrix.tests],
        "groups": [_group(axis) for axis in matrix.groups],
        "cells": {name: _rounded(values) for name, values in matrix.cells.items()},
        "seeds": {name: _rounded(values) for name, values in matrix.seeds.items()},
        "near": matrix.near.tolist(),
        "transfer": {role: _transfer(study.transfer, role) for role in ("training", "test")},
    }


def _group(axis: Axis) -> dict[str, Any]:
    return {"key": axis.key, "column": axis.column, "label": axis.label, "unit": axis.unit}


def _test(test: Test) -> dict[str, Any]:
    return {"name": test.name, "group": test.group, "values": {k: _round(v) for k, v in test.values.items()}}


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
