"""Options and faults that several verbs handle in the same way."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from temshift.configuration import ConfigurationError, Fault, KeyPath, dotted, read_document
from temshift.core import InputError, TemshiftError
from temshift.exitwaves import ENDLESS


class Interrupted(TemshiftError):
    """The user stopped a run."""

    exit_code = 130


@contextmanager
def going_on(root: Path) -> Iterator[None]:
    """Raise an error that says so, if a command is interrupted that goes on when it is given again."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; finished work is kept in {root}, the same command goes on") from None


def refuse_faults(path: Path, faults: Sequence[tuple[KeyPath, str]]) -> None:
    """Raise the faults of a file that show only with other files at hand, each with its line, if there are any."""
    if not faults:
        return
    document = read_document(path.read_text(encoding="utf-8-sig"))
    placed = [Fault(document.line(place), dotted(place), message) for place, message in faults]
    raise ConfigurationError(str(path), sorted(placed, key=lambda fault: fault.line or 0))


def range_of(option: str, text: str | None) -> range | None:
    """Read A:B as the numbers from A up to, not including, B; A or B may be left out.

    Examples
    --------
    >>> range_of("--shards", "2:5"), range_of("--shards", ":3"), range_of("--shards", None)
    (range(2, 5), range(0, 3), None)
    """
    if text is None:
        return None
    parts = re.fullmatch(r"([0-9]{0,18}):([0-9]{0,18})", text)
    if parts is None:
        raise InputError(f"{option} {text}: write A:B, from A up to, not including, B, such as 0:4")
    numbers = range(int(parts[1] or 0), int(parts[2]) if parts[2] else ENDLESS)
    if not numbers:
        raise InputError(f"{option} {text} holds nothing; B must be above A")
    return numbers
