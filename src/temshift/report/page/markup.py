"""Pieces of HTML; every text that comes from a study passes through ``escape`` here."""

import json
from collections.abc import Iterable, Sequence
from html import escape as _escape
from typing import Any


def escape(text: object) -> str:
    """Return the text for HTML, safe in elements and in quoted attributes."""
    return _escape(str(text), quote=True)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], kind: str = "", file: str = "") -> str:
    """Return a table whose cells are escaped; the first cell of each row heads that row.

    ``file`` is the name that its download has, without ending; that of its heading if it is left out.
    """
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(_row(row) for row in rows)
    named = f' data-file="{escape(file)}"' if file else ""
    return (
        f'<div class="scroll"><table class="{escape(kind)}"{named}><thead><tr>{top}</tr></thead>'
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


def embedded_json(value: Any) -> str:
    r"""Return JSON that can stand inside a script element whatever its strings hold.

    Examples
    --------
    >>> embedded_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
