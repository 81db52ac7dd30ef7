"""Choose a set of items one by one, then by exchange of single items: no chance in it."""

from collections.abc import Callable, Sequence

from temshift.execution import Progress, SilentProgress

Members = tuple[int, ...]
Score = Callable[[Members], float]

GAIN = 1e-9  # relative gain below which an exchange is rounding
SILENT = SilentProgress()


def added(score: Score, count: int, size: int, progress: Progress = SILENT) -> Members:
    """Build a set by adding the item that lowers the score most, the first of equals.

    Parameters
    ----------
    score : callable
        Number to minimise, of the numbers of a set's items in rising order.
    count : int
        Items to choose from.
    size : int
        Items to choose, 1 to ``count``.
    progress : Progress
        Told about every item.

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
    progress.start("add conditions", size)
    for _ in range(size):
        options = [_ordered(*chosen, item) for item in range(count) if item not in chosen]
        chosen = min(options, key=score)
        progress.advance()
    progress.finish()
    return chosen


def exchanged(score: Score, start: Sequence[int], count: int, progress: Progress = SILENT) -> Members:
    """Exchange items of a set one by one for others, each time for the best, until no exchange lowers the score.

    Parameters
    ----------
    score : callable
        Number to minimise, >= 0, of the numbers of a set's items in rising order.
    start : sequence of int
        Numbers of the items to begin with.
    count : int
        Items to choose from.
    progress : Progress
        Notified of every item of every round.

    Returns
    -------
    tuple of int
        Numbers of the items, rising; its score is never above that of ``start``.

    Examples
    --------
    >>> exchanged(lambda members: abs(sum(members) - 5), start=(0, 1), count=6)
    (1, 4)
    """
    best = _ordered(*start)
    while True:
        improved = best
        progress.start("exchange conditions", len(best))
        for leaving in best:
            improved = _without(leaving, improved, score, count)
            progress.advance()
        progress.finish()
        if improved == best:
            return best
        best = improved


def _without(leaving: int, members: Members, score: Score, count: int) -> Members:
    """Return the members with another item in place of one, if that lowers the score."""
    kept = [item for item in members if item != leaving]
    options = [_ordered(*kept, item) for item in range(count) if item not in members]
    option = min(options, key=score, default=members)
    return option if score(option) < score(members) * (1 - GAIN) else members


def _ordered(*items: int) -> Members:
    return tuple(sorted(items))
