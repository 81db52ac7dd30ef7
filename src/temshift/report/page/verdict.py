"""The verdict in plain words, each number of it computed from the study's tables."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from temshift.figures.labels import brief, fixed, number
from temshift.report.data.axes import SEVERAL
from temshift.report.data.matrix import Matrix, Training
from temshift.report.data.study_tables import ModelError, Prediction

_CLOSE = 1.1  # close to the best: a cross-entropy of at most this many times the best one


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
        lambda: prediction_words(prediction),
    )
    return [sentence for sentence in (part() for part in parts) if sentence]


def _scope(matrix: Matrix) -> str:
    networks = int(np.nansum(np.nanmax(matrix.cells["networks"], axis=1, initial=0)))
    seeds = matrix.seeds["cross_entropy"].shape[0]
    images = median_of(matrix.cells["images"])
    rows = count_words(len(matrix.trainings), "training distribution")
    columns = count_words(len(matrix.tests), "test condition") + varied_words(matrix)
    return (
        f"{count_words(networks, 'network')} ({rows}, {count_words(seeds, 'seed')} each) were scored under {columns}, "
        f"each on {brief(images)} simulated micrographs of specimens kept from training."
    )


def varied_words(matrix: Matrix) -> str:
    """What test conditions depart in from the usual ones."""
    if len(matrix.tests) < 2:
        return ""
    labels = [axis.label for axis in matrix.groups if axis is not SEVERAL]
    return f" that differ in {' and '.join(filter(None, (', '.join(labels[:-1]), labels[-1])))}" if labels else ""


def count_words(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _inside_and_outside(matrix: Matrix) -> str:
    loss = matrix.cells["cross_entropy"]
    best = np.where(loss > 0, loss, np.inf).min(axis=0, keepdims=True)
    inside, outside = median_of((loss / best)[matrix.near]), median_of((loss / best)[~matrix.near])
    if inside is None or outside is None:
        return ""
    return (
        "Compared with the best network for each test condition, cross-entropy is typically "
        f"{number(inside)} times as high inside a network's own training distribution "
        f"and {number(outside)} times outside it."
    )


def median_of(values: NDArray[np.float64]) -> float | None:
    """Return the median of what is finite; None if nothing is."""
    present = values[np.isfinite(values)]
    return float(np.median(present)) if present.size else None


def _extremes(matrix: Matrix) -> str:
    loss = matrix.cells["cross_entropy"]
    if np.isfinite(loss).sum() < 2:
        return ""
    best, worst = (_pair(matrix, int(pick(loss))) for pick in (np.nanargmin, np.nanargmax))
    return f"The best cell is training on {best}; the worst is training on {worst}."


def _pair(matrix: Matrix, place: int) -> str:
    row, column = divmod(place, len(matrix.tests))
    loss, f1 = (float(matrix.cells[key][row, column]) for key in ("cross_entropy", "f1"))
    names = f"“{matrix.trainings[row].name}” under “{matrix.tests[column].name}”"
    return f"{names} (cross-entropy {number(loss)}, F1 {fixed(f1)})"


def _broad(matrix: Matrix) -> str:
    broad = [(row, training) for row, training in enumerate(matrix.trainings) if training.broad]
    if not broad or len(matrix.trainings) < 2:
        return ""
    row, training = max(broad, key=lambda pair: pair[1].defocus[1])
    own, others = matrix.cells["cross_entropy"][row], np.delete(matrix.cells["cross_entropy"], row, axis=0)
    both = np.isfinite(own) & np.isfinite(others).any(axis=0)
    return _against_rivals(training, own[both], np.nanmin(others[:, both], axis=0))


def _against_rivals(training: Training, own: NDArray[np.float64], rivals: NDArray[np.float64]) -> str:
    if not own.size:
        return ""
    wins, close = int(np.sum(own < rivals)), int(np.sum(own <= _CLOSE * rivals))
    return (
        f"The broadly trained “{training.name}” ({training.words}) is the best of all under {wins} of {own.size} "
        f"conditions, within {round(100 * (_CLOSE - 1))} % of the best other one or better under {close}, "
        f"and at its worst {number(float(np.max(own / rivals)), 2)} times as bad."
    )


def _seeds(matrix: Matrix) -> str:
    if matrix.seeds["cross_entropy"].shape[0] < 2:
        return "With a single seed, nothing is known about the spread between networks trained alike."
    ratio = median_of(matrix.cells["cross_entropy_seed_sd"] / matrix.cells["cross_entropy"])
    if ratio is None:
        return ""
    spread = f"{number(100 * ratio, 2)} % in cross-entropy"
    return f"Networks that differ in their seed alone differ by typically {spread}."


def prediction_words(prediction: Prediction) -> str:
    """Return how far off the best prediction typically is; nothing if none was judged."""
    honest = [m for m in prediction.models if not m.in_sample and m.rmse_left_out_test is not None]
    if not honest:
        return ""
    best, *others = sorted(honest, key=lambda model: model.rmse_left_out_test or 0.0)
    baselines = [model for model in others if model.baseline]
    beside = f"; beside it the baselines, {', '.join(map(_factor, baselines))}" if baselines else ""
    words = (
        "Asked for test conditions left out of its fit, the prediction that errs least is "
        f"{_factor(best)} (R² {fixed(best.r2_left_out_test)}){beside}."
    )
    return " ".join(filter(None, (words, interval_words(prediction))))


def interval_words(prediction: Prediction) -> str:
    """Return how often intervals held on conditions left out whole, and how wide they are; nothing if none are."""
    interval = prediction.interval
    if interval is None:
        return ""
    factor = fixed(float(np.exp(interval.half_width)))
    trainings = (
        "" if interval.covered_training is None else f", and {interval.covered_training:.0%} on trainings left out"
    )
    return (
        f"Intervals for {interval.level:.0%} of new cross-entropies, typically a factor of {factor} either way, held "
        f"{interval.covered_test:.0%} on test conditions left out whole{trainings}."
    )


def _factor(model: ModelError) -> str:
    factor = float(np.exp(model.rmse_left_out_test or 0.0))
    return f"“{model.name}”, typically off by a factor of {fixed(factor)}"
