"""The surroundings in which worker processes start: one thread each, and nothing imported from the current folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    # Python starts workers and their resource tracker with -c, which puts the current folder first among the places
    # to import from: a file signal.py there would be run.
    "PYTHONSAFEPATH": "1",
}


@contextmanager
def starting_environment() -> Iterator[None]:
    """Set the variables that a process reads when it starts; restore them after."""
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    places = list(sys.path)
    sys.path[:] = _current_folder_last(places)  # workers take over the places of this process
    try:
        yield
    finally:
        sys.path[:] = places
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _current_folder_last(places: list[str]) -> list[str]:
    """Put the current folder, which an interactive session has first, behind all that is installed.

    Its own modules can be imported still, but none hides another.
    """
    return [place for place in places if place] + [place for place in places if not place]
