"""A first prediction of the loss from epsilon and sigma, judged beside baselines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.core.tables import METRICS
from temshift.information.regression import (
    LinearModel,
    additive_fit,
    explained,
    fit_linear,
    predict_left_out,
)

FEATURES = ("ln epsilon(test)", "d")


def predict(cells: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Predict ln(cross-entropy) of pairs of distributions, and judge that beside baselines.

    Parameters
    ----------
    cells : polars.DataFrame
        One row a training x test distribution; those without scores keep their metrics. Where no distance is known,
        epsilon alone predicts. Trainings of one ``training_group`` are left out together.

    Returns
    -------
    metrics : polars.DataFrame
        Of :data:`temshift.core.tables.METRICS`.
    prediction : dict
        The fit, its left-out errors and those of the baselines, and what they can't tell.
    """
    scored = cells.filter(pl.col("ln_cross_entropy").is_not_null())
    table, prediction = _predict_scored(scored)
    unscored = cells.filter(pl.col("ln_cross_entropy").is_null())
    every = pl.concat([table, unscored], how="diagonal_relaxed")
    return every.select(pl.col(name).cast(kind) for name, kind in METRICS.items()), prediction


def _predict_scored(cells: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    target, known = cells["ln_cross_entropy"].to_numpy(), _known_features(cells)
    names = {role: cells[f"{role}_name"].fill_null("").to_numpy() for role in ("test", "training")}
    groups = {"test": names["test"], "training": cells["training_group"].fill_null("").to_numpy()}
    ours = {name: known[name] for name in FEATURES if name in known and len(cells) > len(FEATURES) + 1}
    model = fit_linear(ours, target)
    left_out = {role: predict_left_out(ours, target, group) for role, group in groups.items()}
    table = cells.with_columns(
        pl.Series("predicted_ln_cross_entropy", np.broadcast_to(model.predict(ours), len(cells))),
        *(_column(f"left_out_{role}_prediction", values, len(cells)) for role, values in left_out.items()),
    )
    models = [
        _judged(name, text, {key: known[key] for key in keys}, target, groups)
        for name, (text, keys) in _candidates(tuple(ours)).items()
        if all(key in known for key in keys)
    ]
    ceiling = _ceiling(target, names["training"], names["test"])
    ceilings = [ceiling] if min(len(np.unique(one)) for one in names.values()) > 1 else []
    return table, _prediction(model, len(cells), [*models, *ceilings], table)


def _known_features(cells: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    """What loss may be predicted from, cell by cell; what is not known of any cell is left out."""
    every = {
        "ln epsilon(test)": cells["epsilon_test"].log(),
        "d": cells["distance"],
        "defocus difference": cells["defocus_difference_nm"].abs(),
    }
    return {name: values.to_numpy() for name, values in every.items() if values.null_count() == 0}


def _candidates(ours: tuple[str, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Predictions by name: what each is, and its features; ours first."""
    told = {
        FEATURES: ("epsilon and sigma", "ln CE from ln epsilon(test) and d = -ln sigma"),
        FEATURES[:1]: ("epsilon", "ln CE from ln epsilon(test) alone"),
    }
    own = {told[ours][0]: (told[ours][1], ours)} if ours else {}
    return own | {
        "defocus difference": (
            "ln CE from the absolute difference in mean defocus alone",
            ("defocus difference",),
        ),
        "mean": ("the mean of ln CE over the other conditions", ()),
    }


def _column(name: str, values: NDArray[np.float64] | None, length: int) -> pl.Series:
    return pl.Series(name, [None] * length if values is None else values, dtype=pl.Float64)


def _judged(
    name: str,
    description: str,
    features: dict[str, NDArray[np.float64]],
    target: NDArray[np.float64],
    groups: dict[str, NDArray[np.str_]],
) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "description": description, "in_sample": False}
    for role, names in groups.items():
        r2, rmse = explained(target, predict_left_out(features, target, names))
        row |= {f"r2_left_out_{role}": r2, f"rmse_left_out_{role}": rmse}
    return row


def _ceiling(target: NDArray[np.float64], training: NDArray[np.str_], test: NDArray[np.str_]) -> dict[str, Any]:
    r2, rmse = explained(target, additive_fit(target, training, test))
    return {
        "name": "additive effects",
        "description": "one effect for each training and each test condition, fitted to the very cells it is judged on",
        "in_sample": True,
        "r2_in_sample": r2,
        "rmse_in_sample": rmse,
    }


def _prediction(
    model: LinearModel, cells: int, models: Sequence[dict[str, Any]], table: pl.DataFrame
) -> dict[str, Any]:
    seeds = table["ln_cross_entropy_sd"].drop_nulls()
    scatter = float((seeds**2).mean() ** 0.5) if len(seeds) else None  # type: ignore[operator]
    return {
        "formula": model.formula("ln CE"),
        "coefficients": model.coefficients,
        "cells": cells,
        "models": list(models),
        "seed_scatter": scatter,
        "caveats": _caveats(models),
    }


def _caveats(models: Sequence[dict[str, Any]]) -> list[str]:
    caveats = [
        "epsilon and sigma know the conditions and the mean spectra of the specimens, not the shapes of particles.",
    ]
    if models[0]["r2_left_out_test"] is None:
        caveats.append("There are too few test conditions to leave whole ones out of the fit: no such error is given.")
    if models[0]["r2_left_out_training"] is None:
        caveats.append(
            "There are too few training distributions to leave whole ones out of the fit: no such error is given."
        )
    return caveats
