"""Names and numbers as pictures and pages write them."""

import math
from collections.abc import Sequence

MISSING = "–"


def shortened(name: str, longest: int) -> str:
    """Shorten a name in its middle: names of swept studies differ at their ends.

    Examples
    --------
    >>> shortened("defocus -20 nm, learning_rate 0.001", 20)
    'defocus -…rate 0.001'
    """
    end = longest // 2
    return name if len(name) <= longest else f"{name[: longest - 1 - end].rstrip()}…{name[-end:].lstrip()}"


def literal(text: str) -> str:
    """Return text for matplotlib without any mathematics in it."""
    return text.replace("$", r"\$")


def told_apart(names: Sequence[str], longest: int, step: int = 1) -> list[str]:
    """Shorten names, but only so far that those that differ still do.

    Parameters
    ----------
    names : sequence of str
    longest : int
        Letters of a name, if that suffices.
    step : int
        By how many letters names become longer until they differ.

    Examples
    --------
    >>> told_apart(["broad, rate 0.01, adam", "broad, rate 0.1, adam"], 12)
    ['broad,…01, adam', 'broad,….1, adam']
    """
    while len({shortened(name, longest) for name in names}) < len(set(names)):
        longest += step
    return [shortened(name, longest) for name in names]


def number(value: float | None, digits: int = 3) -> str:
    """Return the number with so many significant digits, or a dash if it is missing.

    Examples
    --------
    >>> number(0.123456), number(1234.4), number(None), number(-0.5, 2)
    ('0.123', '1234', '–', '−0.50')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    places = digits if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(places, digits + 2)}f}".replace("-", "−")


def fixed(value: float | None, places: int = 2) -> str:
    """Return the number with so many decimal places, or a dash if it is missing.

    Examples
    --------
    >>> fixed(-0.031), fixed(None)
    ('−0.03', '–')
    """
    return MISSING if value is None or not math.isfinite(value) else f"{value:.{places}f}".replace("-", "−")


def brief(value: float | None, digits: int = 4) -> str:
    """Return the number without idle zeros, or a dash if it is missing.

    Examples
    --------
    >>> brief(0.4), brief(96.0), brief(-10.0), brief(None)
    ('0.4', '96', '−10', '–')
    """
    return MISSING if value is None or not math.isfinite(value) else f"{value:.{digits}g}".replace("-", "−")
