"""Pieces of HTML; every text that comes from a study passes through ``escape`` here."""

import base64
import json
import math
from collections.abc import Iterable, Sequence
from html import escape as _escape
from typing import Any

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


def told_apart(names: Sequence[str], longest: int) -> list[str]:
    """Shorten names, but only so far that those that differ still do.

    Examples
    --------
    >>> told_apart(["broad, rate 0.01, adam", "broad, rate 0.1, adam"], 12)
    ['broad,…01, adam', 'broad,….1, adam']
    """
    while len({shortened(name, longest) for name in names}) < len(set(names)):
        longest += 1
    return [shortened(name, longest) for name in names]


def escape(text: object) -> str:
    """Return the text for HTML, safe in elements and in quoted attributes."""
    return _escape(str(text), quote=True)


def number(value: float | None, digits: int = 3) -> str:
    """Return the number with so many significant digits, or a dash where it is missing.

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
    """Return the number with so many decimal places, or a dash where it is missing.

    Examples
    --------
    >>> fixed(-0.031), fixed(None)
    ('−0.03', '–')
    """
    return MISSING if value is None or not math.isfinite(value) else f"{value:.{places}f}".replace("-", "−")


def brief(value: float | None, digits: int = 4) -> str:
    """Return the number without idle zeros, or a dash where it is missing.

    Examples
    --------
    >>> brief(0.4), brief(96.0), brief(-10.0), brief(None)
    ('0.4', '96', '−10', '–')
    """
    return MISSING if value is None or not math.isfinite(value) else f"{value:.{digits}g}".replace("-", "−")


def table(head: Sequence[object], rows: Iterable[Sequence[object]], kind: str = "") -> str:
    """Return a table whose cells are escaped; the first cell of each row heads that row."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(_row(row) for row in rows)
    return (
        f'<div class="scroll"><table class="{escape(kind)}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row: Sequence[object]) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
    return f'<tr><th scope="row">{escape(row[0])}</th>{cells}</tr>'


def facts(pairs: Iterable[tuple[object, object]]) -> str:
    """Return a list of named facts."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="facts">{items}</dl>'


def menu(identity: str, label: str, options: Sequence[str]) -> str:
    """Return a labelled menu; each option's value is its index."""
    choices = "".join(f'<option value="{i}">{escape(name)}</option>' for i, name in enumerate(options))
    return f'<label class="menu">{escape(label)} <select id="{escape(identity)}">{choices}</select></label>'


def data_uri(content: bytes, kind: str) -> str:
    """Return the bytes as a data: address of a media type."""
    return f"data:{kind};base64,{base64_text(content)}"


def base64_text(content: bytes) -> str:
    """Return the bytes as base64."""
    return base64.b64encode(content).decode("ascii")


def embedded_json(value: Any) -> str:
    r"""Return JSON that can stand inside a script element whatever its strings hold.

    Examples
    --------
    >>> embedded_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
