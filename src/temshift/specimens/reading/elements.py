"""Elements of a CIF's sites, from type symbols with charges and labels in any case."""

import re
from collections.abc import Collection

import gemmi
from ase.data import chemical_symbols

from temshift.specimens.validation import HEAVIEST

_TYPE = re.compile(r"([A-Za-z]{1,2}?)(?:val|va)?(?:\d*|\d*\.?\d*[+-]|[+-]\d*\.?\d*)")  # Fe0.9 is part of an atom
_SHARED = re.compile(r"[A-Za-z]+\d*[/,]")  # a site of two elements
_NO_ELEMENTS = ("Va", "Wa")  # vacancies and water
_MIXED_LABEL = re.compile(r"([A-Z][a-z]?)(?![a-z])")


def symbol_of_type(text: str) -> str | None:
    """Read the element of a type symbol, such as CD2+ or Siva; None if it is none.

    Examples
    --------
    >>> [symbol_of_type(text) for text in ("CD2+", "SE2-", "Siva", "O-2", "D", "H2O")]
    ['Cd', 'Se', 'Si', 'O', 'H', None]
    """
    match = _TYPE.fullmatch(text)
    return _symbol(match[1]) if match else None


def symbol_of_label(text: str, formula: Collection[str]) -> str | None:
    """Read the element that a label starts with; the formula of the file decides if two can be meant.

    Parameters
    ----------
    text : str
        Such as PT1.
    formula : collection of str
        Elements of the file's formula; empty if it gives none.

    Returns
    -------
    str or None
        None if the label starts with no element.

    Examples
    --------
    >>> symbol_of_label("CD1", ()), symbol_of_label("CD1", {"C", "H"}), symbol_of_label("OW1", ())
    ('Cd', 'C', 'O')
    """
    letters = re.match("[A-Za-z]*", text)
    start = letters[0] if letters else ""
    if _SHARED.match(text) or (start in _NO_ELEMENTS and start[0] not in formula):
        return None
    mixed = _MIXED_LABEL.match(text)
    if start and not start.isupper() and not (mixed or len(start) < 3):
        return next((symbol for symbol in _readings(start) if symbol in formula), None)
    readings = _readings(start)
    return next((symbol for symbol in readings if symbol in formula), readings[0] if readings else None)


def _readings(start: str) -> list[str]:
    """Elements that a text may start with, of two letters before of one."""
    return [symbol for symbol in (_symbol(start[:2]), _symbol(start[:1])) if symbol]


def _symbol(letters: str) -> str | None:
    number = gemmi.Element(letters).atomic_number
    return chemical_symbols[number] if 1 <= number <= HEAVIEST else None
