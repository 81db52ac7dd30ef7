"""What the page shows of a cell of the matrix, and what it draws the loss against."""

from collections.abc import Collection
from typing import Any

_OBSERVERS = {"linear": "linear", "forest": "forest", "both": "linear + forest", "ideal": "ideal"}
_KINDS = {"observer": "observer", "probe": "probe on images"}
_NATS = "nats per pixel"


def _score(key: str, label: str, unit: str = "", **more: Any) -> dict[str, Any]:
    title = f"{label} ({unit})" if unit else label
    return {"key": key, "label": label, "unit": unit, "title": title, "lower": False, **more}


_MEASURED = (
    _score("cross_entropy", "cross-entropy", _NATS, lower=True, measured=True),
    _score("f1", "F1", measured=True),
    _score("iou", "IoU", measured=True),
    _score("calibration_error", "calibration error", lower=True, measured=True),
)
_RULES = [(kind, rule, f"{kind}_{rule}") for kind in _KINDS for rule in _OBSERVERS]
_OF_OBSERVERS = (
    *(
        _score(f"{key}_cross_entropy", f"cross-entropy of the {_KINDS[kind]}, {_OBSERVERS[rule]}", "nats", lower=True)
        for kind, rule, key in _RULES
    ),
    *(_score(f"{key}_f1", f"F1 of the {_KINDS[kind]}, {_OBSERVERS[rule]}") for kind, rule, key in _RULES),
)
_PREDICTED = _score(
    "left_out_test_prediction", "predicted cross-entropy, its test condition left out", _NATS, lower=True, exp=True
)
_PREDICTED_F1 = _score("left_out_test_f1", "predicted F1, its test condition left out")
_RATIO = _score("ratio", "measured / predicted cross-entropy", lower=True, diverging=True)
_SHIFTS = (
    _score("sigma", "sigma", told=True),
    _score("epsilon_test", "epsilon of the test condition", "bits", told=True),
    _score("distance_image", "d_image, distance of image spectra", lower=True, linear=True),
)
_PREDICTORS = (
    ("sigma", "sigma", "", False),
    ("distance", "d = −ln sigma", "", False),
    ("distance_image", "d_image", "", False),
    ("epsilon_test", "epsilon of the test condition", "bits", False),
    *((one["key"], one["label"], "nats", True) for one in _OF_OBSERVERS if one["unit"]),
    ("defocus_difference_nm", "difference in defocus", "nm", False),
)


def scores(columns: Collection[str]) -> list[dict[str, Any]]:
    """Return what the matrix can show, of the columns that a study has.

    Parameters
    ----------
    columns : collection of str
        Names of grids that hold numbers.

    Returns
    -------
    list of dict
        key, label, unit, and title (label and unit); ``lower`` is better; ``measured`` on micrographs or not. The four
        scores come first, whether a study has them or not.
    """
    predicted = [_PREDICTED, _RATIO] if _PREDICTED["key"] in columns else []
    others = [one for one in (_PREDICTED_F1, *_SHIFTS, *_OF_OBSERVERS) if one["key"] in columns]
    return [*_MEASURED, *predicted, *others]


def predictors(columns: Collection[str]) -> list[dict[str, Any]]:
    """Return what the loss is drawn against, of the columns that a study has."""
    return [
        {"key": key, "label": label, "title": f"{label} [{unit}]" if unit else label, "log": log}
        for key, label, unit, log in _PREDICTORS
        if key in columns
    ]
