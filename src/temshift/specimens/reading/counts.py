"""Counts that the head of a text file announces: readers make room for as many atoms before they read any."""

import itertools
import re
from collections.abc import Sequence

from temshift.core import InputError

MOST_ANNOUNCED = 10_000_000  # atoms, unless the file has as many bytes
_HEAD = 200  # lines
_LONGEST = 1000  # characters of a line that are looked at
_WORDS = re.compile(r"\bn?at(om)?s?\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+\.?\d*([ed][-+]?\d+)?", re.IGNORECASE)
_GEN = re.compile(r"\d+\s+[SCF]", re.IGNORECASE)  # the first line of a file of DFTB+
_REPEATED = re.compile(r"\b(\d{8,})\*")  # as in 1000000000*1
_LONGEST_COUNT = 16  # digits, and fewer
_TIME = "TIMESTEP"  # the line behind it is no count


def require_plausible_counts(content: bytes, path: str) -> None:
    """Refuse a text that announces more atoms than it can hold.

    Parameters
    ----------
    content : bytes
        Of the file.
    path : str
        Its name in messages.

    Raises
    ------
    InputError
        If a count of its first lines exceeds its bytes and `MOST_ANNOUNCED`.
    """
    most = max(len(content), MOST_ANNOUNCED)
    before = ""
    for raw in content[: _HEAD * _LONGEST].splitlines()[:_HEAD]:
        line = raw[:_LONGEST].decode(errors="replace").strip()
        counts = [] if _TIME in before else _counts(line)
        if any(len(count) > 15 or int(count) > most for count in counts):
            raise InputError(f"{path} announces {max(counts, key=len)[:20]} atoms and does not hold as many; mend it")
        before = line


def require_all_rows_counted(kind: str, content: bytes, path: str) -> None:
    """Refuse a POSCAR with more rows of coordinates than it counts atoms, of which a reader would drop the rest.

    Velocities stand behind an empty line.

    Parameters
    ----------
    kind : str
        ASE's name of the format.
    content : bytes
        Of the file.
    path : str
        Its name in messages.

    Raises
    ------
    InputError
        With both numbers.
    """
    lines = content.decode(errors="replace").splitlines() if kind == "vasp" else []
    first = next((number for number, line in enumerate(lines[5:7], 5) if _whole(line.split())), None)
    if first is None:
        return
    count = sum(map(int, lines[first].split()))
    start = first + (3 if len(lines) > first + 1 and lines[first + 1].strip()[:1] in ("S", "s") else 2)
    rows = list(itertools.takewhile(_is_row, lines[start:]))
    if len(rows) > count:
        raise InputError(f"{path} counts {count} atoms and has {len(rows)} rows of coordinates; mend the counts")


def _whole(words: Sequence[str]) -> bool:
    return bool(words) and all(word.isascii() and word.isdigit() and len(word) < _LONGEST_COUNT for word in words)


def _is_row(line: str) -> bool:
    words = line.split()[:3]
    return len(words) == 3 and all(_NUMBER.fullmatch(word) for word in words)


def _counts(line: str) -> list[str]:
    """Whole numbers of a line that may be counts of atoms: of one that holds numbers alone, or names atoms.

    Examples
    --------
    >>> _counts("12 S"), _counts("3 atoms"), _counts("made on 20260101"), _counts("0 3 4")
    (['12'], ['3'], [], ['0', '3', '4'])
    """
    words = line.split()
    alone = all(_NUMBER.fullmatch(word) for word in words) or _GEN.fullmatch(line) or _WORDS.search(line)
    repeated = [match[1] for match in _REPEATED.finditer(line)]
    return repeated + [word for word in words if alone and word.isascii() and word.isdigit()]
