"""Settings in a list: the combinations of them that a study stands for."""

import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from temshift.core.configuration import ConfigurationError, parse_configuration
from temshift.core.documents import KeyPath
from temshift.core.faults import allowed_text

if TYPE_CHECKING:
    from temshift.studies.study import Study

SWEPT = ("specimens", "counts", "exit_waves", "imaging", "network", "training")

OWN_DECAY = "a weight_decay, since each optimiser has another where none is given"
_DISPLACED = {  # what a swept setting takes the place of
    "training.steps": "training.epochs",
    "training.epochs": "training.steps",
    "training.initial.weights": "training.initial.sha256",
}

Settings = Mapping[str, Any]  # by dotted key, such as training.learning_rate


def combinations(sweep: Mapping[str, list[Any]]) -> Iterator[Settings]:
    """Yield every combination of swept settings; one empty combination where nothing is swept.

    Examples
    --------
    >>> list(combinations({"training.learning_rate": [1e-3, 1e-4]}))
    [{'training.learning_rate': 0.001}, {'training.learning_rate': 0.0001}]
    """
    for values in product(*sweep.values()):
        yield dict(zip(sweep, values, strict=True))


def with_settings(study: "Study", settings: Settings) -> "Study":
    """Return a study without sweep, with some of its settings replaced."""
    return type(study).model_validate_json(json.dumps(_replaced(study, settings)), strict=True)


def sweep_faults(study: "Study") -> Iterator[tuple[KeyPath, str]]:
    """Tell which swept settings are none, or can't have one of their values: path and message."""
    for key, values in study.sweep.items():
        first = key.split(".")[0]
        if first not in SWEPT:
            yield ("sweep", key), f"can't be swept; write a key such as training.learning_rate{_sections(first)}"
            continue
        for number, value in enumerate(values):
            yield from ((("sweep", key, number), fault) for fault in _faults(study, {key: value}))
    told = study.sweep.keys() | {f"training.{name}" for name in study.training.model_fields_set}
    if "training.optimiser" in study.sweep and "training.weight_decay" not in told:
        yield ("sweep", "training.optimiser"), f"needs {OWN_DECAY}; give training.weight_decay, or sweep it too"


def label_of(settings: Settings) -> str:
    """Write settings for people, by the last part of their keys where that tells them apart.

    Examples
    --------
    >>> label_of({"training.learning_rate": 1e-3, "network.width": 32})
    'learning_rate 0.001, width 32'
    >>> label_of({"training.learning_rate": 0.0010000001})
    'learning_rate 0.0010000001'
    """
    short = [key.rpartition(".")[2] for key in settings]
    names = short if len(set(short)) == len(short) else list(settings)
    return ", ".join(f"{name} {_text(value)}" for name, value in zip(names, settings.values(), strict=True))


def _faults(study: "Study", settings: Settings) -> list[str]:
    try:
        parse_configuration(json.dumps(_replaced(study, settings)), type(study), "sweep")
    except ConfigurationError as error:
        return [f"{fault.key}: {fault.message}" for fault in error.faults]
    return []


def _replaced(study: "Study", settings: Settings) -> dict[str, Any]:
    plain = study.model_dump(mode="json", exclude_none=True, exclude={"sweep"})
    for key in _DISPLACED.keys() & settings.keys():
        place, last = _place(plain, _DISPLACED[key])
        place.pop(last, None)
    for key, value in settings.items():
        place, last = _place(plain, key)
        place[last] = value
    return plain


def _place(plain: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The mapping that a dotted key leads into, and the last part of the key."""
    *path, last = key.split(".")
    for part in path:
        plain = plain.setdefault(part, {})
    return plain, last


def _sections(given: str) -> str:
    return allowed_text(given, SWEPT).replace("allowed:", "sections:")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value).replace("'", "")
