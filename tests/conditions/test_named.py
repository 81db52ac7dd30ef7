"""Names of a series' members: a plain number format in braces, and nothing else."""

import time

import pytest

from temshift.conditions.named import ConditionItem


def item(name: str, value: float = -5.0) -> ConditionItem:
    return ConditionItem.model_validate({"name": name, "series": "defocus_nm", "values": [value]})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("{value}", "-5.0"),
        ("{value:g} nm", "-5 nm"),
        ("{value:+.1f}", "-5.0"),
        ("{value:08.2f}", "-0005.00"),
        ("{value:12}|", "        -5.0|"),
        ("{value:.2e} and {value:.0%}", "-5.00e+00 and -500%"),
        ("{{{value:g}}}", "{-5}"),
    ],
)
def test_a_plain_format_is_taken(name: str, expected: str) -> None:
    assert item(name).named(-5.0) == expected == name.format(value=-5.0)


NOT_PLAIN = [
    "{value:0999999999}",
    "{value:999999999}",
    "{value:.999999999f}",
    "{value:100}",
    "{value:.100f}",
    "{value.__class__}",
    "{value.real:g}",
    "{value[0]}",
    "{value!r}",
    "{value:{value}}",
    "{value:x}",
    "{value:n}",
    "{value:\u0663}",
    "{value:>5}",
    "{value:,}",
    "{value:g}{other}",
    "{value:g}{}",
    "{value:g}{0}",
    "{value:g",
    "{value:g}}",
]


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_any_other_format_is_refused_at_once(name: str) -> None:
    begin = time.monotonic()
    with pytest.raises(ValueError, match="only {value} and number formats may stand in braces, such as {value:"):
        item(name)
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize(("name", "value"), [("{value:99}" * 8, 1.0), ("{value:f}", 1e300)])
def test_a_name_of_hundreds_of_characters_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=r"of a series has \d+ characters at 1.*; at most 120, so give a shorter one"):
        item(name, value)
