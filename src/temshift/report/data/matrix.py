"""The train x test matrix: its order, its groups of conditions, and the numbers of each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.report.data.axes import AXES, DEFOCUS, SEVERAL, Axis, alike, spread_words

SCORES = ("cross_entropy", "f1", "iou", "calibration_error")
_MEANS = (*SCORES, "accuracy", *(f"{score}_sd" for score in SCORES), "images", "empty_masks")
_BROAD_RATIO = 2.0  # a training distribution is called broad above this many times the usual width
_LEAST_BROAD = 1.0  # and, in defocus, above this standard deviation [nm]
Settings = Mapping[str, tuple[float | None, float]]  # centre and standard deviation by key
NOTHING: Mapping[str, Settings] = {}


@dataclass(frozen=True)
class Training:
    """A distribution of conditions that networks were trained on: centre and standard deviation of its parameters."""

    name: str
    settings: Settings
    broad: bool

    @property
    def told(self) -> bool:
        """Whether anything is known of it."""
        return self.settings[DEFOCUS.key][0] is not None

    @property
    def defocus(self) -> tuple[float, float]:
        """Centre and standard deviation of its defocus [nm], underfocus positive."""
        center, sd = self.settings[DEFOCUS.key]
        return center or 0.0, sd

    @property
    def words(self) -> str:
        """What varies in it."""
        if not self.told:
            return "not told"
        return spread_words(self.settings) or DEFOCUS.words(self.defocus[0])


@dataclass(frozen=True)
class Test:
    """A test condition: the axis along which it departs from the usual conditions, and all its parameters.

    ``words`` give its defocus and each departure.
    """

    __test__ = False  # no test case for pytest

    name: str
    group: str
    values: Mapping[str, float | None]
    words: str

    @property
    def defocus_nm(self) -> float:
        """The centre of its defocus [nm], underfocus positive."""
        return self.values[DEFOCUS.column] or 0.0


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
        return tuple(axis for axis in (*AXES, SEVERAL) if any(test.group == axis.key for test in self.tests))


def build_matrix(results: pl.DataFrame, metrics: pl.DataFrame, trainings: Mapping[str, Settings] = NOTHING) -> Matrix:
    """Gather scores and metrics into one matrix.

    Parameters
    ----------
    results : DataFrame
        One row a network x test condition.
    metrics : DataFrame
        One row a training distribution x test condition.
    trainings : mapping of str to Settings
        By training distribution: what is known of its parameters; one that is left out is as in most test conditions.

    Returns
    -------
    Matrix
    """
    rows, tests = _trainings(results, trainings), _tests(results)
    own = _cells(results)
    paired = [name for name, kind in metrics.schema.items() if kind.is_numeric() and name not in own.columns]
    frame = own.join(
        metrics.select("training_name", "test_name", *paired), on=["training_name", "test_name"], how="left"
    )
    size = len(rows), len(tests)
    place = {t.name: i for i, t in enumerate(rows)}, {t.name: i for i, t in enumerate(tests)}
    cells = _grids(frame, size, place, (*_MEANS, *(f"{score}_seed_sd" for score in SCORES), "networks", *paired))
    parts = results.partition_by("seed", as_dict=True)
    of_seeds = [_grids(parts[seed], size, place, SCORES) for seed in sorted(parts)]
    seeds = {score: np.stack([one[score] for one in of_seeds]) for score in SCORES}
    return Matrix(rows, tests, cells, seeds, _near(rows, tests))


def _grids(
    frame: pl.DataFrame, size: tuple[int, int], place: tuple[dict[str, int], dict[str, int]], columns: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Spread the columns of a table of pairs over the matrix; NaN where there is no number."""
    names = frame["training_name"], frame["test_name"]
    indices = tuple(
        name.replace_strict(list(at), list(at.values()), return_dtype=pl.Int64).to_numpy()
        for name, at in zip(names, place, strict=True)
    )
    grids = {column: np.full(size, np.nan) for column in columns}
    for column, grid in grids.items():
        grid[indices] = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return grids


def _cells(results: pl.DataFrame) -> pl.DataFrame:
    spreads = [pl.col(score).std().alias(f"{score}_seed_sd") for score in SCORES]
    return results.group_by("training_name", "test_name", maintain_order=True).agg(
        *(pl.col(column).mean() for column in _MEANS), *spreads, pl.len().alias("networks")
    )


def _trainings(results: pl.DataFrame, distributions: Mapping[str, Settings]) -> tuple[Training, ...]:
    rows = results.unique("training_name", keep="first", maintain_order=True)
    named = rows.select("training_name", "training_defocus_nm", "training_defocus_sd_nm").rows()
    settings = {name: {**distributions.get(name, {}), DEFOCUS.key: (centre, sd or 0.0)} for name, centre, sd in named}
    keys = {key for one in settings.values() for key in one}
    usual = {key: median(one.get(key, (None, 0.0))[1] for one in settings.values()) for key in keys}
    trainings = [Training(name, one, _is_broad(one, usual)) for name, one in settings.items()]
    return tuple(sorted(trainings, key=lambda training: (training.broad, *training.defocus, training.name)))


def _is_broad(settings: Settings, usual: Mapping[str, float]) -> bool:
    """Return whether a parameter varies more than in most training distributions; defocus by 1 nm at least."""
    return any(
        sd > max(_BROAD_RATIO * usual[key], _LEAST_BROAD if key == DEFOCUS.key else 0.0)
        for key, (_, sd) in settings.items()
    )


def _tests(results: pl.DataFrame) -> tuple[Test, ...]:
    rows = results.unique("test_name", keep="first", maintain_order=True)
    usual = {axis.column: _most_common(rows[axis.column].to_list()) for axis in AXES}
    varied = [axis for axis in AXES if not all(alike(one, usual[axis.column]) for one in rows[axis.column])]
    tests = [_test(row, varied, usual) for row in rows.iter_rows(named=True)]
    return tuple(sorted(tests, key=_order))


def _most_common(values: Sequence[float | None]) -> float | None:
    return max(values, key=values.count)


def _test(row: Mapping[str, Any], varied: Sequence[Axis], usual: Mapping[str, float | None]) -> Test:
    """Find what departs; an azimuth counts only where nothing else does."""
    others = [axis for axis in varied if axis is not DEFOCUS and not alike(row[axis.column], usual[axis.column])]
    departs = [axis for axis in others if not axis.azimuth] or others
    group = (DEFOCUS.key, departs[0].key if departs else "", SEVERAL.key)[min(len(departs), 2)]
    words = ", ".join(axis.words(row[axis.column]) for axis in (DEFOCUS, *departs))
    kept = {axis.column: row[axis.column] for axis in dict.fromkeys((DEFOCUS, *varied))}
    return Test(row["test_name"], group, kept, words)


def _order(test: Test) -> tuple[int, float, list[float], str]:
    """By group, defocus, the group's own parameter, azimuths; a missing number comes last."""
    keys = [axis.key for axis in (*AXES, SEVERAL)]
    azimuths = [axis.column for axis in AXES if axis.azimuth and axis.column in test.values]
    columns = [(*AXES, SEVERAL)[keys.index(test.group)].column, *azimuths]
    values = [test.values[column] for column in columns]
    return keys.index(test.group), test.defocus_nm, [inf if one is None else one for one in values], test.name


def _near(trainings: Sequence[Training], tests: Sequence[Test]) -> NDArray[np.bool_]:
    """Return whether every parameter lies within one standard deviation; azimuths do not count."""
    near = np.tile(np.array([training.told for training in trainings])[:, None], (1, len(tests)))
    for axis in AXES:
        values = [test.values.get(axis.column) for test in tests]
        if not axis.azimuth and any(axis.column in test.values for test in tests):
            usual = (_most_common(values), 0.0)
            near &= _within(_numbers(values), [training.settings.get(axis.key, usual) for training in trainings])
    return near


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _within(values: NDArray[np.float64], spans: Sequence[tuple[float | None, float]]) -> NDArray[np.bool_]:
    """Return which values (columns) lie within which spans (rows); a missing one lies within a missing one alone."""
    centers, widths = _numbers([center for center, _ in spans])[:, None], _numbers([sd for _, sd in spans])[:, None]
    close = np.abs(values - centers) <= np.maximum(widths, 1e-9 * np.maximum(np.abs(values), np.abs(centers)))
    return np.where(np.isnan(values) | np.isnan(centers), np.isnan(values) & np.isnan(centers), close)


_FAR_APART = 5  # from this ratio on, an axis is logarithmic


_STEP = 0.2  # of an axis, between its largest number and what has none


def drawn_axis(axis: Axis, tests: Sequence[Test]) -> dict[str, Any]:
    """Return how an axis is drawn: logarithmic if values are positive and far apart; where missing ones stand."""
    values = [test.values[axis.column] for test in tests if axis.column in test.values]
    numbers = [value for value in values if value is not None]
    log = bool(numbers) and min(numbers) > 0 and max(numbers) > _FAR_APART * min(numbers)
    return {
        **asdict(axis),
        "title": axis.title,
        "along": axis.along,
        "log": log,
        "beyond": _beyond(numbers, log) if None in values else None,
    }


def _beyond(numbers: Sequence[float], log: bool) -> float:
    """A place beyond the largest number, for what has none."""
    if not numbers:
        return 1.0
    lowest, highest = min(numbers), max(numbers)
    step = (highest / lowest) ** _STEP if log else _STEP * (highest - lowest or abs(highest) or 1.0)
    return highest * step if log else highest + step
