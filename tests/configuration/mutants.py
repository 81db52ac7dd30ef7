"""Mutants of YAML texts, each from its own seed: keys, values and text changed in ways that no person would."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from temshift.configuration.yaml_document import read_document, write_document

EXTREMES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**290, -0.0, 1e-308, 1e308, -1e308, 1e9, 0.1),
    *("", "\0", "\x1b[31m", "x" * 5000, "nan", "{value.__class__}", "{value:0999999999}", "../..", "/dev/zero", "~"),
    *("\u202e", "$\\frac", "<b>", "[red]", "%s", "\\ud800", "'", '"', "1,5", "1e999", "\N{GRINNING FACE}"),
    *([], {}, [[]], [{}], [None], {"": None}, {"minimum": 2, "maximum": 1}, {"normal": {"mean": 0, "sd": -1}}),
    *([1] * 1000, [0.1, -0.1], {"uniform": {"minimum": 0, "maximum": 0}}, {"choice": {"values": []}}),
)
ODD = ("\0", "\x85", "\u2028", "\ufeff", "\udc80", "\t", "\r", "&a ", "*a ", "!!binary ", "!x ", "? ", "- ", ": ")
ODD += ("{", "}", "[", "]", "|", ">", "%", "@", "`", "#", "---\n", "...\n", "<<: ", "0x" + "f" * 5000, '"', "'", "\\")
Place = tuple[Any, Any]  # a mapping or list, and a key in it


def mutant(text: str, seed: int) -> str:
    """Return a text with one to three changes."""
    draws = random.Random(seed)
    if draws.random() < 0.6:
        data = read_document(text).data
        for _ in range(draws.randint(1, 3)):
            draws.choice(IN_DATA)(data, draws)
        return write_document(data)
    for _ in range(draws.randint(1, 3)):
        text = draws.choice(IN_TEXT)(text, draws)
    return text


def _places(data: Any) -> Iterator[Place]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(items):
        yield data, key
        yield from _places(value)


def _any_place(data: Any, draws: random.Random) -> Place:
    places = list(_places(data)) or [({"a": 1}, "a")]
    return draws.choice(places)


def _delete(data: Any, draws: random.Random) -> None:
    parent, key = _any_place(data, draws)
    del parent[key]


def _duplicate(data: Any, draws: random.Random) -> None:
    parent, key = _any_place(data, draws)
    if isinstance(parent, list):
        parent.extend(copy.deepcopy(parent[key]) for _ in range(draws.choice((1, 1, 300))))
    else:
        parent[f"{key}{draws.choice(('', '2', ' '))}"] = copy.deepcopy(parent[key])


def _rename(data: Any, draws: random.Random) -> None:
    parent, key = _any_place(data, draws)
    if isinstance(parent, dict):
        parent[draws.choice((key[:-1], key.upper(), f"{key}_nm", "x" * 3000, "\x1b", "series"))] = parent.pop(key)


def _set_extreme(data: Any, draws: random.Random) -> None:
    parent, key = _any_place(data, draws)
    parent[key] = copy.deepcopy(draws.choice(EXTREMES))  # else a later change would reach all mutants after it


def _retype(data: Any, draws: random.Random) -> None:
    parent, key = _any_place(data, draws)
    value = parent[key]
    parent[key] = draws.choice((str(value), [value], {"value": value}, {"fixed": value}, {str(value)[:50]: value}))


def _swap(data: Any, draws: random.Random) -> None:
    (first, key), (second, other) = _any_place(data, draws), _any_place(data, draws)
    values = first[key], second[other]
    second[other] = first[key] if isinstance(first[key], (int, float, str)) else second[other]
    first[key] = values[1] if isinstance(values[1], (int, float, str)) else first[key]


def _deepen(data: Any, draws: random.Random) -> None:
    parent, key = _any_place(data, draws)
    for _ in range(draws.choice((5, 120))):
        parent[key] = draws.choice(([parent[key]], {"a": parent[key]}))


def _cut(text: str, draws: random.Random) -> str:
    return text[: draws.randint(0, len(text))]


def _cut_out(text: str, draws: random.Random) -> str:
    begin = draws.randint(0, len(text))
    return text[:begin] + text[begin + draws.randint(1, 40) :]


def _insert(text: str, draws: random.Random) -> str:
    place = draws.randint(0, len(text))
    return text[:place] + draws.choice(ODD) * draws.choice((1, 1, 1, 50)) + text[place:]


def _double_line(text: str, draws: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    line = draws.choice(lines)
    lines.insert(draws.randint(0, len(lines)), line)
    return "".join(lines)


def _indent(text: str, draws: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    number = draws.randrange(len(lines))
    lines[number] = draws.choice((" ", "    ", "\t")) + lines[number]
    return "".join(lines)


IN_DATA: tuple[Callable[[Any, random.Random], None], ...] = (
    *(_delete, _duplicate, _rename, _set_extreme, _set_extreme, _set_extreme, _retype, _swap, _deepen),
)
IN_TEXT: tuple[Callable[[str, random.Random], str], ...] = (_cut, _cut_out, _insert, _insert, _double_line, _indent)
