"""Blocks of a CIF: the text of every item, under one spelling of its tag."""

import math
from dataclasses import dataclass
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from temshift.core import InputError


@dataclass(frozen=True)
class Block:
    """One data block.

    Attributes
    ----------
    name : str
        Behind ``data_``.
    items : dict
        Tag in lower case, with _ in place of a dot, to its values; one value is a column of one.
    """

    name: str
    items: dict[str, list[str]]

    @property
    def has_atoms(self) -> bool:
        """Whether it places atoms."""
        return "_atom_site_fract_x" in self.items or "_atom_site_cartn_x" in self.items

    def texts(self, *tags: str) -> list[str]:
        """Return the values of the first of some tags that has any; unknown ones are empty."""
        return next((self.items[tag] for tag in tags if any(self.items.get(tag, ()))), [])

    def text(self, *tags: str) -> str:
        """Return the only value of the first of some tags that has any, else an empty text."""
        return next(iter(self.texts(*tags)), "")

    def numbers(self, tag: str) -> NDArray[np.float64]:
        """Return the values of a tag as numbers, without their uncertainty; NaN if a value is none."""
        return np.array([number(value) for value in self.items.get(tag, ())], dtype=float)

    def number(self, tag: str) -> float | None:
        """Return the only value of a tag as a number; None if it is missing or none."""
        value = number(self.text(tag))
        return value if math.isfinite(value) else None


def number(text: str) -> float:
    """Read a number with or without an uncertainty; NaN if it is none.

    Examples
    --------
    >>> number("5.431(2)")
    5.431
    """
    return float(gemmi.cif.as_number(text))


def blocks_of(content: bytes, path: str) -> list[Block]:
    """Read the blocks of a CIF.

    Parameters
    ----------
    content : bytes
        Of the file.
    path : str
        Its name in messages.

    Returns
    -------
    list of Block

    Raises
    ------
    InputError
        If the syntax is broken.
    """
    text = content.decode("utf-8-sig", errors="replace")  # of authors' names, at most
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path} is no CIF ({_cause(error)}); mend its syntax") from error
    return [Block(block.name, _items(block)) for block in document]


def _items(block: gemmi.cif.Block) -> dict[str, list[str]]:
    items: dict[str, list[str]] = {}
    for item in block:
        pair: Any = item.pair  # typed as an object
        if pair is not None:
            items.setdefault(_spelt(pair[0]), [_plain(pair[1])])
        elif item.loop is not None:
            values, width = item.loop.values, item.loop.width()
            for column, tag in enumerate(item.loop.tags):
                items.setdefault(_spelt(tag), [_plain(value) for value in values[column::width]])
    return items


def _spelt(tag: str) -> str:
    return tag.lower().replace(".", "_")


def _plain(value: str) -> str:
    return "" if gemmi.cif.is_null(value) else gemmi.cif.as_string(value).strip()


def _cause(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
