"""What a study says once its networks are scored: results, metrics, transfer functions and a first prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.tables import METRICS, TRANSFER
from temshift.datasets.micrographs import camera_response
from temshift.information.metrics import Information, information, spectral_distance, transfer_similarity
from temshift.information.regression import (
    LinearModel,
    additive_fit,
    explained,
    fit_linear,
    predict_left_out,
)
from temshift.information.spectra import ObjectSpectra
from temshift.optics.camera import camera_transfer
from temshift.optics.conditions import Conditions
from temshift.optics.imaging import COLUMNS, ImagingConditions
from temshift.optics.transfer import azimuthal_transfer
from temshift.studies.plan import Part, Plan
from temshift.studies.study import Study

FEATURES = ("ln epsilon(test)", "d")
CURVE_POINTS = 160
CURVE_DRAWS = 64
CURVE_AZIMUTHS = 8
CURVE_REACH = 1.05  # of the widest aperture


@dataclass(frozen=True)
class Analysis:
    """Everything that is derived from scores and object spectra.

    Attributes
    ----------
    metrics, transfer : polars.DataFrame
        Tables of :mod:`temshift.core.tables`.
    prediction : dict
        The fit, its left-out errors and those of the baselines, and what they can't tell.
    """

    metrics: pl.DataFrame
    transfer: pl.DataFrame
    prediction: dict[str, Any]


def analyse(plan: Plan, results: pl.DataFrame, objects: Mapping[str, ObjectSpectra]) -> Analysis:
    """Derive tables and prediction from the results of the networks of a plan, all of them or some.

    Parameters
    ----------
    plan : Plan
        The study's plan.
    results : polars.DataFrame
        Rows of :data:`temshift.core.tables.RESULTS`, of the plan alone.
    objects : mapping of str to ObjectSpectra
        Spectra of the study's specimens, by the ``metrics_id`` of its parts.

    Returns
    -------
    Analysis
    """
    cells = pl.concat([_cells(part, results, objects[part.metrics_id]) for part in plan.parts])
    metrics, prediction = _predict(cells)
    return Analysis(metrics, _transfer(plan, objects), prediction)


def _cells(part: Part, results: pl.DataFrame, objects: ObjectSpectra) -> pl.DataFrame:
    """One row a training x test distribution: scores over seeds and metrics of the pair."""
    tests = {test.name: test.conditions for test in part.tests}
    trained, tested = (
        {name: _information(part.study, conditions, objects) for name, conditions in named.items()}
        for named in (part.trainings, tests)
    )
    rows = [
        {"training_name": training, "test_name": test, **_pair(trained[training], tested[test], objects.q)}
        for training in trained
        for test in tested
    ]
    losses = results.group_by("training_name", "test_name").agg(
        pl.col("cross_entropy").log().mean().alias("ln_cross_entropy"),
        pl.col("cross_entropy").log().std().alias("ln_cross_entropy_sd"),
        (pl.col("test_defocus_nm") - pl.col("training_defocus_nm")).first().alias("defocus_difference_nm"),
    )
    return pl.DataFrame(rows).join(losses, on=["training_name", "test_name"], how="left", maintain_order="left")


def _information(study: Study, conditions: ImagingConditions, objects: ObjectSpectra) -> Information:
    return information(
        conditions,
        objects,
        wavelength(study.exit_waves.energy),
        camera=study.imaging.camera,
        nyquist=study.grid.nyquist,
        draws=study.information.draws,
        seed=study.seed,
    )


def _pair(training: Information, test: Information, q: NDArray[np.float64]) -> dict[str, float]:
    distance = spectral_distance(training, test, q)
    return {
        "epsilon_training": training.epsilon,
        "epsilon_test": test.epsilon,
        "epsilon_test_error": test.epsilon_error,
        "sigma": transfer_similarity(distance),
        "distance": distance,
    }


def _predict(cells: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Add predictions to the cells, and judge them beside the baselines; cells without scores keep their metrics."""
    scored = cells.filter(pl.col("ln_cross_entropy").is_not_null())
    table, prediction = _predict_scored(scored)
    unscored = cells.filter(pl.col("ln_cross_entropy").is_null())
    every = pl.concat([table, unscored], how="diagonal_relaxed")
    return every.select(pl.col(name).cast(kind) for name, kind in METRICS.items()), prediction


def _predict_scored(cells: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    target = cells["ln_cross_entropy"].to_numpy()
    groups = {role: cells[f"{role}_name"].to_numpy() for role in ("test", "training")}
    every = {
        "ln epsilon(test)": np.log(cells["epsilon_test"].to_numpy()),
        "d": cells["distance"].to_numpy(),
        "defocus difference": np.abs(cells["defocus_difference_nm"].to_numpy()),
    }
    ours = {name: every[name] for name in FEATURES}
    model = fit_linear(ours, target)
    left_out = {role: predict_left_out(ours, target, names) for role, names in groups.items()}
    table = cells.with_columns(
        pl.Series("predicted_ln_cross_entropy", model.predict(ours)),
        *(_column(f"left_out_{role}_prediction", values, len(cells)) for role, values in left_out.items()),
    )
    candidates = {
        "epsilon and sigma": ("ln CE from ln epsilon(test) and d = -ln sigma", FEATURES),
        "defocus difference": (
            "ln CE from the absolute difference in mean defocus alone",
            ("defocus difference",),
        ),
        "mean": ("the mean of ln CE over the other conditions", ()),
    }
    models = [
        _judged(name, text, {key: every[key] for key in keys}, target, groups)
        for name, (text, keys) in candidates.items()
    ]
    ceiling = _ceiling(target, groups["training"], groups["test"])
    return table, _prediction(model, len(cells), [*models, ceiling], table)


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
    if models[0]["r2_left_out_test"] is None or models[0]["r2_left_out_training"] is None:
        caveats.append(
            "This study has too few conditions to leave whole ones out of the fit: no left-out error is given."
        )
    return caveats


def _transfer(plan: Plan, objects: Mapping[str, ObjectSpectra]) -> pl.DataFrame:
    """Curves of every distribution that has a name; one name stands for the first distribution that has it."""
    found: dict[tuple[str, str], pl.DataFrame] = {}
    for part in plan.parts:
        highest = part.study.widest_semiangle / wavelength(part.study.exit_waves.energy)
        q = np.linspace(0, CURVE_REACH * highest, CURVE_POINTS)
        tests = {test.name: test.conditions for test in part.tests}
        for role, named in (("training", part.trainings), ("test", tests)):
            for name, conditions in named.items():
                if (role, name) not in found:
                    curve = _transfer_curve(role, name, conditions, part.study, objects[part.metrics_id], q)
                    found[role, name] = curve
    return pl.concat(found.values())


def _transfer_curve(
    role: str,
    name: str,
    conditions: ImagingConditions,
    study: Study,
    objects: ObjectSpectra,
    q: NDArray[np.float64],
) -> pl.DataFrame:
    electron_wavelength = wavelength(study.exit_waves.energy)
    uniform = (np.arange(CURVE_DRAWS) + 0.5)[:, None] / CURVE_DRAWS
    drawn = conditions.quantiles(np.tile(uniform, (1, len(COLUMNS))))
    central = conditions.central()
    particle = azimuthal_transfer(q, electron_wavelength, central, objects.particle_height)
    substrate = azimuthal_transfer(q, electron_wavelength, central, objects.substrate_height)
    spread = azimuthal_transfer(q, electron_wavelength, drawn, objects.particle_height, azimuths=CURVE_AZIMUTHS)
    signal, signals = (_camera_transfer(study, one, q) for one in (central, drawn))
    columns = {
        "role": [role] * len(q),
        "name": [name] * len(q),
        "q_per_A": q,
        "particle_transfer": (signal * particle.signed)[0, 0].numpy(),
        "substrate_transfer": (signal * substrate.signed)[0, 0].numpy(),
        "particle_transfer_rms": (signals * spread.phase).abs().square().mean(dim=(0, 1)).sqrt().numpy(),
        "envelope": (signal * particle.envelope)[0, 0].numpy(),
    }
    return pl.DataFrame(columns, schema=TRANSFER)


def _camera_transfer(study: Study, drawn: Conditions, q: NDArray[np.float64]) -> Tensor:
    """Signal transfer of the camera (draws, 1, q); motion, which has a direction, is left out."""
    response = camera_response(drawn, study.imaging)
    return camera_transfer(torch.from_numpy(q / study.grid.nyquist), response)[0][:, None]
