"""Settings in a list: the combinations of them that a study stands for."""

import copy
import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, TypeVar

from pydantic import ValidationError

from temshift.conditions.named import ConditionSets
from temshift.configuration import Configuration, ConfigurationError, KeyPath, allowed_text, parse_configuration

SWEPT = ("specimens", "counts", "exit_waves", "imaging", "conditions", "network", "training")
CONDITIONS = "conditions.default."  # keys of conditions that can be swept begin so: those that all items share
MOST_CLASHES = 3  # combinations that are listed as impossible although each of their values is possible

_DISPLACED = {  # a swept setting takes the place of the other
    "training.steps": "training.epochs",
    "training.epochs": "training.steps",
    "training.initial.weights": "training.initial.sha256",
    "network.factory": "network.sha256",
}
_DEPENDENT = ("network", "training")  # sections whose defaults depend on the keys that are given

Swept = TypeVar("Swept", bound=Configuration)  # with a field ``sweep``: dotted keys, and a list of values for each
Settings = Mapping[str, Any]  # by dotted key, such as training.learning_rate


def combinations(sweep: Mapping[str, list[Any]]) -> Iterator[Settings]:
    """Yield every combination of swept settings; one empty combination if nothing is swept.

    Examples
    --------
    >>> list(combinations({"training.learning_rate": [1e-3, 1e-4]}))
    [{'training.learning_rate': 0.001}, {'training.learning_rate': 0.0001}]
    """
    for values in product(*sweep.values()):
        yield dict(zip(sweep, values, strict=True))


def _sweep_of(study: Configuration) -> dict[str, list[Any]]:
    sweep: dict[str, list[Any]] = vars(study)["sweep"]
    return sweep


def with_settings(study: Swept, settings: Settings) -> Swept:
    """Return a study without sweep, with some of its settings replaced."""
    return type(study).model_validate_json(json.dumps(_replaced(study, settings)), strict=True)


def plain_values(study: Configuration) -> dict[str, Any]:
    """Return a study as plain values with defaults filled in, except those that may depend on swept settings."""
    values = study.model_dump(mode="json", exclude_none=True)
    swept = {key.split(".")[0] for key in _sweep_of(study)} & set(_DEPENDENT)
    given = study.model_dump(mode="json", exclude_none=True, exclude_unset=True, include=swept)
    return values | {section: given.get(section, {}) for section in _DEPENDENT if section in swept}


def sweep_faults(study: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """Yield why settings can't be swept, or can't have a value or some values together: path and message."""
    faults = [((("sweep", key)), fault) for key in _sweep_of(study) for fault in _key_faults(study, key)]
    yield from faults
    if not faults and _sweep_of(study):
        yield from _value_faults(study)


def _key_faults(study: Configuration, key: str) -> Iterator[str]:
    section = key.split(".")[0]
    if section not in SWEPT:
        yield f"can't be swept; write a key such as training.learning_rate{_sections(section)}"
    elif section == "conditions":
        swept = key.removeprefix(CONDITIONS)
        if swept == key or "." in swept:
            yield f"can't be swept; of conditions those of all items can, by a key such as {CONDITIONS}dose_e_per_A2"
        elif _everywhere(vars(study)["conditions"], swept):
            yield f"has no effect, since every item of conditions gives {swept} itself; take it out of some of them"


def _everywhere(conditions: ConditionSets, key: str) -> bool:
    """Whether every item of conditions gives a key itself, so that the default of it is never used."""
    items = [*conditions.training, *conditions.test]
    return all(key in item.given() or key == item.series for item in items)


def _value_faults(study: Configuration) -> Iterator[tuple[KeyPath, str]]:
    sound: list[Settings] = []
    unsound: list[Settings] = []
    for settings in combinations(_sweep_of(study)):
        (sound if _is_sound(study, settings) else unsound).append(settings)
    faulty: dict[str, list[Any]] = {key: [] for key in _sweep_of(study)}
    for key, values in _sweep_of(study).items():
        for number, value in enumerate(values):
            again = value in values[:number]
            faults = (
                ["stands here twice; name each value once"] if again else _faults_of_value(study, key, value, sound)
            )
            faulty[key] += [value] if faults else []
            yield from ((("sweep", key, number), fault) for fault in faults)
    clashes = [one for one in unsound if not any(value in faulty[key] for key, value in one.items())]
    for clash in clashes[:MOST_CLASHES]:
        yield from ((("sweep",), f"{label_of(clash)} can't be together: {fault}") for fault in _faults(study, clash))


def _faults_of_value(study: Configuration, key: str, value: Any, sound: list[Settings]) -> list[str]:
    """Faults of a value alone or, if it needs others with it, in the first combination that can be made."""
    alone = _faults(study, {key: value})
    company = next((one for one in sound if one[key] == value), None) if alone else None
    return alone if company is None else _faults(study, company)


def _is_sound(study: Configuration, settings: Settings) -> bool:
    try:
        with_settings(study, settings)
    except ValidationError:
        return False
    return True


def label_of(settings: Settings) -> str:
    """Write settings for people, by the last part of their keys if no two of them end alike.

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


def _faults(study: Configuration, settings: Settings) -> list[str]:
    try:
        parse_configuration(json.dumps(_replaced(study, settings)), type(study), "sweep")
    except ConfigurationError as error:
        return [f"{fault.key}: {fault.message}" for fault in error.faults]
    return []


def _replaced(study: Configuration, settings: Settings) -> dict[str, Any]:
    plain = plain_values(study)
    del plain["sweep"]
    for key in _DISPLACED.keys() & settings.keys():
        place, last = _place(plain, _DISPLACED[key])
        place.pop(last, None)
    for key in sorted(settings, key=lambda key: key.count(".")):  # a whole section, then what is changed in it
        place, last = _place(plain, key)
        place[last] = copy.deepcopy(settings[key])  # which is not changed by the next
    return plain


def _place(plain: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The mapping that a dotted key leads into, and the last part of the key."""
    *path, last = key.split(".")
    for part in path:
        if not isinstance(plain.get(part), dict):
            plain[part] = {}
        plain = plain[part]
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
