"""With which versions, on which machine and when something was made, as plain values for a manifest."""

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any


def versions_of(packages: Iterable[str] = ("temshift",)) -> dict[str, str]:
    """Return the versions of installed packages by name.

    Examples
    --------
    >>> list(versions_of(["temshift", "numpy"]))
    ['temshift', 'numpy']
    """
    return {name: version(name) for name in packages}


def surroundings(packages: Iterable[str]) -> dict[str, Any]:
    """Return ``versions`` of packages, ``python`` and ``platform``: the same for every call on one machine.

    Examples
    --------
    >>> list(surroundings(["numpy"]))
    ['versions', 'python', 'platform']
    """
    return {
        "versions": versions_of(packages),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def provenance(packages: Iterable[str]) -> dict[str, Any]:
    """Return the version of temshift, the time of now as ``created`` (UTC, seconds), and `surroundings`.

    Examples
    --------
    >>> list(provenance(["numpy"]))
    ['temshift', 'created', 'versions', 'python', 'platform']
    """
    return {
        **versions_of(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **surroundings(packages),
    }
