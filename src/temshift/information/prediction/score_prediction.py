"""Scores of a study predicted from transfer functions: a fitted line, its intervals, and baselines."""

from typing import Any

import numpy as np
import polars as pl

from temshift.information.prediction.baselines import in_sample_rows, judged_models, test_alone
from temshift.information.prediction.features import (
    F1,
    F1_ACROSS_SETS,
    LOSS,
    LOSS_ACROSS_SETS,
    OBSERVER,
)
from temshift.information.prediction.intervals import LEVEL, least_groups
from temshift.information.prediction.moments import Role
from temshift.information.prediction.predictor import ROLES, New, Trial
from temshift.information.prediction.random_terms import SHARE
from temshift.information.prediction.score_predictor import SETS, ScorePredictor, finite, plural
from temshift.vocabulary import METRICS, SET_METRICS

LEFT_OUT: tuple[New, ...] = (*ROLES, "both")


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
        The fits, their left-out errors and those of the baselines, and their caveats. In a study with sets of
        specimens the metrics also have :data:`temshift.vocabulary.columns.SET_METRICS`, and ``across_sets`` holds the
        fits that are judged with whole sets left out.
    """
    loss = ScorePredictor(cells, LOSS)
    columns = [
        loss.predictions("predicted_ln_cross_entropy"),
        *loss.columns({f"left_out_{role}_prediction": role for role in (*ROLES, "both")}),  # type: ignore[misc]
        *loss.intervals("left_out_test_lower", "left_out_test_upper"),
    ]
    prediction = {**_fit_summary(loss), "caveats": _caveats(loss)}
    if "logit_f1" in cells.columns and finite(cells, ["logit_f1"]).any():
        f1 = ScorePredictor(cells, F1)
        columns += _f1_columns(f1)
        prediction["f1"] = _fit_summary(f1)
    schema = dict(METRICS)
    if has_sets(cells):
        of_sets, prediction["across_sets"] = _across_sets(cells)
        columns, schema = [*columns, *of_sets], schema | SET_METRICS
    table = cells.with_columns(columns)
    absent = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in table.columns]
    return table.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in schema.items()), prediction


def has_sets(cells: pl.DataFrame) -> bool:
    """Return whether cells are those of a study with sets of specimens."""
    names = list(SETS.columns.values())
    return set(names) <= set(cells.columns) and bool(cells.select(pl.col(names).is_not_null().all()).to_numpy().all())


def _across_sets(cells: pl.DataFrame) -> tuple[list[pl.Series], dict[str, Any]]:
    """Predictions of cells without their sets of specimens as columns, and the fits, errors and caveats."""
    loss = ScorePredictor(cells, LOSS_ACROSS_SETS, SETS)
    columns = [
        *loss.columns({f"left_out_{role}_set_prediction": role for role in LEFT_OUT}),
        *(
            end
            for role in LEFT_OUT
            for end in loss.intervals(f"left_out_{role}_set_lower", f"left_out_{role}_set_upper", role)
        ),
    ]
    sets = {role: loss.fit.groups(role) for role in ROLES}
    summary = {"sets": sets, **_fit_summary(loss), "caveats": [*_random_words(loss), *_lacking(loss), *_too_few(loss)]}
    if "logit_f1" in cells.columns and finite(cells, ["logit_f1"]).any():
        summary["f1"] = _fit_summary(ScorePredictor(cells, F1_ACROSS_SETS, SETS))
    return columns, summary


def _random_words(loss: ScorePredictor) -> list[str]:
    tried = [trial for trial in loss.fit.trials if trial.random]
    lost = [trial.feature for trial in tried if trial.certain and not trial.earned]
    rule = f"Beside the observer a term counts only if it gains more than {SHARE:.0%} of random numbers for the sets do"
    return [f"{rule}; {' and '.join(lost)} did not." if lost else f"{rule}."]


def _f1_columns(f1: ScorePredictor) -> list[pl.Series]:
    logits = [
        f1.predictions("predicted_f1"),
        *f1.columns({"left_out_test_f1": "test", "left_out_training_f1": "training"}),
        *f1.intervals("left_out_test_f1_lower", "left_out_test_f1_upper"),
    ]
    return [pl.Series(one.name, F1.score(one.to_numpy())).fill_nan(None) for one in logits]


def _fit_summary(predictor: ScorePredictor) -> dict[str, Any]:
    """The fit of one score, its errors and those of the baselines, as plain numbers and texts."""
    fit, target = predictor.fit, predictor.target
    seeds = predictor.table.filter(predictor.used)
    if predictor.why_not is not None:
        return _no_line(predictor)
    return {
        "formula": fit.model.formula(target.text),
        "coefficients": fit.model.coefficients,
        "cells": len(predictor.cells),
        "models": _models(predictor, seeds),
        "interval": _interval(predictor),
        "trials": [
            {"feature": t.feature, "gains": dict(t.gains), "errors": dict(t.errors), **_bars(t), "taken": t.taken}
            for t in fit.trials
        ],
        "seed_scatter": _scatter(seeds, target.column),
    }


def _models(predictor: ScorePredictor, used: pl.DataFrame) -> list[dict[str, Any]]:
    """The errors of our line, and those of simple predictions to compare it with."""
    fit, cells, target = predictor.fit, predictor.cells, predictor.target
    models = judged_models(fit, cells, target.text)
    if predictor.unit is SETS:
        models.append(test_alone(cells))
        return [*models, *in_sample_rows(fit, used, target.column, SETS.columns["training"])]
    return [*models, *in_sample_rows(fit, used, target.column)]


def _bars(trial: Trial) -> dict[str, dict[Role, float]]:
    """The gain that random terms stay below in a share of draws, where a feature was compared with them."""
    bars = {role: float(np.quantile(gains, SHARE)) for role, gains in trial.random.items()}
    return {"random_gains": bars} if bars else {}


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
        "sets" if predictor.unit is SETS else "conditions": predictor.fit.groups("test"),
        "half_width": float(np.median(high - low) / 2),
        **{f"covered_{role}": share for role, share in covered.items()},
    }


def _caveats(loss: ScorePredictor) -> list[str]:
    known = "the conditions and the spectra of the specimens, not the shapes of particles."
    what = "The observer knows" if loss.base == (OBSERVER,) else "epsilon and sigma know"
    return [f"{what} {known}", *_lacking(loss), *_too_few(loss)]


def _lacking(loss: ScorePredictor) -> list[str]:
    """Caveats about cells that lack a score or a feature, and are left out."""
    scored = finite(loss.table, [loss.target.column])
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
    words = {role: plural(name) for role, name in loss.unit.words.items()}
    caveats = [
        f"There are too few {words[role]} to leave whole ones out of the fit: no such error is given."
        for role in ROLES
        if loss.fit.left_out(role) is None
    ]
    if loss.why_not is not None:
        caveats.append(f"{loss.why_not[:1].upper()}{loss.why_not[1:]}.")
    elif not loss.base:
        caveats.append(f"There are too few {words['test']}, or no features, to fit scores by more than their mean.")
    lacking = [role for role in ROLES if loss.own_intervals[role] is None]
    if "test" in lacking or (loss.unit is SETS and lacking):
        caveats.append(
            f"Intervals for {LEVEL:.0%} of what is new need {least_groups() + 1} {words[lacking[0]]} at least; there "
            f"are {loss.fit.groups(lacking[0])}: none is given."
        )
    return caveats
