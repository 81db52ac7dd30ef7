"""Linear predictions of ln(cross-entropy), judged on whole conditions left out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, hstack
from scipy.sparse.linalg import lsqr

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearModel:
    """A least-squares fit y = coefficients . (1, features).

    Attributes
    ----------
    coefficients : dict
        Intercept and slopes by name.
    """

    coefficients: dict[str, float]

    def predict(self, features: Mapping[str, Array]) -> Array:
        """Predict y (cells,) from features (cells,); a scalar where the model has none."""
        slopes = [value for name, value in self.coefficients.items() if name != "intercept"]
        names = [name for name in self.coefficients if name != "intercept"]
        columns = [slope * features[name] for slope, name in zip(slopes, names, strict=True)]
        return np.asarray(self.coefficients["intercept"] + sum(columns))

    def formula(self, target: str) -> str:
        """Write the fit as one line.

        Examples
        --------
        >>> LinearModel({"intercept": 1.0, "d": -0.5}).formula("y")
        'y = 1.000 - 0.500 d'
        """
        terms = [
            f"{'-' if value < 0 else '+'} {abs(value):.3f} {name}"
            for name, value in self.coefficients.items()
            if name != "intercept"
        ]
        return " ".join([f"{target} = {self.coefficients['intercept']:.3f}", *terms])


def fit_linear(features: Mapping[str, Array], target: Array) -> LinearModel:
    """Fit a linear model by least squares.

    Parameters
    ----------
    features : mapping of name to ndarray (cells,)
        May be empty: the model is then the mean.
    target : ndarray (cells,)
        Numbers to predict.

    Returns
    -------
    LinearModel
        The fit of least norm where features are collinear.
    """
    design = np.column_stack([np.ones(len(target)), *features.values()])
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    return LinearModel(dict(zip(["intercept", *features], map(float, solution), strict=True)))


def predict_left_out(features: Mapping[str, Array], target: Array, groups: NDArray[np.str_]) -> Array | None:
    """Predict each cell with a model fitted without the cell's whole group.

    Parameters
    ----------
    features : mapping of name to ndarray (cells,)
        Features.
    target : ndarray (cells,)
        Numbers to predict.
    groups : ndarray (cells,) of str
        The condition that each cell belongs to.

    Returns
    -------
    ndarray (cells,) or None
        None if a fit would have fewer groups than coefficients.
    """
    names = np.unique(groups)
    if len(names) - 1 < len(features) + 1:
        return None
    predicted = np.empty_like(target)
    for name in names:
        out = groups == name
        kept = {key: values[~out] for key, values in features.items()}
        model = fit_linear(kept, target[~out])
        predicted[out] = model.predict({key: values[out] for key, values in features.items()})
    return predicted


def additive_fit(target: Array, rows: NDArray[np.str_], columns: NDArray[np.str_]) -> Array:
    """Least-squares fit of row effect + column effect, in sample: it predicts no new condition."""
    ones, places = np.ones(len(target)), np.arange(len(target))
    codes = [np.unique(groups, return_inverse=True)[1] for groups in (rows, columns)]
    design = hstack([coo_array((ones, (places, code))) for code in codes]).tocsr()
    solution = lsqr(design, target, atol=1e-12, btol=1e-12)[0]
    return np.asarray(design @ solution)


def explained(target: Array, predicted: Array | None) -> tuple[float | None, float | None]:
    """Share of variance explained (R^2, at most 1) and root mean square error; None if they can't be computed."""
    if predicted is None:
        return None, None
    residual = float(np.mean((target - predicted) ** 2))
    variance = float(np.var(target))
    return (1 - residual / variance if variance > 0 else None), residual**0.5
