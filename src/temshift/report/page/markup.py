"""HTML of the page, made from templates that escape every text that is filled in."""

import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PIECES = "pieces.html"


@cache
def _templates() -> Environment:
    loader = PackageLoader("temshift.report", "assets")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)


def filled(template: str, **values: Any) -> str:
    """Return a template of the folder ``assets``, filled; only what is `Markup` stands in it as it is."""
    return _templates().get_template(template).render(**values)


def piece(name: str, /, *values: Any, **named: Any) -> Markup:
    """Return one of the pieces of ``assets/pieces.html``, filled.

    Parameters
    ----------
    name : str
        The name of its macro.
    *values, **named
        What the macro takes. Texts are escaped, whatever they hold; `Markup`, such as another piece, is not.

    Examples
    --------
    >>> piece("paragraph", "<b>")
    Markup('<p>&lt;b&gt;</p>')
    """
    return Markup(getattr(_pieces(), name)(*values, **named))


@cache
def _pieces() -> Any:
    return _templates().get_template(_PIECES).module


def embedded_json(value: Any) -> Markup:
    r"""Return JSON that can stand inside a script element with any strings in it.

    Examples
    --------
    >>> embedded_json({"name": "</script>"})
    Markup('{"name":"\\u003c/script\\u003e"}')
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
