"""Choose a set of items one by one, then by exchange of single items: no chance in it."""

from collections.abc import Callable, Sequence

Members = tuple[int, ...]
Score = Callable[[Members], float]

GAIN = 1e-9  # relative gain below which an exchange is rounding


def added(score: Score, count: int, size: int) -> Members:
    """Build a set by adding the item that lowers the score most, the first of equals.

    Parameters
    ----------
    score : callable
        Number to minimise, of the numbers of a set's items in rising order.
    count : int
        Items to choose from.
    size : int
        Items to choose, 1 to ``count``.

    Returns
    -------
    tuple of int
        Numbers of the items, rising.

    Examples
    --------
    >>> added(lambda members: -sum(members), count=5, size=2)
    (3, 4)
    """
    chosen: Members = ()
    for _ in range(size):
        options = [_ordered(*chosen, item) for item in range(count) if item not in chosen]
        chosen = min(options, key=score)
    return chosen


def exchanged(score: Score, start: Sequence[int], count: int) -> Members:
    """Exchange items of a set one by one for others, each time for the best, until no exchange lowers the score.

    Parameters
    ----------
    score : callable
        Number to minimise, >= 0, of the numbers of a set's items in rising order.
    start : sequence of int
        Numbers of the items to begin with.
    count : int
        Items to choose from.

    Returns
    -------
    tuple of int
        Numbers of the items, rising; its score is never above that of ``start``.

    Examples
    --------
    >>> exchanged(lambda members: abs(sum(members) - 5), start=(0, 1), count=6)
    (1, 4)
    """
    best, lowest = _ordered(*start), score(_ordered(*start))
    while True:
        found, reached = best, lowest
        for leaving in best:
            kept = [item for item in found if item != leaving]
            if len(kept) == len(found):
                continue
            options = [_ordered(*kept, item) for item in range(count) if item not in found]
            option = min(options, key=score, default=found)
            if score(option) < reached * (1 - GAIN):
                found, reached = option, score(option)
        if found == best:
            return best
        best, lowest = found, reached


def _ordered(*items: int) -> Members:
    return tuple(sorted(items))
