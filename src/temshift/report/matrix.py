"""The train x test matrix: its order, its groups of conditions, and the numbers of each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SCORES = ("cross_entropy", "f1", "iou")
_MEANS = (*SCORES, "accuracy", *(f"{score}_sd" for score in SCORES), "images", "empty_masks")
_PAIRED = (
    "epsilon_training",
    "epsilon_test",
    "sigma",
    "ln_cross_entropy",
    "ln_cross_entropy_sd",
    "predicted_ln_cross_entropy",
    "left_out_test_prediction",
    "left_out_training_prediction",
)
_BROAD_RATIO = 2.0  # a training distribution is called broad above this many times the usual width
_SHORTEST_ALIKE = 1e-9


@dataclass(frozen=True)
class Axis:
    """A parameter of the imaging conditions along which test conditions are drawn."""

    key: str
    column: str
    label: str
    unit: str


AXES = (
    Axis("defocus", "test_defocus_nm", "defocus", "nm"),
    Axis("dose", "test_dose_e_per_A2", "dose", "e/Å²"),
    Axis("spherical", "test_C30_mm", "spherical aberration C30", "mm"),
    Axis("astigmatism", "test_C12_nm", "twofold astigmatism C12", "nm"),
    Axis("focal", "test_focal_spread_sigma_nm", "focal spread σ", "nm"),
    Axis("angular", "test_angular_spread_sigma_mrad", "angular spread σ", "mrad"),
    Axis("aperture", "test_semiangle_cutoff_mrad", "aperture semi-angle", "mrad"),
    Axis("several", "test_defocus_nm", "several changes at once; drawn over defocus", "nm"),
)


@dataclass(frozen=True)
class Training:
    """A distribution of conditions that networks were trained on; centre and sigma of its defocus [nm]."""

    name: str
    defocus_nm: float
    defocus_sd_nm: float
    broad: bool


@dataclass(frozen=True)
class Test:
    """A test condition: the axis along which it departs from the usual conditions, and all its parameters."""

    __test__ = False  # no test case for pytest

    name: str
    group: str
    values: Mapping[str, float]

    @property
    def defocus_nm(self) -> float:
        """The centre of its defocus [nm], underfocus positive."""
        return self.values["test_defocus_nm"]


@dataclass(frozen=True)
class Matrix:
    """Scores of every training distribution (rows) on every test condition (columns).

    Parameters
    ----------
    trainings, tests : tuple
        What the rows and columns are, in the order in which they are drawn.
    cells : mapping of str to ndarray (training, test)
        Means over seeds of the scores, ``*_seed_sd`` over seeds, ``*_sd`` over images, and the numbers of
        each pair; NaN where a number is missing.
    seeds : mapping of str to ndarray (seed, training, test)
        Scores of the single networks.
    near : ndarray (training, test) of bool
        Where the test condition lies inside the training distribution.
    """

    trainings: tuple[Training, ...]
    tests: tuple[Test, ...]
    cells: Mapping[str, NDArray[np.float64]]
    seeds: Mapping[str, NDArray[np.float64]]
    near: NDArray[np.bool_]

    @property
    def groups(self) -> tuple[Axis, ...]:
        """The axes along which this study has test conditions."""
        return tuple(axis for axis in AXES if any(test.group == axis.key for test in self.tests))


def build_matrix(results: pl.DataFrame, metrics: pl.DataFrame) -> Matrix:
    """Gather scores and metrics into one matrix.

    Parameters
    ----------
    results : DataFrame
        One row a network x test condition.
    metrics : DataFrame
        One row a training distribution x test condition.

    Returns
    -------
    Matrix
    """
    trainings, tests = _trainings(results), _tests(results)
    frame = _cells(results).join(metrics, on=["training_name", "test_name"], how="left")
    place = _Place({t.name: i for i, t in enumerate(trainings)}, {t.name: i for i, t in enumerate(tests)})
    columns = (*_MEANS, *(f"{score}_seed_sd" for score in SCORES), "networks", *_PAIRED)
    cells = {column: place.grid(frame, column) for column in columns}
    parts = [results.filter(pl.col("seed") == seed) for seed in sorted(set(results["seed"].to_list()))]
    seeds = {score: np.stack([place.grid(part, score) for part in parts]) for score in SCORES}
    return Matrix(trainings, tests, cells, seeds, _near(trainings, tests))


@dataclass(frozen=True)
class _Place:
    rows: Mapping[str, int]
    columns: Mapping[str, int]

    def grid(self, frame: pl.DataFrame, column: str) -> NDArray[np.float64]:
        values = np.full((len(self.rows), len(self.columns)), np.nan)
        for training, test, value in frame.select("training_name", "test_name", column).iter_rows():
            if value is not None:
                values[self.rows[training], self.columns[test]] = value
        return values


def _cells(results: pl.DataFrame) -> pl.DataFrame:
    spreads = [pl.col(score).std().alias(f"{score}_seed_sd") for score in SCORES]
    return results.group_by("training_name", "test_name", maintain_order=True).agg(
        *(pl.col(column).mean() for column in _MEANS), *spreads, pl.len().alias("networks")
    )


def _trainings(results: pl.DataFrame) -> tuple[Training, ...]:
    rows = results.unique("training_name", keep="first", maintain_order=True)
    named = rows.select("training_name", "training_defocus_nm", "training_defocus_sd_nm").rows()
    usual = median(width or 0.0 for _, _, width in named)
    found = [Training(name, centre, sd, _is_broad(sd, usual)) for name, centre, sd in named]
    return tuple(sorted(found, key=_row_order))


def _row_order(training: Training) -> tuple[bool, float, float, str]:
    return training.broad, training.defocus_nm, training.defocus_sd_nm, training.name


def _is_broad(width: float | None, usual: float) -> bool:
    return (width or 0.0) > max(_BROAD_RATIO * usual, 1.0)


def _tests(results: pl.DataFrame) -> tuple[Test, ...]:
    rows = results.unique("test_name", keep="first", maintain_order=True)
    columns = sorted({axis.column for axis in AXES} | {"test_phi12_deg"})
    usual = {column: _most_common(rows[column].to_list()) for column in columns}
    tests = [_test(row, columns, usual) for row in rows.iter_rows(named=True)]
    return tuple(sorted(tests, key=_order))


def _most_common(values: Sequence[float]) -> float:
    return max(values, key=values.count)


def _test(row: Mapping[str, Any], columns: Sequence[str], usual: Mapping[str, float]) -> Test:
    departs = [a for a in AXES[1:-1] if not _alike(row[a.column], usual[a.column])]
    group = ("defocus", departs[0].key if departs else "", "several")[min(len(departs), 2)]
    return Test(row["test_name"], group, {column: row[column] for column in columns})


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= _SHORTEST_ALIKE * max(abs(one), abs(other))


def _order(test: Test) -> tuple[int, float, float, float, str]:
    place = [axis.key for axis in AXES].index(test.group)
    value = test.values[AXES[place].column]
    return place, test.defocus_nm, value, test.values["test_phi12_deg"], test.name


def _near(trainings: Sequence[Training], tests: Sequence[Test]) -> NDArray[np.bool_]:
    centres = np.array([[training.defocus_nm] for training in trainings])
    widths = np.array([[max(training.defocus_sd_nm, 1e-6)] for training in trainings])
    defocus = np.array([[test.defocus_nm for test in tests]])
    usual = np.array([[test.group == "defocus" for test in tests]])
    return np.asarray(usual & (np.abs(defocus - centres) <= widths))
