"""Some of many things, chosen evenly."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def spread_out(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most ``count`` items, evenly spread over all of them, the first and (from two on) the last among them.

    Parameters
    ----------
    items : sequence
    count : int
        At least 1.

    Examples
    --------
    >>> spread_out("abcde", 3)
    ['a', 'c', 'e']
    >>> spread_out("ab", 3)
    ['a', 'b']
    """
    if len(items) <= count:
        return list(items)
    step = (len(items) - 1) / max(1, count - 1)
    return [items[round(number * step)] for number in range(count)]
