"""Predictions judged on whole conditions left out, with baselines, and two comparisons in sample."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.information.prediction.linear_model import additive_fit, explained
from temshift.information.prediction.moments import Cells
from temshift.information.prediction.predictor import Predictor

# Simple predictions to compare ours with, by name: a description, its features, and whether it is a baseline, which
# knows no transfer functions.
BESIDE: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "linear observer": ("from ln CE of the linear observer alone", ("ln CE(linear)",), False),
    "forest observer": ("from ln CE of the forest observer alone", ("ln CE(forest)",), False),
    "ideal observer": ("from ln CE of the ideal observer alone", ("ln CE(ideal)",), False),
    "probe": ("from ln CE of the probe on micrographs of specimens of the training", ("ln CE(probe)",), False),
    "epsilon and sigma": ("from ln epsilon(test) and d = -ln sigma", ("ln epsilon(test)", "d"), False),
    "epsilon": ("from ln epsilon(test) alone", ("ln epsilon(test)",), False),
    "d_image": ("from the distance of power spectra of micrographs alone", ("d_image",), True),
    "defocus difference": ("from the absolute difference in mean defocus alone", ("defocus difference",), True),
    "mean": ("the mean over the other conditions", (), True),
}
_NAMES = {
    "ln CE(observer)": "observer",
    "ln CE(ideal)": "ideal",
    "ln CE(probe)": "probe",
    "ln epsilon(test)": "epsilon",
    "d": "sigma",
}


def judged_models(fit: Predictor, cells: Cells, target: str) -> list[dict[str, Any]]:
    """Judge a model and, for comparison, every simple prediction whose features are known.

    Parameters
    ----------
    fit : Predictor
        Ours; first in the list.
    cells : Cells
        Cells that it was fitted to, with every feature that is known.
    target : str
        Name of the predicted score in texts.

    Returns
    -------
    list of dict
        Of each its name, a description, R^2 and root mean square errors with test conditions, trainings, or both left
        out; None if there are too few.
    """
    rows = [_judged(_name(fit), f"{target} from {' and '.join(fit.names)}", fit, baseline=False)] if fit.base else []
    for name, (text, features, baseline) in BESIDE.items():
        if set(features) <= set(cells.features) and (features != fit.names or not fit.base) and _adds(name, cells):
            described = f"{target} {text}" if features else f"{text}, of {target}"
            rows.append(_judged(name, described, Predictor(cells, features), baseline=baseline))
    return rows


def _adds(name: str, cells: Cells) -> bool:
    """Whether a row says more: epsilon alone does if no distance is known."""
    return name != "epsilon" or "d" not in cells.features


def _name(fit: Predictor) -> str:
    parts = [_NAMES.get(name, "bend" if name.startswith("max(") else name) for name in fit.names]
    return " and ".join(parts)


def _judged(name: str, description: str, fit: Predictor, *, baseline: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "description": description, "in_sample": False, "baseline": baseline}
    for role in ("test", "training", "both"):
        r2, rmse = explained(fit.cells.target, fit.left_out(role))
        row |= {f"r2_left_out_{role}": r2, f"rmse_left_out_{role}": rmse}
    return row


def test_alone(cells: Cells) -> dict[str, Any]:
    """Judge the mean over other trainings on the same test group: it knows no pair, and predicts no new test group.

    Parameters
    ----------
    cells : Cells
        That are judged.

    Returns
    -------
    dict
        As those of :func:`judged_models`; only errors with trainings left out are known, if each test has several.
    """
    row: dict[str, Any] = {"name": "test set alone", "in_sample": False, "baseline": True}
    row["description"] = "the mean of networks of all other training sets on the same test set"
    row |= {f"{number}_left_out_{role}": None for number in ("r2", "rmse") for role in ("test", "training", "both")}
    tests, trainings = (np.unique(cells.groups[role], return_inverse=True)[1] for role in ("test", "training"))
    shape = tests.max() + 1, trainings.max() + 1
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (tests, trainings), cells.target)
    np.add.at(counts, (tests, trainings), 1)
    others = (counts.sum(axis=1)[:, None] - counts)[tests, trainings]
    if (others > 0).all():
        predicted = (sums.sum(axis=1)[:, None] - sums)[tests, trainings] / others
        row["r2_left_out_training"], row["rmse_left_out_training"] = explained(cells.target, predicted)
    return row


def in_sample_rows(
    fit: Predictor, used: pl.DataFrame, column: str, rows: str = "training_name"
) -> list[dict[str, Any]]:
    """Return the share that is explained in sample: by row and column effects, and as far as seeds agree.

    Effects of rows and columns know nothing of pairs that go badly together: a prediction from features may pass them.

    Parameters
    ----------
    fit : Predictor
        Of the cells that are judged.
    used : polars.DataFrame
        Those cells, with ``COLUMN_sd`` over seeds and ``networks``, the number of them, where that is known.
    column : str
        The score's column.
    rows : str
        The column that names the training of each cell.
    """
    return [
        *_additive(fit.cells, used[rows].fill_null("").to_numpy().astype(str)),
        *_seeds(fit.cells, used, column),
    ]


def _additive(cells: Cells, trainings: NDArray[np.str_]) -> list[dict[str, Any]]:
    rows, columns = trainings, cells.groups["test"]
    if min(len(np.unique(one)) for one in (rows, columns)) < 2:
        return []
    r2, rmse = explained(cells.target, additive_fit(cells.target, rows, columns))
    text = "one effect for each training and each test condition, fitted to the very cells it is judged on"
    return [_in_sample("row and column effects", text, r2, rmse)]


def _seeds(cells: Cells, used: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """The error that is left when the mean over infinitely many seeds is known: the scatter of the mean over a few."""
    if not {f"{column}_sd", "networks"} <= set(used.columns):
        return []
    table = used.filter(pl.col(f"{column}_sd").is_not_null())
    variance = float(np.var(cells.target))
    if len(table) < len(used) or variance == 0:
        return []
    noise = float(np.mean(table[f"{column}_sd"].to_numpy() ** 2 / table["networks"].to_numpy()))
    text = f"what the scatter between seeds leaves: they explain {noise / variance:.1%} of the variance of their means"
    return [_in_sample("agreement between seeds", text, 1 - noise / variance, float(np.sqrt(noise)))]


def _in_sample(name: str, description: str, r2: float | None, rmse: float | None) -> dict[str, Any]:
    row = {"name": name, "description": description, "in_sample": True, "baseline": False}
    return {**row, "r2_in_sample": r2, "rmse_in_sample": rmse}
