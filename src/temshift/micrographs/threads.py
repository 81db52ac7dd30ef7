"""One thread for each process that computes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def one_thread() -> None:
    """Compute on one thread: results do not depend on the number of cores, and workers do not compete."""
    torch.set_num_threads(1)


@contextmanager
def within_one_thread() -> Iterator[None]:
    """Compute on one thread inside a ``with`` block; after it, torch has as many threads as before.

    Examples
    --------
    >>> before = torch.get_num_threads()
    >>> with within_one_thread():
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    before = torch.get_num_threads()
    one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)
