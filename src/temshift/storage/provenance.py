"""With which versions, on which machine and when something was made, as plain values for a manifest."""

import functools
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any


def versions_of(packages: Iterable[str] = ("temshift",)) -> dict[str, str]:
    """Return the versions of installed packages by name.

    Examples
    --------
    >>> list(versions_of(["temshift", "numpy"]))
    ['temshift', 'numpy']
    """
    return {name: version(name) for name in packages}


@functools.cache
def processor() -> str:
    """Return the type of this machine's processor, which the last bits of results may depend on."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""  # no Linux
    facts = dict(re.findall(r"^(vendor_id|cpu family|model|model name)\s*: (.+)$", text, re.MULTILINE))
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    numbers = [f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts]
    return f"{facts['model name']} ({', '.join(numbers)})" if numbers else facts["model name"]


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
