"""The verdict in plain words, each number of it computed from the study's tables."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temshift.report.markup import number
from temshift.report.matrix import Matrix, Training
from temshift.report.tables import ModelError, Prediction

_CLOSE = 1.1  # a network is called close to the best where its cross-entropy is at most this many times the best


@dataclass(frozen=True)
class _Cell:
    row: int
    column: int


def verdict(matrix: Matrix, prediction: Prediction) -> list[str]:
    """Sentences on how networks fare inside and outside the conditions that they were trained on.

    Parameters
    ----------
    matrix : Matrix
    prediction : Prediction

    Returns
    -------
    list of str
        Plain text, without markup; a sentence is left out where the study holds no numbers for it.
    """
    parts: tuple[Callable[[], str], ...] = (
        lambda: _scope(matrix),
        lambda: _inside_and_outside(matrix),
        lambda: _extremes(matrix),
        lambda: _broad(matrix),
        lambda: _seeds(matrix),
        lambda: _prediction(prediction),
    )
    return [sentence for sentence in (part() for part in parts) if sentence]


def _scope(matrix: Matrix) -> str:
    networks = int(np.nansum(np.nanmax(matrix.cells["networks"], axis=1, initial=0)))
    seeds = matrix.seeds["cross_entropy"].shape[0]
    images = _median(matrix.cells["images"])
    return (
        f"{networks} networks ({_count(len(matrix.trainings), 'training distribution')}, {_count(seeds, 'seed')} each) "
        f"were scored under {_count(len(matrix.tests), 'test condition')}, each on {number(images, 4)} simulated "
        "micrographs of specimens that no network was trained on."
    )


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _inside_and_outside(matrix: Matrix) -> str:
    inside, outside = _typical(matrix, matrix.near), _typical(matrix, ~matrix.near)
    if not inside or not outside:
        return ""
    return f"Under the conditions that they were trained on, networks typically reach {inside}; elsewhere {outside}."


def _typical(matrix: Matrix, where: NDArray[np.bool_]) -> str:
    loss, f1 = (_median(matrix.cells[key][where]) for key in ("cross_entropy", "f1"))
    return "" if loss is None else f"cross-entropy {number(loss)} and F1 {number(f1)}"


def _median(values: NDArray[np.float64]) -> float | None:
    present = values[np.isfinite(values)]
    return float(np.median(present)) if present.size else None


def _extremes(matrix: Matrix) -> str:
    loss = matrix.cells["cross_entropy"]
    if not np.isfinite(loss).any():
        return ""
    best, worst = (_Cell(*np.unravel_index(pick(loss), loss.shape)) for pick in (np.nanargmin, np.nanargmax))
    return f"The best pair is {_pair(matrix, best)}; the worst is {_pair(matrix, worst)}."


def _pair(matrix: Matrix, cell: _Cell) -> str:
    loss, f1 = (matrix.cells[key][cell.row, cell.column] for key in ("cross_entropy", "f1"))
    names = f"“{matrix.trainings[cell.row].name}” tested on “{matrix.tests[cell.column].name}”"
    return f"{names} (cross-entropy {number(loss)}, F1 {number(f1)})"


def _broad(matrix: Matrix) -> str:
    broad = [(row, training) for row, training in enumerate(matrix.trainings) if training.broad]
    if not broad or len(matrix.trainings) < 2:
        return ""
    row, training = max(broad, key=lambda pair: pair[1].defocus_sd_nm)
    loss = matrix.cells["cross_entropy"]
    both = np.isfinite(loss[row]) & np.isfinite(np.delete(loss, row, axis=0)).any(axis=0)
    return _against_rivals(training, loss[row, both], np.nanmin(np.delete(loss, row, axis=0)[:, both], axis=0))


def _against_rivals(training: Training, own: NDArray[np.float64], rivals: NDArray[np.float64]) -> str:
    if not own.size:
        return ""
    wins, close = int(np.sum(own < rivals)), int(np.sum(own <= _CLOSE * rivals))
    return (
        f"The broadly trained “{training.name}” (defocus {number(training.defocus_nm, 2)} nm with a standard deviation "
        f"of {number(training.defocus_sd_nm, 2)} nm) is the best of all on {wins} of {own.size} test conditions and "
        f"beats or comes within {round(100 * (_CLOSE - 1))} % of the best other one on {close}; "
        f"at its worst its cross-entropy is {number(float(np.max(own / rivals)), 2)} times that of the best other one."
    )


def _seeds(matrix: Matrix) -> str:
    if matrix.seeds["cross_entropy"].shape[0] < 2:
        return "With one seed a training distribution, nothing is known about the spread between networks trained alike."
    ratio = _median(matrix.cells["cross_entropy_seed_sd"] / matrix.cells["cross_entropy"])
    if ratio is None:
        return ""
    return (
        "Networks that differ in their random seed alone differ in cross-entropy by typically "
        f"{number(100 * ratio, 2)} % (standard deviation over seeds)."
    )


def _prediction(prediction: Prediction) -> str:
    honest = [m for m in prediction.models if not m.in_sample and m.rmse_left_out_test is not None]
    if not honest:
        return ""
    best, *others = sorted(honest, key=lambda model: model.rmse_left_out_test or 0.0)
    beside = f"; beside it, {', '.join(_error(model) for model in others)}" if others else ""
    return (
        "Asked for test conditions that it was not fitted to, the least wrong prediction of cross-entropy is "
        f"{_error(best)}{beside}."
    )


def _error(model: ModelError) -> str:
    factor = np.exp(model.rmse_left_out_test or 0.0)
    return f"“{model.name}”, off by a factor of {number(factor)} (R² {number(model.r2_left_out_test, 2)})"
