"""Scores of a study predicted from transfer functions: a fitted line, its intervals, and baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from temshift.information.prediction.baselines import in_sample_rows, judged_models
from temshift.information.prediction.intervals import LEVEL, least_groups
from temshift.information.prediction.moments import Cells, Role
from temshift.information.prediction.predictor import ROLES, New, Predictor
from temshift.vocabulary import METRICS

Array = NDArray[np.float64]

OBSERVER, EPSILON, DISTANCE = "ln CE(observer)", "ln epsilon(test)", "d"
OBSERVER_F1 = "logit F1(observer)"
DISAGREEMENT = "|ln CE(linear) - ln CE(forest)|"
LEAST_SHARE = 1e-3  # F1 counts as at least this, and as at most 1 less this, where its logit is taken
_LOSS = pl.col("observer_both_cross_entropy")


def logit_of(share: pl.Expr) -> pl.Expr:
    """Return the logit of a share, kept away from 0 and 1."""
    inside = share.clip(LEAST_SHARE, 1 - LEAST_SHARE)
    return (inside / (1 - inside)).log()


# Features that scores may be predicted from, by the names that formulas use.
FEATURES = {
    OBSERVER: _LOSS.log(),
    OBSERVER_F1: logit_of(pl.col("observer_both_f1")),
    "ln CE(linear)": pl.col("observer_linear_cross_entropy").log(),
    "ln CE(forest)": pl.col("observer_forest_cross_entropy").log(),
    DISAGREEMENT: (pl.col("observer_linear_cross_entropy") / pl.col("observer_forest_cross_entropy")).log().abs(),
    EPSILON: pl.col("epsilon_test").log(),
    DISTANCE: pl.col("distance"),
    "d_image": pl.col("distance_image"),
    "ln CE(probe)": pl.col("probe_both_cross_entropy").log(),
    "defocus difference": pl.col("defocus_difference_nm").abs(),
}
BASES = ((OBSERVER,), (EPSILON, DISTANCE), (EPSILON,), ())  # the first whose features are known is fitted
_FURTHER = (EPSILON, DISTANCE)  # each may earn a place next to the observer


@dataclass(frozen=True)
class Target:
    """A score, as it is predicted: the column that holds it on a scale that fits, and its name there."""

    column: str
    text: str
    further: tuple[str, ...] = ()

    def score(self, values: Array) -> Array:
        """Return values on that scale as the score itself: a cross-entropy, or an F1."""
        return np.asarray(np.exp(values) if self.column == LOSS.column else expit(values))


LOSS = Target("ln_cross_entropy", "ln CE", _FURTHER)
F1 = Target("logit_f1", "logit F1", (OBSERVER_F1, *_FURTHER))


class ScorePredictor:
    """Prediction of one score by the scored cells of a study.

    Parameters
    ----------
    cells : polars.DataFrame
        One row a training x test distribution, with the columns of
        :data:`temshift.vocabulary.columns.METRICS` that are known,
        ``training_group`` and, for F1, ``logit_f1``.
    target : Target
        The score.

    Raises
    ------
    ValueError
        If no cell has that score.
    """

    def __init__(self, cells: pl.DataFrame, target: Target) -> None:
        self.target = target
        self.table = with_features(cells)
        scored = _finite(self.table, [target.column])
        if not scored.any():
            raise ValueError(f"no cell has a score {target.text}")
        self.base = next(base for base in BASES if _can_fit(self.table.filter(scored), base))
        self.used = scored & _finite(self.table, self.base)
        self.bend = _bend(self.table.filter(self.used)) if self.base == (OBSERVER,) else None

    @cached_property
    def cells(self) -> Cells:
        """The cells that are fitted, with every feature that is known of all of them."""
        table = self.table.filter(self.used)
        known = [name for name in FEATURES if name in table.columns and _finite(table, [name]).all()]
        features = {name: table[name].to_numpy() for name in known}
        groups = {"test": table["test_name"], "training": table["training_group"]}
        named: dict[Role, NDArray[np.str_]] = {
            role: groups[role].fill_null("").to_numpy().astype(str) for role in ROLES
        }
        return Cells(table[self.target.column].to_numpy(), self.bent(features), named)

    @cached_property
    def fit(self) -> Predictor:
        """The model; of the mean alone where cells are too few for any feature."""
        further = [name for name in (*self.target.further, *self._bent_names) if name in self.cells.features]
        others = [name for name in further if name not in self.base and self.base]
        return Predictor(self.cells, self.base, others, spread=DISTANCE)

    @property
    def why_not(self) -> str | None:
        """The reason that no line is fitted; None if test conditions are enough for one that can be checked."""
        conditions, needed = self.fit.groups("test"), least_conditions(self.base)
        if conditions >= needed:
            return None
        return (
            f"no line for {self.target.text}: it has scores under {conditions} test condition"
            f"{'' if conditions == 1 else 's'}, and even a mean needs {needed} if anything is to check it"
        )

    @cached_property
    def own_intervals(self) -> dict[Role, tuple[Array, Array] | None]:
        """Interval of every fitted cell, made without its test condition, and without its training."""
        return {role: self.fit.own_intervals(role) for role in ROLES}

    def bent(self, features: Mapping[str, Array]) -> dict[str, Array]:
        """Add the feature that lets the line of the observer bend once, at the median of the study."""
        if self.bend is None or OBSERVER not in features:
            return dict(features)
        return {**features, self._bent_names[0]: np.maximum(features[OBSERVER] - self.bend, 0.0)}

    def features_of(self, table: pl.DataFrame) -> dict[str, Array]:
        """Features of any pairs, in a table with the columns of this one."""
        known = with_features(table)
        needed = dict.fromkeys([*self.base, *(name for name in self.fit.cells.features if name in FEATURES)])
        return self.bent({name: known[name].fill_null(np.nan).to_numpy() for name in needed})

    @property
    def _bent_names(self) -> tuple[str, ...]:
        if self.bend is None:
            return ()
        return (f"max(0, {OBSERVER} {'-' if self.bend > 0 else '+'} {abs(self.bend):.2f})",)

    def columns(self, left_out: Mapping[str, New]) -> list[pl.Series]:
        """Return predictions of cells left out as columns, by name; null if there is none."""
        predicted = {name: self.fit.left_out(role) for name, role in left_out.items()}
        return [self._column(name, values) for name, values in predicted.items()]

    def intervals(self, lower: str, upper: str) -> list[pl.Series]:
        """Return the ends of the intervals of cells whose test condition is left out as two columns."""
        ends = self.own_intervals["test"] or (None, None)
        return [self._column(name, values) for name, values in zip((lower, upper), ends, strict=True)]

    def predictions(self, name: str) -> pl.Series:
        """Return the prediction of every cell whose features are known, scored or not."""
        if self.why_not is not None:
            return pl.Series(name, [None] * len(self.table), dtype=pl.Float64)
        features = self.features_of(self.table)
        model = self.fit.model
        values = np.broadcast_to(model.predict(features), len(self.table))
        return pl.Series(name, values, dtype=pl.Float64).fill_nan(None)

    def _column(self, name: str, values: Array | None) -> pl.Series:
        whole = np.full(len(self.table), np.nan)
        if values is not None:
            whole[self.used.to_numpy()] = values
        return pl.Series(name, whole).fill_nan(None)


def predict(cells: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Predict ln(cross-entropy) and F1 of pairs of distributions, and compare that with baselines.

    Parameters
    ----------
    cells : polars.DataFrame
        One row a training x test distribution; those without scores keep their metrics. Unknown features, such as the
        observer, predict nothing: epsilon and sigma do instead. Trainings of one ``training_group`` are left out
        together.

    Returns
    -------
    metrics : polars.DataFrame
        Of :data:`temshift.vocabulary.columns.METRICS`.
    prediction : dict
        The fits, their left-out errors and those of the baselines, and their caveats.
    """
    loss = ScorePredictor(cells, LOSS)
    columns = [
        loss.predictions("predicted_ln_cross_entropy"),
        *loss.columns({f"left_out_{role}_prediction": role for role in (*ROLES, "both")}),  # type: ignore[misc]
        *loss.intervals("left_out_test_lower", "left_out_test_upper"),
    ]
    prediction = {**_fit_summary(loss), "caveats": _caveats(loss)}
    if "logit_f1" in cells.columns and _finite(cells, ["logit_f1"]).any():
        f1 = ScorePredictor(cells, F1)
        columns += _f1_columns(f1)
        prediction["f1"] = _fit_summary(f1)
    table = cells.with_columns(columns)
    absent = [pl.lit(None, kind).alias(name) for name, kind in METRICS.items() if name not in table.columns]
    return table.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in METRICS.items()), prediction


def _f1_columns(f1: ScorePredictor) -> list[pl.Series]:
    logits = [
        f1.predictions("predicted_f1"),
        *f1.columns({"left_out_test_f1": "test", "left_out_training_f1": "training"}),
        *f1.intervals("left_out_test_f1_lower", "left_out_test_f1_upper"),
    ]
    return [pl.Series(one.name, F1.score(one.to_numpy())).fill_nan(None) for one in logits]


def with_features(cells: pl.DataFrame) -> pl.DataFrame:
    """Add every one of :data:`FEATURES` whose columns are there; numbers that are not finite are null."""
    numbers = cells.with_columns(pl.selectors.float().fill_nan(None))
    there = {name: one for name, one in FEATURES.items() if set(one.meta.root_names()) <= set(cells.columns)}
    finite = [pl.when(one.is_finite()).then(one).cast(pl.Float64).alias(name) for name, one in there.items()]
    return numbers.with_columns(finite)


def _finite(table: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return of each row whether all its numbers under some names are finite; none are if a name is unknown."""
    if not set(names) <= set(table.columns):
        return pl.Series([False] * len(table), dtype=pl.Boolean)
    each = [table[name].cast(pl.Float64).is_finite().fill_null(False) for name in names]
    return pl.Series(np.logical_and.reduce([np.ones(len(table), dtype=bool), *(one.to_numpy() for one in each)]))


def least_conditions(base: Sequence[str]) -> int:
    """Return how many test conditions a line of some features needs: a coefficient each, and one left out to check it.

    Examples
    --------
    >>> least_conditions(["ln epsilon(test)", "d"]), least_conditions([])
    (4, 2)
    """
    return len(base) + 2


def _can_fit(scored: pl.DataFrame, base: Sequence[str]) -> bool:
    """Whether cells under enough test conditions have these features for a fit that can be checked."""
    return not base or scored.filter(_finite(scored, base))["test_name"].n_unique() >= least_conditions(base)


def _bend(used: pl.DataFrame) -> float | None:
    """Place at which the line of the observer may bend; None if its cells are too few."""
    values = used[OBSERVER].to_numpy()
    return float(np.round(np.median(values), 2)) if len(values) > 2 else None


def _fit_summary(predictor: ScorePredictor) -> dict[str, Any]:
    """The fit of one score, its errors and those of the baselines, as plain numbers and texts."""
    fit, cells, target = predictor.fit, predictor.cells, predictor.target
    seeds = predictor.table.filter(predictor.used)
    if predictor.why_not is not None:
        return _no_line(predictor)
    return {
        "formula": fit.model.formula(target.text),
        "coefficients": fit.model.coefficients,
        "cells": len(cells),
        "models": [*judged_models(fit, cells, target.text), *in_sample_rows(fit, seeds, target.column)],
        "interval": _interval(predictor),
        "trials": [
            {"feature": t.feature, "gains": dict(t.gains), "errors": dict(t.errors), "taken": t.taken}
            for t in fit.trials
        ],
        "seed_scatter": _scatter(seeds, target.column),
    }


def _no_line(predictor: ScorePredictor) -> dict[str, Any]:
    """The summary of a score that too few conditions are known of: no line, and the reason."""
    seeds = predictor.table.filter(predictor.used)
    return {
        "formula": None,
        "why_not": predictor.why_not,
        "coefficients": {},
        "cells": len(predictor.cells),
        "models": [],
        "interval": None,
        "trials": [],
        "seed_scatter": _scatter(seeds, predictor.target.column),
    }


def _scatter(used: pl.DataFrame, column: str) -> float | None:
    """Root mean square of the standard deviation over seeds."""
    name = f"{column}_sd"
    sds = used[name].drop_nulls().to_numpy() if name in used.columns else np.empty(0)
    return float(np.sqrt(np.mean(sds**2))) if len(sds) else None


def _interval(predictor: ScorePredictor) -> dict[str, Any] | None:
    """How often intervals hold for cells whose test condition, or training, is left out, and how wide they are."""
    ends = predictor.own_intervals["test"]
    if ends is None:
        return None
    low, high = ends
    target = predictor.cells.target
    covered = {
        role: None if some is None else float(np.mean((some[0] <= target) & (target <= some[1])))
        for role, some in predictor.own_intervals.items()
    }
    return {
        "level": LEVEL,
        "conditions": predictor.fit.groups("test"),
        "half_width": float(np.median(high - low) / 2),
        **{f"covered_{role}": share for role, share in covered.items()},
    }


def _caveats(loss: ScorePredictor) -> list[str]:
    known = "the conditions and the spectra of the specimens, not the shapes of particles."
    what = "The observer knows" if loss.base == (OBSERVER,) else "epsilon and sigma know"
    return [f"{what} {known}", *_lacking(loss), *_too_few(loss)]


def _lacking(loss: ScorePredictor) -> list[str]:
    """Caveats about cells that lack a score or a feature, and are left out."""
    scored = _finite(loss.table, [loss.target.column])
    counts = {
        "have no score": len(scored) - int(scored.sum()),
        f"have a score, but no finite {' or '.join(loss.base)}": int((scored & ~loss.used).sum()),
    }
    return [
        f"{count} of {len(scored)} pairs of a training and a test distribution {words}; they are left out of the fit."
        for words, count in counts.items()
        if count
    ]


def _too_few(loss: ScorePredictor) -> list[str]:
    words: dict[Role, str] = {"test": "test conditions", "training": "training distributions"}
    caveats = [
        f"There are too few {words[role]} to leave whole ones out of the fit: no such error is given."
        for role in ROLES
        if loss.fit.left_out(role) is None
    ]
    if loss.why_not is not None:
        caveats.append(f"{loss.why_not[:1].upper()}{loss.why_not[1:]}.")
    elif not loss.base:
        caveats.append("There are too few test conditions, or no features, to fit scores by more than their mean.")
    if loss.own_intervals["test"] is None:
        caveats.append(
            f"Intervals for {LEVEL:.0%} of what is new need {least_groups() + 1} test conditions at least; there are "
            f"{loss.fit.groups('test')}: none is given."
        )
    return caveats
